"""Training the photo encoder: against codes, and against points and vertices in millimetres.

The decoders were taught the corpus first and give the corpus's own heads to a fraction of a millimetre; so the
encoder's loss takes the vertices from the corpus itself, where a mean over a region is a quadratic form of the codes,
and whole heads need not be decoded. Letters: B batch, N dense points, M identity modes.
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
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.lab.pairs.files import read_pairs
from face2mesh.lab.train.augmentation import STORED_SIDE, Batch, Mirror, disturbed, moved
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_matching
from face2mesh.lab.train.configuration import EncoderTraining, EncoderWeights, read_configuration
from face2mesh.lab.train.loop import Objective, train
from face2mesh.lab.train.sparse_head import SparseHead, mirror_of, projected, rotation_matrix
from face2mesh.lab.train.workers import begin, draws
from face2mesh.store import provenance

CANONICAL_SIDE = 1.7  # over the face box: see docs/architecture.md


def objective_terms(
    outputs: dict[str, Tensor], batch: Batch, head: SparseHead, weights: EncoderWeights
) -> dict[str, Tensor]:
    """The weighted terms of a batch (see `EncoderWeights`).

    Args:
        outputs: of the encoder.
        batch: the truth.
        head: the corpus at the dense points.
        weights: of the terms.
    """
    identity, expression = outputs["identity"], outputs["expression"]
    rotation = rotation_matrix(outputs["rotation6d"])
    log_scale = outputs["log_scale"][:, 0]
    plane = projected(head.points(identity, expression), rotation, outputs["offset"], log_scale, batch.distance)
    box = 1 / (CANONICAL_SIDE * batch.side)
    distance = torch.sqrt((plane - batch.points).square().sum(-1) + 1e-8) / box[:, None]
    landmark_distance = distance[:, head.landmarks]
    landmark_inside = batch.inside[:, head.landmarks]
    exact = batch.rendered + (1 - batch.rendered) * weights.photo_codes

    def millimetres(difference: Tensor, metric: Tensor) -> Tensor:
        return torch.sqrt(((difference @ metric) * difference).sum(1) + 1e-4)

    def off(points: Tensor) -> Tensor:
        apart = torch.sqrt((points - batch.points).square().sum(-1) + 1e-8) / box[:, None]
        return (apart * batch.inside).sum() / batch.inside.sum()

    sigma = outputs["landmark_log_sigma"]
    terms = {
        "places": off(outputs["points"]),
        "coarse_places": off(outputs["coarse_points"]),
        "points": (distance * batch.inside).sum() / batch.inside.sum(),
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
        return Batch(crop=self.crop[rows], **{name: values[rows] for name, values in self.labels.items()})


def _float(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def disturbed_labels(pairs: Pairs, training: EncoderTraining, mirror: Mirror) -> dict[str, Tensor]:
    """The labels of all pairs, disturbed as those of training crops are; the pictures are left out."""
    count = len(pairs)
    blank = torch.zeros(count, 2, 2, 3, dtype=torch.uint8)
    batch = moved(
        Batch(crop=blank, **pairs.labels),
        training.augmentation,
        mirror,
        torch.Generator().manual_seed(training.optimisation.seed),
        size=2,
    )
    return {
        name: getattr(batch, name) for name in ("points", "identity", "expression", "rotation", "offset", "log_scale")
    }


def encoder_objective(
    encoder: Encoder, photos: Pairs, rendered: Pairs, head: SparseHead, mirror: Mirror, training: EncoderTraining
) -> Objective:
    """Step number and worker to terms: photos and rendered heads in one batch, so that normalisation sees both."""
    settings = training.optimisation
    share = settings.batch // settings.workers
    rendered_count = round(share * training.rendered_share)
    device = torch.device(settings.device)
    head = head.to(device)

    def drawn(pairs: Pairs, count: int, generator: torch.Generator) -> Batch:
        return pairs.batch(torch.randint(len(pairs), (count,), generator=generator))

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        generator = draws(settings.seed, step, worker)
        parts = [
            drawn(pairs, count, generator)
            for pairs, count in ((photos, share - rendered_count), (rendered, rendered_count))
            if count
        ]
        batch = disturbed(Batch.joined(parts), training.augmentation, mirror, generator).to(device)
        with torch.autocast(settings.device, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            outputs = encoder(batch.crop)
        return objective_terms(outputs, batch, head, training.weights)

    return terms


def train_encoder(
    configuration: Path,
    build: Path,
    run: Path,
    *,
    time_limit: float | None = None,
    resume: bool = False,
    start: Path | None = None,
) -> int:
    """Train the encoder on the pairs in `build`.

    Args:
        configuration: TOML file of an `EncoderTraining`.
        build: folder with `base-head.npz`, `corpus.npz`, `photo-pairs.npz` and `rendered-pairs.npz`.
        run: folder for checkpoint and log.
        time_limit: seconds.
        resume: go on from the run's checkpoint.
        start: another run; its averaged weights are where this one starts, as far as the networks agree.

    Returns:
        The steps done.
    """
    training = read_configuration(configuration, EncoderTraining)
    begin(training.optimisation.seed, training.optimisation.workers)
    inputs = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "photo-pairs", "rendered-pairs")}
    base = BaseHead.load(inputs["base-head"])
    corpus = Corpus.load(inputs["corpus"], inputs["base-head"])
    photos = Pairs(read_pairs(inputs["photo-pairs"]), rendered=False)
    rendered = Pairs(read_pairs(inputs["rendered-pairs"]), rendered=True)
    head, mirror = SparseHead(base, corpus), mirror_of(base, corpus)
    rendered.labels["points"] = head.seen(rendered.labels)
    settings = EncoderConfiguration(
        **{"identity_size": len(corpus.identity), "points": len(mirror.points), **training.encoder}
    )
    encoder = Encoder(settings)
    if start is not None:
        load_matching(start, encoder)
    encoder.start_from(disturbed_labels(rendered, training, mirror))
    encoder.to(training.optimisation.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = encoder_objective(encoder, photos, rendered, head, mirror, training)
    if start is not None:
        inputs["start"] = start / CHECKPOINT
    header = {
        "kind": "encoder",
        "configuration": asdict(training),
        "network": asdict(settings),
        "provenance": provenance(inputs, asdict(training), training.optimisation.seed),
    }
    return train(encoder, objective, training.optimisation, run, header, time_limit=time_limit, resume=resume)
