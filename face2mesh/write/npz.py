"""NumPy's `.npz`: the whole face as arrays, without pickles."""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.write.document import document
from face2mesh.write.mesh import HeadMesh


def write_npz(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write mesh, colours, landmarks, codes, and the JSON document as the text `document_json`."""
    face, topology = mesh.face, mesh.topology
    arrays: dict[str, NDArray[Any]] = {
        "vertices": mesh.vertices,
        "quads": topology.quads,
        "triangles": topology.triangles,
        "uv": topology.uv,
        "uv_quads": topology.uv_quads,
        "colours": mesh.colours,
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
