"""A scan as a clean triangle surface.

Letters: V vertices, T triangles, N points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components

from face2mesh.errors import InputFileError
from face2mesh.head.alignment import Similarity
from face2mesh.head.normals import triangle_normals, vertex_areas, vertex_normals
from face2mesh.lab.base.closest import Surface, SurfacePoints

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEAST_TRIANGLES = 200
MOST_TRIANGLES = 150_000
# Pieces with a smaller share of the largest one's triangles are specks.
SPECK = 0.01
# Where the mean of the unit normals around, in rings of edges up to the distance, is shorter than the first, nothing is
# believed to be skin; where it is longer than the second, all.
UNEVEN, AROUND_MM, MOST_RINGS = (0.75, 0.93), 6.0, 4


@dataclass(frozen=True)
class Scan:
    """A surface without empty triangles, double vertices or specks.

    Attributes:
        vertices: (V, 3), in any axes and unit.
        triangles: (T, 3).
    """

    vertices: Array
    triangles: Indices

    @classmethod
    def of(cls, vertices: NDArray[Any], triangles: NDArray[Any], name: str) -> Scan:
        """Clean a mesh.

        Args:
            vertices: (V, 3).
            triangles: (T, 3).
            name: of the file, for what is said of it.

        Raises:
            InputFileError: it has no surface, or too little of one.
        """
        vertices, triangles = np.asarray(vertices, np.float64), np.asarray(triangles, np.int64)
        if not len(triangles):
            raise InputFileError(
                f"{name}: holds points without triangles; make a surface of them first (in MeshLab: Poisson)."
            )
        triangles = triangles[np.isfinite(vertices).all(1)[triangles].all(1)]
        same = _same_places(np.nan_to_num(vertices))
        triangles = same[triangles]
        distinct = (triangles != np.roll(triangles, 1, axis=1)).all(1)
        triangles = triangles[distinct]
        triangles = triangles[np.linalg.norm(triangle_normals(vertices, triangles), axis=1) > 0]
        if len(triangles):
            triangles = _without_specks(triangles, len(vertices))
        if len(triangles) > MOST_TRIANGLES:
            vertices, triangles = _thinned(vertices, triangles)
        if len(triangles) < LEAST_TRIANGLES:
            raise InputFileError(
                f"{name}: has only {len(triangles)} triangles with an area; a scan of a face needs {LEAST_TRIANGLES}."
            )
        used, inverse = np.unique(triangles, return_inverse=True)
        return cls(vertices[used], inverse.reshape(-1, 3).astype(np.int64))

    def moved(self, similarity: Similarity) -> Scan:
        """The scan elsewhere, in another unit."""
        return Scan(similarity(self.vertices), self.triangles)

    def finer(self, longest: float) -> Scan:
        """The same surface with each triangle in four, until hardly an edge is longer than this."""
        vertices, triangles = self.vertices, self.triangles
        while 4 * len(triangles) <= MOST_TRIANGLES:
            edges = np.concatenate([triangles[:, [k, (k + 1) % 3]] for k in range(3)])
            if np.quantile(np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1), 0.9) <= longest:
                break
            unique, which = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
            a, b, c = triangles.T
            ab, bc, ca = len(vertices) + which.reshape(3, -1)
            vertices = np.concatenate([vertices, vertices[unique].mean(1)])
            parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
            triangles = np.concatenate([np.stack(part, 1) for part in parts])
        return Scan(vertices, triangles)

    def part(self, kept: Mask) -> Scan:
        """The triangles whose vertices (V,) are all kept."""
        triangles = self.triangles[kept[self.triangles].all(1)]
        used, inverse = np.unique(triangles, return_inverse=True)
        return Scan(self.vertices[used], inverse.reshape(-1, 3).astype(np.int64))

    def turned_inside_out(self) -> Scan:
        """The same surface with its other side outside."""
        return Scan(self.vertices, self.triangles[:, ::-1].copy())

    @cached_property
    def border(self) -> Mask:
        """(V,) vertices at the surface's end or at a hole."""
        edges = np.concatenate([self.triangles[:, [k, (k + 1) % 3]] for k in range(3)])
        edges, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
        mask = np.zeros(len(self.vertices), np.bool_)
        mask[edges[counts == 1]] = True
        return mask

    @cached_property
    def surface(self) -> Surface:
        """For closest points."""
        return Surface(self.vertices, self.triangles)

    @cached_property
    def normals(self) -> Array:
        """(V, 3) unit."""
        return vertex_normals(self.vertices, self.triangles).astype(np.float64)

    @cached_property
    def evenness(self) -> Array:
        """(V,) 0 to 1, how alike the normals around are: hair and torn places are uneven, skin is not. Wants mm."""
        count = len(self.vertices)
        pairs = np.concatenate([self.triangles[:, [k, (k + 1) % 3]] for k in range(3)])
        graph = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        graph = graph + graph.T + diags(np.ones(count))
        share = diags(1 / np.asarray(graph.sum(1)).ravel()) @ graph
        normals: Array = self.normals
        edge = float(np.median(np.linalg.norm(self.vertices[pairs[:, 0]] - self.vertices[pairs[:, 1]], axis=1)))
        for _ in range(max(1, min(MOST_RINGS, round(AROUND_MM / edge)))):
            normals = np.asarray(share @ normals)
        low, high = UNEVEN
        even: Array = np.clip((np.linalg.norm(normals, axis=1) - low) / (high - low), 0, 1)
        return even

    def beyond(self, found: SurfacePoints, points: Array, hole: float) -> Mask:
        """(N,) whether points lie beyond the surface's end: closest to its border, and farther beside it than a hole.

        Args:
            found: the closest places.
            points: (N, 3) that asked for them.
            hole: how far beside the border still counts as on the surface, in its unit: what is missing there is small.
        """
        on_border = (found.weights * self.border[found.corners]).sum(1) > 1 - 1e-6
        corners = self.vertices[found.corners]
        apart = points - np.einsum("nk,nkc->nc", found.weights, corners)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
        beside = np.linalg.norm(apart - (apart * normal).sum(1, keepdims=True) * normal, axis=1)
        outside: Mask = on_border & (beside > hole)
        return outside

    @cached_property
    def areas(self) -> Array:
        """(V,) how much surface each vertex stands for."""
        return vertex_areas(self.vertices, self.triangles)


