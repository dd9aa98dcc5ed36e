"""NumPy's `.npz`: the whole face as arrays, without pickles."""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.face import Face
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.write.colours import file_colours
from face2mesh.write.document import document


def write_npz(face: Face, file: IO[bytes]) -> None:
    """Write mesh, colours, landmarks, codes, and the JSON document as the text `document_json`."""
    arrays: dict[str, NDArray[Any]] = {
        "vertices": face.vertices,
        "quads": face.quads,
        "triangles": face.triangles,
        "uv": face.uv,
        "uv_quads": face.uv_quads,
        "colours": file_colours(face),
        "landmarks_3d": face.landmarks,
        "landmarks_px": face.landmarks_px,
        "rotation": face.pose.rotation,
        "translation_mm": face.pose.translation_mm,
        "identity": face.identity,
        "expression": face.weights,
        "expression_names": np.array(ARKIT_NAMES),
        "document_json": np.array(json.dumps(document(face))),
    }
    np.savez_compressed(file, allow_pickle=False, **arrays)
