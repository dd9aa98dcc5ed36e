"""`face2mesh lab pairs outside`: rendered heads of people whom the corpus's modes cannot make, to measure on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from face2mesh.cli.options import add_seed, whole_number
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.out_of_span import FILE, SEED, OutOfSpan
from face2mesh.lab.corpus.sampler import sample_expressions
from face2mesh.lab.corpus.splits import WITHHELD_PAIRS
from face2mesh.lab.data import data_folder
from face2mesh.lab.pairs.files import write_pairs
from face2mesh.lab.pairs.looks import looks_of_photos
from face2mesh.lab.pairs.rendered import World, render_pair, stacked
from face2mesh.lab.progress import progress_to
from face2mesh.store import provenance

OUTPUT = "rendered-outside.npz"
SKINS = 200


def add_outside(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `outside` to the kinds of pairs."""
    parser = kinds.add_parser("outside", help="render people outside the corpus's span, to measure on")
    parser.add_argument(
        "--count",
        type=whole_number(1),
        default=400,
        metavar="N",
        help="how many pictures, of all people in turn (default: 400)",
    )
    add_seed(parser, "of the pictures")
    parser.set_defaults(run=make)


def make(arguments: argparse.Namespace) -> None:
    """Write `rendered-outside.npz`: as `rendered-heldout.npz`, with the held-out photos' skins and backgrounds.

    `person` is the row of `out-of-span.npz`; `identity` is zero, since no code makes these people.

    Raises:
        InputFileError: base head, corpus, people, photo pairs or the photos are missing.
        OutputError: the build folder cannot be written.
    """
    build, count, seed = arguments.build, arguments.count, arguments.seed
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus", "photo-pairs")}
    people = OutOfSpan.load(build / FILE)
    origin = provenance({**inputs, "people": build / FILE}, {"count": count, "skins": SKINS}, seed)
    head = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    looks = looks_of_photos(head, corpus, build, data_folder(arguments), True, seed, SKINS)
    weights = sample_expressions(np.random.default_rng([SEED, seed, 1]), count, withheld=WITHHELD_PAIRS)
    nobody = np.zeros((count, len(corpus.identity)), np.float32)
    world = World(head, corpus, *looks, nobody, weights, SEED + seed)
    arrays = stacked(outside_pairs(world, people), progress_to(count, "pictures"))
    jpegs = arrays.pop("jpeg")
    write_pairs(build / OUTPUT, "rendered-pairs", arrays, jpegs, origin)
    print(f"{build / OUTPUT}: {count} pictures of {len(people.vertices)} people outside the span")


def outside_pairs(world: World, people: OutOfSpan) -> Iterator[dict[str, Any]]:
    """The pictures of a world, their heads those of `people` in turn, with the world's expressions."""
    for index, weights in enumerate(world.expression):
        person = index % len(people.vertices)
        vertices = world.corpus.expressed(people.vertices[person][None], weights[None])[0]
        yield {**render_pair(world, index, vertices), "person": np.int64(person)}
