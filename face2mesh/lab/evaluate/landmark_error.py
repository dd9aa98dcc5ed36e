"""Normalised mean error of 68 landmarks.

NME: the mean distance of the points, divided by √(w·h) of the given points' bounding box. Letters: N photos, K points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

JAW = 17
"""The first 17 of the 68 points; NME-51 leaves them out."""

FloatArray = NDArray[np.float64]


def box_size(points: NDArray[Any]) -> float:
    """√(w·h) of the bounding box of points (K, 2)."""
    extent = np.ptp(np.asarray(points, np.float64), axis=0)
    return float(np.sqrt(extent[0] * extent[1]))


def points_inside(points: NDArray[Any], width: int, height: int) -> NDArray[np.bool_]:
    """(…, K), which points (…, K, 2) lie in a picture of this size."""
    points = np.asarray(points)
    return np.asarray(((points >= 0) & (points <= (width, height))).all(-1))


def normalised_errors(predicted: NDArray[Any], true: NDArray[Any]) -> FloatArray:
    """(68,), each point's distance over √(w·h) of the box of all 68 true points, which may leave the picture."""
    distances = np.linalg.norm(np.asarray(predicted, np.float64) - np.asarray(true, np.float64), axis=-1)
    result: FloatArray = distances / box_size(true)
    return result


def mean_errors(errors: NDArray[Any], counted: NDArray[np.bool_]) -> tuple[float, float]:
    """NME-68 and NME-51 of one photo: means over its counted points; NaN where none counts.

    Args:
        errors: (68,), what `normalised_errors` gave.
        counted: (68,), points in the picture.
    """

    def mean(values: NDArray[Any], mask: NDArray[np.bool_]) -> float:
        return float(values[mask].mean()) if mask.any() else float("nan")

    return mean(errors, counted), mean(errors[JAW:], counted[JAW:])
