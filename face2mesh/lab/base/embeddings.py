"""MediaPipe's 468 surface points on the skin, and with them the 68 landmarks.

`mediapipe_points.json` beside this file holds them: for each point three vertices of `hm08` and their weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.embedding import Embedding
from face2mesh.lab.base.topology import Submesh

Floats = NDArray[np.float64]

TABLE = Path(__file__).with_name("mediapipe_points.json")
FORMAT = "face2mesh/mediapipe-points"
POINTS = 468

# MediaPipe's points that are iBUG's 68: jaw, brows, nose, eyes, outer lips, inner lips.
# fmt: off
IBUG_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on


def dense_embedding(skin: Submesh) -> Embedding:
    """The 468 points in the skin's own numbering."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["points"]
    vertices = skin.number(np.array([row[:3] for row in rows]).astype(np.int64))
    weights = np.array([row[3:] for row in rows], np.float64)
    return Embedding(vertices.astype(np.int32), (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def chosen(dense: Embedding, points: Sequence[int] = IBUG_68) -> Embedding:
    """Some of the points."""
    rows = list(points)
    return Embedding(dense.triangle_vertices[rows], dense.weights[rows])


def table(embedding: Embedding, skin: Submesh) -> str:
    """The text of `mediapipe_points.json` for an embedding in the skin's numbering."""
    rows = []
    for vertices, weights in zip(skin.source[embedding.triangle_vertices], embedding.weights, strict=True):
        rows.append([*vertices.tolist(), *(round(float(weight), 4) for weight in weights)])
    about = (
        "Where MediaPipe FaceMesh's 468 surface points (version 0.10.21, Apache 2.0) lie on the base head's "
        "skin. Each row: three vertices of MakeHuman's hm08, numbered from 0, and their weights. Exactly symmetric. "
        "Made by marking renderings of the base head and correcting each point by its mean offset in fits to labelled "
        "photos (FairFace, CC BY 4.0; only averages over thousands of photos are kept). Licence: MIT, as the project."
    )
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    return (
        f'{{\n "format": "{FORMAT}",\n "version": 1,\n "about": {json.dumps(about)},\n "points": [\n{lines}\n ]\n}}\n'
    )
