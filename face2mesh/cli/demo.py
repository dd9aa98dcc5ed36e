"""`face2mesh demo`: the whole path on a photo that comes with the package."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.cli.options import add_debug, add_json, add_model

ASTRONAUT = Path(__file__).parent / "astronaut.jpg"
"""Eileen Collins, 512 × 512; NASA, public domain; as in scikit-image's `data.astronaut`."""
FORMATS = ("obj", "glb", "html")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="try it on a photo that comes with the package",
        description="Reconstruct an astronaut's portrait, with its skin: DIR/astronaut.obj, .glb, .html (open it in a "
        "browser), .json and a picture, .png.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("face2mesh-demo"), metavar="DIR", help="default: %(default)s"
    )
    add_model(parser)
    add_json(parser)
    add_debug(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct the astronaut.

    Raises:
        Face2MeshError: the model cannot be loaded, or the folder cannot be written.
    """
    from face2mesh.cli.job import Wanted, do_photos, report_failures
    from face2mesh.model import load

    wanted = Wanted(folder=arguments.output, formats=FORMATS, preview=True, texture="delit")
    model = load(arguments.model)
    outcomes = do_photos([ASTRONAUT], [ASTRONAUT.stem], model, wanted, arguments.json, arguments.debug)
    return report_failures(outcomes)
