"""Training the face detector on pasted pictures.

Letters: B batch, F faces of a picture, H and W cells along a picture.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from face2mesh.lab.nets.detector import CELL, UNIT, Detector, DetectorConfiguration
from face2mesh.lab.pairs.pasted import Composition, Pasted, Pieces, paste, read_pieces
from face2mesh.lab.pairs.scenery import Scenery
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_average
from face2mesh.lab.train.configuration import DetectorTraining, DetectorWeights, read_configuration
from face2mesh.lab.train.loop import Objective, train
from face2mesh.lab.train.workers import draws
from face2mesh.store import provenance

SMALLEST, LARGEST = 14.0, 76.0
"""Sides √(w·h) in pixels that the network must find in its own picture; the next smaller picture shows larger ones."""
# Sides just outside are neither asked for nor forbidden; larger faces show only parts, which are no faces.
_TOLERATED_LARGEST = 104.0
# A cell is the face's within this distance of its middle, in sides, and no other face's beyond the second.
_NEAR, _FAR = 0.2, 0.5
# Of a face that is hidden more than this nothing is asked; most of one must be seen.
_SEEN = 0.6
_FOCUS = 2.0  # exponent of the focal loss (Lin et al. 2017)


def targets(pasted: Pasted, cells: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """What each cell should answer.

    Args:
        pasted: the pictures' faces.
        cells: H, W.

    Returns:
        (B, H, W) float32, 1 where a cell holds a face's middle; (B, H, W) bool, whether the score counts there; and
        (B, H, W) int64, the layer of the face nearest to the cell in face sides.
    """
    height, width = cells
    y = (torch.arange(height) + 0.5) * CELL
    x = (torch.arange(width) + 0.5) * CELL
    boxes, there = pasted.boxes, pasted.there
    side = boxes[..., 2:4].prod(-1).sqrt()
    away_x = (x - boxes[..., 0, None])[:, :, None, :]  # (B, F, 1, W)
    away_y = (y - boxes[..., 1, None])[:, :, :, None]
    pixels = (away_x.square() + away_y.square()).sqrt()  # (B, F, H, W)
    distance = pixels / side[..., None, None]
    distance = torch.where(there[..., None, None], distance, torch.inf)
    asked = there & (side >= SMALLEST) & (side <= LARGEST) & (pasted.visible >= _SEEN)
    # A small face may lie between the cells' centres: the nearest cell is always its own.
    nearest = pixels <= pixels.amin((-2, -1), keepdim=True) + 1e-3
    own = asked[..., None, None] & ((distance < _NEAR) | nearest) & (distance < _FAR)
    layer = torch.where(own, distance, distance + 1e3).argmin(1)
    positive = own.any(1)
    # Far too large faces show only parts here; all others that are not asked for are left open.
    open_face = there & ~asked & (side <= _TOLERATED_LARGEST)
    ring = (asked | open_face)[..., None, None] & (distance < _FAR)
    counted = positive | ~ring.any(1)
    return positive.float(), counted, layer


def objective_terms(outputs: Tensor, pasted: Pasted, weights: DetectorWeights) -> dict[str, Tensor]:
    """The weighted terms of a batch (see `DetectorWeights`); outputs (B, 7, H, W) as the detector gives them."""
    height, width = outputs.shape[-2:]
    positive, counted, layer = targets(pasted, (height, width))
    logit = outputs[:, 0]
    probability = torch.sigmoid(logit)
    wrong = torch.where(positive > 0, 1 - probability, probability)
    score = wrong**_FOCUS * binary_cross_entropy_with_logits(logit, positive, reduction="none")
    picture, row, column = torch.nonzero(positive, as_tuple=True)
    count = max(len(picture), 1)
    truth = pasted.boxes[picture, layer[picture, row, column]]
    found = outputs[picture, :, row, column]
    side = truth[:, 2:4].prod(1).sqrt()
    centre = torch.stack([column + 0.5 + found[:, 1], row + 0.5 + found[:, 2]], 1) * CELL
    place = (centre - truth[:, :2]).norm(dim=1) / side
    size = (found[:, 3:5] - (truth[:, 2:4] / UNIT).log()).abs().sum(1)
    tilt = (found[:, 5:7] - truth[:, 4:6]).square().sum(1)
    return {
        "score": weights.score * (score * counted).sum() / count,
        "place": weights.place * place.sum() / count,
        "size": weights.size * size.sum() / count,
        "tilt": weights.tilt * tilt.sum() / count,
    }


def detector_objective(detector: Detector, pieces: Pieces, training: DetectorTraining) -> Objective:
    """Step number and worker to terms."""
    settings, composition = training.optimisation, Composition(**training.composition)

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        generator = draws(settings.seed, step, worker)
        pasted = paste(pieces, settings.batch // settings.workers, training.picture, composition, generator)
        pictures = pasted.pictures.to(settings.device, memory_format=torch.channels_last)
        with torch.autocast(settings.device, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            outputs = detector(pictures)
        return objective_terms(outputs.float().cpu(), pasted, training.weights)

    return terms


def train_detector(
    configuration: Path,
    build: Path,
    run: Path,
    *,
    data: Path,
    time_limit: float | None = None,
    resume: bool = False,
    start: Path | None = None,
) -> int:
    """Train the detector on FairFace's training photos and `scenery.npz`.

    Args:
        configuration: TOML file of a `DetectorTraining`.
        build: folder with `scenery.npz`.
        run: folder for checkpoint and log.
        data: folder of the training data.
        time_limit: seconds.
        resume: go on from the run's checkpoint.
        start: another run, whose averaged weights this one starts with.

    Returns:
        The steps done.
    """
    training = read_configuration(configuration, DetectorTraining)
    inputs = {"scenery": build / "scenery.npz"}
    pieces = read_pieces(data, Scenery.load(inputs["scenery"]), held=False, held_faces=training.held_faces)
    inputs["labels"] = data / "fairface-train.npz"
    torch.manual_seed(training.optimisation.seed)
    settings = DetectorConfiguration(**training.detector)
    detector = Detector(settings)
    if start is not None:
        load_average(start, detector)
        inputs["start"] = start / CHECKPOINT
    detector.to(training.optimisation.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    header = {
        "kind": "detector",
        "configuration": asdict(training),
        "network": asdict(settings),
        "provenance": provenance(inputs, asdict(training), training.optimisation.seed),
    }
    objective = detector_objective(detector, pieces, training)
    return train(detector, objective, training.optimisation, run, header, time_limit=time_limit, resume=resume)
