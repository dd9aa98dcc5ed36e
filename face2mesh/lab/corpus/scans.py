"""ICT-FaceKit's scanned face model, as the corpus reads it.

ICT-FaceKit (Li et al. 2020, "Learning formation of physically-based face attributes"), MIT licence. Index base 0.
Letters: N vertices, T triangles, M identity modes, X expressions.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face2mesh.errors import InputFileError

FILE = "ict_facekit.npz"
# First vertex and last + 1 of the parts, as ICT-FaceKit documents them.
FACE = (0, 9409)
HEAD = (9409, 11248)
MOUTH_SOCKET = (11248, 13294)
EYE_SOCKETS = ((13294, 13678), (13678, 14062))
GUMS_AND_TONGUE = (14062, 17039)
TEETH = (17039, 21451)
SCLERAS = ((21451, 22221), (23021, 23791))
# Tear films, occlusion meshes and lashes come behind the eyeballs.
BEHIND_EYES = 24591

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scans:
    """The scanned model in its own topology, in millimetres, +X to the subject's left, +Y up, +Z out of the face.

    Attributes:
        vertices: (N, 3), the mean head.
        triangles: (T, 3), of face, head, sockets, gums, teeth and eyes.
        identity: (M, N, 3), one standard deviation of each mode.
        expression: (X, N, 3), at weight 1.
        names: of the X expressions.
        mirror: (N,), nearest vertex on the other side.
    """

    vertices: Array
    triangles: NDArray[np.int64]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    names: tuple[str, ...]
    mirror: NDArray[np.int64]

    def shape(self, name: str) -> NDArray[np.float32]:
        """(N, 3), one expression's displacement."""
        displacement: NDArray[np.float32] = self.expression[self.names.index(name)]
        return displacement

    def triangles_within(self, *ranges: tuple[int, int]) -> NDArray[np.int64]:
        """Triangles whose three corners lie in the ranges."""
        member = np.zeros(len(self.vertices), bool)
        for first, last in ranges:
            member[first:last] = True
        return self.triangles[member[self.triangles].all(1)]


def read_scans(folder: Path) -> Scans:
    """Read `ict_facekit.npz` of the training data's folder.

    Raises:
        InputFileError: missing or damaged.
    """
    path = folder / FILE
    if not path.exists():
        raise InputFileError(f"{path}: not found; put ICT-FaceKit's arrays there, as the data's description says.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            vertices = archive["neutral_mm"].astype(np.float64)
            faces: NDArray[Any] = archive["faces"].astype(np.int64)
            identity = archive["identity_mm"].astype(np.float32)
            expression = archive["expression_mm"].astype(np.float32)
            names = tuple(str(name) for name in archive["expression_names"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: damaged or not ICT-FaceKit's arrays; fetch the file again.") from error
    quads = faces[:, 3] >= 0
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[quads][:, [0, 2, 3]]])
    return Scans(vertices, triangles, identity, expression, names, _mirror(vertices))


def _mirror(vertices: Array) -> NDArray[np.int64]:
    """(N,), the nearest vertex on the other side, looked up within the part: tear films lie on the lids."""
    other: NDArray[np.int64] = np.arange(len(vertices))
    starts = [FACE[0], HEAD[0], MOUTH_SOCKET[0], EYE_SOCKETS[0][0], GUMS_AND_TONGUE[0], TEETH[0], SCLERAS[0][0]]
    for first, last in pairwise([*starts, BEHIND_EYES, len(vertices)]):
        _, nearest = cKDTree(vertices[first:last]).query(vertices[first:last] * [-1, 1, 1])
        other[first:last] = first + nearest
    return other
