"""Closest points on a triangle surface, found through a k-d tree of the triangles' centres.

Letters: N query points, V vertices, T triangles, K candidate triangles a point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from face2mesh.head.closest import closest_on_triangles
from face2mesh.head.normals import triangle_normals

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class SurfacePoints:
    """Where N queries landed on a surface.

    Attributes:
        corners: (N, 3) int, vertices of each point's triangle.
        weights: (N, 3), barycentric, at least 0, rows summing to 1.
        distance: (N,), from the query, in the unit of the vertices.
        agreement: (N,), cosine between the query's normal and the triangle's; 1 where no normals were asked for.
    """

    corners: Indices
    weights: Array
    distance: Array
    agreement: Array

    def matrix(self, vertex_count: int) -> csr_matrix[Any]:
        """The (N, V) sparse matrix that interpolates values of the surface's vertices at these points."""
        rows = np.repeat(np.arange(len(self.corners)), 3)
        shape = (len(self.corners), vertex_count)
        return csr_matrix((self.weights.ravel(), (rows, self.corners.ravel())), shape=shape)


class Surface:
    """A triangle surface that answers closest-point queries.

    Args:
        vertices: (V, 3).
        triangles: (T, 3), counter-clockwise seen from outside.
        normal_weight: in the vertices' unit; how many millimetres apart two points on surfaces that face opposite ways
            seem to be (times two). 0 ignores normals.
    """

    def __init__(self, vertices: NDArray[Any], triangles: NDArray[Any], normal_weight: float = 0.0) -> None:
        self.vertices: Array = np.asarray(vertices, np.float64)
        self.triangles: Indices = np.asarray(triangles, np.int64)
        self.normal_weight = normal_weight
        facing = triangle_normals(self.vertices, self.triangles)
        area = np.linalg.norm(facing, axis=1, keepdims=True)
        self.normals: Array = facing / np.where(area > 0, area, 1)
        centres = self.vertices[self.triangles].mean(1)
        self._tree = cKDTree(np.hstack([centres, normal_weight * self.normals]))

    def closest(self, points: NDArray[Any], normals: NDArray[Any] | None = None, candidates: int = 24) -> SurfacePoints:
        """Closest points, in position alone or in position and normal together.

        Args:
            points: (N, 3).
            normals: (N, 3) unit; needed when the surface weighs normals, and reported as `agreement` in any case.
            candidates: K triangles, nearest by centre, that are tried for each point.

        Raises:
            ValueError: the surface weighs normals and none are given.
        """
        points = np.asarray(points, np.float64)
        if normals is None:
            if self.normal_weight:
                raise ValueError("this surface weighs normals: give the points' normals")
            normals = np.zeros_like(points)
        query = np.hstack([points, self.normal_weight * normals])
        _, near = self._tree.query(query, k=min(candidates, len(self.triangles)))
        near = near.reshape(len(points), -1)
        corners = self.vertices[self.triangles[near]]  # (N, K, 3, 3)
        weights, square = closest_on_triangles(points[:, None], corners[:, :, 0], corners[:, :, 1], corners[:, :, 2])
        agreement = np.einsum("nkc,nc->nk", self.normals[near], normals)
        # |n - m|² = 2 - 2 n·m for unit vectors: the same metric as the tree's.
        cost = square + 2 * self.normal_weight**2 * (1 - agreement)
        best = cost.argmin(1)
        row = np.arange(len(points))
        return SurfacePoints(
            corners=self.triangles[near[row, best]],
            weights=weights[row, best],
            distance=np.sqrt(square[row, best]),
            agreement=agreement[row, best] if normals.any() else np.ones(len(points)),
        )
