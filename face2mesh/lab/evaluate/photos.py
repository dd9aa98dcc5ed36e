"""Landmark errors and detection on photos: FairFace's validation photos and the London set."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError, PhotoError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.evaluate.human_error import error_without_offsets, levelled_residuals, read_human_points
from face2mesh.lab.evaluate.landmark_error import mean_errors, normalised_errors, points_inside
from face2mesh.lab.evaluate.yaw import BINS_DEGREES, bin_of_yaw, yaw_of_landmarks
from face2mesh.lab.pairs.fairface import PHOTO_SIDE, photos, read_labels
from face2mesh.lab.pairs.progress import progress_to
from face2mesh.model import Model
from face2mesh.photo import Box, box_of_points, find_faces, read_photo

BORDER = 64
"""Pixels of repeated border around FairFace's photos, whose crops are too tight for detectors."""
# Two boxes are of the same face from this ratio of intersection to union on.
_SAME_FACE = 0.3

# scikit-image's pictures without people; "cat" is chelsea and "hubble" is hubble_deep_field.
NO_FACE = (
    "coins",
    "page",
    "moon",
    "text",
    "coffee",
    "rocket",
    "hubble_deep_field",
    "brick",
    "grass",
    "gravel",
    "chelsea",
)


def nominal_fairface_box(data: Path) -> Box:
    """Where a face is in FairFace's aligned photos: the median landmarks' box over the training photos."""
    points = read_labels(data, "train").landmarks[:, list(IBUG_68)]
    low, high = points.min(1), points.max(1)
    x, y, width, height = np.median(np.concatenate([low, high - low], 1), axis=0)
    return Box(float(x), float(y), float(width), float(height))


def same_face(a: Box, b: Box) -> bool:
    """Whether two boxes overlap enough to mean one face: intersection over union at least 0.3."""
    across = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    down = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared >= _SAME_FACE * (a.w * a.h + b.w * b.h - shared)


