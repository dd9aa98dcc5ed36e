"""The places of triangles that are nearest to points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FLAT = 1e-12
"""A triangle whose sine squared at the first corner is at most this has no area: rounding would decide."""


def closest_on_triangles(
    points: NDArray[Any], a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]
) -> tuple[Array, Array]:
    """The closest place of each triangle to each point, by the region of its plane that the point is over.

    (Ericson, Real-Time Collision Detection, 2005, 5.1.5.) A triangle without area is its longest edge.

    Args:
        points: (…, 3).
        a: (…, 3) first corners; b, c alike.

    Returns:
        Barycentric weights (…, 3), at least 0, summing to 1; and squared distances (…).
    """
    ab, ac, ap = b - a, c - a, points - a
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    bb, cc, bc = _dot(ab, ab), _dot(ac, ac), _dot(ab, ac)
    d3, d4, d5, d6 = d1 - bb, d2 - bc, d1 - bc, d2 - cc
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    total = va + vb + vc
    flat = bb * cc - bc * bc <= _FLAT * bb * cc
    with np.errstate(divide="ignore", invalid="ignore"):
        v, w = vb / total, vc / total
        on_ab, on_ac = d1 / (d1 - d3), d2 / (d2 - d6)
        on_bc = (d4 - d3) / ((d4 - d3) + (d5 - d6))
    # Of edges without length nothing is asked.
    regions = [
        (d1 <= 0) & (d2 <= 0),
        (d3 >= 0) & (d4 <= d3),
        (d6 >= 0) & (d5 <= d6),
        ((vc <= 0) | flat) & (d1 >= 0) & (d3 <= 0) & (bb > 0),
        ((vb <= 0) | flat) & (d2 >= 0) & (d6 <= 0) & (cc > 0),
        ((va <= 0) | flat) & (d4 >= d3) & (d5 >= d6),
    ]
    zero, one = np.zeros_like(v), np.ones_like(v)
    v = np.select(regions, [zero, one, zero, on_ab, zero, 1 - on_bc], v)
    w = np.select(regions, [zero, zero, one, zero, on_ac, on_bc], w)
    away = ap - v[..., None] * ab - w[..., None] * ac
    return np.stack([np.maximum(1 - v - w, 0), v, w], -1), _dot(away, away)


def _dot(one: Array, other: Array) -> Array:
    product: Array = np.einsum("...c,...c->...", one, other)
    return product
