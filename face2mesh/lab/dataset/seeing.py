"""Where a sculpt's person is in a photo: the face, its points, the camera and the pose.

Letters: D = 468 dense points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import PhotoError
from face2mesh.face import Camera, Face, Pose, project
from face2mesh.face.resection import resected
from face2mesh.head import BaseHead
from face2mesh.lab.dataset.dataset import DENSE
from face2mesh.model import Model
from face2mesh.photo import Box, Photo, read_photo

Floats = NDArray[np.floating[Any]]

FOCAL_FACTORS = (0.7, 1.4, 2.0, 2.8, 4.0)
"""Of the focal length that is assumed where a photo tells none: what else is tried."""
BETTER = 0.9
"""Residual over that of the assumed focal length, below which another is believed: a sculpt's depth errs too."""
OUTLIER = 2.5
"""Medians of the distances at which a point no longer counts: behind hair, or where the sculpt is of another mood."""
WORST_RESIDUAL = 0.06
"""Face boxes; a face that misses its sculpt by more is somebody else's, or was not found."""


@dataclass(frozen=True)
class Seen:
    """A face in a photo.

    Attributes:
        photo: the picture.
        box: the face's.
        points: (D, 2) pixels, NaN where a point was not seen.
        camera: as far as the photo tells.
        start: a pose of a head of the base head's size.
    """

    photo: Photo
    box: Box
    points: NDArray[np.float64]
    camera: Camera
    start: Pose


@dataclass(frozen=True)
class Eye:
    """Finds faces and marks their points.

    Attributes:
        model: finds, and says where the head is.
        name: of what marks.
        mark: (photo, the model's face) to points (D, 2); None takes the model's own.
    """

    model: Model
    name: str
    mark: Callable[[Photo, Face], Floats | None] | None = None

    def look(self, path: Path) -> Seen:
        """The largest face of a photo.

        Raises:
            PhotoError: the photo cannot be read, or shows no face.
        """
        photo = read_photo(path)
        face = self.model.reconstruct(photo)
        points = face.points_px if face.points_px is not None else face.project(face.head.dense(face.vertices))
        if self.mark is not None:
            marked = self.mark(photo, face)
            if marked is None:
                raise PhotoError(f"{path}: MediaPipe sees no face; try --marker model, or another photo.")
            points = marked
        return Seen(photo, face.face_box, np.asarray(points, np.float64), face.camera, face.pose)


@contextmanager
def eye_of(marker: str, model: Model) -> Iterator[Eye]:
    """What `--marker` names: "model" or "mediapipe".

    Raises:
        Face2MeshError: MediaPipe is not installed.
    """
    if marker == "model":
        yield Eye(model, f"{model.name} {model.version}")
        return
    from face2mesh.lab.label.folder import mark_all
    from face2mesh.lab.label.marker import mediapipe_marker
    from face2mesh.photo import find_faces

    with mediapipe_marker() as mediapipe:

        def mark(photo: Photo, face: Face) -> Floats | None:
            centre = np.array(face.face_box.centre)
            found = [points[:DENSE, :2] for points in mark_all(photo.rgb, mediapipe, find_faces)]
            near = sorted(found, key=lambda points: float(np.linalg.norm(points.mean(0) - centre)))
            return near[0] if near else None

        yield Eye(model, mediapipe.name, mark)


def view_of(seen: Seen, vertices: NDArray[np.float32], template: BaseHead, label: str) -> dict[str, Any]:
    """Camera and pose of a sculpt in a photo, by resection of its dense points.

    Args:
        seen: the face.
        vertices: (V, 3) mm of the sculpt.
        template: its topology.
        label: for messages.

    Returns:
        The columns of `Views` that follow from it.

    Raises:
        PhotoError: the sculpt does not fit the face.
    """
    points = np.asarray(template.dense(vertices), np.float64)
    camera, pose, residual = solved_camera(points, seen.points, seen.camera, seen.start, seen.box.side)
    if not residual < WORST_RESIDUAL:
        raise PhotoError(
            f"{label}: the face misses the sculpt by {100 * residual:.0f} % of its size; is it the same person, with "
            "the same expression? Name photo and sculpt alike, or leave it out."
        )
    box = seen.box
    return {
        "size": (camera.width, camera.height),
        "box": (box.x, box.y, box.w, box.h),
        "camera": (camera.fx, camera.fy, camera.cx, camera.cy),
        "focal_source": camera.focal_source,
        "rotation": pose.rotation,
        "translation": pose.translation_mm,
        "points": seen.points,
        "light": np.full((9, 3), np.nan),
        "residual": residual,
        "exact": False,
    }


def solved_camera(
    points: Floats, pixels: Floats, camera: Camera, start: Pose, side: float
) -> tuple[Camera, Pose, float]:
    """The camera and pose that bring a known head's points onto those that are seen.

    The pose by least squares twice, the second time without outliers. A focal length that EXIF told is kept; where it
    was assumed, others are tried, and believed where they do clearly better.

    Args:
        points: (D, 3) mm.
        pixels: (D, 2), NaN where not seen.
        camera: to begin with.
        start: a pose to begin with.
        side: of the face's box, pixels.

    Returns:
        Camera, pose, and the mean distance in face boxes of the points that count; infinite if none are in front.
    """
    known = np.isfinite(pixels).all(1)
    points, pixels = points[known], pixels[known]
    pose, residual = _solved(points, pixels, camera, start, side)
    if camera.focal_source != "default":
        return camera, pose, residual
    best, limit = (camera, pose, residual), BETTER * residual
    for factor in FOCAL_FACTORS:
        other = replace(camera, fx=camera.fx * factor, fy=camera.fy * factor, focal_source="solved")
        farther = Pose(pose.rotation, pose.translation_mm * [1, 1, factor])
        found, missed = _solved(points, pixels, other, farther, side)
        if missed < min(limit, best[2]):
            best = other, found, missed
    return best


def _solved(points: Floats, pixels: Floats, camera: Camera, start: Pose, side: float) -> tuple[Pose, float]:
    pose = resected(points, pixels, camera, start)
    away = np.linalg.norm(project(points, camera, pose) - pixels, axis=1)
    if not np.isfinite(away).all():
        return pose, float("inf")
    near = away <= OUTLIER * np.median(away)
    pose = resected(points[near], pixels[near], camera, pose)
    away = np.linalg.norm(project(points[near], camera, pose) - pixels[near], axis=1)
    return pose, float(away.mean() / side) if np.isfinite(away).all() else float("inf")
