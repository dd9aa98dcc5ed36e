"""`face2mesh lab figures NAME`: each picture of the documentation, by command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from face2mesh.cli.options import add_seed
from face2mesh.errors import Face2MeshError
from face2mesh.lab.data import data_folder

CURVES = "curves"
Draw = Callable[..., Any]
"""The function `draw` of a figure's module."""
Way = Callable[[Draw, argparse.Namespace], list[Path]]
"""How it is called with what the command line says, and the files that come of it."""


def _of_build(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(given.build, given.output)
    return files


def _of_build_by_chance(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(given.build, given.output, seed=given.seed)
    return files


def _of_model(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(_model(), given.output, given.seed)
    return files


def _of_model_and_data(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(_model(), data_folder(given), given.output, given.seed)
    return files


def _of_build_and_data(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(given.build, given.output, data_folder(given), given.seed)
    return files


def _autoencoder(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(Path("results/autoencoder.json"), given.output, given.build)
    return files


def _curves(draw: Draw, given: argparse.Namespace) -> list[Path]:
    files: list[Path] = draw(given.runs, given.output)
    return files


def _sheet_of_model(draw: Draw, given: argparse.Namespace) -> list[Path]:
    return _saved(draw(_model()), given)


def _sheet_of_model_and_data(draw: Draw, given: argparse.Namespace) -> list[Path]:
    return _saved(draw(_model(), data_folder(given), given.seed), given)


def _errors(draw: Draw, given: argparse.Namespace) -> list[Path]:
    from face2mesh.lab.corpus.corpus import Corpus
    from face2mesh.lab.evaluate.command import HELD_OUT

    corpus = Corpus.load(given.build / "corpus.npz", given.build / "base-head.npz")
    return _saved(draw(_model(), given.build / HELD_OUT, corpus, given.seed), given)


FIGURES: dict[str, tuple[str, Way]] = {
    "base-head": ("base_head", _of_build),
    "corpus": ("corpus", _of_build),
    "moving": ("moving", _of_build),
    "contact": ("contact", _of_build),
    "ages": ("ages", _of_build),
    "pooling": ("pooling", _of_build),
    "morphable-model": ("morphable", _of_model),
    "pairs": ("pairs", _of_build_by_chance),
    "fits": ("fits", _of_build_by_chance),
    "rendered": ("rendered", _of_build_by_chance),
    "people": ("people", _sheet_of_model_and_data),
    "texture": ("texture", _sheet_of_model_and_data),
    "errors": ("errors", _errors),
    "autoencoder": ("autoencoder", _autoencoder),
    CURVES: ("curves", _curves),
    "detector": ("detector", _of_build_and_data),
    "glb": ("glb", _sheet_of_model),
    "blender": ("blender", _sheet_of_model),
    "dataset": ("dataset", _of_model_and_data),
}
"""Name to the module that draws it, and the way."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `figures` to the laboratory's commands."""
    parser = subparsers.add_parser("figures")
    parser.add_argument("what", choices=list(FIGURES), metavar="FIGURE", help=f"one of {', '.join(FIGURES)}")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders of training runs, for curves")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("docs/pictures"), metavar="DIR", help="default: %(default)s"
    )
    add_seed(parser, "of whatever is chosen by chance")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Draw one figure's pictures and name the files.

    Raises:
        Face2MeshError: curves of no run, or runs for another figure.
    """
    if (arguments.what == CURVES) != bool(arguments.runs):
        raise Face2MeshError(
            f"`figures {arguments.what}`: name the folders of runs for `figures curves`, and only for it."
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    module, way = FIGURES[arguments.what]
    # Only what draws is opened: others need what may not be installed.
    for file in way(import_module(f"face2mesh.lab.figures.{module}").draw, arguments):
        print(file)


def _model() -> Any:
    """The packaged model."""
    from face2mesh.model import load

    return load()


def _saved(picture: Any, given: argparse.Namespace) -> list[Path]:
    """A sheet (H, W, 3) as FIGURE.jpg; Blender's, which has wireframes, as PNG."""
    from PIL import Image

    if given.what == "blender":
        path = given.output / "blender.png"
        Image.fromarray(picture).save(path, optimize=True)
    else:
        path = given.output / f"{given.what}.jpg"
        Image.fromarray(picture).save(path, quality=88)
    return [path]
