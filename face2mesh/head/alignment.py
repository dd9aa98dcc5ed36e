"""Alignment of point sets with known correspondence (Umeyama 1991).

Letters: N points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """x ↦ scale · rotation · x + translation.

    Attributes:
        scale: above 0.
        rotation: (3, 3), proper.
        translation: (3,).
    """

    scale: float
    rotation: FloatArray
    translation: FloatArray

    def __call__(self, points: NDArray[Any]) -> FloatArray:
        """Points (…, 3), moved."""
        moved: FloatArray = self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.translation
        return moved


def align(source: NDArray[Any], target: NDArray[Any], scaling: bool) -> Similarity:
    """The motion of `source` onto `target` with the least sum of squared distances.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991), equations 34 to
    43: with covariance Σ = U D Vᵀ of target and source, R = U S Vᵀ where S undoes a reflection, scale = tr(D S) / σ².

    Args:
        source: (N, 3), at least three points that are not on one line.
        target: (N, 3).
        scaling: also find the scale; otherwise it is 1.

    Raises:
        ValueError: shapes differ, or all source points are the same.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise ValueError("alignment needs two arrays (N, 3) of the same shape")
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    variance = float((a**2).sum())
    if variance == 0:
        raise ValueError("alignment needs source points that differ")
    u, d, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * signs) @ vt
    scale = float((d * signs).sum() / variance) if scaling else 1.0
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


def aligned_distances(
    predicted: NDArray[Any], true: NDArray[Any], region: NDArray[np.bool_], scaling: bool
) -> FloatArray:
    """Distances in mm over a region after alignment on the same region.

    Args:
        predicted, true: (V, 3), corresponding vertices.
        region: (V,) mask; both what is aligned and what is measured.
        scaling: similarity alignment; otherwise rigid.

    Returns:
        (number of vertices of the region,).
    """
    a, b = np.asarray(predicted)[region], np.asarray(true)[region]
    distances: FloatArray = np.linalg.norm(align(a, b, scaling)(a) - b, axis=1)
    return distances
