"""Ours against the penalised curve: what the penalty's weights reach, and what stays out of their reach.

Letters: R runs on the curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np


def curve_noise(gains: Sequence[float], noises: Sequence[float], gain: float) -> float | None:
    """The least noise at a gain on the line through the runs of a sweep, in their order; none where it is not reached.

    Args:
        gains, noises: (R,) of the runs, by the penalty's weight.
        gain: where to read it.
    """
    reached = []
    for (g0, g1), (n0, n1) in zip(pairwise(gains), pairwise(noises), strict=True):
        if min(g0, g1) <= gain <= max(g0, g1):
            share = (gain - g0) / (g1 - g0) if g1 != g0 else 0.0
            reached.append(n0 + share * (n1 - n0))
    return min(reached, default=None)


def noise_for_gain(gain: float, noise: float) -> float | None:
    """Noise that comes with each unit of detail: what would be left of it if the prediction's detail were amplified to
    gain 1. None where there is no detail to amplify."""
    return noise / gain if gain > 0 else None


def compared(ours: dict[str, Any], curve: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Ours beside a sweep, from their measures.

    Returns:
        "gain" and "noise" of ours; "curve_largest_gain"; "curve_noise_at_that_gain" and "noise_below_curve" (1 − ours
        over the curve's), None where the curve does not reach that gain; "noise_for_gain" of ours and the least of the
        curve's.
    """
    gain, noise = ours["gain"]["value"], ours["noise"]["value"]
    gains, noises = ([run[name]["value"] for run in curve] for name in ("gain", "noise"))
    there = curve_noise(gains, noises, gain)
    amplified = [value for g, n in zip(gains, noises, strict=True) if (value := noise_for_gain(g, n)) is not None]
    return {
        "gain": gain,
        "noise": noise,
        "curve_largest_gain": float(np.max(gains)),
        "curve_noise_at_that_gain": there,
        "noise_below_curve": None if there is None else round(1 - noise / there, 4),
        "noise_for_gain": noise_for_gain(gain, noise),
        "curve_least_noise_for_gain": min(amplified, default=None),
    }
