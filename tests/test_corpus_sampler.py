"""Draws of people and expressions, and the splits."""

from __future__ import annotations

import numpy as np
import pytest

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.corpus.people import TARGETS
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.corpus.sampler import (
    INDEX,
    OPPOSITES,
    UNIT_COLUMNS,
    UNITS,
    shows,
    unit_of,
)
from face2mesh.lab.corpus.splits import HELD_OUT_PAIRS, HELD_OUT_PEOPLE, SPLITS, TRAIN, WITHHELD_PAIRS

# As many modes as the corpus has; MakeHuman's here are made up, for only their number decides about the draws.
PEOPLE = Population(100, np.ones((len(TARGETS), 16), np.float32))


@pytest.fixture(scope="module")
def train() -> np.ndarray:
    return TRAIN.draw(6000, PEOPLE)[1]


def test_the_same_seed_gives_the_same_draws() -> None:
    for first, second in zip(TRAIN.draw(50, PEOPLE), TRAIN.draw(50, PEOPLE), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(TRAIN.draw(50, PEOPLE)[0], TRAIN.draw(50, PEOPLE, stream=1)[0])


def test_weights_are_possible(train: np.ndarray) -> None:
    assert train.dtype == np.float32
    assert train.min() >= 0
    assert train.max() <= 1
    for first, second in OPPOSITES:
        assert not np.any((train[:, INDEX[first]] > 0) & (train[:, INDEX[second]] > 0)), (first, second)
    assert np.all(train[:, INDEX["mouthClose"]] <= train[:, INDEX["jawOpen"]])


def test_many_are_neutral_and_all_are_sparse(train: np.ndarray) -> None:
    mouth_and_brow = [column for name, column in INDEX.items() if not name.startswith("eye")]
    assert (train[:, mouth_and_brow].max(1) < 0.02).mean() > 0.08
    assert (train > 0.05).sum(1).mean() < 8


def test_every_unit_occurs_strongly_in_training(train: np.ndarray) -> None:
    for name in ARKIT_NAMES:
        assert (train[:, INDEX[name]] > 0.5).sum() >= 5, name


def test_sides_go_together_mostly(train: np.ndarray) -> None:
    left, right = train[:, INDEX["mouthSmileLeft"]], train[:, INDEX["mouthSmileRight"]]
    smiling = np.maximum(left, right) > 0.3
    assert np.corrcoef(left[smiling], right[smiling])[0, 1] > 0.3
    lopsided = np.abs(left - right)[smiling] > 0.3
    assert 0.02 < lopsided.mean() < 0.3


def test_both_eyes_look_the_same_way(train: np.ndarray) -> None:
    np.testing.assert_allclose(train[:, INDEX["eyeLookOutLeft"]], train[:, INDEX["eyeLookInRight"]])
    np.testing.assert_allclose(train[:, INDEX["eyeLookUpLeft"]], train[:, INDEX["eyeLookUpRight"]])


def test_units() -> None:
    assert unit_of("mouthSmileLeft") == "mouthSmile"
    assert unit_of("jawLeft") == unit_of("jawRight") == "jawSide"
    assert unit_of("jawOpen") == "jawOpen"
    assert sorted(column for columns in UNIT_COLUMNS.values() for column in columns) == list(range(52))


def test_withheld_pairs_never_meet_in_training_and_always_in_the_held_out_set(train: np.ndarray) -> None:
    held_out = HELD_OUT_PAIRS.draw(400, PEOPLE)[1]
    met = np.zeros(len(held_out), bool)
    for first, second in WITHHELD_PAIRS:
        assert first in UNITS
        assert second in UNITS
        assert not np.any(shows(train, first) & shows(train, second))
        met |= shows(held_out, first) & shows(held_out, second)
    assert met.all()


def test_splits_have_seeds_of_their_own() -> None:
    assert len({split.seed for split in SPLITS.values()}) == len(SPLITS)


def test_the_committed_draws_have_not_changed() -> None:
    """A split is fixed before the first training; another numpy may draw otherwise, then this says so."""
    codes, weights = TRAIN.draw(200, PEOPLE)
    np.testing.assert_allclose(codes[0, :2], [0.331957, 0.828744], atol=1e-5)
    np.testing.assert_allclose(weights.sum(), 380.0316, atol=0.01)
    np.testing.assert_allclose(HELD_OUT_PEOPLE.draw(1, PEOPLE)[0][0, :2], [0.266830, 0.379763], atol=1e-5)
