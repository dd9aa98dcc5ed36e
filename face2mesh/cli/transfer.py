"""`face2mesh transfer`: one photo's expression on other people's heads."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from face2mesh.cli.head_options import add_head_options, check_head_options, name_endings, wanted_of
from face2mesh.cli.options import add_debug, add_json


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `transfer` to the command line."""
    parser = subparsers.add_parser(
        "transfer",
        help="one photo's expression on other people's heads",
        description="For each target, the head with the source's expression: DIR/<target>.obj and DIR/<target>.json.",
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="the photo whose expression is taken")
    parser.add_argument("targets", nargs="+", type=Path, metavar="TARGET", help="photos of others, and folders of them")
    add_head_options(parser)
    add_json(parser)
    add_debug(parser)
    parser.set_defaults(run=run, misuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct source and targets, and give the targets the source's expression.

    Raises:
        Face2MeshError: the source shows no face, the model cannot be loaded, the folder cannot be written, or names
            collide.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.cli.job import do_photos, gathered, report_failures
    from face2mesh.cli.names import result_names

    check_head_options(arguments)
    if arguments.source.is_dir():
        arguments.misuse(f"{arguments.source} is a folder; name the one photo whose expression is wanted")
    targets, failures = gathered(arguments.targets)
    for failure in failures if arguments.json else []:
        print(failure.line())
    if not targets:
        return report_failures(failures)
    names = result_names(targets, numbered=False, endings=name_endings(arguments))
    wanted = wanted_of(arguments)
    from face2mesh.model import load
    from face2mesh.photo import read_photo

    model = load(arguments.model)
    photo = read_photo(arguments.source)
    source = model.reconstruct(photo)
    wanted = replace(wanted, expression=source.expression, told={"expression_from": arguments.source.name})
    if wanted.preview:
        from face2mesh.draw import photo_panel

        wanted = replace(wanted, source_panel=photo_panel(source, photo.rgb))
    outcomes = do_photos(targets, names, model, wanted, arguments.json, arguments.debug)
    return report_failures(failures + outcomes)
