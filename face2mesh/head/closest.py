"""The places of triangles that are nearest to points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def closest_on_triangles(points: Array, a: Array, b: Array, c: Array) -> Array:
    """Barycentric weights of the closest point of each triangle to each point.

    The plane's projection where it falls inside, else the nearest point of the three edges.

    Args:
        points: (…, 3).
        a: (…, 3) first corners; b, c alike.

    Returns:
        (…, 3) weights, at least 0, summing to 1.
    """
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d20, d21 = _dot(ap, ab), _dot(ap, ac)
    determinant = d00 * d11 - d01 * d01
    safe = np.where(determinant > 1e-18, determinant, 1.0)
    v = (d11 * d20 - d01 * d21) / safe
    w = (d00 * d21 - d01 * d20) / safe
    inside = (determinant > 1e-18) & (v >= 0) & (w >= 0) & (v + w <= 1)

    best = np.stack([1 - v - w, v, w], -1)
    best_square = np.where(inside, 0.0, np.inf)
    corners = (a, b, c)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[first], corners[second] - corners[first]
        length = _dot(along, along)
        t = np.clip(_dot(points - start, along) / np.where(length > 0, length, 1.0), 0, 1)
        square = ((points - start - t[..., None] * along) ** 2).sum(-1)
        weights = np.zeros_like(best)
        weights[..., first], weights[..., second] = 1 - t, t
        closer = square < best_square
        best = np.where(closer[..., None], weights, best)
        best_square = np.where(closer, square, best_square)
    return best


def _dot(left: Array, right: Array) -> Array:
    product: Array = np.einsum("...i,...i->...", left, right)
    return product
