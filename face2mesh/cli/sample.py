"""`face2mesh sample`: heads of people who do not exist."""

from __future__ import annotations

import argparse
import os

from face2mesh.cli.head_options import add_mesh_options, check_blender
from face2mesh.cli.options import add_debug, add_seed, whole_number

SHEET = "samples.png"
_CELL = (240, 300)
_COLUMNS = 8


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `sample` to the command line."""
    parser = subparsers.add_parser(
        "sample",
        help="heads of people who do not exist",
        description="Draw random heads of the model: DIR/sample-<seed>.obj and .json, a head for each seed.",
    )
    add_mesh_options(parser)
    add_seed(parser, "of the first head")
    parser.add_argument(
        "--count", type=whole_number(1, 10000), default=1, metavar="N", help="how many heads (default: 1)"
    )
    parser.add_argument("--neutral", action="store_true", help="heads without expression")
    parser.add_argument("--preview", action="store_true", help=f"also draw them all: DIR/{SHEET}")
    add_debug(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw heads, write them and print the files.

    Raises:
        Face2MeshError: the model cannot be loaded, or a file cannot be written.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    from face2mesh.cli.heads import make_folder, write_head, write_picture
    from face2mesh.cli.progress import Progress
    from face2mesh.draw import VIEWS, contact_sheet, portrait
    from face2mesh.model import load

    check_blender(arguments)
    model = load(arguments.model)
    make_folder(arguments.output)
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    faces = []
    with Progress(len(seeds), "heads") as progress:
        for done, seed in enumerate(seeds, 1):
            face = model.sample(seed, expression=not arguments.neutral)
            files = write_head(face, f"sample-{seed}", arguments, {"seed": seed})
            faces += [face] * arguments.preview
            progress.show(done)
            progress.clear()
            print("\n".join(map(str, files)), flush=True)
    if faces:
        # One frame for all, so that sizes can be compared.
        framed = np.concatenate([face.vertices for face in faces])
        view = VIEWS["three_quarter"]
        cells = [portrait(face.head, face.vertices, view, *_CELL, framed=framed) for face in faces]
        sheet = contact_sheet(cells, min(len(cells), _COLUMNS), [str(seed) for seed in seeds])
        write_picture(sheet, arguments.output / SHEET)
        print(arguments.output / SHEET)
    return 0