def _same_places(vertices: Array) -> Indices:
    """(V,) for each vertex the first one at the same place: STL repeats them, and so do texture seams."""
    _, first, which = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    return first[which.reshape(-1)]


def _without_specks(triangles: Indices, count: int) -> Indices:
    """The triangles of the larger connected pieces."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, piece = connected_components(graph, directed=False)
    sizes = np.bincount(piece[triangles[:, 0]])
    kept: Indices = triangles[sizes[piece[triangles[:, 0]]] >= SPECK * sizes.max()]
    return kept


def _thinned(vertices: Array, triangles: Indices) -> tuple[Array, Indices]:
    """A coarser surface: vertices in one cell of a grid become their mean (Rossignac and Borrel 1993)."""
    size = 1.6 * np.sqrt(np.linalg.norm(triangle_normals(vertices, triangles), axis=1).sum() / 2 / MOST_TRIANGLES)
    used = np.unique(triangles)
    cells = np.floor((vertices - vertices[used].min(0)) / size).astype(np.int64)
    _, cell = np.unique(cells[used], axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    counts = np.bincount(cell)
    means = np.stack([np.bincount(cell, vertices[used, axis]) / counts for axis in range(3)], 1)
    number = np.zeros(len(vertices), np.int64)
    number[used] = cell
    coarse = number[triangles]
    coarse = coarse[(coarse != np.roll(coarse, 1, axis=1)).all(1)]
    _, kept = np.unique(np.sort(coarse, axis=1), axis=0, return_index=True)
    return means, coarse[np.sort(kept)]
