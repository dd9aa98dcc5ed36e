"""Photos to codes: where faces are, and what two looks of the encoder say of each.

Letters: B faces, M identity modes, N dense points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import PhotoError
from face2mesh.face import Camera, CropPose, Pose, default_focal, project, rotation_from_6d
from face2mesh.head.arkit import ARKIT_NAMES, exclusive
from face2mesh.model.landmarks import LandmarkBasis
from face2mesh.model.mirror import Mirror
from face2mesh.model.networks import CROP_SIZE, Codes, Networks
from face2mesh.photo import Box, Crop, Photo, crop_of_box, crop_of_landmarks, cut, find_faces

# A second look is taken only where the first one is believable: it may not leave the found box by more than this.
_LARGEST_RESIZE = 2.5
_LARGEST_MOVE = 0.75

_TONGUE = ARKIT_NAMES.index("tongueOut")

BoxSource: TypeAlias = Box | Sequence[float]
"""A face's box: a `Box`, or x, y, width and height in pixels of the upright picture."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """What one pass says of B faces of one picture."""

    codes: Codes
    camera: Camera
    poses: list[Pose]


@dataclass(frozen=True)
class Seen:
    """What a photo says of one face.

    Attributes:
        identity: (M,), whitened.
        expression: (52,), as a face can have them.
        camera: of the photo.
        pose: of the head before it.
        box: where the face was looked for.
        light: (9, 3), spherical harmonics.
        points_px: (N, 2), where the network sees the dense points, in pixels of the picture; None where it does not
            tell.
        landmark_sigma_px: (68,), the landmarks' deviation in pixels, as the network expects it.
    """

    identity: FloatArray
    expression: FloatArray
    camera: Camera
    pose: Pose
    box: Box
    light: FloatArray
    points_px: NDArray[Any] | None
    landmark_sigma_px: FloatArray


def boxes_of(photo: Photo, given: BoxSource | None, small: bool) -> list[Box]:
    """The given box, or those of the faces found, the largest first.

    Args:
        photo: to look at.
        given: where the face is; None finds faces.
        small: whether small faces are looked for where there are larger ones (see `find_faces`).

    Raises:
        PhotoError: there is no face, or the box is none or lies outside.
    """
    height, width = photo.rgb.shape[:2]
    if given is None:
        found = sorted(find_faces(photo.rgb, small), key=lambda box: -box.side)
        if not found:
            raise PhotoError(f"{photo.name}: no face found; name its place with --box x,y,w,h (or box=…).")
        return found
    try:
        box = given if isinstance(given, Box) else Box(*(float(value) for value in given))
    except (TypeError, ValueError) as error:
        raise PhotoError(f"{photo.name}: the box {given!r} is not x, y, width, height ({error}).") from error
    if box.share_inside(width, height) == 0:
        raise PhotoError(
            f"{photo.name}: the box {box.x:g},{box.y:g},{box.w:g},{box.h:g} lies outside the picture of "
            f"{width}×{height} pixels; give x, y, width and height in pixels from the upper left corner."
        )
    return [box]


@dataclass(frozen=True)
class Looker:
    """The encoder, looking twice.

    Attributes:
        networks: of the model.
        landmarks: where the first look's codes put the landmarks, which place the second look's crop.
        mirror: what a mirror does to codes; None looks at no mirror images.
        sizes: of the second look's crops, as multiples of the canonical one. The mean of what a larger and a smaller
            crop say errs less than what the crop itself says (`benchmarks/looks.py`).
    """

    networks: Networks
    landmarks: LandmarkBasis
    mirror: Mirror | None
    sizes: tuple[float, ...] = (0.9, 1.1)

    def __call__(self, photo: Photo, boxes: Sequence[Box]) -> list[Seen]:
        """What B faces of one picture are like, all in front of one camera."""
        crops = [crop_of_box(box) for box in boxes]
        refined = self._refined(self.look(photo, crops), crops)
        look = self.look(photo, refined, self.sizes, self.mirror)
        codes, weights = look.codes, _clean(look.codes.expression)
        return [
            Seen(
                codes.identity[i],
                weights[i],
                look.camera,
                look.poses[i],
                box,
                codes.light[i],
                None if codes.points is None else np.array(crop.centre) + crop.side * codes.points[i],
                np.exp(codes.landmark_log_sigma[i]) * np.float32(crop.side),
            )
            for i, (box, crop) in enumerate(zip(boxes, refined, strict=True))
        ]

    def look(
        self, photo: Photo, crops: Sequence[Crop], sizes: Sequence[float] = (1.0,), mirror: Mirror | None = None
    ) -> Look:
        """What the encoder says of B crops: the mean over sizes, and over mirror images where there is a mirror."""
        wanted = [crop.scaled(size) for size in sizes for crop in crops]
        pictures = np.stack([cut(photo.rgb, crop, CROP_SIZE) for crop in wanted])
        if mirror is not None:
            pictures = np.concatenate([pictures, pictures[:, :, ::-1]])
        seen = self.networks.encode(pictures)
        if mirror is not None:
            seen = Codes.mean([seen[: len(wanted)], mirror.turned(seen[len(wanted) :])])
        count = len(crops)
        codes = Codes.mean([seen[i * count : (i + 1) * count].rescaled(size) for i, size in enumerate(sizes)])
        crop_poses = [
            CropPose(rotation_from_6d(six), offset.astype(np.float64), float(log_scale))
            for six, offset, log_scale in zip(codes.rotation6d, codes.offset, codes.log_scale, strict=True)
        ]
        height, width = photo.rgb.shape[:2]
        focal, source = photo.focal_px, photo.focal_source
        if focal is None:
            largest = max(pose.hundred_mm_px(crop.side) for pose, crop in zip(crop_poses, crops, strict=True))
            focal = default_focal(width, height, largest)
        camera = Camera.centred(focal, width, height, source)
        poses = [pose.pose(camera, crop.centre, crop.side) for pose, crop in zip(crop_poses, crops, strict=True)]
        return Look(codes, camera, poses)

    def _refined(self, look: Look, crops: Sequence[Crop]) -> list[Crop]:
        """The canonical crops about the landmarks of the first look."""
        landmarks = self.landmarks(look.codes.identity, _clean(look.codes.expression))
        refined = []
        for points, pose, crop in zip(landmarks, look.poses, crops, strict=True):
            try:
                better = crop_of_landmarks(project(points, look.camera, pose))
            except ValueError:  # points behind the camera or at one place: the first look saw no face
                better = crop
            moved = np.hypot(better.centre[0] - crop.centre[0], better.centre[1] - crop.centre[1]) / crop.side
            resized = max(better.side / crop.side, crop.side / better.side)
            refined.append(better if resized < _LARGEST_RESIZE and moved < _LARGEST_MOVE else crop)
        return refined


def _clean(expression: NDArray[Any]) -> FloatArray:
    """Weights (B, 52) as a face can have them: 0 to 1, opposites exclusive, no tongue (there are no labels for it)."""
    weights: FloatArray = exclusive(np.clip(expression, 0, 1)).astype(np.float32)
    weights[..., _TONGUE] = 0
    return weights
