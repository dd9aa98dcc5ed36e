"""What `face2mesh.model.fusion` rests on: how the heads of one person's photos differ, on people chosen for this alone.

Letters: P people, K pictures of each, R vertices of the region.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.face import Face
from face2mesh.lab.evaluate.intervals import Estimate, estimate
from face2mesh.lab.evaluate.parallel import for_each
from face2mesh.lab.evaluate.vertex_error import REGION, nominal_box
from face2mesh.lab.pairs import read_pairs
from face2mesh.model import Model

FloatArray = NDArray[np.float64]


def measure_fusion(model: Model, rendered: Path, limit: int | None = None) -> dict[str, Any]:
    """What the model's `FLOOR` and `AGREEMENT` should be.

    Args:
        model: its single photos' heads are compared.
        rendered: `rendered-same-person-validation.npz`: other people than those on whom the gain is reported.
        limit: only so many people.

    Returns:
        "people", "pictures_of_each", and as estimates "floor" and "agreement", see `constants`.

    Raises:
        InputFileError: the file is missing or does not fit.
    """
    by_person = faces_by_person(model, read_people(rendered), limit)
    found = constants(by_person, model.base_head.vertices, model.base_head.regions[REGION])
    return {
        "people": len(by_person),
        "pictures_of_each": len(by_person[0]),
        **{name: value.to_json() for name, value in found.items()},
    }


def read_people(rendered: Path) -> dict[str, NDArray[Any]]:
    """Rendered pairs of which each person has as many pictures, one after the other.

    Raises:
        InputFileError: they are otherwise, or the file is missing or damaged.
    """
    pairs = read_pairs(rendered)
    person = pairs["person"]
    if np.bincount(person).min() < 2 or np.ptp(np.bincount(person)) or not np.all(np.diff(person) >= 0):
        raise InputFileError(f"{rendered}: does not fit; make it again with `face2mesh lab pairs same-person`.")
    return pairs


def faces_by_person(model: Model, pairs: dict[str, NDArray[Any]], limit: int | None = None) -> list[list[Face]]:
    """Neutral heads of the single pictures of `read_people`: K for each of the first `limit` of P people."""
    each = int(np.bincount(pairs["person"])[0])
    crops = pairs["crop"][: limit * each if limit else None]

    def reconstructed(crop: NDArray[np.uint8]) -> Face:
        return model.reconstruct(crop, box=nominal_box(crop.shape[1])).neutral()

    faces = list(for_each(reconstructed, crops, len(crops), "pictures of the same people"))
    return [faces[first : first + each] for first in range(0, len(faces), each)]


def constants(by_person: list[list[Face]], rest: NDArray[Any], region: NDArray[np.bool_]) -> dict[str, Estimate]:
    """ "floor" and "agreement" of `face2mesh.model.fusion`, with intervals over people.

    Heads are those of the single photos, as displacements from the mean head, their size with them. Where photo k of a
    person errs by a variance a + b · σ² of its own, its head lies |h − h̄|² from the mean of the person's K heads, in
    expectation (1 − 1/K)² (a + b σ²) of its own and 1/K² of each of the others': a and b by least squares; the floor is
    √(a/b), not a number where b is not above 0. The agreement is 1 − the variance of their own over the mean square of
    the displacements.

    Args:
        by_person: P × K neutral faces.
        rest: (V, 3), the mean head, mm.
        region: (V,), where heads are compared.
    """
    placed = np.array([[face.vertices[region] - rest[region] for face in own] for own in by_person])  # (P, K, R, 3)
    people, count = placed.shape[:2]
    apart = ((placed - placed.mean(1, keepdims=True)) ** 2).sum(3).mean(2)
    whole = (placed**2).sum(3).mean(2)
    squares = np.array([[_deviation(face) ** 2 for face in own] for own in by_person])
    once = np.full_like(squares, 1 - 1 / count)
    slopes = (1 - 1 / count) ** 2 * squares + (squares.sum(1, keepdims=True) - squares) / count**2

    def floor(sums: FloatArray) -> FloatArray:
        """From the sums of the normal equations: √(a/b)."""
        oo, os, ss, oy, sy = (sums[..., i] for i in range(5))
        constant, slope = oy * ss - sy * os, oo * sy - os * oy  # both times the determinant, which is above 0
        ratio: FloatArray = np.sqrt(np.maximum(constant, 0) / np.where(slope > 0, slope, np.nan))
        return ratio

    def agreement(sums: FloatArray) -> FloatArray:
        ratio: FloatArray = 1 - sums[..., 0] / sums[..., 1] * (count / (count - 1))
        return ratio

    person = np.repeat(np.arange(people), count)
    equations = [once * once, once * slopes, slopes * slopes, once * apart, slopes * apart]
    return {
        "floor": estimate(np.stack([values.ravel() for values in equations], 1), person, floor),
        "agreement": estimate(np.stack([apart.ravel(), whole.ravel()], 1), person, agreement),
    }


def _deviation(face: Face) -> float:
    """Root mean square of the landmarks' expected deviations, in sides of the face box."""
    if face.landmark_sigma_px is None:
        return float("nan")
    return float(np.sqrt((face.landmark_sigma_px.astype(np.float64) ** 2).mean())) / face.face_box.side
