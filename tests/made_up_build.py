"""A made-up laboratory folder: base head, corpus, hierarchy and pairs, small enough to train on in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_up import made_up_corpus, made_up_head

from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.corpus.splits import TRAIN
from face2mesh.lab.graph.hierarchy import build_hierarchy
from face2mesh.lab.pairs.files import write_pairs as write_pairs_file
from face2mesh.lab.pairs.rendered import World, render_pairs
from face2mesh.lab.pairs.skin import Skins
from face2mesh.lab.pairs.surroundings import Backdrops
from face2mesh.store import provenance

MODES = 5
POPULATION = Population.of_scans(MODES)
STEPS = 8


def write_base(build: Path) -> None:
    """`base-head.npz`, `corpus.npz` and `hierarchy.npz`."""
    head = made_up_head(STEPS)
    head.save(build / "base-head.npz", provenance())
    corpus_of(build).save(build / "corpus.npz", provenance({"base_head": build / "base-head.npz"}))
    skin = slice(0, head.skin_count)
    levels = build_hierarchy(head.vertices[skin], head.skin_triangles, head.skin_quads, head.mirror[skin], poolings=2)
    levels.save(build / "hierarchy.npz", provenance())


def corpus_of(build: Path) -> Corpus:
    """The made-up corpus on the made-up head."""
    head = made_up_head(STEPS)
    identity, expression = made_up_corpus(STEPS, MODES)
    followers = len(head.vertices) - head.skin_count
    return Corpus.on(
        head,
        identity=identity.astype(np.float32),
        expression=expression.astype(np.float32),
        gaze_degrees=np.zeros((52, 2, 2), np.float32),
        follower_controls=np.arange(4, dtype=np.int32),
        follower_weights=np.zeros((followers, 4), np.float32),
    )


def write_pairs(build: Path, count: int = 24) -> None:
    """`rendered-pairs.npz`, and the same pictures as if they were fitted photos."""
    head = made_up_head(STEPS)
    identity, expression = TRAIN.draw(count, POPULATION)
    world = World(head, corpus_of(build), Skins.none(head), Backdrops.none(), identity, expression, seed=1)
    pairs = render_pairs(world)
    jpegs = pairs.pop("jpeg")
    write_pairs_file(build / "rendered-pairs.npz", "rendered-pairs", pairs, jpegs, provenance())
    photos = {name: value for name, value in pairs.items() if name not in ("light", "person")}
    photos["accepted"] = np.ones(count, bool)
    photos["residual"] = np.zeros(count, np.float32)
    photos["photo_id"] = np.arange(count)
    photos["age"] = np.full(count, "20-29")
    write_pairs_file(build / "photo-pairs.npz", "photo-pairs", photos, jpegs, provenance())
