"""`face2mesh lab pairs photos|rendered`: the training pairs."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face2mesh.head import ARKIT_NAMES, BaseHead
from face2mesh.head.arkit import OPPOSITES
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, TRAIN
from face2mesh.lab.data import data_folder
from face2mesh.lab.pairs.fairface import read_labels
from face2mesh.lab.pairs.files import SHARED, VERSION, read_pairs
from face2mesh.lab.pairs.fit import DISTANCE_MM, Fits, FitSettings, fit
from face2mesh.lab.pairs.mediapipe import SURFACE_COUNT
from face2mesh.lab.pairs.photos import (
    FITTED,
    Acceptance,
    Calibration,
    accepted,
    calibrate,
    cut_photos,
    in_crop,
    residual_of,
    statistics,
)
from face2mesh.lab.pairs.point_model import PointModel, point_model
from face2mesh.lab.pairs.progress import progress_to
from face2mesh.lab.pairs.rendered import RENDERED_PIXELS, World, render_pairs
from face2mesh.lab.pairs.skin import skins_of_photos
from face2mesh.store import provenance, write_arrays, write_atomically

CALIBRATION_PHOTOS = 1500


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `pairs` with its two kinds."""
    kinds = subparsers.add_parser("pairs", help="make training pairs").add_subparsers(required=True, metavar="KIND")
    photo = kinds.add_parser("photos", help="fit heads to FairFace's labelled photos")
    photo.add_argument("--count", type=int, default=None, help="only the first COUNT photos")
    photo.set_defaults(run=make_photo_pairs)
    rendered = kinds.add_parser("rendered", help="render heads of the corpus, with exact truth")
    rendered.add_argument("--count", type=int, default=None, help="how many (24000; 1000 with --held-out)")
    rendered.add_argument("--seed", type=int, default=0, help="of pictures and people (0)")
    rendered.add_argument("--skins", type=int, default=500, help="how many skins to take from photos (500)")
    rendered.add_argument("--held-out", action="store_true", help="held-out people, into rendered-heldout.npz")
    rendered.add_argument("--workers", type=int, default=1, help="processes (1); the result is the same")
    rendered.set_defaults(run=make_rendered_pairs)


def load_model(build: Path) -> tuple[BaseHead, Corpus, PointModel]:
    """The base head, the corpus on it and what a fit needs of them.

    Raises:
        InputFileError: one is missing or does not fit the other.
    """
    head = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    return head, corpus, point_model(head, corpus.identity, corpus.expression, corpus.gaze_degrees)


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
    fits = fit(moved, targets, given, calibration.reliability, settings, progress=progress_to(count, "fitting"))
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


def make_rendered_pairs(arguments: argparse.Namespace) -> None:
    """Render heads and write `rendered-pairs.npz`, or `rendered-heldout.npz` with people and skins of their own.

    Skins and backgrounds come from the photos in `photo-pairs.npz`, four fifths of them for training and the rest for
    the held-out set.

    Raises:
        InputFileError: base head, corpus or photo pairs are missing.
        OutputError: the build folder cannot be written.
    """
    build, held_out = arguments.build, bool(arguments.held_out)
    split = HELD_OUT_PEOPLE if held_out else TRAIN
    count = arguments.count or (1000 if held_out else 24000)
    configuration = {"count": count, "skins": arguments.skins, "split": split.name, "pixels": RENDERED_PIXELS}
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus", "photo-pairs")}
    head, corpus, _ = load_model(build)
    origin = provenance(inputs, configuration, arguments.seed)  # before a long run, in which inputs may change
    photos = read_pairs(build / "photo-pairs.npz")
    last = len(photos["crop"]) * 4 // 5
    share = slice(last, None) if held_out else slice(0, last)
    photos = {name: values[share] for name, values in photos.items() if name in (*SHARED, "residual", "accepted")}
    generator = np.random.default_rng([arguments.seed, 1])
    skins = skins_of_photos(head, corpus, photos, arguments.skins, generator)
    identity, expression = split.draw(count, len(corpus.identity), stream=arguments.seed)
    world = World(head, corpus, skins, photos["crop"][::4].copy(), identity, expression, split.seed + arguments.seed)
    del photos
    arrays = render_pairs(world, arguments.workers, progress_to(count, "rendering"))
    path = build / ("rendered-heldout.npz" if held_out else "rendered-pairs.npz")
    write_arrays(path, "rendered-pairs", VERSION, arrays, origin)
    print(f"{path}: {count} pictures of {split.name} people, {len(skins)} skins from photos")


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
