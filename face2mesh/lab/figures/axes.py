"""Axes of plots: which values they reach from and to, where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOGARITHMIC_FROM = 3.0
"""Largest over smallest value from which on an axis is logarithmic."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A value axis: linear or logarithmic, from `low` to `high`, with ticks."""

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """0 at the lower end, 1 at the upper one."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def axis(values: FloatArray) -> Axis:
    """The axis for values (n,): logarithmic where they are above 0 and span a factor of three or more."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low >= _LOGARITHMIC_FROM:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        low, high = low / 1.05, high * 1.05
        in_a_decade = (1,) if high / low > 1e3 else (1, 2, 5) if high / low > 20 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        marks = (float(f"{m}e{k}") for k in decades for m in in_a_decade)
        return Axis(low, high, True, tuple(mark for mark in marks if low <= mark <= high))
    margin = 0.05 * (high - low) or abs(high) or 1.0
    low, high = low - margin, high + margin
    step = _nice((high - low) / 5)
    ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return Axis(low, high, False, tuple(float(f"{tick:.10g}") for tick in ticks))


def nice_steps(first: float, last: float) -> list[float]:
    """Round step numbers from first to last, about four of them."""
    step = max(_nice((last - first) / 4), 1.0)
    return [step * k for k in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _nice(length: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below a length."""
    if length <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(length))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= length * (1 - 1e-9))


def linear_axis(low: float, high: float, ticks: Sequence[float]) -> Axis:
    """From one end to the other."""
    return Axis(low, high, False, tuple(ticks))


def logarithmic_axis(low: float, high: float) -> Axis:
    """From one end to the other, both above 0, with a tick at each power of ten."""
    powers = range(int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9)) + 1)
    return Axis(low, high, True, tuple(float(10.0**power) for power in powers))
