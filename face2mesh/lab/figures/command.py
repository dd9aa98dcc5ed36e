"""`face2mesh lab figures NAME`: each picture of the documentation, by command."""

from __future__ import annotations

import argparse
from pathlib import Path

FIGURES = ("base-head", "corpus", "pooling", "pairs", "people")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `figures` to the laboratory's commands."""
    parser = subparsers.add_parser("figures", help="draw the pictures of the documentation")
    parser.add_argument("what", choices=FIGURES, help="which")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/pictures"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is chosen by chance (default: 0)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Draw one figure's pictures and name the files."""
    what, build, folder = arguments.what, arguments.build, arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    if what == "base-head":
        from face2mesh.lab.figures.base_head import draw as draw_base_head

        files = draw_base_head(build, folder)
    elif what == "corpus":
        from face2mesh.lab.figures.corpus import draw as draw_corpus

        files = draw_corpus(build, folder)
    elif what == "pooling":
        from face2mesh.lab.figures.pooling import draw as draw_pooling

        files = draw_pooling(build, folder)
    elif what == "pairs":
        from face2mesh.lab.figures.pairs import draw as draw_pairs

        files = draw_pairs(build, folder, seed=arguments.seed)
    else:
        from PIL import Image

        from face2mesh.lab.data import data_folder
        from face2mesh.lab.figures import people
        from face2mesh.model import load

        files = [folder / "people.jpg"]
        Image.fromarray(people.draw(load(), data_folder(arguments), arguments.seed)).save(files[0], quality=88)
    for file in files:
        print(file)
