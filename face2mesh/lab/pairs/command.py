"""`face2mesh lab pairs photos|rendered`: the training pairs."""

from __future__ import annotations

import argparse

import numpy as np

from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, TRAIN
from face2mesh.lab.pairs.files import SHARED, VERSION, read_pairs
from face2mesh.lab.pairs.photo_pairs import make_photo_pairs
from face2mesh.lab.pairs.point_model import load_model
from face2mesh.lab.pairs.progress import progress_to
from face2mesh.lab.pairs.rendered import RENDERED_PIXELS, World, render_pairs
from face2mesh.lab.pairs.skin import skins_of_photos
from face2mesh.store import provenance, write_arrays


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `pairs` with its two kinds."""
    kinds = subparsers.add_parser("pairs", help="make training pairs").add_subparsers(required=True, metavar="KIND")
    photo = kinds.add_parser("photos", help="fit heads to FairFace's labelled photos")
    photo.add_argument("--count", type=int, default=None, help="only the first COUNT photos")
    photo.set_defaults(run=make_photo_pairs)
    rendered = kinds.add_parser("rendered", help="render heads of the corpus, with exact truth")
    rendered.add_argument("--count", type=int, default=None, help="how many (24000; 1000 with --held-out)")
    rendered.add_argument("--seed", type=int, default=0, help="of pictures and people (0)")
    rendered.add_argument("--skins", type=int, default=500, help="how many skins to take from photos (500)")
    rendered.add_argument("--held-out", action="store_true", help="held-out people, into rendered-heldout.npz")
    rendered.add_argument("--workers", type=int, default=1, help="processes (1); the result is the same")
    rendered.set_defaults(run=make_rendered_pairs)


def make_rendered_pairs(arguments: argparse.Namespace) -> None:
    """Render heads and write `rendered-pairs.npz`, or `rendered-heldout.npz` with people and skins of their own.

    Skins and backgrounds come from the photos in `photo-pairs.npz`, four fifths of them for training and the rest for
    the held-out set.

    Raises:
        InputFileError: base head, corpus or photo pairs are missing.
        OutputError: the build folder cannot be written.
    """
    build, held_out = arguments.build, bool(arguments.held_out)
    split = HELD_OUT_PEOPLE if held_out else TRAIN
    count = arguments.count or (1000 if held_out else 24000)
    configuration = {"count": count, "skins": arguments.skins, "split": split.name, "pixels": RENDERED_PIXELS}
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus", "photo-pairs")}
    head, corpus, _ = load_model(build)
    origin = provenance(inputs, configuration, arguments.seed)  # before a long run, in which inputs may change
    photos = read_pairs(build / "photo-pairs.npz")
    last = len(photos["crop"]) * 4 // 5
    share = slice(last, None) if held_out else slice(0, last)
    photos = {name: values[share] for name, values in photos.items() if name in (*SHARED, "residual", "accepted")}
    generator = np.random.default_rng([arguments.seed, 1])
    skins = skins_of_photos(head, corpus, photos, arguments.skins, generator)
    identity, expression = split.draw(count, corpus.population, stream=arguments.seed)
    world = World(head, corpus, skins, photos["crop"][::4].copy(), identity, expression, split.seed + arguments.seed)
    del photos
    arrays = render_pairs(world, arguments.workers, progress_to(count, "rendering"))
    path = build / ("rendered-heldout.npz" if held_out else "rendered-pairs.npz")
    write_arrays(path, "rendered-pairs", VERSION, arrays, origin)
    print(f"{path}: {count} pictures of {split.name} people, {len(skins)} skins from photos")
