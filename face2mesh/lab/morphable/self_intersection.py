"""Triangles of a mesh that pass through each other: compiled.

Two triangles without a common vertex intersect if an edge of one passes through the other (Möller 1997 has the same
test in fewer steps); sheets that only touch, or that lie in one plane, do not count. Boxes that do not overlap are left
out beforehand by sorting them along one axis and sweeping (Baraff 1992).

Letters: V vertices, T triangles, P pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def intersecting_pairs(vertices: NDArray[Any], triangles: NDArray[Any]) -> Indices:
    """(P, 2), pairs of triangles (T, 3) of vertices (V, 3) that pass through each other, the lower number first."""
    points, corners = np.ascontiguousarray(vertices, np.float64), np.ascontiguousarray(triangles, np.int64)
    low, high = points[corners].min(1), points[corners].max(1)
    order = np.argsort(low[:, 0], kind="stable")
    found = np.empty((4 * len(corners) + 16, 2), np.int64)
    count = _sweep(points, corners, low, high, order, found)
    if count > len(found):
        found = np.empty((count, 2), np.int64)
        _sweep(points, corners, low, high, order, found)
    pairs = np.sort(found[:count], axis=1)
    return pairs[np.lexsort(pairs.T[::-1])]


def intersecting_triangles(vertices: NDArray[Any], triangles: NDArray[Any]) -> Indices:
    """(K,), which of the triangles (T, 3) of vertices (V, 3) pass through others, ascending."""
    return np.unique(intersecting_pairs(vertices, triangles))


@njit(cache=True)
def _sweep(points: Array, corners: Indices, low: Array, high: Array, order: Indices, found: Indices) -> int:
    """Write the pairs, as many as fit, and say how many there are."""
    count = 0
    for place in range(len(order)):
        first = order[place]
        for later in range(place + 1, len(order)):
            second = order[later]
            if low[second, 0] > high[first, 0]:
                break
            if (
                low[second, 1] > high[first, 1]
                or low[first, 1] > high[second, 1]
                or low[second, 2] > high[first, 2]
                or low[first, 2] > high[second, 2]
                or _share(corners[first], corners[second])
            ):
                continue
            if _cross(points, corners[first], corners[second]) or _cross(points, corners[second], corners[first]):
                if count < len(found):
                    found[count, 0], found[count, 1] = first, second
                count += 1
    return count


@njit(cache=True)
def _share(first: Indices, second: Indices) -> bool:
    for a in first:
        for b in second:
            if a == b:
                return True
    return False


@njit(cache=True)
def _volume(a: Array, b: Array, c: Array, d: Array) -> float:
    """Six times the signed volume of a tetrahedron."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    volume: float = ux * (vy * wz - vz * wy) - uy * (vx * wz - vz * wx) + uz * (vx * wy - vy * wx)
    return volume


@njit(cache=True)
def _cross(points: Array, edges: Indices, triangle: Indices) -> bool:
    """Whether an edge of one triangle passes through the inside of another."""
    a, b, c = points[triangle[0]], points[triangle[1]], points[triangle[2]]
    for i in range(3):
        start, end = points[edges[i]], points[edges[(i + 1) % 3]]
        above, below = _volume(a, b, c, start), _volume(a, b, c, end)
        if above * below >= 0:
            continue
        one, two, three = _volume(start, end, a, b), _volume(start, end, b, c), _volume(start, end, c, a)
        if (one > 0 and two > 0 and three > 0) or (one < 0 and two < 0 and three < 0):
            return True
    return False
