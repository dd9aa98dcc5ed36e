"""Options of the commands that write heads: which formats, how fine, with which texture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from face2mesh.cli.options import add_model

if TYPE_CHECKING:
    from face2mesh.cli.job import Wanted

LIGHTS = ("photo", "delit")
TEXTURE_SIZES = (512, 1024, 2048)
DEFAULT_TEXTURE_SIZE = 1024
BLENDER_FORMATS = ("blend", "fbx")
FORMATS = ("obj", "glb", "html", "ply", "stl", "npz", *BLENDER_FORMATS)


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """Add where heads go and in which formats, of which model."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--format",
        type=_formats,
        default=("obj",),
        metavar="FORMAT",
        help=f"instead of obj: one or more of {','.join(FORMATS)}, separated by commas "
        "(blend and fbx need Blender: see docs/blender.md)",
    )
    parser.add_argument(
        "--subdivide", type=int, choices=(1, 2), default=0, help="a finer head: each quad becomes 4, or 16"
    )
    parser.add_argument("--rig", action="store_true", help="bones for jaw and eyes (glb, html, blend, fbx)")
    add_model(parser)


def add_head_options(parser: argparse.ArgumentParser) -> None:
    """Add where results go, and what is written of each photo's head; `wanted_of` reads them."""
    add_mesh_options(parser)
    parser.add_argument("--preview", action="store_true", help="also draw the mesh over the photo: DIR/<photo>.png")
    parser.add_argument("--neutral", action="store_true", help="also write the head without expression")
    parser.add_argument(
        "--texture",
        choices=LIGHTS,
        help="a texture for the head (obj, glb, html, blend, fbx): with the photo's light, or without it",
    )
    parser.add_argument(
        "--texture-size",
        type=int,
        choices=TEXTURE_SIZES,
        metavar="N",
        help=f"its side in texels: {', '.join(map(str, TEXTURE_SIZES))} (default: {DEFAULT_TEXTURE_SIZE})",
    )
    parser.add_argument("--ipd", type=_ipd, metavar="MM", help="distance between the eyes' centres, sets the scale")


def check_head_options(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together (`arguments.misuse` ends the program)."""
    if arguments.texture_size and not arguments.texture:
        arguments.misuse("--texture-size is for --texture photo or --texture delit")


def check_blender(arguments: argparse.Namespace) -> None:
    """Refuse formats that cannot be written here, before the work, and once.

    Raises:
        Face2MeshError: a format needs Blender, and there is none.
    """
    if set(BLENDER_FORMATS) & set(arguments.format):
        from face2mesh.blender import require_blender

        require_blender()


def wanted_of(arguments: argparse.Namespace) -> Wanted:
    """What to write of each head.

    Raises:
        Face2MeshError: a format needs Blender, and there is none.
    """
    from face2mesh.cli.job import Wanted

    check_blender(arguments)
    return Wanted(
        folder=arguments.output,
        formats=arguments.format,
        preview=arguments.preview,
        neutral=arguments.neutral,
        ipd_mm=arguments.ipd,
        subdivide=arguments.subdivide,
        rigged=arguments.rig,
        texture=arguments.texture,
        texture_size=arguments.texture_size or DEFAULT_TEXTURE_SIZE,
    )


def name_endings(arguments: argparse.Namespace) -> list[str]:
    """What is written behind a name, for `result_names`."""
    return ["-neutral"] * arguments.neutral + ["-texture"] * bool(arguments.texture)


def _formats(text: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(part.strip().lower().removeprefix(".") for part in text.split(",")))
    for name in formats:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(FORMATS)}")
    return formats


def _ipd(text: str) -> float:
    from face2mesh.errors import Face2MeshError
    from face2mesh.model.model import check_ipd

    try:
        distance = float(text)
        check_ipd(distance)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of millimetres") from error
    except Face2MeshError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return distance
