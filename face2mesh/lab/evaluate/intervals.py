"""Confidence intervals by bootstrap over people: BCa, 2,000 resamples, seeded.

People are drawn with replacement, each with all of his or her pictures (Davison and Hinkley, "Bootstrap Methods and
their Application", 1997, section 3.8); the interval is bias-corrected and accelerated (Efron, "Better Bootstrap
Confidence Intervals", 1987), the acceleration from the jackknife. All statistics here are functions of sums over
people, so a resample is one row of a matrix product. Letters: N pictures, P people, K summed quantities, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

RESAMPLES = 2000
LEVEL = 0.95
LEAST_PEOPLE = 8
"""Fewer people than this give no interval."""
SEED = 0

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]
"""Sums over people (…, K) to the statistic (…,)."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval.

    Attributes:
        value: over everybody.
        low, high: the interval's ends; None for fewer than `LEAST_PEOPLE` people, and where the value is no number.
        people: P.
    """

    value: float
    low: float | None
    high: float | None
    people: int

    def to_json(self) -> dict[str, Any]:
        """For a results file, to six significant digits."""
        return {
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "people": self.people,
        }


def estimate(values: NDArray[Any], person: NDArray[Any], statistic: Statistic, seed: int = SEED) -> Estimate:
    """A statistic of sums over people, with its interval.

    Args:
        values: (N, K), what is summed: one row a picture.
        person: (N,), whose picture it is.
        statistic: of the sums; smooth.
        seed: of the resamples.

    Raises:
        ValueError: there are no pictures.
    """
    sums = sums_of_people(values, person)
    if not len(sums):
        raise ValueError("an estimate needs at least one picture")
    total = sums.sum(0)
    value = float(statistic(total))
    if len(sums) < LEAST_PEOPLE or not np.isfinite(value):
        return Estimate(value, None, None, len(sums))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn, without_one = statistic(_draws(len(sums), seed) @ sums), statistic(total - sums)
    # A resample may by chance hold nobody of a small group that the statistic divides by.
    low, high = bca(value, drawn[np.isfinite(drawn)], without_one[np.isfinite(without_one)])
    return Estimate(value, low, high, len(sums))


def mean(values: NDArray[Any], person: NDArray[Any], seed: int = SEED) -> Estimate:
    """The mean over pictures of values (N,)."""
    return estimate(_columns(values, np.ones(len(values))), person, lambda sums: sums[..., 0] / sums[..., 1], seed)


def gain(errors: NDArray[Any], baseline: NDArray[Any], person: NDArray[Any], seed: int = SEED) -> Estimate:
    """1 − mean error / mean baseline error; both (N,) on the same pictures, so that what they share cancels."""
    return estimate(_columns(errors, baseline), person, lambda sums: 1 - sums[..., 0] / sums[..., 1], seed)


def difference(errors: NDArray[Any], baseline: NDArray[Any], person: NDArray[Any], seed: int = SEED) -> Estimate:
    """Mean of error minus baseline error, paired; both (N,)."""
    return mean(np.asarray(errors, np.float64) - np.asarray(baseline, np.float64), person, seed)


def sums_of_people(values: NDArray[Any], person: NDArray[Any]) -> FloatArray:
    """Values (N, K) summed over each person's pictures: (P, K), people in sorted order."""
    _, index = np.unique(person, return_inverse=True)
    values = np.asarray(values, np.float64)
    sums = np.zeros((int(index.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, index.ravel(), values)
    return sums


def bca(value: float, drawn: FloatArray, without_one: FloatArray, level: float = LEVEL) -> tuple[float, float]:
    """The ends of the bias-corrected and accelerated interval.

    Efron (1987): the percentiles Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z))) of the resamples, where z₀ is the normal quantile of
    the share of resamples below the value and a the jackknife's skewness over six.

    Args:
        value: of the whole sample.
        drawn: (R,), of the resamples.
        without_one: (P,), with one person left out at a time.
        level: between 0 and 1.
    """
    share = ((drawn < value).sum() + 0.5 * (drawn == value).sum()) / len(drawn)
    bias = ndtri(np.clip(share, 1 / (2 * len(drawn)), 1 - 1 / (2 * len(drawn))))
    influence = without_one.mean() - without_one
    spread = float((influence**2).sum())
    acceleration = float((influence**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    shifted = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(drawn, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)


@lru_cache(maxsize=32)
def _draws(people: int, seed: int) -> FloatArray:
    """(R, P), how often each person is in each resample."""
    generator = np.random.default_rng([seed, people])
    chosen = generator.integers(people, size=(RESAMPLES, people)) + people * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(chosen.ravel(), minlength=RESAMPLES * people)
    return counts.reshape(RESAMPLES, people).astype(np.float64)


def _columns(*values: NDArray[Any]) -> FloatArray:
    return np.stack([np.asarray(value, np.float64) for value in values], -1)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.6g}")
