"""The JSON beside a head: what the photo told, with names and units."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.face import Face
from face2mesh.store import write_atomically

FORMAT = "face2mesh/face"
VERSION = 2
"""2 added "scale" and "box_found"; what 1 had is as it was."""

SCALE_UNCERTAINTY = {"prior": 0.06, "ipd": 0.02}
"""Relative standard deviation of a length by where the scale comes from. "prior": adults' distances between the pupils
are 63.4 ± 3.8 mm (Dodgson 2004); a child's head comes out too large. "ipd": a ruler's millimetre."""


def document(face: Face, seconds: float | None = None, told: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything about a face but its mesh, ready for JSON.

    Args:
        face: the face.
        seconds: that the photo took, from reading it to the face; None where nobody measured.
        told: what else to say, such as "photos", those that a head was made of, or "expression_from".
    """
    camera, box = face.camera, face.face_box
    return {
        "format": FORMAT,
        "version": VERSION,
        "image": {"width": camera.width, "height": camera.height},
        "face_box": [box.x, box.y, box.w, box.h],
        "box_found": face.box is not None,
        "landmarks_px": _numbers(face.landmarks_px),
        "landmarks_3d": _numbers(face.landmarks),
        "camera": {
            "fx": camera.fx,
            "fy": camera.fy,
            "cx": camera.cx,
            "cy": camera.cy,
            "width": camera.width,
            "height": camera.height,
            "focal_source": camera.focal_source,
        },
        "pose": {
            "rotation": _numbers(face.pose.rotation),
            "translation_mm": _numbers(face.pose.translation_mm),
        },
        "scale": face.scale,
        "scale_source": face.scale_source,
        "scale_uncertainty": SCALE_UNCERTAINTY.get(face.scale_source),
        "expression": face.expression,
        "identity": _numbers(face.identity),
        "model": {"name": face.decoder.name, "version": face.decoder.version},
        "seconds": seconds,
        **(told or {}),
    }


def write_json(face: Face, path: Path, seconds: float | None = None, told: Mapping[str, Any] | None = None) -> None:
    """Write `document` as JSON.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    text = json.dumps(document(face, seconds, told), indent=1, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _numbers(array: NDArray[Any]) -> list[Any]:
    """Nested lists of numbers, null where there is none (a point behind the camera)."""
    if array.ndim > 1:
        return [_numbers(row) for row in array]
    return [value if math.isfinite(value) else None for value in np.asarray(array, np.float64).tolist()]
