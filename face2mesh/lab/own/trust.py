"""How far a model may believe what few sculpts taught it, found by leaving them out.

Fifteen relatives tell of a sixteenth, fifteen strangers do not: there the packaged encoder, which has seen thousands of
people, knows better than what the few teach. So the taught encoder's last layers are mixed with the packaged one's,

    rows = (1 − share) · packaged + share · taught,

with the share under which the sculpts' own pictures come out best when their people are left out, or the least one that
cannot be told from it: stacked regression (Breiman 1996) of two predictors. 0 is the packaged model's own answer. To
leave people out, pictures made of them do not count, and those drawn from the shape model, which knows them, count as
much more or less often as a shape model without them would have drawn them (importance sampling). The ridge regression
stands for the taught layers, which start at it.

Letters: K numbers of the new code, M of the packaged one, n sculpts, N pictures, S skin vertices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.head.alignment import aligned_distances
from face2mesh.lab.nets.encoder import Encoder
from face2mesh.lab.own.fine_tune import LEARNT, Seen, features_of, regression, with_modes
from face2mesh.lab.own.shapes import ShapeModel, Shares

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
FOLDS = 8
"""At most so many groups of people are left out, one after the other."""
PICTURES = 8
"""Of each person left out are measured."""
LEAST_VARIANCE = 0.05
"""Of a direction that only those left out have, of what it has with them."""
VERTICES = 400
"""On which the distance is taken."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Trust:
    """How far the taught answer is believed.

    Attributes:
        share: of it in the model's answer; the rest is the packaged model's.
        errors_mm: for each of `SHARES`, the mean distance over face and ears, after similarity alignment, of people
            left out.
        people, pictures: how many it is measured on.
    """

    share: float
    errors_mm: tuple[float, ...]
    people: int
    pictures: int

    def told(self) -> str:
        """One sentence or two."""
        before, after = self.errors_mm[0], self.errors_mm[-1]
        first = (
            f"Of {self.people} sculpts, left out in turn, {self.pictures} pictures come out at {before:.2f} mm by what "
            f"the packaged model sees in them and at {after:.2f} mm by what the others teach"
        )
        if self.share == 0:
            return (
                f"{first}: these people say nothing of one another that the packaged model does not know better, so "
                "this model answers as the packaged one does. It is no better than that one."
            )
        if self.share == 1:
            return f"{first}, which this model believes."
        best = self.errors_mm[SHARES.index(self.share)]
        return f"{first}; this model believes the others by {self.share:.0%} ({best:.2f} mm)."


