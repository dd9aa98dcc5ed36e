"""`face2mesh reconstruct`: photos and folders of photos to heads."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from face2mesh.cli.head_options import add_head_options, check_head_options, name_endings, wanted_of
from face2mesh.cli.options import add_debug, add_json


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `reconstruct` to the command line."""
    parser = subparsers.add_parser(
        "reconstruct",
        help="photos to 3D heads",
        description="For each photo, the head as DIR/<photo>.obj and what the photo told as DIR/<photo>.json.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="photos, and folders of photos")
    parser.add_argument(
        "--face", type=_face, default=1, metavar="largest|all|N", help="which faces: the Nth largest (default: largest)"
    )
    parser.add_argument("--box", type=_box, metavar="x,y,w,h", help="where the face is, in pixels; for a single photo")
    parser.add_argument(
        "--same-person",
        action="store_true",
        help="all photos show one person: one head, named after the first photo, with its expression",
    )
    add_head_options(parser)
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
    from face2mesh.cli.job import do_photos, gathered, report_failures
    from face2mesh.cli.names import result_names
    from face2mesh.cli.person import do_person

    photos, failures = gathered(arguments.paths)
    if arguments.box and len(photos) > 1:
        arguments.misuse(f"--box is for a single photo; there are {len(photos)}")
    if arguments.same_person and arguments.face is None:
        arguments.misuse("--same-person wants one face of each photo; leave --face all out")
    check_head_options(arguments)
    for failure in failures if arguments.json else []:
        print(failure.line())
    if not photos:
        return report_failures(failures)
    wanted = replace(wanted_of(arguments), face=arguments.face, box=arguments.box)
    from face2mesh.model import load

    model = load(arguments.model)
    if arguments.same_person:
        outcomes = do_person(photos, model, wanted, arguments.json, arguments.debug)
        return report_failures(failures + outcomes)
    names = result_names(photos, numbered=arguments.face is None, endings=name_endings(arguments))
    outcomes = do_photos(photos, names, model, wanted, arguments.json, arguments.debug)
    return report_failures(failures + outcomes)


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
