"""Training the photo encoder: against codes, and against points and vertices in millimetres.

The decoders were taught the corpus first and give the corpus's own heads to a fraction of a millimetre; so the encoder's
loss takes the vertices from the corpus itself, where a mean over a region is a quadratic form of the codes, and whole
heads need not be decoded. Letters: B batch, N dense points, M identity modes.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.head import BaseHead
from face2mesh.head.arkit import mirror_names
from face2mesh.lab.corpus import Corpus
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.lab.pairs import read_pairs
from face2mesh.lab.train.augmentation import STORED_SIDE, Batch, Mirror, disturbed
from face2mesh.lab.train.configuration import EncoderTraining, EncoderWeights
from face2mesh.lab.train.loop import Objective, train

CANONICAL_SIDE = 1.7  # over the face box: see docs/architecture.md


class SparseHead(torch.nn.Module):
    """The corpus at the dense points, and its metric over face and ears.

    Buffers: `mean` (N, 3), `identity` (M, N·3), `expression` (52, N·3), all mm; `neutral_metric` (M, M) and
    `expression_metric` (52, 52), which turn a difference of codes d into a mean squared distance dᵀGd in mm².
    """

    def __init__(self, base: BaseHead, corpus: Corpus, landmarks: NDArray[np.integer[Any]]) -> None:
        """Args: the base head, the corpus on it, and which of the dense points are the 68."""
        super().__init__()
        region = base.regions["face_and_ears"]
        faces = corpus.identity[:, region].reshape(len(corpus.identity), -1)
        motions = corpus.expression[:, region].reshape(len(corpus.expression), -1)
        count = int(region.sum())
        self.register_buffer("mean", torch.from_numpy(base.dense(base.vertices)).float())
        self.register_buffer("identity", _flat(base.dense(corpus.identity)))
        self.register_buffer("expression", _flat(base.dense(corpus.expression)))
        self.register_buffer("neutral_metric", torch.from_numpy(faces @ faces.T / count).float())
        self.register_buffer("expression_metric", torch.from_numpy(motions @ motions.T / count).float())
        self.register_buffer("landmarks", torch.from_numpy(landmarks.astype(np.int64)))

    def points(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, M) and (B, 52) to (B, N, 3) mm in the head's frame."""
        return self.mean + (identity @ self.identity + expression @ self.expression).view(len(identity), -1, 3)


def _flat(points: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(points.reshape(len(points), -1))).float()


def rotation_matrix(rotation6d: Tensor) -> Tensor:
    """(B, 6) to R_net (B, 3, 3): Gram–Schmidt on two columns (Zhou et al. 2019), then diag(1, −1, −1)."""
    first = torch.nn.functional.normalize(rotation6d[:, :3], dim=1)
    second = rotation6d[:, 3:] - (first * rotation6d[:, 3:]).sum(1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=1)
    columns = torch.stack([first, second, torch.linalg.cross(first, second)], dim=2)
    return columns * torch.tensor([1.0, -1.0, -1.0]).view(3, 1)


def projected(points: Tensor, rotation: Tensor, offset: Tensor, log_scale: Tensor, distance: Tensor) -> Tensor:
    """Head points (B, N, 3) to the crop's plane (B, N, 2), by the perspective of a camera turned to the head."""
    seen = points @ rotation.mT
    scale = torch.exp(log_scale).view(-1, 1, 1) / 100
    return offset[:, None] + scale * seen[..., :2] / (1 + seen[..., 2:] / distance.view(-1, 1, 1))


def objective_terms(
    outputs: dict[str, Tensor], batch: Batch, head: SparseHead, reliability: Tensor, weights: EncoderWeights
) -> dict[str, Tensor]:
    """The weighted terms of a batch (see `EncoderWeights`).

    Args:
        outputs: of the encoder.
        batch: the truth.
        head: the corpus at the dense points.
        reliability: (N,) weight of each dense point, mean 1.
        weights: of the terms.
    """
    identity, expression = outputs["identity"], outputs["expression"]
    rotation = rotation_matrix(outputs["rotation6d"])
    log_scale = outputs["log_scale"][:, 0]
    plane = projected(head.points(identity, expression), rotation, outputs["offset"], log_scale, batch.distance)
    box = 1 / (CANONICAL_SIDE * batch.side)
    distance = torch.sqrt((plane - batch.points).square().sum(-1) + 1e-8) / box[:, None]
    counted = batch.inside * reliability
    landmark_distance = distance[:, head.landmarks]
    landmark_inside = batch.inside[:, head.landmarks]
    exact = batch.rendered + (1 - batch.rendered) * weights.photo_codes

    def millimetres(difference: Tensor, metric: Tensor) -> Tensor:
        return torch.sqrt(((difference @ metric) * difference).sum(1) + 1e-4)

    sigma = outputs["landmark_log_sigma"]
    terms = {
        "points": (distance * counted).sum() / counted.sum(),
        "landmarks": (landmark_distance * landmark_inside).sum() / landmark_inside.sum(),
        "neutral": (exact * millimetres(identity - batch.identity, head.neutral_metric)).mean() / 10,
        "expression": (exact * millimetres(expression - batch.expression, head.expression_metric)).mean() / 10,
        "identity": (exact * (identity - batch.identity).square().mean(1)).mean(),
        "rotation": (exact * (rotation - batch.rotation).square().sum((1, 2))).mean(),
        "scale": (exact * (log_scale - batch.log_scale).abs()).mean(),
        "light": (batch.rendered[:, None, None] * (outputs["light"] - batch.light).square()).mean(),
        "prior": identity.square().mean(),
        "uncertainty": ((sigma + landmark_distance.detach() * torch.exp(-sigma)) * landmark_inside).mean(),
    }
    return {name: value * getattr(weights, name) for name, value in terms.items()}


