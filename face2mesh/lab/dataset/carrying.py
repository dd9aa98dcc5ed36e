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

SMOOTHING = 1.0
"""Of the spline, mm."""


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


def warped(vertices: Floats, ours: Floats, theirs: Floats) -> Floats:
    """Our head's vertices (V, 3) where places of ours (N, 3) lie on places of theirs (N, 3), mm."""
    similarity = align(ours, theirs, scaling=True)
    # Two landmarks at one place make no spline.
    _, first = np.unique(np.round(ours, 3), axis=0, return_index=True)
    # A little smoothing: the landmarks of two people never mean quite the same places.
    spline = RBFInterpolator(similarity(ours[first]), theirs[first], kernel="linear", smoothing=SMOOTHING, degree=1)
    moved: Floats = np.asarray(spline(similarity(vertices)), np.float64)
    return moved


def laid_over(ours: BaseHead, landmarks: Floats) -> Floats:
    """Our head's vertices (V, 3) where its 68 landmarks lie on others (68, 3), mm."""
    own = np.asarray(ours.landmarks(ours.vertices), np.float64)
    return warped(np.asarray(ours.vertices, np.float64), own, landmarks)


def carrying(ours: BaseHead, laid: Floats, vertices: NDArray[Any], triangles: Indices, parts: bool) -> Carrying:
    """From our head to a template's vertices.

    Args:
        ours: the packaged base head.
        laid: (V, 3), its vertices laid over the template.
        vertices: (W, 3) of the template, mm, the head's frame.
        triangles: (T, 3) of it.
        parts: whether eyes, teeth and the like are places too, or only the skin.
    """
    faces = ours.triangles if parts else ours.skin_triangles
    surface = Surface(laid, np.asarray(faces, np.int64), normal_weight=NORMAL_WEIGHT_MM)
    found = surface.closest(vertices, np.asarray(vertex_normals(vertices, triangles), np.float64))
    return Carrying(found.corners, found.weights, found.distance)


def carried_points(ours: BaseHead, laid: Floats, vertices: NDArray[Any], triangles: Indices) -> Embedding:
    """Our dense points as points of a template's surface: the closest place once ours is laid over it.

    Args:
        ours, laid, vertices, triangles: see `carrying`.
    """
    own = ours.dense(np.asarray(vertex_normals(laid, ours.triangles), np.float64))
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
    surface = Surface(np.asarray(vertices, np.float64), np.asarray(triangles, np.int64), normal_weight=NORMAL_WEIGHT_MM)
    found = surface.closest(ours.dense(laid), own)
    weights = np.clip(found.weights, 0, None)
    weights /= weights.sum(1, keepdims=True)
    return Embedding(found.corners.astype(np.int32), weights.astype(np.float32))
