"""Training the photo encoder: against codes, and against points and vertices in millimetres.

The decoders were taught the corpus first and give the corpus's own heads to a fraction of a millimetre; so the
encoder's loss takes the vertices from the corpus itself, where a mean over a region is a quadratic form of the codes,
and whole heads need not be decoded. Letters: B batch, N dense points, M identity modes.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.lab.train.augmentation import Batch
from face2mesh.lab.train.batches import Batches
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_matching
from face2mesh.lab.train.configuration import EncoderTraining, EncoderWeights, Optimisation, read_configuration
from face2mesh.lab.train.loop import Objective, train
from face2mesh.lab.train.sparse_head import SparseHead, mirror_of, projected, rotation_matrix
from face2mesh.lab.train.workers import begin
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
    exact_shape = batch.rendered + (1 - batch.rendered) * weights.photo_identity

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
        "neutral": (exact_shape * millimetres(identity - batch.identity, head.neutral_metric)).mean() / 10,
        "expression": (exact * millimetres(expression - batch.expression, head.expression_metric)).mean() / 10,
        "identity": (exact_shape * (identity - batch.identity).square().mean(1)).mean(),
        "rotation": (exact * (rotation - batch.rotation).square().sum((1, 2))).mean(),
        "scale": (exact * (log_scale - batch.log_scale).abs()).mean(),
        "light": (batch.rendered[:, None, None] * (outputs["light"] - batch.light).square()).mean(),
        "prior": identity.square().mean(),
        "uncertainty": ((sigma + landmark_distance.detach() * torch.exp(-sigma)) * landmark_inside).mean(),
    }
    return {name: value * getattr(weights, name) for name, value in terms.items()}


def encoder_objective(encoder: Encoder, batches: Batches, head: SparseHead, training: EncoderTraining) -> Objective:
    """Step number and worker to terms."""

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        batch = batches(step, worker)
        return objective_terms(outputs_of(encoder, batch, training.optimisation), batch, head, training.weights)

    return terms


def outputs_of(encoder: Encoder, batch: Batch, optimisation: Optimisation) -> dict[str, Tensor]:
    """What the encoder says of a batch, in the configured precision."""
    with torch.autocast(optimisation.device, torch.bfloat16, enabled=optimisation.precision == "bfloat16"):
        outputs: dict[str, Tensor] = encoder(batch.crop)
    return {name: value.float() for name, value in outputs.items()}


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
    head, mirror = SparseHead(base, corpus), mirror_of(base, corpus)
    optimisation = training.optimisation
    batches = Batches(build, head, mirror, optimisation, training.augmentation, training.rendered_share)
    settings = EncoderConfiguration(
        **{"identity_size": len(corpus.identity), "points": len(mirror.points), **training.encoder}
    )
    encoder = Encoder(settings)
    if start is not None:
        load_matching(start, encoder)
    encoder.start_from(batches.exact_labels())
    encoder.to(optimisation.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = encoder_objective(encoder, batches, head.to(torch.device(optimisation.device)), training)
    if start is not None:
        inputs["start"] = start / CHECKPOINT
    header = {
        "kind": "encoder",
        "configuration": asdict(training),
        "network": asdict(settings),
        "provenance": provenance(inputs, asdict(training), optimisation.seed),
    }
    return train(encoder, objective, optimisation, run, header, time_limit=time_limit, resume=resume)
