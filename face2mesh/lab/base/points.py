"""Where MediaPipe's 468 points lie on the base head: marks on renderings, brought together in space, set on the skin.

MediaPipe's own bias on renderings is taken off by the mean offset of each point in fits to labelled photos, where there
are any (`photo-pairs.npz`, `shift`). Symmetric to the last digit: the left half decides.

Letters: M pictures, N = 468 points, S skin vertices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from face2mesh.head.embedding import Embedding
from face2mesh.lab.base.closest import Surface
from face2mesh.lab.base.topology import Anatomy, Submesh

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

# MediaPipe's points in the middle plane, and those that may lie on one lip or lid only.
# fmt: off
MIDDLE = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
)
UPPER_LIP = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 76, 184, 74, 73,
    72, 11, 302, 303, 304, 408, 306, 62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292,
)
LOWER_LIP = (
    146, 91, 181, 84, 17, 314, 405, 321, 375, 95, 88, 178, 87, 14, 317, 402, 318, 324, 77, 90, 180, 85, 16, 315, 404,
    320, 307, 96, 89, 179, 86, 15, 316, 403, 319, 325,
)
UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133, 398, 384, 385, 386, 387, 388, 466, 263, 362)
LOWER_LID = (7, 163, 144, 145, 153, 154, 155, 382, 381, 380, 374, 373, 390, 249)
# fmt: on


@dataclass(frozen=True)
class Marked:
    """One rendering with its marks.

    Attributes:
        marks: (N, 2) pixels.
        focal: (2,) pixels, fx and fy.
        centre: (2,) pixels, cx and cy.
        rotation: (3, 3), head to camera axes.
        translation: (3,) mm.
    """

    marks: Floats
    focal: Floats
    centre: Floats
    rotation: Floats
    translation: Floats


def in_space(pictures: Sequence[Marked]) -> Floats:
    """(N, 3) mm, where the marks' rays meet in the least squares sense (Hartley and Zisserman, 12.2)."""
    count = len(pictures[0].marks)
    normal, right = np.zeros((count, 3, 3)), np.zeros((count, 3))
    for picture in pictures:
        for axis in (0, 1):
            slope = (picture.marks[:, axis] - picture.centre[axis]) / picture.focal[axis]
            rows = picture.rotation[axis] - slope[:, None] * picture.rotation[2]
            values = slope * picture.translation[2] - picture.translation[axis]
            normal += rows[:, :, None] * rows[:, None]
            right += rows * values[:, None]
    points: Floats = np.linalg.solve(normal, right[..., None])[..., 0].astype(np.float64)
    return points


def mirror_of(points: Floats, middle: Sequence[int] = MIDDLE) -> Indices:
    """(N,) which point is the mirror image of which: the pairing of left with right of least squares."""
    partner = np.arange(len(points))
    sided = np.setdiff1d(partner, middle)
    order = sided[np.argsort(points[sided, 0])]
    right, left = order[: len(order) // 2], order[len(order) // 2 :]
    cost = ((points[right, None] * (-1.0, 1.0, 1.0) - points[None, left]) ** 2).sum(axis=-1)
    rows, columns = linear_sum_assignment(cost)
    partner[right[rows]], partner[left[columns]] = left[columns], right[rows]
    return partner


def forbidden(anatomy: Anatomy) -> list[tuple[tuple[int, ...], Mask]]:
    """Groups of points, and the skin (S,) on which none of a group may lie; points in no group: the last mask."""
    masks = anatomy.masks

    def any_of(*names: str) -> Mask:
        chosen: Mask = np.any([masks[name] for name in names], axis=0)
        return chosen

    sides = ("left", "right")
    hidden = any_of(
        "mouth_cavity",
        *(f"{part}_{side}" for part in ("eye_cavity", "nostril", "lid_margin", "lid_margin_back") for side in sides),
    )
    upper, lower = (any_of(*(f"lid_{lid}_{side}" for side in sides)) for lid in ("upper", "lower"))
    return [
        (UPPER_LIP, hidden | masks["lip_lower"]),
        (LOWER_LIP, hidden | masks["lip_upper"]),
        (UPPER_LID, hidden | (lower & ~upper)),
        (LOWER_LID, hidden | (upper & ~lower)),
        ((), hidden),
    ]


def on_skin(points: Floats, vertices: Floats, triangles: Indices, skin: Submesh, anatomy: Anatomy) -> Embedding:
    """The points' closest places on like regions of the skin, exactly symmetric.

    Args:
        points: (N, 3) mm, MediaPipe's, in the head's frame.
        vertices: (S, 3) mm, the skin.
        triangles: (T, 3) of the skin, split symmetrically.
        skin: its topology.
        anatomy: of the skin.
    """
    twin = mirror_of(points)
    points = (points + points[twin] * (-1.0, 1.0, 1.0)) / 2
    corners, weights = np.zeros((len(points), 3), np.int64), np.zeros((len(points), 3))
    rest = np.ones(len(points), np.bool_)
    for group, never in forbidden(anatomy):
        here = np.array(group) if group else np.flatnonzero(rest)
        rest[here] = False
        found = Surface(vertices, triangles[~never[triangles].any(axis=1)]).closest(points[here])
        corners[here], weights[here] = found.corners, found.weights
    for point, other in enumerate(twin.tolist()):
        if point == other:  # in the middle plane only its vertices count
            weights[point] = np.where(skin.mirror[corners[point]] == corners[point], weights[point], 0)
        elif points[point, 0] < 0:
            corners[point], weights[point] = skin.mirror[corners[other]], weights[other]
    weights /= weights.sum(axis=1, keepdims=True)
    return Embedding(corners.astype(np.int32), weights.astype(np.float32))
