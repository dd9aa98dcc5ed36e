"""One function for every format: the file's suffix decides."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from face2mesh.errors import InputFileError
from face2mesh.read.mesh_file import MeshFile, NotReadableError

SUFFIXES = (".obj", ".ply", ".stl", ".glb")
"""Of the files that `read_mesh` reads."""


def read_mesh(path: str | os.PathLike[str]) -> MeshFile:
    """A mesh as it stands in a file: OBJ, PLY (text or binary), STL (text or binary) or GLB.

    Raises:
        InputFileError: missing, of another format, damaged, cut short, or without vertices.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputFileError(f"{path}: no mesh that can be read; name a file that ends in {', '.join(SUFFIXES)}.")
    reader: Callable[[bytes], MeshFile] = getattr(import_module(f"face2mesh.read.{suffix[1:]}"), f"read_{suffix[1:]}")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: not found; check the name.") from error
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror or error}); check its permissions.") from error
    try:
        mesh = reader(content)
    except NotReadableError as error:
        raise InputFileError(f"{path}: {error}") from error
    if not len(mesh.vertices):
        raise InputFileError(f"{path}: holds no vertices; export the mesh again.")
    if not np.isfinite(mesh.vertices).all():
        raise InputFileError(
            f"{path}: {int((~np.isfinite(mesh.vertices)).any(1).sum())} vertices are no numbers; export it again."
        )
    return mesh
