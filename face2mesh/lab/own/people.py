"""A shape model's people as a corpus: whole heads with expressions, to draw pictures of and to hold answers against.

Letters: S skin vertices, V all vertices, K modes of the shape model, M modes of the packaged model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.sampler import sample_expressions
from face2mesh.lab.corpus.splits import WITHHELD_PAIRS
from face2mesh.lab.own.packaged import Packaged
from face2mesh.lab.own.shapes import ShapeModel

FloatArray = NDArray[np.float32]

OWN_SHARE = 0.25
"""Of the people drawn, those who are the sculpts themselves, a little changed."""
MIXED_SHARE = 0.25
"""Those between two of the sculpts."""
CHANGED = 0.3
"""How much of a random person a changed one has."""


def corpus_of(packaged: Packaged, shapes: ShapeModel, expressions: FloatArray) -> tuple[BaseHead, Corpus]:
    """The shape model's mean as a base head, and its modes and expressions (52, S, 3) as a corpus on it."""
    units = len(ARKIT_NAMES)
    followers, base = packaged.followers, packaged.base_head

    def whole(neutral: FloatArray, moved: FloatArray, weights: NDArray[np.float64]) -> FloatArray:
        return followers.place(neutral, moved, weights)

    still = np.zeros((len(shapes.modes), units))
    mean = whole(shapes.mean, shapes.mean, still[0])
    people = shapes.mean + shapes.modes
    identity = whole(people, people, still) - mean
    neutral = np.broadcast_to(shapes.mean, (units, *shapes.mean.shape))
    expression = whole(neutral, shapes.mean + expressions, np.eye(units)) - mean
    # The eyeballs' turn is apart in a corpus.
    eyes = slice(base.part_vertices["left_eye"][0], base.part_vertices["right_eye"][1])
    expression[:, eyes] = 0
    centres = base.eye_centres
    if eyes.start < eyes.stop:  # a template of one's own may have none
        firsts = [base.part_vertices[f"{side}_eye"][0] for side in ("left", "right")]
        centres = base.eye_centres + mean[firsts] - base.vertices[firsts]
    head = replace(base, vertices=mean, eye_centres=centres.astype(np.float32))
    corpus = Corpus.on(
        head,
        identity=identity,
        expression=expression,
        gaze_degrees=followers.gaze_degrees,
        follower_controls=followers.controls,
        follower_weights=followers.weights,
    )
    return head, corpus


def draw_people(
    rng: np.random.Generator, count: int, sculpts: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Codes (n, K) of people to learn from, their expressions (n, 52), and the two sculpts (n, 2) that each is made of.

    Most are drawn from the shape model (made of −1 and −1), some lie between two sculpts, and some are a sculpt itself,
    a little changed (twice the same one).

    Args:
        rng: the generator.
        count: n.
        sculpts: (·, K) their codes.
    """
    codes = rng.standard_normal((count, sculpts.shape[1]))
    of = np.stack([rng.integers(len(sculpts), size=count) for _ in range(2)], 1)
    first, second = sculpts[of[:, 0]], sculpts[of[:, 1]]
    share = rng.random((count, 1))
    kind = rng.random(count)[:, None]
    mixed = share * first + (1 - share) * second
    codes = np.where(
        kind < OWN_SHARE,
        np.sqrt(1 - CHANGED**2) * first + CHANGED * codes,
        np.where(kind < OWN_SHARE + MIXED_SHARE, mixed + CHANGED * codes, codes),
    )
    of[:, 1] = np.where(kind[:, 0] < OWN_SHARE, of[:, 0], of[:, 1])
    of[kind[:, 0] >= OWN_SHARE + MIXED_SHARE] = -1
    return codes.astype(np.float32), sample_expressions(rng, count, withheld=WITHHELD_PAIRS), of
