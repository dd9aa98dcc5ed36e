"""`face2mesh lab pairs photos|rendered|outside|same-person|scenery`: the training pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.cli.options import add_seed, add_time_limit, whole_number
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, TRAIN
from face2mesh.lab.data import data_folder
from face2mesh.lab.pairs.files import write_pairs
from face2mesh.lab.pairs.looks import looks_of_photos
from face2mesh.lab.pairs.outside_command import add_outside
from face2mesh.lab.pairs.photo_pairs import make_photo_pairs
from face2mesh.lab.pairs.rendered import World, render_pairs
from face2mesh.lab.pairs.same_person_command import add_same_person
from face2mesh.lab.pairs.scenery_command import add_scenery
from face2mesh.lab.progress import progress_to
from face2mesh.store import provenance


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `pairs` with its kinds."""
    kinds = subparsers.add_parser("pairs").add_subparsers(required=True, metavar="KIND")
    photo = kinds.add_parser("photos", help="fit heads to labelled photos")
    photo.add_argument("--count", type=whole_number(1), metavar="N", help="only the first N photos")
    photo.add_argument(
        "--workers", type=whole_number(1), default=2, metavar="N", help="threads (default: 2); the result is the same"
    )
    photo.add_argument("--labels", type=Path, metavar="FILE", help="of `lab label` (FairFace's training photos)")
    photo.add_argument("--photos", type=Path, metavar="DIR", help="the folder that was labelled")
    photo.set_defaults(run=make_photo_pairs)
    rendered = kinds.add_parser("rendered", help="render heads of the corpus, with exact truth")
    rendered.add_argument(
        "--count", type=whole_number(1), metavar="N", help="how many (default: 50000; with --held-out 1000)"
    )
    add_seed(rendered, "of pictures and people")
    rendered.add_argument(
        "--skins",
        type=whole_number(1),
        default=800,
        metavar="N",
        help="how many skins to take from photos, held out a quarter (default: 800)",
    )
    add_time_limit(rendered, "stop rendering then, write what is there")
    rendered.add_argument(
        "--more-skins", type=Path, metavar="FILE", help="photo pairs of another set of photos, for their skins too"
    )
    rendered.add_argument("--held-out", action="store_true", help="held-out people, into rendered-heldout.npz")
    rendered.add_argument(
        "--workers", type=whole_number(1), default=1, metavar="N", help="processes (default: 1); the result is the same"
    )
    rendered.set_defaults(run=make_rendered_pairs)
    add_outside(kinds)
    add_same_person(kinds)
    add_scenery(kinds)


def make_rendered_pairs(arguments: argparse.Namespace) -> None:
    """Render heads and write `rendered-pairs.npz`, or `rendered-heldout.npz` with people and skins of their own.

    Raises:
        InputFileError: base head, corpus, photo pairs or the photos are missing.
        OutputError: the build folder cannot be written.
    """
    build, held_out = arguments.build, bool(arguments.held_out)
    split = HELD_OUT_PEOPLE if held_out else TRAIN
    count = arguments.count or (1000 if held_out else 50000)
    skins = arguments.skins // 4 if held_out else arguments.skins
    configuration = {"count": count, "skins": skins, "split": split.name}
    inputs = {name.replace("-", "_"): build / f"{name}.npz" for name in ("base-head", "corpus", "photo-pairs")}
    more = None if held_out else arguments.more_skins
    if more is not None:
        inputs["more_skins"] = more
    origin = provenance(inputs, configuration, arguments.seed)  # before a long run, in which inputs may change
    head = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    looks = looks_of_photos(head, corpus, build, data_folder(arguments), held_out, arguments.seed, skins, more)
    identity, expression = split.draw(count, corpus.population, stream=arguments.seed)
    world = World(head, corpus, *looks, identity, expression, split.seed + arguments.seed)
    arrays = render_pairs(world, arguments.workers, progress_to(count, "pictures"), arguments.time_limit)
    jpegs = arrays.pop("jpeg")
    path = build / ("rendered-heldout.npz" if held_out else "rendered-pairs.npz")
    files = write_pairs(path, "rendered-pairs", arrays, jpegs, origin)
    print(
        f"{path}: {len(jpegs)} pictures of {split.name} people in {len(files)} pieces, {len(looks[0])} skins of photos"
    )
