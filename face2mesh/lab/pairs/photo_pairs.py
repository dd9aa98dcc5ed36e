"""`face2mesh lab pairs photos`: heads fitted to a whole set of labelled photos, and what the fits are like."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head.arkit import OPPOSITES
from face2mesh.lab.data import data_folder
from face2mesh.lab.label.files import read_folder_labels
from face2mesh.lab.pairs.ages import YEARS, prior_of_ages
from face2mesh.lab.pairs.calibration import calibrate
from face2mesh.lab.pairs.expression_prior import sparsity
from face2mesh.lab.pairs.fairface import photos, read_labels
from face2mesh.lab.pairs.files import jpeg_of, write_pairs
from face2mesh.lab.pairs.fit import DISTANCE_MM, Fits, FitSettings
from face2mesh.lab.pairs.mediapipe import SURFACE_COUNT
from face2mesh.lab.pairs.photos import FITTED, Acceptance, LabelledPhotos, cut_photos, in_crop, refusals, residual_of
from face2mesh.lab.pairs.point_model import PointModel, load_model
from face2mesh.lab.pairs.solver import fit
from face2mesh.lab.pairs.statistics import by_age, calibration_statistics, statistics, years_by_age
from face2mesh.lab.progress import progress_to
from face2mesh.store import provenance, write_document

CALIBRATION_PHOTOS = 1500
COMPARED_PER_AGE = 150
"""How many photos of each age are fitted once more with the scans' modes alone, for the report."""


def make_photo_pairs(arguments: argparse.Namespace) -> None:
    """Cut the photos, fit heads to them, write `photo-pairs.npz` and `photo-pairs.json`.

    Raises:
        InputFileError: data, base head or corpus is missing.
        OutputError: the build folder cannot be written.
    """
    torch.set_num_threads(1)
    build, workers = arguments.build, arguments.workers
    settings, limits = FitSettings(opposites=OPPOSITES, expression_sparsity=sparsity()), Acceptance()
    labels, pictures, labelled = _source(arguments)
    count = arguments.count or len(labels.ids)
    configuration = {"fit": asdict(settings), "acceptance": asdict(limits), "photos": count}
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus")}
    _, corpus, model = load_model(build)
    origin = provenance({**inputs, "labels": labelled}, configuration)
    crops, points, rows = cut_photos(pictures, labels, count, progress_to(count, "photos cut"))
    given = labels.inside[rows][:, FITTED]
    targets = in_crop(points[:, FITTED])
    age = labels.age[rows]
    prior = prior_of_ages(corpus.population, age.tolist())
    some = slice(0, CALIBRATION_PHOTOS)
    calibration = calibrate(
        model,
        targets[some],
        given[some],
        settings,
        prior[some],
        workers,
        progress=progress_to(3, "rounds of calibration"),
    )
    moved, reliability = model.moved(calibration.shift), calibration.reliability
    fits = fit(
        moved,
        targets,
        given,
        reliability,
        settings,
        prior,
        workers=workers,
        progress=progress_to(count, "photos fitted"),
    )
    reasons = refusals(fits, limits)
    good = ~np.any(list(reasons.values()), axis=0)
    arrays = {
        "points": points[:, :SURFACE_COUNT],
        "inside": labels.inside[rows][:, :SURFACE_COUNT],
        **codes_of(fits),
        "distance": np.full(len(rows), DISTANCE_MM, np.float32),
        "residual": residual_of(fits),
        "accepted": good,
        "photo_id": labels.ids[rows],
        "age": age,
    }
    whole = {"reliability": reliability.sigma, "shift": calibration.shift}
    write_pairs(build / "photo-pairs.npz", "photo-pairs", arrays, [jpeg_of(crop) for crop in crops], origin, whole)
    report = {
        "format": "face2mesh/photo-pairs-statistics",
        **origin,
        **statistics(fits, good),
        **calibration_statistics(calibration),
        "rejected": {name: int(rejected.sum()) for name, rejected in reasons.items()},
        "rejected_ids": {name: labels.ids[rows][rejected].tolist() for name, rejected in reasons.items()},
        "by_age": by_age(fits, good, age),
    }
    compared = _compared(age)
    if len(compared) and corpus.population.modes > corpus.population.scan_modes:
        report["fitted_years_by_age"] = years_by_age(corpus.population, fits, good, age)
        scans = _with_modes(moved, corpus.population.scan_modes)
        plain = fit(scans, targets[compared], given[compared], reliability, settings, workers=workers)
        report["compared"] = {
            "with_age_modes": by_age(_rows(fits, compared), good[compared], age[compared]),
            "scan_modes_alone": by_age(plain, good[compared], age[compared]),
        }
    write_document(build / "photo-pairs.json", report)
    print(
        f"{build / 'photo-pairs.npz'}: {len(rows)} photos, {good.sum()} accepted, "
        f"NME-68 {report['nme_68_percent']:.2f} %, NME-51 {report['nme_51_percent']:.2f} % of the fits"
    )


def _source(
    arguments: argparse.Namespace,
) -> tuple[LabelledPhotos, Iterator[tuple[int, NDArray[np.uint8]]], Path]:
    """The labels, the photos, and the labels' file: FairFace's, or a folder's with `--labels` and `--photos`."""
    if arguments.labels is None:
        data = data_folder(arguments)
        return read_labels(data, "train"), photos(data, "train"), data / "fairface-train.npz"
    if arguments.photos is None:
        raise InputFileError(f"{arguments.labels}: name the folder of its photos with --photos.")
    own = read_folder_labels(arguments.labels)
    return own, own.pictures(arguments.photos), arguments.labels


def _compared(age: NDArray[np.str_]) -> NDArray[np.intp]:
    """Rows of the first photos of each age."""
    return np.sort(np.concatenate([np.flatnonzero(age == group)[:COMPARED_PER_AGE] for group in YEARS]))


def _with_modes(model: PointModel, modes: int) -> PointModel:
    """The model with its first identity modes alone."""
    return PointModel(model.rest, model.identity[:modes], model.expression, model.mirror)


def _rows(fits: Fits, rows: NDArray[np.intp]) -> Fits:
    """Some of the fits."""
    return Fits(*(getattr(fits, name)[rows] for name in Fits.__dataclass_fields__))


def codes_of(fits: Fits) -> dict[str, Any]:
    """The arrays of pairs that describe the head."""
    return {name: getattr(fits, name) for name in ("identity", "expression", "rotation", "offset", "log_scale")}
