"""`face2mesh lab pairs photos`: heads fitted to a whole set of labelled photos, and what the fits are like."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face2mesh.head import ARKIT_NAMES
from face2mesh.head.arkit import OPPOSITES
from face2mesh.lab.data import data_folder
from face2mesh.lab.pairs.calibration import Calibration, calibrate
from face2mesh.lab.pairs.fairface import read_labels
from face2mesh.lab.pairs.files import VERSION
from face2mesh.lab.pairs.fit import DISTANCE_MM, Fits, FitSettings
from face2mesh.lab.pairs.mediapipe import SURFACE_COUNT
from face2mesh.lab.pairs.photos import FITTED, Acceptance, accepted, cut_photos, in_crop, residual_of, statistics
from face2mesh.lab.pairs.point_model import PointModel, load_model
from face2mesh.lab.pairs.progress import progress_to
from face2mesh.lab.pairs.solver import fit
from face2mesh.store import provenance, write_arrays, write_atomically

CALIBRATION_PHOTOS = 1500
WORKERS = 2


def make_photo_pairs(arguments: argparse.Namespace) -> None:
    """Cut the photos, fit heads to them, write `photo-pairs.npz` and `photo-pairs.json`.

    Raises:
        InputFileError: data, base head or corpus is missing.
        OutputError: the build folder cannot be written.
    """
    torch.set_num_threads(1)
    data, build = data_folder(arguments), arguments.build
    settings, limits = FitSettings(opposites=OPPOSITES), Acceptance()
    labels = read_labels(data, "train")
    count = arguments.count or len(labels.ids)
    configuration = {"fit": asdict(settings), "acceptance": asdict(limits), "photos": count}
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus")}
    _, _, model = load_model(build)
    origin = provenance({**inputs, "labels": data / "fairface-train.npz"}, configuration)
    crops, points, rows = cut_photos(data, labels, count, progress_to(count, "cutting photos"))
    given = labels.inside[rows][:, FITTED]
    targets = in_crop(points[:, FITTED])
    some = slice(0, CALIBRATION_PHOTOS)
    calibration = calibrate(model, targets[some], given[some], settings, progress=progress_to(3, "calibrating"))
    moved = model.moved(calibration.shift)
    fits = fit(
        moved,
        targets,
        given,
        calibration.reliability,
        settings,
        workers=WORKERS,
        progress=progress_to(count, "fitting"),
    )
    good = accepted(fits, limits)
    arrays = {
        "crop": crops,
        "points": points[:, :SURFACE_COUNT],
        "inside": labels.inside[rows][:, :SURFACE_COUNT],
        **codes_of(fits),
        "distance": np.full(len(rows), DISTANCE_MM, np.float32),
        "residual": residual_of(fits),
        "accepted": good,
        "photo_id": labels.ids[rows],
        "age": labels.age[rows],
        "reliability": calibration.reliability.sigma,
        "shift": calibration.shift,
    }
    write_arrays(build / "photo-pairs.npz", "photo-pairs", VERSION, arrays, origin)
    report = {"format": "face2mesh/photo-pairs-statistics", **origin, **results(fits, good, model, calibration)}
    write_json(build / "photo-pairs.json", report)
    print(
        f"{build / 'photo-pairs.npz'}: {len(rows)} photos, {good.sum()} accepted, "
        f"NME-68 {report['nme_68_percent']:.2f} %, NME-51 {report['nme_51_percent']:.2f} % of the fits"
    )


def codes_of(fits: Fits) -> dict[str, Any]:
    """The arrays of pairs that describe the head."""
    return {name: getattr(fits, name) for name in ("identity", "expression", "rotation", "offset", "log_scale")}


def results(fits: Fits, good: Any, model: PointModel, calibration: Calibration) -> dict[str, Any]:
    """Statistics of the fits, with the landmarks' calibration beside them."""
    size = np.linalg.norm(calibration.shift[:SURFACE_COUNT], axis=1)
    found = statistics(fits, good)
    found["expression_mean"] = dict(zip(ARKIT_NAMES, found["expression_mean"], strict=True))
    found["expression_above_half"] = dict(zip(ARKIT_NAMES, found["expression_above_half"], strict=True))
    found["landmark_shift_mm"] = {"mean": float(size.mean()), "95": float(np.percentile(size, 95))}
    found["landmark_sigma_percent_frontal"] = {
        str(q): float(100 * np.percentile(calibration.reliability.sigma[3, :SURFACE_COUNT], q)) for q in (5, 50, 95)
    }
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write readable JSON in one go."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
