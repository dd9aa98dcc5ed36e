"""Landmark errors on FairFace's validation photos, by group of people, age and yaw.

Letters: N photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.evaluate.intervals import LEAST_PEOPLE, estimate, mean
from face2mesh.lab.evaluate.landmark_error import mean_errors, normalised_errors, points_inside
from face2mesh.lab.evaluate.mediapipe import landmarks_by_mediapipe
from face2mesh.lab.evaluate.parallel import for_each
from face2mesh.lab.evaluate.same_face import same_face
from face2mesh.lab.evaluate.yaw import BINS_DEGREES, bin_of_yaw, yaw_of_landmarks
from face2mesh.lab.pairs.fairface import PHOTO_SIDE, photos, read_groups, read_labels
from face2mesh.model import Model
from face2mesh.photo import Box, box_of_points, find_faces

STARTS = ("fixed_box", "detected")
AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")

BORDER = 64
"""Pixels of repeated border with which MediaPipe labelled the photos."""

FloatArray = NDArray[np.float64]
Picture = NDArray[np.uint8]


def nominal_fairface_box(data: Path) -> Box:
    """Where a face is in FairFace's aligned photos: the median landmarks' box over the training photos."""
    points = read_labels(data, "train").landmarks[:, list(IBUG_68)]
    low, high = points.min(1), points.max(1)
    x, y, width, height = np.median(np.concatenate([low, high - low], 1), axis=0)
    return Box(float(x), float(y), float(width), float(height))


def labelled_photos(data: Path, rows: Mapping[int, int], limit: int | None) -> Iterator[tuple[int, Picture]]:
    """The validation photos that have labels: row of the labels, and the picture."""
    known = ((rows[number], rgb) for number, rgb in photos(data, "val") if number in rows)
    return islice(known, limit)


def measure_fairface(
    model: Model, data: Path, limit: int | None = None, mediapipe_python: Path | None = None
) -> dict[str, Any]:
    """NME-68 and NME-51 in per cent on `fairface-val`, against MediaPipe's pseudo-landmarks.

    Two starts: "fixed_box" is the same box for every photo, the median over the training photos' landmarks; "detected"
    is the detector's box in the photo as it is; photos without one are counted apart.

    Args:
        model: to measure.
        data: the data's folder.
        limit: only so many photos.
        mediapipe_python: a Python that has MediaPipe, which made the labels: run again on the mirrored photos it shows
            the labels' own noise.

    Returns:
        "photos"; for each start "not_detected" and the groups "all", "by_yaw_degrees", "by_age", "by_race", "by_gender"
        with NME-68 and NME-51 (estimates); "labels_noise", the same groups, where MediaPipe is
        given.
    """
    labels = read_labels(data, "val")
    rows = {int(number): row for row, number in enumerate(labels.ids)}
    rest = model.base_head.landmarks(model.base_head.vertices)
    fixed = nominal_fairface_box(data)
    total = min(limit or len(rows), len(rows))
    true = labels.landmarks[:, list(IBUG_68)].astype(np.float64)
    counted = points_inside(true, PHOTO_SIDE, PHOTO_SIDE)

    def errors_of(item: tuple[int, Picture]) -> tuple[int, FloatArray]:
        row, rgb = item
        given = box_of_points(true[row])
        found = next((box for box in find_faces(rgb) if same_face(box, given)), None)
        errors = np.full((len(STARTS), 2), np.nan)
        for start, box in enumerate((fixed, found)):
            if box is not None:
                predicted = model.reconstruct(rgb, box=box).landmarks_px
                errors[start] = mean_errors(normalised_errors(predicted, true[row]), counted[row])
        return row, errors

    measured = list(for_each(errors_of, labelled_photos(data, rows, limit), total, "FairFace photos"))
    done = np.array([row for row, _ in measured], int)
    errors = np.array([error for _, error in measured])  # (N, starts, 2)
    yaw = np.array([bin_of_yaw(yaw_of_landmarks(rest, points)) for points in true[done]])
    groups = {
        "by_yaw_degrees": (yaw, [bin_of_yaw(low) for low in BINS_DEGREES[:-1]]),
        "by_age": (labels.age[done], list(AGES)),
        **{f"by_{name}": (of[done], sorted(set(of.tolist()))) for name, of in read_groups(data, "val").items()},
    }
    result: dict[str, Any] = {"photos": len(done), "fixed_box": [fixed.x, fixed.y, fixed.w, fixed.h]}
    for start, name in enumerate(STARTS):
        result[name] = grouped(errors[:, start], groups)
        result[name]["not_detected"] = int(np.isnan(errors[:, start]).all(1).sum())
    both = np.isfinite(errors).all((1, 2))
    result["fixed_box_where_detected"] = grouped(errors[both, 0], {})["all"] if both.any() else None
    if mediapipe_python is not None:
        pictures = np.stack([rgb for _, rgb in labelled_photos(data, rows, limit)])
        mirrored, version = landmarks_by_mediapipe(mediapipe_python, pictures, BORDER, mirrored=True)
        noise = np.array(
            [
                mean_errors(normalised_errors(points, true[row]), counted[row])
                if np.isfinite(points).all()
                else (np.nan, np.nan)
                for points, row in zip(mirrored, done, strict=True)
            ]
        )
        result["mediapipe_version"] = version
        result["labels_noise"] = grouped(noise, groups)
        result["labels_noise"]["not_detected"] = int(np.isnan(noise).all(1).sum())
    return result


def grouped(errors: FloatArray, groups: Mapping[str, tuple[NDArray[Any], list[str]]]) -> dict[str, Any]:
    """Estimates of NME-68 and NME-51 over all photos and over each group; photos without an error (NaN) do not count.

    Args:
        errors: (N, 2), as shares of the face box.
        groups: name to each photo's group (N,) and the groups in their order; empty ones are left out.

    Returns:
        "all", and by the groups' names: "photos", "nme_68_percent", "nme_51_percent", and for a group
        "nme_51_minus_others_percent", how far its NME-51 lies above that of all other photos.
    """
    result: dict[str, Any] = {"all": _summary(errors)}
    for name, (member, order) in groups.items():
        result[name] = {}
        for group in order:
            inside = member == group
            if inside.any():
                beside = _minus_others(errors[:, 1], inside)
                result[name][group] = {**_summary(errors[inside]), "nme_51_minus_others_percent": beside}
    return result


def _summary(errors: FloatArray) -> dict[str, Any]:
    names = ("nme_68_percent", "nme_51_percent")
    kept = [100 * column[np.isfinite(column)] for column in errors.T]
    return {
        "photos": int(np.isfinite(errors).any(1).sum()),
        **{
            name: mean(values, np.arange(len(values))).to_json() if len(values) else None
            for name, values in zip(names, kept, strict=True)
        },
    }


def _minus_others(errors: FloatArray, inside: NDArray[np.bool_]) -> dict[str, Any] | None:
    """The mean of a group's errors (N,) minus that of everybody else, in per cent; both are resampled together."""
    known = np.isfinite(errors)
    values, inside = 100 * errors[known], inside[known]
    if inside.sum() < LEAST_PEOPLE or (~inside).sum() < LEAST_PEOPLE:
        return None
    columns = np.stack([values * inside, inside, values * ~inside, ~inside], -1)
    people = np.arange(len(values))
    return estimate(columns, people, lambda sums: sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3]).to_json()
