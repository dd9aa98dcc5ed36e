"""Camera and pose, and their translation from and to the crop in which the network speaks.

Camera axes: +X right, +Y down, +Z forward, mm. Pictures: pixels from the upper left corner, pixel centres at +0.5.
X_cam = R · X_head + t, u = fx · X/Z + cx, v = fy · Y/Z + cy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

FRONTAL = np.diag([1.0, -1.0, -1.0])
"""Rotation of a head that looks straight into the camera."""

YARDSTICK_MM = 100.0
"""The length whose picture `log_scale` measures."""

DEFAULT_FOCAL_OVER_SIDE = 1.2
DEFAULT_DISTANCE_MM = 800.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        fx, fy: focal length, pixels.
        cx, cy: principal point, pixels of the upright picture.
        width, height: of the upright picture, pixels.
        focal_source: where the focal length comes from: "exif", "default" or "user".
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    focal_source: str = "default"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: a focal length or a side is not positive and finite.
        """
        if not all(math.isfinite(value) and value > 0 for value in (self.fx, self.fy, self.width, self.height)):
            raise ValueError("camera: fx, fy, width and height must be positive")
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise ValueError("camera: cx and cy must be finite")

    @classmethod
    def centred(cls, focal_px: float, width: int, height: int, focal_source: str = "default") -> Camera:
        """A camera of square pixels that looks through the middle of the picture."""
        return cls(focal_px, focal_px, width / 2, height / 2, width, height, focal_source)

    def project(self, points: Floats) -> Floats:
        """Points in camera axes, (…, 3) mm, to pixels (…, 2). Points at Z ≤ 0 have no picture: NaN."""
        depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        pixels: Floats = points[..., :2] / depth * [self.fx, self.fy] + [self.cx, self.cy]
        return pixels


@dataclass(frozen=True)
class Pose:
    """Where the head is: X_cam = rotation · X_head + translation_mm.

    Attributes:
        rotation: (3, 3) float64, a proper rotation.
        translation_mm: (3,) float64, the head's origin in camera axes.
    """

    rotation: NDArray[np.float64]
    translation_mm: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check shapes and that the rotation is one.

        Raises:
            ValueError: wrong shapes, or not a proper rotation to 1e-4.
        """
        object.__setattr__(self, "rotation", np.array(self.rotation, np.float64))
        object.__setattr__(self, "translation_mm", np.array(self.translation_mm, np.float64))
        if self.rotation.shape != (3, 3) or self.translation_mm.shape != (3,):
            raise ValueError("pose: rotation must be (3, 3) and translation_mm (3,)")
        off = np.abs(self.rotation @ self.rotation.T - np.eye(3)).max()
        if not off < 1e-4 or np.linalg.det(self.rotation) < 0:
            raise ValueError("pose: rotation must be a proper rotation")
        self.rotation.setflags(write=False)
        self.translation_mm.setflags(write=False)

    def apply(self, points: Floats) -> Floats:
        """Points of the head, (…, 3) mm, in camera axes."""
        moved: Floats = points @ self.rotation.T + self.translation_mm
        return moved


def project(points: Floats, camera: Camera, pose: Pose) -> Floats:
    """Points of the head, (…, 3) mm, to pixels (…, 2) of the upright picture."""
    return camera.project(pose.apply(points))


def default_focal(width: int, height: int, hundred_mm_px: float) -> float:
    """The focal length to assume where none is known, in pixels.

    The larger of 1.2 × the longer side and the one at which the largest face's head is 800 mm away: a tight crop is
    more often cut from a larger picture than taken from a hand's breadth.

    Args:
        width, height: of the upright picture.
        hundred_mm_px: how long 100 mm at the largest face's depth are in the picture.
    """
    return max(DEFAULT_FOCAL_OVER_SIDE * max(width, height), DEFAULT_DISTANCE_MM * hundred_mm_px / YARDSTICK_MM)


def rotation_to_ray(ray: Floats) -> NDArray[np.float64]:
    """R_ray, the smallest rotation that takes the camera's axis (0, 0, 1) to a ray.

    Args:
        ray: (3,), of any length, with Z > 0.
    """
    x, y, z = np.asarray(ray, np.float64) / np.linalg.norm(ray)
    # Rodrigues about (−y, x, 0), whose length is the sine; 1/(1 + cosine) is smooth at the axis itself.
    skew = np.array([[0, 0, x], [0, 0, y], [-x, -y, 0]])
    rotation: NDArray[np.float64] = np.eye(3) + skew + skew @ skew / (1 + z)
    return rotation


def rotation_from_6d(six: Floats) -> NDArray[np.float64]:
    """R_net of the network's six numbers: diag(1, −1, −1) · Gram–Schmidt (Zhou et al. 2019, eq. 15).

    Args:
        six: (6,): a, b; the first two columns before orthonormalisation.
    """
    a, b = np.asarray(six, np.float64).reshape(2, 3)
    first = a / np.linalg.norm(a)
    across = b - (first @ b) * first
    columns = np.zeros((3, 3))
    columns[:, 0] = first
    columns[:, 1] = across / np.linalg.norm(across)
    columns[:, 2] = np.cross(columns[:, 0], columns[:, 1])
    rotation: NDArray[np.float64] = FRONTAL @ columns
    return rotation


def rotation_to_6d(rotation: Floats) -> NDArray[np.float64]:
    """The network's six numbers, (6,), of R_net (3, 3)."""
    six: NDArray[np.float64] = (FRONTAL @ np.asarray(rotation, np.float64))[:, :2].T.ravel()
    return six


@dataclass(frozen=True)
class CropPose:
    """A pose as the network tells it: relative to a crop of the picture, without a focal length.

    Attributes:
        rotation: (3, 3), R_net: the head against the ray through its origin.
        offset: (2,), the projected head origin relative to the crop's centre, in units of the crop's side.
        log_scale: natural logarithm of (the length of 100 mm at the origin's depth in the picture) / side.
    """

    rotation: NDArray[np.float64]
    offset: NDArray[np.float64]
    log_scale: float

    def hundred_mm_px(self, side: float) -> float:
        """How long 100 mm at the head's depth are in the picture, for a crop of this side in pixels."""
        return side * math.exp(self.log_scale)

    def pose(self, camera: Camera, centre: tuple[float, float], side: float) -> Pose:
        """The pose in front of a camera.

        Args:
            camera: of the picture.
            centre: (x, y) of the crop, pixels of the picture.
            side: of the crop, pixels of the picture.
        """
        depth = YARDSTICK_MM * camera.fx / self.hundred_mm_px(side)
        u, v = centre[0] + self.offset[0] * side, centre[1] + self.offset[1] * side
        ray = np.array([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1.0])
        return Pose(rotation_to_ray(ray) @ self.rotation, ray * depth)

    @classmethod
    def of(cls, pose: Pose, camera: Camera, centre: tuple[float, float], side: float) -> CropPose:
        """What the network should say of a pose; the inverse of `pose`."""
        u, v = camera.project(pose.translation_mm)
        scale = YARDSTICK_MM * camera.fx / pose.translation_mm[2] / side
        return cls(
            rotation_to_ray(pose.translation_mm).T @ pose.rotation,
            np.array([(u - centre[0]) / side, (v - centre[1]) / side]),
            math.log(scale),
        )
