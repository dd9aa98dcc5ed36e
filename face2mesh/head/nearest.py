"""Closest places of a surface of a few thousand vertices, by comparing everything with everything.

SciPy, which has trees, is no part of the runtime. A block of distances is one matrix product, which a processor does
best: 3,000 points against 4,000 vertices take less than a tenth of a second.

Letters: N points, V vertices, T triangles, K triangles around a vertex.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.closest import closest_on_triangles

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_BLOCK = 1024


def nearest(points: NDArray[Any], among: NDArray[Any]) -> Indices:
    """(N,), for each of the points (N, D) the index of the nearest one among others (V, D)."""
    # |p − v|² = |p|² − 2 p·v + |v|²; the first does not depend on v. Centred first, for the sake of single precision.
    middle = np.asarray(among, np.float64).mean(0)
    there = (among - middle).astype(np.float32)
    here = (points - middle).astype(np.float32)
    half = (there**2).sum(1) / 2
    found = np.empty(len(here), np.int64)
    for row in range(0, len(here), _BLOCK):
        found[row : row + _BLOCK] = (half - here[row : row + _BLOCK] @ there.T).argmin(1)
    return found


def triangles_around(triangles: NDArray[Any], count: int) -> Indices:
    """(V, K), the triangles at each of `count` vertices; rows that have fewer repeat their first; none: triangle 0."""
    corner = np.asarray(triangles).ravel()
    order = np.argsort(corner, kind="stable")
    degrees = np.bincount(corner, minlength=count)
    place = np.arange(len(corner)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    table = np.zeros((count, max(int(degrees.max(initial=1)), 1)), np.int64)
    firsts = order[np.minimum(np.cumsum(degrees) - degrees, len(order) - 1)] // 3
    table[:] = np.where(degrees > 0, firsts, 0)[:, None]
    table[corner[order], place] = order // 3
    return table


@dataclass(frozen=True)
class Places:
    """Where N points landed on a surface.

    Attributes:
        triangle: (N,), of the surface.
        shares: (N, 3), barycentric weights of the triangle's corners.
        places: (N, 3).
        distances: (N,), from the point.
    """

    triangle: Indices
    shares: Array
    places: Array
    distances: Array


class NearSurface:
    """Closest places on surfaces of one topology: the nearest vertex first, then the triangles around it.

    That is the closest place of all where the surface is as smooth as its vertices are dense; elsewhere it may miss by
    a part of a triangle's side.
    """

    def __init__(self, triangles: NDArray[Any], count: int) -> None:
        """Take triangles (T, 3) of `count` vertices; those of no triangle are never found."""
        self.triangles: Indices = np.asarray(triangles, np.int64)
        self._around = triangles_around(self.triangles, count)
        self._vertices = np.unique(self.triangles)

    def closest(self, points: NDArray[Any], vertices: NDArray[Any]) -> Places:
        """Where points (N, 3) land on the surface of vertices (V, 3)."""
        points, vertices = np.asarray(points, np.float64), np.asarray(vertices, np.float64)
        at = self._vertices[nearest(points, vertices[self._vertices])]
        near = self._around[at]
        corners = vertices[self.triangles[near]]  # (N, K, 3, 3)
        shares, square = closest_on_triangles(points[:, None], corners[:, :, 0], corners[:, :, 1], corners[:, :, 2])
        row, best = np.arange(len(points)), square.argmin(1)
        chosen = shares[row, best]
        places = np.einsum("ni,nic->nc", chosen, corners[row, best])
        return Places(near[row, best], chosen, places, np.sqrt(square[row, best]))
