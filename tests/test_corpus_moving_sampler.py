"""Draws of moving expressions and their splits."""

from __future__ import annotations

import numpy as np
import pytest

from face2mesh.lab.corpus.moving_sampler import sample_moving
from face2mesh.lab.corpus.sampler import INDEX, OPPOSITES, shows
from face2mesh.lab.corpus.splits import MOVING_HELD_OUT_PAIRS, MOVING_TRAIN, WITHHELD_PAIRS


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return MOVING_TRAIN.expressions(MOVING_TRAIN.generator(), 1500)


def test_the_same_state_gives_the_same_draws(drawn: np.ndarray) -> None:
    np.testing.assert_array_equal(MOVING_TRAIN.expressions(MOVING_TRAIN.generator(), 1500), drawn)
    assert not np.array_equal(sample_moving(np.random.default_rng(1), 100), drawn[:100])


def test_weights_are_possible(drawn: np.ndarray) -> None:
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert np.all(drawn[:, INDEX["mouthClose"]] <= drawn[:, INDEX["jawOpen"]])
    for first, second in OPPOSITES:
        assert not np.any((drawn[:, INDEX[first]] > 0) & (drawn[:, INDEX[second]] > 0)), (first, second)


def test_winks_closed_mouths_and_tongues_occur(drawn: np.ndarray) -> None:
    left, right = drawn[:, INDEX["eyeBlinkLeft"]], drawn[:, INDEX["eyeBlinkRight"]]
    assert ((np.abs(left - right) > 0.5).mean()) > 0.03
    close, jaw = drawn[:, INDEX["mouthClose"]], drawn[:, INDEX["jawOpen"]]
    assert ((jaw > 0.2) & (close > 0.9 * jaw)).mean() > 0.02
    assert (drawn[:, INDEX["tongueOut"]] > 0.3).mean() > 0.01


def test_held_out_pairs_never_occur_in_training_and_always_in_their_split(drawn: np.ndarray) -> None:
    held = MOVING_HELD_OUT_PAIRS.expressions(MOVING_HELD_OUT_PAIRS.generator(), 500)
    assert not any(np.any(shows(drawn, first) & shows(drawn, second)) for first, second in WITHHELD_PAIRS)
    assert np.all(np.any([shows(held, first) & shows(held, second) for first, second in WITHHELD_PAIRS], 0))
