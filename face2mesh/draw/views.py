"""Named views: from where a head is looked at, and how it fills the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.face.camera import FRONTAL, Camera, Pose

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class View:
    """A direction to look from.

    Attributes:
        yaw_degrees: the camera walks round the head, 0 in front, 90 at the subject's left.
        pitch_degrees: the camera rises, negative from below.
        distance_mm: from the middle of what is looked at.
    """

    yaw_degrees: float
    pitch_degrees: float = 0.0
    distance_mm: float = 1400.0

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3), head to camera axes."""
        yaw, pitch = math.radians(self.yaw_degrees), math.radians(self.pitch_degrees)
        about_y = np.array(
            [[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]],
        )
        about_x = np.array(
            [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]],
        )
        rotation: NDArray[np.float64] = FRONTAL @ about_x @ about_y
        return rotation


VIEWS = {
    "front": View(0),
    "three_quarter": View(35, 5),
    "side": View(90),
    "below": View(0, -45),
    "above": View(0, 40),
    "back": View(180),
    "three_quarter_below": View(30, -25),
}


def frame(
    points: Floats, view: View, width: int, height: int, margin: float = 0.06, scale_px: float | None = None
) -> tuple[Camera, Pose]:
    """A camera that shows all of `points` in the middle of the picture.

    Args:
        points: (N, 3), what should be seen, in the head's frame, mm: a whole head, or a region for a close-up.
        view: where from.
        width, height: of the picture, pixels.
        margin: free border, as a part of the picture.
        scale_px: pixels per mm at the middle of `points`; as large as fits when None.

    Returns:
        Camera and pose.
    """
    turned = np.asarray(points, np.float64) @ view.rotation.T
    low, high = turned.min(0), turned.max(0)
    translation = -(low + high) / 2 + [0, 0, view.distance_mm]
    if scale_px is None:
        spread = (turned + translation)[:, :2] / (turned + translation)[:, 2:]
        free = 1 - 2 * margin
        focal = min(free * width / max(np.ptp(spread[:, 0]), 1e-6), free * height / max(np.ptp(spread[:, 1]), 1e-6))
        shift = -(spread.max(0) + spread.min(0)) / 2 * focal
    else:
        focal, shift = scale_px * view.distance_mm, np.zeros(2)
    camera = Camera(
        float(focal), float(focal), width / 2 + float(shift[0]), height / 2 + float(shift[1]), width, height, "user"
    )
    return camera, Pose(view.rotation, translation)
