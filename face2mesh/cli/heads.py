"""Files of heads that no photo showed, and of pictures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face2mesh.errors import OutputError

if TYPE_CHECKING:
    from face2mesh.face import Face


def make_folder(folder: Path) -> None:
    """Make the folder of the results.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another folder with -o.") from error


def write_head(face: Face, name: str, arguments: argparse.Namespace, told: Mapping[str, Any]) -> list[Path]:
    """Write a head in the formats of `head_options.add_mesh_options`, and its codes as JSON.

    Args:
        face: the head.
        name: of the files, without suffix.
        arguments: of the command line.
        told: what else the JSON says.

    Returns:
        The files, the JSON last.

    Raises:
        Face2MeshError: something cannot be written.
    """
    from face2mesh.write import HeadMesh, write, write_json

    mesh = HeadMesh.of(face, rigged=arguments.rig, subdivide=arguments.subdivide)
    files = [arguments.output / f"{name}.{suffix}" for suffix in (*arguments.format, "json")]
    for file in files[:-1]:
        write(mesh, file)
    write_json(face, files[-1], told=told)
    return files


def write_picture(picture: Any, path: Path) -> None:
    """Write a picture (H, W, 3) as PNG.

    Raises:
        OutputError: it cannot be written.
    """
    from PIL import Image

    from face2mesh.store import write_atomically

    write_atomically(path, lambda file: Image.fromarray(picture).save(file, "PNG"))