def measure_fairface(model: Model, data: Path, limit: int | None = None) -> dict[str, Any]:
    """NME-68 and NME-51 in per cent on `fairface-val`, and how many faces are found.

    Two starts: "detected" is the detector's box in the photo as it is (photos without one are counted, not measured);
    "nominal" is the same box for every photo, the median over the training photos' landmarks.
    """
    labels = read_labels(data, "val")
    row_of = {int(number): row for row, number in enumerate(labels.ids)}
    rest = model.base_head.landmarks(model.base_head.vertices)
    nominal = nominal_fairface_box(data)
    errors: dict[str, dict[str, list[tuple[float, float]]]] = {
        start: defaultdict(list) for start in ("detected", "nominal")
    }
    found_with_border = done = 0
    total = min(limit or len(labels.ids), len(labels.ids))
    tell = progress_to(total, "FairFace")
    for number, rgb in photos(data, "val"):
        if number not in row_of or done >= total:
            continue
        true = labels.landmarks[row_of[number], list(IBUG_68)]
        counted = points_inside(true, PHOTO_SIDE, PHOTO_SIDE)
        yaw = bin_of_yaw(yaw_of_landmarks(rest, true))
        given = box_of_points(true)
        starts = {"nominal": nominal}
        detected = next((box for box in find_faces(rgb) if same_face(box, given)), None)
        if detected is not None:
            starts["detected"] = detected
        for start, box in starts.items():
            predicted = model.reconstruct(rgb, box=box).landmarks_px
            errors[start][yaw].append(mean_errors(normalised_errors(predicted, true), counted))
        padded = np.pad(rgb, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")
        shifted = Box(given.x + BORDER, given.y + BORDER, given.w, given.h)
        found_with_border += any(same_face(box, shifted) for box in find_faces(padded))
        done += 1
        tell(done)
    result: dict[str, Any] = {"photos": done, "nominal_box": [nominal.x, nominal.y, nominal.w, nominal.h]}
    for start, bins in errors.items():
        result[start] = {
            **_summary([row for rows in bins.values() for row in rows]),
            "by_yaw_degrees": {name: _summary(bins[name]) for name in _bin_names() if bins[name]},
        }
    result["detected"]["not_detected"] = done - result["detected"]["photos"]
    result["found_with_border"] = found_with_border
    return result


def _bin_names() -> list[str]:
    return [bin_of_yaw(low) for low in BINS_DEGREES[:-1]]


def _summary(rows: list[tuple[float, float]]) -> dict[str, Any]:
    """Means in per cent; photos none of whose points lie in the picture do not count."""
    if not rows:
        return {"photos": 0, "nme_68_percent": None, "nme_51_percent": None}
    nme_68, nme_51 = 100 * np.nanmean(np.array(rows), axis=0)
    return {"photos": len(rows), "nme_68_percent": float(nme_68), "nme_51_percent": float(nme_51)}


def measure_people(data: Path) -> list[str]:
    """The London set's people to measure on.

    Raises:
        InputFileError: `london/split.json` is missing or damaged.
    """
    path = data / "london" / "split.json"
    try:
        people: list[str] = json.loads(path.read_text(encoding="utf-8"))["measure"]
    except (OSError, ValueError, KeyError) as error:
        raise InputFileError(f"{path}: cannot be read ({error!r}); see docs/data.md.") from error
    return sorted(people)


def measure_london(model: Model, data: Path, limit: int | None = None) -> dict[str, Any]:
    """Human NME in per cent on the neutral photos of the people to measure on, by the model's own detection.

    Args:
        limit: only so many people, at least 4.
    """
    people = measure_people(data)[:limit]
    tell = progress_to(len(people), "London")
    predicted: list[NDArray[Any]] = []
    kept: list[str] = []
    for done, person in enumerate(people):
        try:
            predicted.append(model.reconstruct(data / "london" / f"{person}-neutral.jpg").landmarks_px)
            kept.append(person)
        except PhotoError:  # not detected: counted, not measured
            pass
        tell(done + 1)
    human = read_human_points(data / "london", kept)
    residuals = levelled_residuals(np.array(predicted), human)
    errors = error_without_offsets(residuals)
    mean_face = levelled_residuals(_mean_face(model, human.corners), human)
    return {
        "people": len(kept),
        "not_detected": len(people) - len(kept),
        "human_nme_percent": float(100 * errors.mean()),
        "mean_shape_percent": float(100 * error_without_offsets(mean_face).mean()),
    }


def _mean_face(model: Model, corners: NDArray[Any]) -> NDArray[np.float64]:
    """The mean head's frontal landmarks laid on each face by its outer eye corners: what not looking would score.

    Args:
        model: whose base head is the mean.
        corners: (N, 2, 2) pixels, the subject's right first.

    Returns:
        (N, 68, 2) pixels.
    """
    flat = model.base_head.landmarks(model.base_head.vertices)[:, :2] * (1, -1)
    start, end = (complex(*flat[i]) for i in (36, 45))
    shape = (flat[:, 0] + 1j * flat[:, 1] - start) / (end - start)
    placed = [complex(*right) + shape * (complex(*left) - complex(*right)) for right, left in corners]
    return np.stack([np.real(placed), np.imag(placed)], -1)


def measure_detection(data: Path) -> dict[str, Any]:
    """Faces found on all London photos and, falsely, on scikit-image's pictures without people."""
    paths = sorted((data / "london").glob("*.jpg"))
    tell = progress_to(len(paths), "detection")
    missed = []
    for done, path in enumerate(paths):
        if not find_faces(read_photo(path).rgb):
            missed.append(path.stem)
        tell(done + 1)
    return {"london": {"photos": len(paths), "found": len(paths) - len(missed), "missed": missed}, **_scikit_image()}


def _scikit_image() -> dict[str, Any]:
    try:
        from skimage import data as pictures
    except ImportError:
        return {"scikit_image": "not installed"}

    def found(name: str) -> bool:
        return bool(find_faces(read_photo(getattr(pictures, name)()).rgb))

    false_alarms = [name for name in NO_FACE if found(name)]
    return {
        "scikit_image": {"pictures": len(NO_FACE), "false_alarms": false_alarms, "astronaut_found": found("astronaut")}
    }
