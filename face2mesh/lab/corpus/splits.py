"""Which people and which combinations of movements are for training, for validation and held out.

Committed before the first training, and never changed afterwards: a new split gets a new name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.corpus.moving_sampler import sample_moving
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.corpus.sampler import sample_expressions

# Pairs of units (see `sampler.unit_of`) that never occur together in training or validation: two across the face, two
# within the mouth, one emotion (a sneer with an open jaw), one of speech (a rounded, sideways mouth). Each unit occurs
# in training by itself and with every other partner.
WITHHELD_PAIRS: tuple[tuple[str, str], ...] = (
    ("browInnerUp", "mouthPucker"),
    ("eyeSquint", "mouthFunnel"),
    ("jawSide", "mouthSmile"),
    ("cheekPuff", "mouthUpperUp"),
    ("noseSneer", "jawOpen"),
    ("mouthSide", "mouthPucker"),
)


@dataclass(frozen=True)
class Split:
    """A seeded source of people and expressions.

    Attributes:
        name: of the split.
        seed: of its generator; no two splits share one.
        withheld: whether its expressions all show a withheld pair (else none does).
        moving: whether they are drawn for the moving corpus.
    """

    name: str
    seed: int
    withheld: bool = False
    moving: bool = False

    def generator(self, stream: int = 0) -> np.random.Generator:
        """A fresh generator; streams of one split are independent of each other."""
        return np.random.default_rng([self.seed, stream])

    def draw(
        self, count: int, population: Population, stream: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """People of all ages and their expressions.

        Args:
            count: n.
            population: whom the codes describe: the corpus's `population`.
            stream: see `generator`.

        Returns:
            (n, M) identity codes and (n, 52) weights.
        """
        rng = self.generator(stream)
        return population.sample(rng, count), self.expressions(rng, count)

    def expressions(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """(n, 52) weights of this split."""
        sample = sample_moving if self.moving else sample_expressions
        if self.withheld:
            return sample(rng, count, required=WITHHELD_PAIRS)
        return sample(rng, count, withheld=WITHHELD_PAIRS)


TRAIN = Split("train", 7001)
VALIDATION = Split("validation", 7002)
HELD_OUT_PEOPLE = Split("held-out-people", 7003)
HELD_OUT_PAIRS = Split("held-out-pairs", 7004, withheld=True)
MOVING_TRAIN = Split("moving-train", 7201, moving=True)
MOVING_VALIDATION = Split("moving-validation", 7202, moving=True)
MOVING_HELD_OUT_PEOPLE = Split("moving-held-out-people", 7203, moving=True)
MOVING_HELD_OUT_PAIRS = Split("moving-held-out-pairs", 7204, withheld=True, moving=True)
_ALL = (
    *(TRAIN, VALIDATION, HELD_OUT_PEOPLE, HELD_OUT_PAIRS),
    *(MOVING_TRAIN, MOVING_VALIDATION, MOVING_HELD_OUT_PEOPLE, MOVING_HELD_OUT_PAIRS),
)
SPLITS = {split.name: split for split in _ALL}
# People outside the modes' span have a file and a seed of their own (see `out_of_span`): they are for measuring only.