class Pairs:
    """Pairs of one kind in memory; crops stay bytes until a batch needs them."""

    def __init__(self, arrays: dict[str, NDArray[Any]], rendered: bool) -> None:
        """Args: the arrays of a pairs file, and whether their truth is exact."""
        kept = np.flatnonzero(arrays["accepted"]) if "accepted" in arrays else np.arange(len(arrays["crop"]))
        count = len(kept)
        stored = arrays["crop"].shape[1]
        self.crop = torch.from_numpy(arrays["crop"][kept])
        plane = (arrays["points"][kept].astype(np.float32) / stored - 0.5) * STORED_SIDE
        light = arrays["light"][kept] if rendered else np.zeros((count, 9, 3))
        self.labels = {
            "points": _float(plane),
            "inside": _float(arrays["inside"][kept]),
            **{
                name: _float(arrays[name][kept])
                for name in ("identity", "expression", "rotation", "offset", "log_scale", "distance")
            },
            "light": _float(light),
            "rendered": torch.full((count,), float(rendered)),
            "side": torch.ones(count),
        }

    def __len__(self) -> int:
        """How many."""
        return len(self.crop)

    def batch(self, rows: Tensor) -> Batch:
        """The pairs of these rows, as they are stored."""
        crop = self.crop[rows].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).float() / 255
        return Batch(crop=crop, **{name: values[rows] for name, values in self.labels.items()})


def _float(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def mirror_of(base: BaseHead, corpus: Corpus) -> Mirror:
    """How labels change when a picture is mirrored.

    The scans' modes are not closed under mirroring; the codes of a mirrored head are its least-squares fit over face and
    ears.
    """
    rest = base.dense(base.vertices)
    apart = np.linalg.norm(rest[:, None] - rest[None] * (-1, 1, 1), axis=2)
    region = base.regions["face_and_ears"]
    modes = corpus.identity[:, region].reshape(len(corpus.identity), -1).astype(np.float64)
    other = (corpus.identity[:, base.mirror] * np.float32([-1, 1, 1]))[:, region].reshape(modes.shape)
    gram = modes @ modes.T
    codes = np.linalg.solve(gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram)), modes @ other.T).T
    return Mirror(
        points=torch.from_numpy(apart.argmin(1)),
        identity=torch.from_numpy(codes).float(),
        expression=torch.from_numpy(np.asarray(mirror_names(), np.int64)),
    )


def encoder_objective(
    encoder: Encoder, photos: Pairs, rendered: Pairs, head: SparseHead, mirror: Mirror, training: EncoderTraining
) -> Objective:
    """Step number to terms: photos and rendered heads in one batch, so that normalisation sees both."""
    settings = training.optimisation
    rendered_count = round(settings.batch * training.rendered_share)
    device = torch.device(settings.device)
    head = head.to(device)
    reliability = torch.ones(len(head.mean), device=device)

    def drawn(pairs: Pairs, count: int, generator: torch.Generator) -> Batch:
        return pairs.batch(torch.randint(len(pairs), (count,), generator=generator))

    def terms(step: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        parts = [
            drawn(pairs, count, generator)
            for pairs, count in ((photos, settings.batch - rendered_count), (rendered, rendered_count))
            if count
        ]
        joined = Batch(**{name: torch.cat([getattr(part, name) for part in parts]) for name in Batch.__dataclass_fields__})
        batch = disturbed(joined, training.augmentation, mirror, generator)
        batch = Batch(**{name: getattr(batch, name).to(device) for name in Batch.__dataclass_fields__})
        with torch.autocast(settings.device, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            outputs = encoder(batch.crop)
        return objective_terms(outputs, batch, head, reliability, training.weights)

    return terms
