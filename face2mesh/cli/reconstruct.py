"""`face2mesh reconstruct`: photos and folders of photos to heads."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from face2mesh.cli.options import add_debug, add_json

LIGHTS = ("photo", "delit")
TEXTURE_SIZES = (512, 1024, 2048)
DEFAULT_TEXTURE_SIZE = 1024
BLENDER_FORMATS = ("blend", "fbx")
FORMATS = ("obj", "glb", "html", "ply", "stl", "npz", *BLENDER_FORMATS)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `reconstruct` to the command line."""
    parser = subparsers.add_parser(
        "reconstruct",
        help="photos to 3D heads",
        description="For each photo, the head as DIR/<photo>.obj and what the photo told as DIR/<photo>.json.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="photos, and folders of photos")
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
        "--face", type=_face, default=1, metavar="largest|all|N", help="which faces: the Nth largest (default: largest)"
    )
    parser.add_argument("--box", type=_box, metavar="x,y,w,h", help="where the face is, in pixels; for a single photo")
    parser.add_argument("--preview", action="store_true", help="also draw the mesh over the photo: DIR/<photo>.png")
    parser.add_argument("--neutral", action="store_true", help="also write the head without expression")
    parser.add_argument(
        "--subdivide", type=int, choices=(1, 2), default=0, help="a finer head: each quad becomes 4, or 16"
    )
    parser.add_argument("--rig", action="store_true", help="bones for jaw and eyes (glb, html, blend, fbx)")
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
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="another packaged model than the one that is installed"
    )
    add_json(parser)
    add_debug(parser)
    parser.set_defaults(run=run, misuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct what the arguments say.

    Raises:
        Face2MeshError: the model cannot be loaded, the folder cannot be written, or names collide.
    """
    # Photos are done side by side; threads inside a matrix product would get in their way. NumPy reads this when it is
    # first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.cli.job import Outcome, Wanted, do_photos, report_failures
    from face2mesh.cli.names import photos_of, result_names
    from face2mesh.errors import PhotoError

    photos: dict[Path, Path] = {}
    failures: list[Outcome] = []
    for path in arguments.paths:
        try:
            for photo in photos_of(path):
                photos.setdefault(photo.resolve(), photo)
        except PhotoError as error:
            failures.append(Outcome(str(path), error=str(error)))
    if arguments.box and len(photos) > 1:
        arguments.misuse(f"--box is for a single photo; there are {len(photos)}")
    if arguments.texture_size and not arguments.texture:
        arguments.misuse("--texture-size is for --texture photo or --texture delit")
    for failure in failures if arguments.json else []:
        print(failure.line())
    if not photos:
        return report_failures(failures)
    if set(BLENDER_FORMATS) & set(arguments.format):
        from face2mesh.blender import require_blender

        require_blender()  # before the work, and said once
    from face2mesh.model import load

    wanted = Wanted(
        folder=arguments.output,
        formats=arguments.format,
        face=arguments.face,
        box=arguments.box,
        preview=arguments.preview,
        neutral=arguments.neutral,
        ipd_mm=arguments.ipd,
        subdivide=arguments.subdivide,
        rigged=arguments.rig,
        texture=arguments.texture,
        texture_size=arguments.texture_size or DEFAULT_TEXTURE_SIZE,
    )
    endings = ["-neutral"] * arguments.neutral + ["-texture"] * bool(arguments.texture)
    names = result_names(list(photos.values()), numbered=arguments.face is None, endings=endings)
    model = load(arguments.model)
    outcomes = do_photos(list(photos.values()), names, model, wanted, arguments.json, arguments.debug)
    return report_failures(failures + outcomes)


def _formats(text: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(part.strip().lower().removeprefix(".") for part in text.split(",")))
    for name in formats:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(FORMATS)}")
    return formats


def _face(text: str) -> int | None:
    """1 for the largest, N for the Nth largest, None for all."""
    if text == "all":
        return None
    if text == "largest":
        return 1
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not largest, all or a number from 1")


def _box(text: str) -> tuple[float, float, float, float]:
    from face2mesh.photo import Box

    try:
        x, y, w, h = (float(part) for part in text.split(","))
        Box(x, y, w, h)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not x,y,w,h: four numbers with a width and a height above 0"
        ) from error
    return x, y, w, h


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
