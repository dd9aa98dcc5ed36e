"""Where points lie inside a solid that is given by a sheet of triangles, and how they get out: compiled.

A lip, a row of teeth or a tongue is a sheet that is open on one side only: upwards (an upper lip towards the nose,
upper teeth towards the gum's deep edge) or downwards. A point is inside when the ray away from the open side crosses
the sheet an odd number of times (Shimrat 1962, for polygons); its way out is the nearest point of the sheet (Ericson,
Real-Time Collision Detection, 2005, 5.1.5).

Letters: N points, V vertices, T triangles, G cells of a grid over the ground plane (x, z).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Cells of the grid over the ground plane, mm.
CELL_MM = 2.5

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@njit(cache=True, fastmath=False)
def ways_out(
    points: Array, vertices: Array, triangles: Indices, exits: Indices, upwards: bool, deepest: float, depth: Array,
    corner: Indices, weight: Array,
) -> int:  # fmt: skip
    """Find the points inside a solid, how deep they are, and the nearest places of its sheet.

    Args:
        points: (N, 3) mm.
        vertices: (V, 3) mm.
        triangles: (T, 3).
        exits: (X, 3), those of them through which a point may leave.
        upwards: whether the ray runs to +y, for a sheet that is open below; else to −y.
        deepest: mm; points deeper than that are taken for points of another solid's far side, and left alone.
        depth: (N,), gets mm to the sheet of points inside, 0 for the others.
        corner: (N,), gets the exit of the nearest place, −1 for points outside.
        weight: (N, 3), gets the barycentric weights of the nearest place.

    Returns:
        How many points are inside.
    """
    low_x, high_x, low_z, high_z = np.inf, -np.inf, np.inf, -np.inf
    for row in range(len(points)):
        low_x, high_x = min(low_x, points[row, 0]), max(high_x, points[row, 0])
        low_z, high_z = min(low_z, points[row, 2]), max(high_z, points[row, 2])
    across, along = int((high_x - low_x) / CELL_MM) + 1, int((high_z - low_z) / CELL_MM) + 1
    starts = np.zeros(across * along + 1, np.int64)
    filled = np.zeros(0, np.int64)
    # Two passes: count the triangles over each cell, then list them.
    for turn in range(2):
        if turn:
            filled = np.empty(starts[-1], np.int64)
            place = starts[:-1].copy()
        for row in range(len(triangles)):
            a, b, c = triangles[row]
            x0 = min(vertices[a, 0], vertices[b, 0], vertices[c, 0])
            x1 = max(vertices[a, 0], vertices[b, 0], vertices[c, 0])
            z0 = min(vertices[a, 2], vertices[b, 2], vertices[c, 2])
            z1 = max(vertices[a, 2], vertices[b, 2], vertices[c, 2])
            if x1 < low_x or x0 > high_x or z1 < low_z or z0 > high_z:
                continue
            for i in range(max(int((x0 - low_x) / CELL_MM), 0), min(int((x1 - low_x) / CELL_MM), across - 1) + 1):
                for k in range(max(int((z0 - low_z) / CELL_MM), 0), min(int((z1 - low_z) / CELL_MM), along - 1) + 1):
                    cell = i * along + k
                    if turn:
                        filled[place[cell]] = row
                        place[cell] += 1
                    else:
                        starts[cell + 1] += 1
        if not turn:
            starts = np.cumsum(starts)
    found = 0
    for row in range(len(points)):
        depth[row], corner[row] = 0.0, -1
        x, y, z = points[row]
        cell = int((x - low_x) / CELL_MM) * along + int((z - low_z) / CELL_MM)
        crossings = 0
        for item in filled[starts[cell] : starts[cell + 1]]:
            height = _height(x, z, vertices, triangles[item])
            if not np.isnan(height) and (height > y if upwards else height < y):
                crossings += 1
        if crossings % 2:
            _nearest(row, points, vertices, exits, deepest, depth, corner, weight)
            found += corner[row] >= 0
    return found


@njit(cache=True)
def _height(x: float, z: float, vertices: Array, triangle: Indices) -> float:
    """Where the vertical through (x, z) meets a triangle; NaN where it does not.

    Points on an edge belong to one of its two triangles only (the rasterisers' top-left rule).
    """
    a, b, c = triangle
    area = (vertices[b, 0] - vertices[a, 0]) * (vertices[c, 2] - vertices[a, 2]) - (vertices[b, 2] - vertices[a, 2]) * (
        vertices[c, 0] - vertices[a, 0]
    )
    if area == 0:
        return np.nan
    if area < 0:
        b, c = c, b
        area = -area
    total = 0.0
    for first, second, opposite in ((b, c, a), (c, a, b), (a, b, c)):
        dx, dz = vertices[second, 0] - vertices[first, 0], vertices[second, 2] - vertices[first, 2]
        share = dx * (z - vertices[first, 2]) - dz * (x - vertices[first, 0])
        if share < 0 or (share == 0 and not (dz > 0 or (dz == 0 and dx < 0))):
            return np.nan
        total += share * vertices[opposite, 1]
    height: float = total / area
    return height


@njit(cache=True)
def _nearest(
    row: int, points: Array, vertices: Array, triangles: Indices, deepest: float, depth: Array, corner: Indices,
    weight: Array,
) -> None:  # fmt: skip
    """Nearest place of a sheet within a distance of one point."""
    best = deepest**2
    for item in range(len(triangles)):
        a, b, c = triangles[item]
        apart = 0.0
        for axis in range(3):
            low = min(vertices[a, axis], vertices[b, axis], vertices[c, axis])
            high = max(vertices[a, axis], vertices[b, axis], vertices[c, axis])
            beside = max(low - points[row, axis], points[row, axis] - high, 0.0)
            apart += beside * beside
        if apart >= best:
            continue
        u, v, w, square = closest_on_triangle(points[row], vertices[a], vertices[b], vertices[c])
        if square < best:
            best = square
            depth[row], corner[row] = np.sqrt(square), item
            weight[row, 0], weight[row, 1], weight[row, 2] = u, v, w


@njit(cache=True)
def closest_on_triangle(p: Array, a: Array, b: Array, c: Array) -> tuple[float, float, float, float]:
    """Barycentric weights of the triangle's place nearest to p, and its squared distance."""
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    d1, d2 = abx * apx + aby * apy + abz * apz, acx * apx + acy * apy + acz * apz
    bpx, bpy, bpz = p[0] - b[0], p[1] - b[1], p[2] - b[2]
    d3, d4 = abx * bpx + aby * bpy + abz * bpz, acx * bpx + acy * bpy + acz * bpz
    cpx, cpy, cpz = p[0] - c[0], p[1] - c[1], p[2] - c[2]
    d5, d6 = abx * cpx + aby * cpy + abz * cpz, acx * cpx + acy * cpy + acz * cpz
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0 and d2 <= 0:
        u, v, w = 1.0, 0.0, 0.0
    elif d3 >= 0 and d4 <= d3:
        u, v, w = 0.0, 1.0, 0.0
    elif d6 >= 0 and d5 <= d6:
        u, v, w = 0.0, 0.0, 1.0
    elif vc <= 0 and d1 >= 0 and d3 <= 0:
        v = d1 / (d1 - d3)
        u, w = 1 - v, 0.0
    elif vb <= 0 and d2 >= 0 and d6 <= 0:
        w = d2 / (d2 - d6)
        u, v = 1 - w, 0.0
    elif va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        u, v = 0.0, 1 - w
    else:
        total = va + vb + vc
        v, w = vb / total, vc / total
        u = 1 - v - w
    square = 0.0
    for axis in range(3):
        beside = p[axis] - (u * a[axis] + v * b[axis] + w * c[axis])
        square += beside * beside
    return u, v, w, square


def depths(
    points: NDArray[Any], vertices: NDArray[Any], triangles: NDArray[Any], upwards: bool, deepest: float = 15.0
) -> Array:
    """(N,) mm, how deep points (N, 3) lie inside a solid; 0 outside. See `ways_out`."""
    depth, corner = np.zeros(len(points)), np.zeros(len(points), np.int64)
    sheet = np.ascontiguousarray(triangles, np.int64)
    ways_out(
        np.ascontiguousarray(points, np.float64), np.ascontiguousarray(vertices, np.float64), sheet, sheet, upwards,
        deepest, depth, corner, np.zeros((len(points), 3)),
    )  # fmt: skip
    return depth


def closest_distance(points: NDArray[Any], vertices: NDArray[Any], triangles: NDArray[Any]) -> Array:
    """(N,) mm, from points (N, 3) to the nearest place of a sheet of triangles (T, 3)."""
    distance = np.zeros(len(points))
    _distances(
        np.ascontiguousarray(points, np.float64),
        np.ascontiguousarray(vertices, np.float64),
        np.ascontiguousarray(triangles, np.int64),
        distance,
    )
    return distance


@njit(cache=True)
def _distances(points: Array, vertices: Array, triangles: Indices, distance: Array) -> None:
    corner, weight = np.zeros(len(points), np.int64), np.zeros((len(points), 3))
    for row in range(len(points)):
        _nearest(row, points, vertices, triangles, 1e6, distance, corner, weight)