def chosen_trust(
    pictures: Seen, packaged: Encoder, shapes: ShapeModel, sculpts: FloatArray, region: NDArray[np.bool_]
) -> Trust:
    """The share under which people who are left out come out best.

    A person's own pictures decide where the data set has some, else drawn ones of the person.

    Args:
        pictures: all that is learnt from.
        packaged: the packaged encoder with the new codes, see `speaking`.
        shapes: the shape model.
        sculpts: (n, K), their codes.
        region: (S,) where it is measured.
    """
    inputs = features_of(packaged, pictures)
    known = packaged.told(pictures.seen)["identity"].detach()
    rows = np.flatnonzero(region)
    rows = rows[:: max(1, len(rows) // VERTICES)]
    everywhere = np.ones(len(rows), np.bool_)
    few = replace(shapes, mean=shapes.mean[rows], modes=shapes.modes[:, rows])
    errors: dict[int, list[list[float]]] = {}
    for fold in range(min(FOLDS, shapes.sculpts)):
        left = torch.arange(fold, shapes.sculpts, FOLDS)
        without = ~torch.isin(pictures.of, left).any(1)
        often = torch.where(
            pictures.of[:, 0] < 0, how_often(pictures.labels.identity, sculpts, left.numpy(), shapes.shares), 1.0
        )
        weight, bias = regression(inputs[without], pictures.labels.identity[without], often[without])
        for person in left.tolist():
            own = _measured(pictures, person)
            true = few.skins(pictures.labels.identity[own].numpy())
            others = (inputs[own] @ weight + bias).float()
            heads = [few.skins(((1 - share) * known[own] + share * others).numpy()) for share in SHARES]
            errors[person] = [
                [float(aligned_distances(*pair, everywhere, True).mean()) for pair in zip(told, true, strict=True)]
                for told in heads
            ]
    # People count alike.
    table = np.array([np.mean(values, axis=1) for values in errors.values() if values[0]]).reshape(-1, len(SHARES))
    if not len(table):
        return Trust(1.0, tuple(float("nan") for _ in SHARES), 0, 0)
    return Trust(
        SHARES[least_of_the_best(table)],
        tuple(float(value) for value in table.mean(0)),
        len(table),
        sum(len(values[0]) for values in errors.values()),
    )


def least_of_the_best(errors: NDArray[Any]) -> int:
    """The first column of errors (n, C) whose mean is not above the least one by more than a standard error.

    Breiman et al. (1984), "Classification and Regression Trees", section 3.4.3, but for paired differences.
    """
    best = int(errors.mean(0).argmin())
    apart = errors - errors[:, best : best + 1]
    deviation = apart.std(0, ddof=1) if len(errors) > 1 else np.zeros(errors.shape[1])
    return int(np.flatnonzero(apart.mean(0) <= deviation / np.sqrt(len(errors)))[0])


def how_often(codes: Tensor, sculpts: FloatArray, left: NDArray[np.integer[Any]], shares: Shares) -> Tensor:
    """(N,) how much more often codes (N, K) would be drawn if the shape model did not know some of its sculpts.

    Codes are standard normal. Without the sculpts of centred codes d their covariance is I − own / (n − 1) · Σ d dᵀ,
    and their mean lies away from them.

    Args:
        codes: (N, K).
        sculpts: (n, K).
        left: rows of those left out.
        shares: of the shape model.
    """
    count = len(sculpts)
    away = (sculpts - sculpts.mean(0))[left].astype(np.float64)
    apart = np.sqrt(shares.own / (count - 1)) * away
    inner = np.eye(len(left)) - apart @ apart.T
    values, vectors = np.linalg.eigh(inner)
    values = np.maximum(values, LEAST_VARIANCE)
    moved = codes.double().numpy() + shares.mean / count * away.sum(0)
    across = moved @ apart.T @ vectors / np.sqrt(values)
    squares = (moved**2).sum(1) + (across**2).sum(1) - (codes.double().numpy() ** 2).sum(1)
    return torch.from_numpy(np.exp(-0.5 * squares) / np.sqrt(values.prod()))


def _measured(pictures: Seen, person: int) -> Tensor:
    """Rows of a few pictures of one person: the data set's own, else drawn ones."""
    alone = (pictures.of == person).all(1)
    own = torch.nonzero(alone & pictures.own)[:, 0]
    chosen = own if len(own) else torch.nonzero(alone)[:, 0]
    return chosen[torch.linspace(0, len(chosen) - 1, min(PICTURES, len(chosen))).long()]


@torch.no_grad()
def speaking(encoder: Encoder, middle: FloatArray, slope: FloatArray) -> Encoder:
    """The packaged encoder with the new code: it says the same heads, as nearly as the shape model can make them.

    Args:
        encoder: whose identity code has M numbers.
        middle: (K,), the new code of the packaged mean head.
        slope: (M, K), how the new code moves with each number of the packaged one.
    """
    size, old = len(middle), encoder.configuration.identity_size
    grown = with_modes(encoder, size)
    across = torch.from_numpy(np.ascontiguousarray(slope.T))
    for name in LEARNT:
        layer, packaged = getattr(grown, name), getattr(encoder, name)
        layer.weight[:size] = across @ packaged.weight[:old]
        layer.bias[:size] = across @ packaged.bias[:old]
    grown.from_shape.bias[:size] += torch.from_numpy(middle) / grown.gains["identity"]
    return grown


@torch.no_grad()
def mixed(packaged: Encoder, taught: Encoder, share: float) -> Encoder:
    """The taught encoder, changed in place: its last layers are a mixture with another one's."""
    for name in LEARNT:
        for own, other in zip(getattr(taught, name).parameters(), getattr(packaged, name).parameters(), strict=True):
            own.copy_((1 - share) * other + share * own)
    return taught
