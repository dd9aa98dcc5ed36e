"""Bootstrap intervals: worked by hand, against SciPy, and how often they hold the truth."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from face2mesh.lab.evaluate.intervals import LEAST_PEOPLE, bca, difference, estimate, gain, mean, sums_of_people


def test_sums_by_hand():
    values = np.array([[1.0, 10], [2, 20], [4, 40]])
    np.testing.assert_array_equal(sums_of_people(values, np.array([7, 3, 7])), [[2, 20], [5, 50]])


def test_values_by_hand():
    errors, baseline, person = np.array([1.0, 2, 3, 6]), np.array([4.0, 4, 4, 8]), np.arange(4)
    assert mean(errors, person).value == 3
    assert gain(errors, baseline, person).value == pytest.approx(1 - 12 / 20)
    assert difference(errors, baseline, person).value == -2
    few = mean(errors, person)
    assert (few.low, few.high, few.people) == (None, None, 4)
    with pytest.raises(ValueError, match="at least one picture"):
        mean(np.zeros(0), np.zeros(0))


def test_gain_of_oneself_and_of_a_constant_share():
    errors = np.random.default_rng(0).uniform(1, 5, 40)
    nothing = gain(errors, errors, np.arange(40))
    assert (nothing.value, nothing.low, nothing.high) == pytest.approx((0, 0, 0), abs=1e-12)
    # What errors and baseline share cancels: there is nothing uncertain about half the error.
    half = gain(errors / 2, errors, np.arange(40))
    assert (half.value, half.low, half.high) == pytest.approx((0.5, 0.5, 0.5))


def test_as_scipy_has_it():
    values = np.random.default_rng(5).gamma(1.5, 2, 60)
    found = mean(values, np.arange(60))
    reference = bootstrap((values,), np.mean, n_resamples=20000, method="BCa", rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.05 * values.std())


def test_same_seed_same_interval():
    values = np.random.default_rng(1).normal(size=30)
    assert mean(values, np.arange(30), seed=4) == mean(values, np.arange(30), seed=4)
    assert mean(values, np.arange(30), seed=4) != mean(values, np.arange(30), seed=5)


def test_pictures_of_one_person_do_not_count_as_people():
    values = np.random.default_rng(2).normal(size=30)
    once = mean(values, np.arange(30))
    tenfold = mean(np.repeat(values, 10), np.repeat(np.arange(30), 10))
    assert tenfold.people == 30
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_intervals_hold_the_truth_as_often_as_they_say(draw):
    generator = np.random.default_rng(3)
    truth = {"normal": 0.0, "exponential": 1.0}[draw]
    held = 0
    for _ in range(400):
        found = mean(getattr(generator, draw)(size=50), np.arange(50))
        held += found.low <= truth <= found.high
    # 95 %, less what a skewed distribution costs at 50 people; chance alone is ±2.2 %.
    assert 0.90 <= held / 400 <= 0.98


def test_plain_percentiles_where_nothing_is_skewed():
    drawn = np.linspace(-1, 1, 2001)
    assert bca(0.0, drawn, np.array([-1.0, 1.0])) == pytest.approx((-0.95, 0.95), abs=2e-3)


def test_a_resample_without_a_small_group():
    # Of 1,000 people eight are in the group: now and then a resample holds none of them.
    inside = np.arange(1000) < LEAST_PEOPLE
    columns = np.stack([inside * 2.0, inside], -1)
    found = estimate(columns, np.arange(1000), lambda sums: sums[..., 0] / sums[..., 1])
    assert (found.low, found.high) == (2, 2)


def test_six_digits_in_a_file():
    assert mean(np.full(9, 1 / 3), np.arange(9)).to_json() == {
        "value": 0.333333,
        "low": 0.333333,
        "high": 0.333333,
        "people": 9,
    }
