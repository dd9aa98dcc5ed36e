"""Marking the 478 points of every face in a picture; MediaPipe does it, the tests have a stand-in."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.lab.label.files import POINTS

MEDIAPIPE = "0.10.21"
MOST_FACES = 8
BORDER = 2 / 7
"""A tight crop leaves a detector no room: its border is repeated this far, as a share of the longer side.
FairFace's 224 pixels get 64."""


class Marker(Protocol):
    """Marks faces.

    Attributes:
        name: what marks, with its version, for the provenance.
    """

    name: str

    def mark(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The faces of an upright picture (H, W, 3).

        Returns:
            For each face (478, 3): x and y in pixels of the picture, some outside, and relative depth in pixels.
        """
        ...


class MediaPipeMarker:
    """MediaPipe's Face Mesh with iris refinement (Kartynnik et al. 2019; Grishchenko et al. 2020)."""

    name = f"mediapipe {MEDIAPIPE} FaceMesh, refine_landmarks, border {BORDER:.3f}"

    def __init__(self, mesh: Any) -> None:
        self._mesh = mesh

    def mark(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """See `Marker.mark`."""
        border = round(BORDER * max(rgb.shape[:2]))
        wide = np.ascontiguousarray(np.pad(rgb, ((border, border), (border, border), (0, 0)), mode="edge"))
        height, width = wide.shape[:2]
        faces = []
        for face in self._mesh.process(wide).multi_face_landmarks or []:
            points = np.array([(point.x, point.y, point.z) for point in face.landmark], np.float32)
            if len(points) == POINTS:
                size, corner = np.array([(width, height, width), (border, border, 0)], np.float32)
                faces.append((points * size - corner).astype(np.float32))
        return faces


@contextlib.contextmanager
def mediapipe_marker() -> Iterator[MediaPipeMarker]:
    """MediaPipe, ready to mark; closed at the end.

    Raises:
        Face2MeshError: it is not installed, or another version is.
    """
    advice = "make an environment of its own (Python 3.10 to 3.12): pip install 'face2mesh[label]'"
    os.environ.setdefault("GLOG_minloglevel", "2")  # it tells much that is no concern of ours
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            mediapipe = import_module("mediapipe")
        except ImportError as error:
            raise Face2MeshError(f"MediaPipe is not installed; {advice}") from error
        if mediapipe.__version__ != MEDIAPIPE:
            raise Face2MeshError(f"MediaPipe {mediapipe.__version__} is installed, {MEDIAPIPE} is needed; {advice}")
        options = {"static_image_mode": True, "refine_landmarks": True, "max_num_faces": MOST_FACES}
        with mediapipe.solutions.face_mesh.FaceMesh(**options) as mesh:
            yield MediaPipeMarker(mesh)
