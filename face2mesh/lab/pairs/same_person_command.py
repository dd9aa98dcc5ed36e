"""`face2mesh lab pairs same-person`: several rendered pictures of each of some held-out people, to measure on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from face2mesh.cli.options import add_seed, whole_number
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, VALIDATION
from face2mesh.lab.data import data_folder
from face2mesh.lab.pairs.files import write_pairs
from face2mesh.lab.pairs.looks import looks_of_photos
from face2mesh.lab.pairs.rendered import World, render_pair, stacked
from face2mesh.lab.progress import progress_to
from face2mesh.store import provenance

OUTPUT = "rendered-same-person.npz"
OUTPUT_FOR_VALIDATION = "rendered-same-person-validation.npz"
SKINS = 200
STREAM = 1
"""Of the held-out people: others than those of `rendered-heldout.npz` with its default seed."""


def add_same_person(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `same-person` to the kinds of pairs."""
    parser = kinds.add_parser("same-person", help="render several pictures of each of some held-out people")
    parser.add_argument("--people", type=whole_number(1), default=60, metavar="N", help="how many (default: 60)")
    parser.add_argument("--pictures", type=whole_number(1), default=8, metavar="N", help="of each of them (default: 8)")
    parser.add_argument(
        "--validation", action="store_true", help="other people, of the validation split, to choose constants on"
    )
    add_seed(parser, "of the pictures")
    parser.set_defaults(run=make)


def make(arguments: argparse.Namespace) -> None:
    """Write `rendered-same-person.npz`: as `rendered-heldout.npz`, the pictures of a person one after the other.

    With `--validation`, `rendered-same-person-validation.npz`.

    A person keeps head, skin, eyes and the hair's colour; expression, pose, camera, light, clothes and surroundings
    are drawn anew for each picture.

    Raises:
        InputFileError: base head, corpus, photo pairs or the photos are missing.
        OutputError: the build folder cannot be written.
    """
    build, people, pictures, seed = arguments.build, arguments.people, arguments.pictures, arguments.seed
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus", "photo-pairs")}
    split = VALIDATION if arguments.validation else HELD_OUT_PEOPLE
    output = build / (OUTPUT_FOR_VALIDATION if arguments.validation else OUTPUT)
    settings = {"people": people, "pictures": pictures, "skins": SKINS, "split": split.name}
    origin = provenance(inputs, settings, seed)
    head = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    looks = looks_of_photos(head, corpus, build, data_folder(arguments), True, seed, SKINS)
    codes, weights = split.draw(people * pictures, corpus.population, STREAM)
    identity = np.repeat(codes[:people], pictures, axis=0)
    world = World(head, corpus, *looks, identity, weights, split.seed + STREAM + seed)
    arrays = stacked(pictures_of_people(world, pictures), progress_to(people * pictures, "pictures"))
    jpegs = arrays.pop("jpeg")
    write_pairs(output, "rendered-pairs", arrays, jpegs, origin)
    print(f"{output}: {pictures} pictures of each of {people} people")


def pictures_of_people(world: World, pictures: int) -> Iterator[dict[str, Any]]:
    """The pictures of a world of which each `pictures` in a row are of one person, who has one look."""
    for index in range(len(world.identity)):
        person = index // pictures
        look = np.random.default_rng([world.seed, person, 1])
        yield {**render_pair(world, index, look=look), "person": np.int64(person)}
