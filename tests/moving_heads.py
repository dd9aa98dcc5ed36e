"""A moving corpus on the packaged base head, without any data file: its shapes are the packaged decoder's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from face2mesh import load
from face2mesh.head import ARKIT_NAMES
from face2mesh.head.rigid import best_rigid
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.eyes import gaze_table
from face2mesh.lab.corpus.moving import MovingCorpus, make_moving
from face2mesh.lab.corpus.symmetry import force_mirrored

MODES = 4
# How the teeth of the real corpus move: degrees about +X, mm.
OPENING, SLIDE = 25.3, np.array([0.0, -30.4, 11.9])


@lru_cache
def linear_corpus() -> Corpus:
    """Four of the model's modes, and its 52 shapes made symmetric."""
    model = load()
    base, followers = model.base_head, model._followers
    people = np.zeros((MODES + 1, model.identity_size), np.float32)
    people[1:, :MODES] = np.eye(MODES)
    unit = np.eye(len(ARKIT_NAMES), dtype=np.float32)
    at_rest = np.zeros((len(people), len(ARKIT_NAMES)), np.float32)
    neutral = model._networks.neutral(people)
    placed = followers.place(neutral, neutral, at_rest)
    identity = placed[1:] - placed[:1]
    expression = np.zeros((len(unit), *base.vertices.shape), np.float32)
    expression[:, : base.skin_count] = model._networks.displacement(
        np.zeros((len(unit), people.shape[1]), np.float32), unit
    )
    first, last = base.part_vertices["lower_teeth"]
    turn = np.radians(OPENING)
    about_x = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    expression[ARKIT_NAMES.index("jawOpen"), first:last] = (
        base.vertices[first:last] @ about_x.T + SLIDE - base.vertices[first:last]
    )
    expression[ARKIT_NAMES.index("jawLeft"), first:last] = [6.0, -0.6, 0.6]
    expression[ARKIT_NAMES.index("jawRight"), first:last] = [-6.0, -0.6, 0.6]
    expression = force_mirrored(expression, base.mirror).astype(np.float32)
    return Corpus.on(
        base,
        identity=identity.astype(np.float32),
        expression=expression,
        gaze_degrees=gaze_table(),
        follower_controls=followers.controls,
        follower_weights=followers.weights,
    )


@lru_cache
def moving_corpus() -> MovingCorpus:
    """The same, moving."""
    return make_moving(linear_corpus(), load().base_head)


def weights(**named: float) -> NDArray[np.float32]:
    """(1, 52); a name that ARKit has with sides only means both."""
    row = np.zeros((1, len(ARKIT_NAMES)), np.float32)
    for name, value in named.items():
        for whole in (name,) if name in ARKIT_NAMES else (f"{name}Left", f"{name}Right"):
            row[0, ARKIT_NAMES.index(whole)] = value
    return row


def rotation_between(before: NDArray[np.floating], after: NDArray[np.floating]) -> tuple[float, NDArray[np.float64]]:
    """Angle in degrees and axis of the rigid motion that takes points (N, 3) to others."""
    turn = best_rigid(before, np.asarray(after, np.float64) - before).rotation
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = np.linalg.norm(axis) / 2, (np.trace(turn) - 1) / 2
    return float(np.degrees(np.arctan2(sine, cosine))), axis / max(float(np.linalg.norm(axis)), 1e-12)
