"""What our base head knows of its surface, carried onto another template.

The two heads are laid over each other by their 68 landmarks: first a similarity, then a thin-plate spline (Duchon
1977, with φ(r) = r in space) that takes each landmark of ours to the template's. After that a vertex of the template
takes what the closest place of ours has.

Letters: S vertices of our skin, V of our head, W vertices of the template, N points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from face2mesh.head import BaseHead, Embedding
from face2mesh.head.alignment import align
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.base.closest import Surface

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]

NORMAL_WEIGHT_MM = 15.0
"""How many mm a normal at a right angle counts: an inner lip does not take from the outer one."""


@dataclass(frozen=True)
class Carrying:
    """Values at vertices of our head, at the template's.

    Attributes:
        vertices: (W, 3) int, vertices of ours around the place that is closest to each of the template's.
        weights: (W, 3), barycentric.
        distance: (W,) mm to that place.
    """

    vertices: NDArray[np.int64]
    weights: Floats
    distance: Floats

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values (V, C) or (S, C) of ours to (W, C), of their type."""
        carried: NDArray[Any] = np.einsum("wkc,wk->wc", values[self.vertices], self.weights).astype(values.dtype)
        return carried

    def mask(self, region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A region (V,) of ours as one of the template's (W,): where more than half of the place belongs to it."""
        return np.asarray((region[self.vertices] * self.weights).sum(1) > 0.5)


def warped(ours: BaseHead, landmarks: Floats) -> Floats:
    """Our head's vertices (V, 3) where its 68 landmarks lie on others (68, 3), mm."""
    own = np.asarray(ours.landmarks(ours.vertices), np.float64)
    similarity = align(own, landmarks, scaling=True)
    # A little smoothing: the landmarks of two people never mean quite the same places.
    spline = RBFInterpolator(similarity(own), landmarks, kernel="linear", smoothing=1.0, degree=1)
    moved: Floats = np.asarray(spline(similarity(ours.vertices)), np.float64)
    return moved


def carrying(ours: BaseHead, vertices: Floats, triangles: Indices, landmarks: Floats, parts: bool) -> Carrying:
    """From our head to a template's vertices.

    Args:
        ours: the packaged base head.
        vertices: (W, 3) of the template, mm, the head's frame.
        triangles: (T, 3) of it.
        landmarks: (68, 3) on it.
        parts: whether eyes, teeth and the like are places too, or only the skin.
    """
    placed = warped(ours, landmarks)
    faces = ours.triangles if parts else ours.skin_triangles
    surface = Surface(placed, np.asarray(faces, np.int64), normal_weight=NORMAL_WEIGHT_MM)
    found = surface.closest(vertices, np.asarray(vertex_normals(vertices, triangles), np.float64))
    return Carrying(found.corners, found.weights, found.distance)


def carried_points(
    ours: BaseHead, points: Embedding, vertices: Floats, triangles: Indices, landmarks: Floats
) -> Embedding:
    """Points of our surface (N) as points of a template's: the closest place once ours is laid over it.

    Args:
        ours: the packaged base head.
        points: on it.
        vertices, triangles, landmarks: of the template, see `carrying`.
    """
    placed = warped(ours, landmarks)
    normals = np.asarray(vertex_normals(placed, ours.triangles), np.float64)
    own = points(normals)
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
    surface = Surface(vertices, np.asarray(triangles, np.int64), normal_weight=NORMAL_WEIGHT_MM)
    found = surface.closest(points(placed), own)
    weights = np.clip(found.weights, 0, None)
    weights /= weights.sum(1, keepdims=True)
    return Embedding(found.corners.astype(np.int32), weights.astype(np.float32))
