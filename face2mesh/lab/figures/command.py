"""`face2mesh lab figures NAME`: each picture of the documentation, by command."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.cli.options import add_seed
from face2mesh.errors import Face2MeshError

FIGURES = (
    "base-head",
    "corpus",
    "moving",
    "contact",
    "ages",
    "pooling",
    "morphable-model",
    "pairs",
    "fits",
    "rendered",
    "people",
    "texture",
    "errors",
    "autoencoder",
    "curves",
    "detector",
    "glb",
    "blender",
    "dataset",
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `figures` to the laboratory's commands."""
    parser = subparsers.add_parser("figures")
    parser.add_argument("what", choices=FIGURES, help="which")
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
    what, build, folder = arguments.what, arguments.build, arguments.output
    if (what == "curves") != bool(arguments.runs):
        raise Face2MeshError(f"`figures {what}`: name the folders of runs for `figures curves`, and only for it.")
    folder.mkdir(parents=True, exist_ok=True)
    if what == "base-head":
        from face2mesh.lab.figures.base_head import draw as draw_base_head

        files = draw_base_head(build, folder)
    elif what == "corpus":
        from face2mesh.lab.figures.corpus import draw as draw_corpus

        files = draw_corpus(build, folder)
    elif what == "moving":
        from face2mesh.lab.figures.moving import draw as draw_moving

        files = draw_moving(build, folder)
    elif what == "contact":
        from face2mesh.lab.figures.contact import draw as draw_contact

        files = draw_contact(build, folder)
    elif what == "ages":
        from face2mesh.lab.figures.ages import draw as draw_ages

        files = draw_ages(build, folder)
    elif what == "pooling":
        from face2mesh.lab.figures.pooling import draw as draw_pooling

        files = draw_pooling(build, folder)
    elif what == "morphable-model":
        from face2mesh.lab.figures.morphable import draw as draw_morphable
        from face2mesh.model import load

        files = draw_morphable(load(), folder, arguments.seed)
    elif what == "pairs":
        from face2mesh.lab.figures.pairs import draw as draw_pairs

        files = draw_pairs(build, folder, seed=arguments.seed)
    elif what == "fits":
        from face2mesh.lab.figures.fits import draw as draw_fits

        files = draw_fits(build, folder, arguments.seed)
    elif what == "rendered":
        from face2mesh.lab.figures.rendered import draw as draw_rendered

        files = draw_rendered(build, folder, arguments.seed)
    elif what == "autoencoder":
        from face2mesh.lab.figures.autoencoder import draw as draw_autoencoder

        files = draw_autoencoder(Path("results/autoencoder.json"), folder, build)
    elif what == "detector":
        from face2mesh.lab.data import data_folder
        from face2mesh.lab.figures.detector import draw as draw_detector

        files = draw_detector(build, folder, data_folder(arguments), arguments.seed)
    elif what == "glb":
        from PIL import Image

        from face2mesh.lab.figures import glb
        from face2mesh.model import load

        files = [folder / "glb.jpg"]
        Image.fromarray(glb.draw(load())).save(files[0], quality=88)
    elif what == "blender":
        from PIL import Image

        from face2mesh.lab.figures import blender
        from face2mesh.model import load

        files = [folder / "blender.png"]
        Image.fromarray(blender.draw(load())).save(files[0], optimize=True)
    elif what == "dataset":
        from face2mesh.lab.data import data_folder
        from face2mesh.lab.figures.dataset import draw as draw_dataset
        from face2mesh.model import load

        files = draw_dataset(load(), data_folder(arguments), folder, arguments.seed)
    elif what == "texture":
        from PIL import Image

        from face2mesh.lab.data import data_folder
        from face2mesh.lab.figures import texture
        from face2mesh.model import load

        files = [folder / "texture.jpg"]
        Image.fromarray(texture.draw(load(), data_folder(arguments), arguments.seed)).save(files[0], quality=88)
    elif what == "curves":
        from face2mesh.lab.figures.curves import draw as draw_curves

        files = draw_curves(arguments.runs, folder)
    elif what == "errors":
        from PIL import Image

        from face2mesh.lab.corpus.corpus import Corpus
        from face2mesh.lab.evaluate.command import HELD_OUT
        from face2mesh.lab.figures import errors
        from face2mesh.model import load

        corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
        files = [folder / "errors.jpg"]
        picture = errors.draw(load(), build / HELD_OUT, corpus, arguments.seed)
        Image.fromarray(picture).save(files[0], quality=88)
    else:
        from PIL import Image

        from face2mesh.lab.data import data_folder
        from face2mesh.lab.figures import people
        from face2mesh.model import load

        files = [folder / "people.jpg"]
        Image.fromarray(people.draw(load(), data_folder(arguments), arguments.seed)).save(files[0], quality=88)
    for file in files:
        print(file)
