"""Where the face of a scan is: our detector and encoder look at pictures of it from all sides.

A find in a picture gives 468 points, which are lifted to the surface and compared with the model's own by a similarity.
A face seen from behind, through its back, looks like one too; but its points are the mirror image of a face, and no
similarity brings them together.

Letters: V vertices, T triangles, N = 468 dense points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.views import View
from face2mesh.head.alignment import Similarity, align
from face2mesh.lab.registration.views import Seen, directions, look, looking_along
from face2mesh.model import Model
from face2mesh.photo import Box, find_faces

Array = NDArray[np.float64]
Indices = NDArray[np.integer[Any]]

SEARCH_PX, FINE_PX = 192, 448
SPIRAL = 40
# Pictures whose finds are looked at, the surest first, and how well one must fit, mm, that no others are made.
CANDIDATES, CONVINCING_MM = 10, 4.0
# A find seen from aside or tilted fits badly; up to this, mm, it is looked at again from ahead.
WORTH_A_LOOK_MM = 18.0
# Beyond this median distance between a find's points and the model's, mm, it is no face.
WORST_MM = 7.0
# From where the found face is looked at again, degrees of yaw and pitch, and what is seen there, mm.
AGAIN = ((0, 0), (-22, 0), (22, 0), (0, -14))
AROUND_MM, FACE_MIDDLE = 150.0, (0.0, -25.0, 40.0)
# A mark that jumps by more than this between the views, mm, lies on an outline or on nothing.
AGREEING_MM = 6.0
_SIDES = np.array([(0, 0, 1), (0, -1, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, -1)], np.float64)
_ROUNDS = 6


@dataclass(frozen=True)
class Marks:
    """Points of the head that were found on a scan.

    Attributes:
        points: (N, 3) in the scan's axes and unit, NaN where unknown.
        model: (N, 3) mm, where a head of the model that looks like it has them.
        placement: from the scan to the head's frame, mm.
        miss_mm: median distance after the placement.
    """

    points: Array
    model: Array
    placement: Similarity
    miss_mm: float


def robustly_aligned(source: Array, target: Array, scaling: bool = True) -> tuple[Similarity, Array]:
    """The similarity of most of the points, by iteratively reweighted least squares (Holland and Welsch 1977).

    Args:
        source: (N, 3), rows with NaN do not count.
        target: (N, 3).
        scaling: also find the scale.

    Returns:
        The similarity, and the distances (N,) after it in the target's unit, NaN where unknown.

    Raises:
        ValueError: fewer than four points are known, or all at one place.
    """
    known = np.flatnonzero(np.isfinite(source).all(1) & np.isfinite(target).all(1))
    if len(known) < 4:
        raise ValueError("fewer than four points are known")
    kept = known
    for _ in range(_ROUNDS):
        similarity = align(source[kept], target[kept], scaling)
        distance = np.linalg.norm(similarity(source) - target, axis=1)
        kept = known[distance[known] <= 2.5 * np.median(distance[known])]
    return similarity, distance


def marks_of(model: Model, seen: Seen, box: Box | None, vertices: Array, triangles: Indices) -> Marks | None:
    """The dense points of a face in a picture, lifted to the surface of vertices (N, 3) and triangles (T, 3).

    Without a box the surest face found counts; None where there is none, or its points make no face.
    """
    if box is None:
        boxes = find_faces(seen.rgb)
        if not boxes:
            return None
        box = boxes[0]
    face = model.reconstruct(seen.rgb, box=box)
    pixels = face.project(face.head.dense(face.vertices)) if face.points_px is None else face.points_px
    points = seen.lifted(pixels, vertices, triangles)
    own = face.head.dense(face.vertices).astype(np.float64) / face.scale
    try:
        placement, distance = robustly_aligned(points, own)
    except ValueError:
        return None
    if not placement.scale > 0:
        return None
    return Marks(points, own, placement, float(np.nanmedian(distance)))


def _finds(vertices: Array, triangles: Indices, towards: Array) -> list[tuple[float, Seen, Box]]:
    """Faces in the pictures from these directions, each turned four ways, the surest first."""
    found = []
    for direction in towards:
        upright = look(vertices, triangles, looking_along(direction), SEARCH_PX)
        for quarters in range(4):
            seen = upright.turned(quarters)
            found += [(box.score, seen, box) for box in find_faces(seen.rgb)[:1]]
    return sorted(found, key=lambda find: -find[0])


def _candidates(vertices: Array, triangles: Indices, model: Model) -> Iterator[Marks]:
    """What may be the face: as people place heads along the axes first, then from all sides."""
    for towards in (_SIDES, directions(SPIRAL)):
        for _, seen, box in _finds(vertices, triangles, towards)[:CANDIDATES]:
            marks = marks_of(model, seen, box, vertices, triangles)
            for _ in range(2):
                if marks is not None and CONVINCING_MM < marks.miss_mm < WORTH_A_LOOK_MM:
                    ahead = look(vertices, triangles, *_view(marks.placement, 0, 0))
                    marks = marks_of(model, ahead, None, vertices, triangles)
            if marks is not None:
                yield marks


def located(vertices: Array, triangles: Indices, model: Model) -> Marks | None:
    """Find the face of a scan in any pose and unit.

    Args:
        vertices: (V, 3).
        triangles: (T, 3).
        model: whose encoder looks.

    Returns:
        Its marks, or None where no face was found.
    """
    best: Marks | None = None
    for marks in _candidates(vertices, triangles, model):
        if best is None or marks.miss_mm < best.miss_mm:
            best = marks
        if best.miss_mm < CONVINCING_MM:
            break
    if best is None or best.miss_mm > WORST_MM:
        return None
    return looked_again(vertices, triangles, model, looked_again(vertices, triangles, model, best))


def looked_again(vertices: Array, triangles: Indices, model: Model, first: Marks) -> Marks:
    """The marks of a found face from nearer views of vertices (N, 3): the median of what they say."""
    found = []
    for yaw, pitch in AGAIN:
        seen = look(vertices, triangles, *_view(first.placement, yaw, pitch))
        marks = marks_of(model, seen, None, vertices, triangles)
        if marks is not None and marks.miss_mm < WORST_MM:
            found.append(marks)
    if not found:
        return first
    stack = np.array([marks.points for marks in found])
    # The view from straight ahead says where a point is; others say whether to believe it.
    apart = np.linalg.norm(stack - np.nan_to_num(stack[:1]), axis=2) * first.placement.scale
    stack[(apart > AGREEING_MM) & np.isfinite(stack[:1]).all(2)] = np.nan
    counts = np.isfinite(stack).all(2).sum(0)
    points = np.full(first.points.shape, np.nan)
    points[counts > 0] = np.nanmean(stack[:, counts > 0], axis=0)
    own = np.mean([marks.model for marks in found], axis=0)
    placement, distance = robustly_aligned(points, own)
    return replace(
        first,
        points=points,
        model=own,
        placement=placement,
        miss_mm=float(np.nanmedian(distance)),
    )


def _view(placement: Similarity, yaw: float, pitch: float) -> tuple[Array, int, Array, float]:
    """Rotation, size, middle and radius of a picture of the placed face."""
    rotation = View(yaw, pitch).rotation @ placement.rotation
    middle = placement.rotation.T @ (np.array(FACE_MIDDLE) - placement.translation) / placement.scale
    return rotation, FINE_PX, middle, AROUND_MM / placement.scale
