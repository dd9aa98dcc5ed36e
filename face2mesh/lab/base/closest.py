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
        weights = closest_on_triangles(points[:, None], corners[:, :, 0], corners[:, :, 1], corners[:, :, 2])
        gap = np.einsum("nki,nkic->nkc", weights, corners) - points[:, None]
        agreement = np.einsum("nkc,nc->nk", self.normals[near], normals)
        # |n - m|² = 2 - 2 n·m for unit vectors: the same metric as the tree's.
        cost = (gap**2).sum(-1) + 2 * self.normal_weight**2 * (1 - agreement)
        best = cost.argmin(1)
        row = np.arange(len(points))
        return SurfacePoints(
            corners=self.triangles[near[row, best]],
            weights=weights[row, best],
            distance=np.linalg.norm(gap[row, best], axis=1),
            agreement=agreement[row, best] if normals.any() else np.ones(len(points)),
        )
