"""`face2mesh lab pairs scenery`: pictures without people, for the face detector, and coins that we draw."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face2mesh.cli.options import add_seed
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.data import data_folder
from face2mesh.lab.pairs.fairface import photos, read_labels
from face2mesh.lab.pairs.mediapipe import INNER_51
from face2mesh.lab.pairs.reliefs import drawn_reliefs, trays
from face2mesh.lab.pairs.scenery import KIND, TILE_SIDE, VERSION, Scenery, make_scenery, pictures_in, tiles_of_photos
from face2mesh.lab.progress import progress_to
from face2mesh.store import provenance, write_arrays

HELD_SHARE = 0.15
TILES_OF_FACES = 1500
RELIEFS, TRAYS = 1000, 400
_HEADS = 100  # people on the reliefs
# Photos from which pieces beside the face are taken.
_PHOTOS = 2500


def add_scenery(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `scenery` to the kinds of pairs."""
    parser = kinds.add_parser("scenery", help="gather pictures without people, for the face detector")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of pictures without people")
    add_seed(parser, "of the tiles and of what is held out")
    parser.set_defaults(run=make)


def make(arguments: argparse.Namespace) -> None:
    """Write `scenery.npz`.

    Raises:
        InputFileError: a folder is none, is empty, or a picture cannot be read.
        OutputError: the build folder cannot be written.
    """
    data = data_folder(arguments)
    paths = pictures_in(arguments.folders)
    inputs = {f"{index:04d} {path.name}": path for index, path in enumerate(paths)}
    inputs["labels"] = data / "fairface-train.npz"
    inputs["corpus"], inputs["base-head"] = arguments.build / "corpus.npz", arguments.build / "base-head.npz"
    corpus = Corpus.load(inputs["corpus"], inputs["base-head"])
    origin = provenance(inputs, {"held_share": HELD_SHARE}, arguments.seed)
    scenery = make_scenery(paths, arguments.seed, HELD_SHARE, progress_to(len(paths), "pictures"))
    beside = tiles_of_photos(_training_photos(data), TILES_OF_FACES, arguments.seed)
    held = np.arange(TILES_OF_FACES) < HELD_SHARE * TILES_OF_FACES
    scenery = replace(
        scenery,
        tiles=np.concatenate([scenery.tiles, beside]),
        held_tile=np.concatenate([scenery.held_tile, held]),
    )
    scenery = _with_reliefs(scenery, corpus, BaseHead.load(inputs["base-head"]), arguments.seed)
    path = arguments.build / "scenery.npz"
    write_arrays(path, KIND, VERSION, dict(vars(scenery)), origin)
    print(f"{path}: {len(scenery.tiles)} tiles and {len(scenery.objects)} things of {len(paths)} pictures")


def _with_reliefs(scenery: Scenery, corpus: Corpus, base: BaseHead, seed: int) -> Scenery:
    """With coins and medals among the things, and trays of them among the tiles; both with heads and things of their
    own where they are held out."""
    generator = np.random.default_rng(seed)
    heads = corpus.heads(generator.normal(0, 1, (_HEADS, len(corpus.identity))))
    parts = []
    for held in (True, False):
        share = HELD_SHARE if held else 1 - HELD_SHARE
        first = round(HELD_SHARE * _HEADS)
        people = heads[:first] if held else heads[first:]
        symbols = list(scenery.objects[scenery.held_object == held])
        reliefs = drawn_reliefs(people, base.triangles, symbols, round(share * RELIEFS), seed + held)
        parts.append((reliefs, trays(reliefs, TILE_SIDE, round(share * TRAYS), seed + held), held))
    return Scenery(
        np.concatenate([scenery.tiles, *(tiles for _, tiles, _ in parts)]),
        np.concatenate([scenery.objects, *(reliefs for reliefs, _, _ in parts)]),
        np.concatenate([scenery.held_tile, *(np.full(len(tiles), held) for _, tiles, held in parts)]),
        np.concatenate([scenery.held_object, *(np.full(len(reliefs), held) for reliefs, _, held in parts)]),
    )


def _training_photos(data: Path) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """FairFace's first training photos with their inner landmarks."""
    labels = read_labels(data, "train")
    points = {int(number): row[list(INNER_51)] for number, row in zip(labels.ids, labels.landmarks, strict=True)}
    for number, rgb in islice(photos(data, "train"), _PHOTOS):
        if number in points:
            yield rgb, points[number]
