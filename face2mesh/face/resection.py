"""Where a known head is in front of a known camera, from points of it in the picture.

Letters: N points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.face.camera import Camera, Pose

Floats = NDArray[np.floating[Any]]

_STEPS = 8


def resected(points: Floats, pixels: Floats, camera: Camera, start: Pose) -> Pose:
    """The pose near another one that projects points to where they are seen best, by least squares.

    Gauss–Newton on a turn about the camera's axes and a shift (Hartley and Zisserman, "Multiple View Geometry", 2nd
    edition, section 7.2: camera resection). A step that does not come nearer ends it, so the result is never worse
    than the start.

    Args:
        points: (N, 3) of the head, mm, at least 4 and not on one line.
        pixels: (N, 2), where they are seen.
        camera: of the picture.
        start: a pose that has all points in front of the camera.

    Returns:
        The pose; `start` where a point is behind the camera or nowhere.
    """
    points, pixels = np.asarray(points, np.float64), np.asarray(pixels, np.float64)
    pose, missed = start, _missed(points, pixels, camera, start)
    for _ in range(_STEPS):
        residual = (camera.project(pose.apply(points)) - pixels).ravel()
        if not np.isfinite(residual).all():
            break
        step = np.linalg.lstsq(_slopes(points, camera, pose), -residual, rcond=None)[0]
        nearer = Pose(_turn(step[:3]) @ pose.rotation, pose.translation_mm + step[3:])
        now = _missed(points, pixels, camera, nearer)
        if not now < missed:
            break
        pose, missed = nearer, now
    return pose


def _missed(points: Floats, pixels: Floats, camera: Camera, pose: Pose) -> float:
    """The sum of squared distances in pixels."""
    return float(((camera.project(pose.apply(points)) - pixels) ** 2).sum())


def _slopes(points: Floats, camera: Camera, pose: Pose) -> NDArray[np.float64]:
    """(2N, 6), what a small turn about the head's origin (radians) and a small shift (mm) move the projections by."""
    turned = points @ pose.rotation.T
    x, y, z = (turned + pose.translation_mm).T
    nothing = np.zeros_like(z)
    of_place = np.stack(
        [
            np.stack([camera.fx / z, nothing, -camera.fx * x / z**2], -1),
            np.stack([nothing, camera.fy / z, -camera.fy * y / z**2], -1),
        ],
        axis=1,
    )  # (N, 2, 3)
    # A turn ω moves a point by ω × p: its derivative by ω is −[p]×, row by row the cross product with p.
    of_turn = np.cross(turned[:, None], of_place)
    return np.concatenate([of_turn, of_place], axis=2).reshape(-1, 6)


def _turn(vector: Floats) -> NDArray[np.float64]:
    """(3, 3), the rotation about a vector by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle if angle > 0 else (0.0, 0.0, 0.0)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: NDArray[np.float64] = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
    return rotation
