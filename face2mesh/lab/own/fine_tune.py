"""Fine-tuning the packaged encoder on few people: what it sees stays, what it says of it is learnt anew.

The convolutions, the looks at the dense points and the hidden layer have seen photos in the wild, which a user does not
have; they are left alone, so that each picture goes through them once and what they see is kept. The last layers, which
turn that into codes and pose, are then learnt: the identity's, which mean something else now, start at the ridge
regression; the laboratory's own objective teaches all of them. Teaching the hidden layer too was tried: with a thousand
pictures it learns them by heart (docs/own-sculpts.md).

Letters: B batch, K modes of the shape model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from face2mesh.lab.nets.encoder import Encoder
from face2mesh.lab.train.augmentation import Batch, Mirror, disturbed
from face2mesh.lab.train.batches import Pairs
from face2mesh.lab.train.configuration import Augmentation, EncoderWeights
from face2mesh.lab.train.encoder import objective_terms
from face2mesh.lab.train.loop import Objective
from face2mesh.lab.train.sparse_head import SparseHead
from face2mesh.lab.train.workers import draws

AT_ONCE = 64
RIDGE = 0.3
"""Of the mean square of a feature: what keeps the first answer from trusting features that hardly change."""
LEARNT = ("from_shape", "from_features")
"""The encoder's layers that are learnt anew."""

_SEEN = ("coarse_points", "points", "hidden")


@dataclass(frozen=True)
class Seen:
    """Pictures as the frozen layers see them, with what is true of them.

    Attributes:
        labels: rows of a `Batch`; its crops are empty.
        seen: what `Encoder.seen` gives.
        of: (N, 2) int64, the one or two sculpts that each picture is of, by their rows; −1 of nobody's.
        own: (N,) bool, whether it is the data set's own and not drawn.
    """

    labels: Batch
    seen: dict[str, Tensor]
    of: Tensor
    own: Tensor

    def __len__(self) -> int:
        """How many pictures."""
        return len(self.labels.points)

    def rows(self, chosen: Tensor) -> tuple[Batch, dict[str, Tensor]]:
        """Some of them."""
        labels = Batch(**{field.name: getattr(self.labels, field.name)[chosen] for field in fields(Batch)})
        return labels, {name: values[chosen] for name, values in self.seen.items()}

    @classmethod
    def joined(cls, parts: list[Seen]) -> Seen:
        """Several as one."""
        return cls(
            Batch.joined([part.labels for part in parts]),
            {name: torch.cat([part.seen[name] for part in parts]) for name in _SEEN},
            torch.cat([part.of for part in parts]),
            torch.cat([part.own for part in parts]),
        )


@torch.no_grad()
def look(
    encoder: Encoder,
    pairs: Pairs,
    of: Tensor,
    own: bool,
    augmentation: Augmentation,
    mirror: Mirror,
    seed: int,
    times: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Seen:
    """What the encoder sees in pictures, each disturbed anew so many times.

    Args:
        encoder: in evaluation mode.
        pairs: the pictures.
        of: (n, 2), whose they are; see `Seen`.
        own: whether they are the data set's own.
        augmentation, mirror: how they are disturbed.
        seed: of the disturbances.
        times: how often each picture is used.
        progress: told how many are done.
    """
    kept: list[Batch] = []
    seen: dict[str, list[Tensor]] = {name: [] for name in _SEEN}
    rows = torch.arange(len(pairs)).repeat(times)
    for step, chosen in enumerate(torch.split(rows, AT_ONCE)):
        batch = disturbed(pairs.batch(chosen), augmentation, mirror, draws(seed, step, 0))
        for name, values in encoder.seen(batch.crop).items():
            seen[name].append(values)
        kept.append(replace(batch, crop=batch.crop[:, :, :0, :0]))
        if progress:
            progress(min((step + 1) * AT_ONCE, len(rows)))
    return Seen(
        Batch.joined(kept),
        {name: torch.cat(values) for name, values in seen.items()},
        of[rows],
        torch.full((len(rows),), own),
    )


@torch.no_grad()
def with_modes(encoder: Encoder, size: int) -> Encoder:
    """A copy of an encoder, normalisation folded, whose identity code has another size; it says 0 of every identity."""
    old = encoder.configuration.identity_size
    grown = Encoder(replace(encoder.configuration, identity_size=size)).eval()
    grown.fold_normalisation()
    state = encoder.state_dict()
    for name in ("from_shape.weight", "from_shape.bias", "from_features.weight", "from_features.bias"):
        values = state[name]  # the identity's rows come first
        state[name] = torch.cat([values.new_zeros(size, *values.shape[1:]), values[old:]])
    grown.load_state_dict(state)
    return grown


@torch.no_grad()
def features_of(encoder: Encoder, pictures: Seen) -> Tensor:
    """(N, F) float64, all that the last layers see: components of the points' shape, and the hidden layer."""
    return torch.cat([encoder.components(pictures.seen["points"])[0], pictures.seen["hidden"]], 1).double()


def regression(inputs: Tensor, targets: Tensor, often: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Weights (F, K) and bias (K,), float64, of the ridge regression of targets (N, K) on inputs (N, F).

    Args:
        inputs: (N, F) float64.
        targets: (N, K).
        often: (N,) how often each row counts; None is once.
    """
    share = torch.ones(len(inputs), dtype=torch.float64) if often is None else often
    share = (share / share.sum())[:, None]
    targets = targets.double()
    mean, middle = (share * inputs).sum(0), (share * targets).sum(0)
    centred = inputs - mean
    gram = centred.T @ (share * centred)
    gram += RIDGE * torch.diag(gram).mean() * torch.eye(len(gram))
    weight = torch.linalg.solve(gram, centred.T @ (share * (targets - middle)))
    return weight, middle - mean @ weight


@torch.no_grad()
def start_identity(encoder: Encoder, pictures: Seen) -> None:
    """Set the rows of the last layers that say the identity, by ridge regression on what pictures show."""
    size = encoder.configuration.identity_size
    weight, bias = regression(features_of(encoder, pictures), pictures.labels.identity / encoder.gains["identity"])
    width = encoder.configuration.shape_size
    encoder.from_shape.weight[:size] = weight[:width].T.float()
    encoder.from_features.weight[:size] = weight[width:].T.float()
    encoder.from_shape.bias[:size] = bias.float()
    encoder.from_features.bias[:size] = 0


def code_objective(
    encoder: Encoder, pictures: Seen, head: SparseHead, weights: EncoderWeights, batch: int, seed: int
) -> Objective:
    """Step number and worker to terms; of the encoder only `LEARNT` may change."""
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(name.split(".")[0] in LEARNT)

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        generator = draws(seed, step, worker)
        labels, seen = pictures.rows(torch.randint(len(pictures), (batch,), generator=generator))
        return objective_terms(encoder.told(seen), labels, head, weights)

    return terms
