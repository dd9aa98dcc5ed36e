"""Error against points placed by people, on the London set's people to measure on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError, PhotoError
from face2mesh.lab.evaluate.human_error import (
    HumanPoints,
    error_without_offsets,
    levelled_residuals,
    read_human_points,
)
from face2mesh.lab.evaluate.intervals import difference, mean
from face2mesh.lab.evaluate.mediapipe import landmarks_by_mediapipe
from face2mesh.lab.evaluate.parallel import for_each
from face2mesh.model import Model
from face2mesh.photo import read_photo

FloatArray = NDArray[np.float64]


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


def neutral_photo(data: Path, person: str) -> Path:
    """The file of a person's neutral photo."""
    return data / "london" / f"{person}-neutral.jpg"


def measure_london(
    model: Model, data: Path, limit: int | None = None, mediapipe_python: Path | None = None
) -> dict[str, Any]:
    """Human NME in per cent on the neutral photos of the people to measure on, by the model's own detection.

    The intervals treat the per-point offsets as known: they are fitted once, on half of the people for the other half.

    Args:
        model: to measure.
        data: the data's folder.
        limit: only so many people, at least 4.
        mediapipe_python: a Python that has MediaPipe, to measure it on the same photos.

    Returns:
        "people", "not_detected"; estimates "model", "mean_shape" (the mean head laid on the eye corners, which does not
        look) and "model_minus_mean_shape"; with MediaPipe also "mediapipe" and what it gives on mirrored photos.
    """
    people = measure_people(data)[:limit]

    def landmarks_of(person: str) -> FloatArray | None:
        try:
            return np.asarray(model.reconstruct(neutral_photo(data, person)).landmarks_px)
        except PhotoError:  # not detected: counted, not measured
            return None

    found = {
        person: landmarks
        for person, landmarks in zip(people, for_each(landmarks_of, people, len(people), "London photos"), strict=True)
        if landmarks is not None
    }
    human = read_human_points(data / "london", list(found))
    errors = {
        "model": _errors(np.array(list(found.values())), human),
        "mean_shape": _errors(_mean_face(model, human.corners), human),
    }
    result: dict[str, Any] = {"people": len(found), "not_detected": len(people) - len(found)}
    if mediapipe_python is not None:
        pictures = np.stack([read_photo(neutral_photo(data, person)).rgb for person in found])
        runs = {}
        for name, mirrored in (("mediapipe", False), ("mediapipe_mirrored", True)):
            runs[name], version = landmarks_by_mediapipe(mediapipe_python, pictures, mirrored=mirrored)
            result["mediapipe_version"] = version
        missed = np.isnan(list(runs.values())).any((0, 2, 3))
        result["mediapipe_not_detected"] = int(missed.sum())
        if not missed.any():
            errors |= {name: _errors(points, human) for name, points in runs.items()}
            apart = np.linalg.norm(runs["mediapipe"] - runs["mediapipe_mirrored"], axis=-1)[:, list(human.core)]
            errors["mediapipe_against_its_mirrored_run"] = apart.mean(1) / human.box
    rows = np.arange(len(found))
    estimates = {f"{name}_percent": mean(100 * values, rows) for name, values in errors.items()}
    for other in ("mean_shape", "mediapipe"):
        if other in errors:
            estimates[f"model_minus_{other}_percent"] = difference(100 * errors["model"], 100 * errors[other], rows)
    return {**result, **{name: value.to_json() for name, value in estimates.items()}}


def _errors(landmarks: FloatArray, human: HumanPoints) -> FloatArray:
    """(N,) human errors of landmarks (N, 68, 2), offsets removed, as shares of the box."""
    return error_without_offsets(levelled_residuals(landmarks, human))


def _mean_face(model: Model, corners: NDArray[Any]) -> FloatArray:
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
