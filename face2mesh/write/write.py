"""One function for every format: the file's suffix decides."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO

from face2mesh.errors import OutputError
from face2mesh.store import write_atomically
from face2mesh.write.document import write_json
from face2mesh.write.mesh import HeadMesh


def _opened_when_wanted(suffix: str) -> Callable[[HeadMesh, IO[bytes]], None]:
    """`face2mesh.write.obj.write_obj` and so on: some import what takes time."""

    def write_format(mesh: HeadMesh, file: IO[bytes]) -> None:
        getattr(import_module(f"face2mesh.write.{suffix}"), f"write_{suffix}")(mesh, file)

    return write_format


WRITERS: dict[str, Callable[[HeadMesh, IO[bytes]], None]] = {
    suffix: _opened_when_wanted(suffix) for suffix in ("obj", "glb", "html", "ply", "stl", "npz")
}
"""Mesh formats by suffix, without the dot."""


def _by_blender(suffix: str) -> Callable[[HeadMesh, IO[bytes]], None]:
    """`face2mesh.blender.write_blend` and `write_fbx`."""

    def write_format(mesh: HeadMesh, file: IO[bytes]) -> None:
        getattr(import_module("face2mesh.blender"), f"write_{suffix}")(mesh, file)

    return write_format


BLENDER_WRITERS: dict[str, Callable[[HeadMesh, IO[bytes]], None]] = {
    suffix: _by_blender(suffix) for suffix in ("blend", "fbx")
}
"""Formats that Blender writes, where there is one; their bytes are not the same each time."""


def write(mesh: HeadMesh, path: Path) -> None:
    """Write a head in the format of the path's suffix; an older file is replaced only by a whole new one.

    What is written is the head in its own frame, expression applied, pose not applied. An OBJ with a texture is three
    files: `<stem>.mtl` and `<stem>-texture.png` stand beside it.

    Args:
        mesh: the head.
        path: ends in .obj, .glb, .html, .ply, .stl, .npz, .blend, .fbx or .json, large or small letters.

    Raises:
        OutputError: another suffix, the file cannot be written, or there is no Blender to write it.
    """
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == "obj" and mesh.texture is not None:
        from face2mesh.write.textured import write_textured_obj

        write_textured_obj(mesh, path)
    elif suffix == "json":
        write_json(mesh.face, path)
    elif writer := (WRITERS | BLENDER_WRITERS).get(suffix):
        write_atomically(path, lambda file: writer(mesh, file))
    else:
        known = ", ".join(f".{name}" for name in (*WRITERS, *BLENDER_WRITERS, "json"))
        raise OutputError(f"{path}: no such format; end the name in one of {known}.")
