"""MediaPipe's 478 points on many pictures: `python mediapipe_worker.py PICTURES.npy BORDER MIRRORED POINTS.npy`.

Run as a file by a Python that has MediaPipe, which wants another NumPy than Face2Mesh: nothing of Face2Mesh is imported
here. Prints MediaPipe's version.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

POINTS = 478


def mark(pictures: Any, border: int, mirrored: bool) -> Any:
    """Points (N, 478, 2) in pixels of the pictures (N, H, W, 3); NaN where nobody is found.

    Args:
        pictures: uint8 RGB.
        border: pixels of repeated border added on each side before looking.
        mirrored: look at the mirrored pictures; x is mirrored back, the points keep their numbers.
    """
    width = pictures.shape[2]
    marked = np.full((len(pictures), POINTS, 2), np.nan, np.float32)
    settings = {"static_image_mode": True, "max_num_faces": 1, "refine_landmarks": True}
    with importlib.import_module("mediapipe").solutions.face_mesh.FaceMesh(**settings) as program:
        for row, picture in enumerate(pictures):
            looked_at = np.pad(picture, ((border, border), (border, border), (0, 0)), mode="edge")
            if mirrored:
                looked_at = looked_at[:, ::-1]
            found = program.process(np.ascontiguousarray(looked_at)).multi_face_landmarks
            if found:
                points = np.array([(point.x, point.y) for point in found[0].landmark], np.float32)
                points *= (looked_at.shape[1], looked_at.shape[0])
                points -= border
                marked[row] = points * (-1, 1) + (width, 0) if mirrored else points
    return marked


def main(arguments: list[str]) -> None:
    """Read the pictures, write the points."""
    pictures, border, mirrored, output = arguments
    np.save(output, mark(np.load(pictures, mmap_mode="r"), int(border), mirrored == "mirrored"))
    print(importlib.import_module("mediapipe").__version__)


if __name__ == "__main__":
    main(sys.argv[1:])
