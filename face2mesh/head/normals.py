"""Normals of triangles and vertices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]


def triangle_normals(vertices: Floats, triangles: Indices) -> Floats:
    """Normals of triangles, as long as twice the area, out of the side from which they are counter-clockwise.

    Args:
        vertices: (V, 3), mm.
        triangles: (T, 3).

    Returns:
        (T, 3), mm², of the vertices' type.
    """
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    along, across = b - a, c - a
    normals = np.empty_like(along)
    for axis in range(3):
        second, third = (axis + 1) % 3, (axis + 2) % 3
        normals[:, axis] = along[:, second] * across[:, third] - along[:, third] * across[:, second]
    return normals


def vertex_normals(vertices: Floats, triangles: Indices) -> Floats:
    """Unit normals at vertices: the area-weighted mean of the triangles around each.

    Args:
        vertices: (V, 3), mm.
        triangles: (T, 3), counter-clockwise seen from outside.

    Returns:
        (V, 3), of the vertices' type; zero for a vertex without area around it.
    """
    faces = triangle_normals(vertices, triangles)
    corners = triangles.ravel(order="F")
    sums = np.stack(
        [np.bincount(corners, np.tile(faces[:, axis], 3), minlength=len(vertices)) for axis in range(3)], axis=1
    )
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    normals: Floats = (sums / np.where(lengths > 0, lengths, 1)).astype(vertices.dtype, copy=False)
    return normals


def vertex_areas(vertices: Floats, triangles: Indices) -> NDArray[np.float64]:
    """(V,), how much surface each vertex stands for: a third of the triangles around it, mm²."""
    areas = np.linalg.norm(triangle_normals(vertices, triangles), axis=1) / 6
    sums: NDArray[np.float64] = np.bincount(
        triangles.ravel(order="F"), np.tile(areas, 3), minlength=len(vertices)
    ).astype(np.float64)
    return sums
