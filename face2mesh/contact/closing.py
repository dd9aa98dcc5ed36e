"""`mouthClose` closes the lips over an open jaw: what the shape leaves open in a face is closed too.

What is left open (or overlaps) at the line where the lips meet is shared by both lips; it fades out along the skin and
towards the corners.

Letters: B heads, S skin vertices, U and W vertices of the upper and the lower lip's line of contact, by x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int32]
# The jaw's weight at which closing sets in fully.
ONSET = 0.15
# Closed lips stand this far apart at the line of contact, mm, or as far as in the neutral face where that is less.
TOUCH_MM = 0.04
# The two lines have their own vertices: half the way each is gone so many times.
PASSES = 6


def closing_amount(jaw: NDArray[Any], close: NDArray[Any]) -> Array:
    """Weights (B,) of `jawOpen` and of `mouthClose` to how much of what is left open is closed, (B,) 0 to 1."""
    amount: Array = np.minimum(close / np.maximum(jaw, 1e-6), 1) * np.minimum(jaw / ONSET, 1)
    return amount


@dataclass(frozen=True, eq=False)
class LipClosing:
    """How the line of contact's closing reaches the lips.

    Attributes:
        upper: (U,) vertices of the upper lip's line of contact, by x.
        lower: (W,) of the lower lip's.
        above: vertices that follow the upper line, and how much.
        above_share: 0 to 1.
        below: vertices that follow the lower line.
        below_share: 0 to 1.
        corners: (2,) the mouth's corners, which stay, by x.
    """

    upper: Indices
    lower: Indices
    above: Indices
    above_share: Array
    below: Indices
    below_share: Array
    corners: Indices

    @property
    def line(self) -> Indices:
        """(U + W + 2,) the upper lip's line of contact, the lower one's, the corners."""
        return np.concatenate([self.upper, self.lower, self.corners])

    def close(self, skins: NDArray[Any], neutral: NDArray[Any], closed: NDArray[Any], amount: NDArray[Any]) -> None:
        """Close the lips of heads by the share `amount` of what a full closing would leave open.

        Args:
            skins: (B, S, 3) mm, changed in place.
            neutral: (B, S, 3) mm.
            closed: (B, U + W + 2, 3) mm, `line` with the jaw as it is and `mouthClose` as strong.
            amount: (B,) 0 to 1.
        """
        count = len(self.upper)
        for head in np.flatnonzero(amount > 0):
            line, corners = np.array(closed[head], np.float64), closed[head, -2:]
            upper, lower = line[:count], line[count:-2]
            wanted = [
                _touching(neutral[head, mine], neutral[head, other], neutral[head, self.corners])
                for mine, other in ((self.upper, self.lower), (self.lower, self.upper))
            ]
            for _ in range(PASSES):
                above = (wanted[0] - upper + _along(upper[:, 0], lower, corners)) / 2
                below = (wanted[1] - lower + _along(lower[:, 0], upper, corners)) / 2
                upper += above
                lower += below
            for rows, share, start, end in (
                (self.above, self.above_share, closed[head, :count], upper),
                (self.below, self.below_share, closed[head, count:-2], lower),
            ):
                inside = start[:, 0]
                ends = min(corners[0, 0], inside[0] - 0.1), max(corners[1, 0], inside[-1] + 0.1)
                places = np.concatenate([ends[:1], inside, ends[1:]])
                x = skins[head, rows, 0]
                for axis in range(3):
                    moved = np.interp(x, places, np.pad(amount[head] * (end - start)[:, axis], 1))
                    skins[head, rows, axis] += share * moved


def _touching(mine: NDArray[Any], other: NDArray[Any], corners: NDArray[Any]) -> Array:
    """(N, 3) from the other lip's line to points of this one's when they touch: the neutral way, but no longer."""
    way = np.asarray(mine, np.float64) - _along(mine[:, 0], other, corners)
    length = np.linalg.norm(way, axis=1, keepdims=True)
    short: Array = way * np.minimum(1, TOUCH_MM / np.maximum(length, 1e-6))
    return short


def _along(places: NDArray[Any], line: NDArray[Any], corners: NDArray[Any]) -> Array:
    """Points (N, 3) of a line (W, 3) between two corners (2, 3), ascending in x, at places x (N,)."""
    whole = np.concatenate([corners[:1], line, corners[1:]])
    points: Array = np.stack([np.interp(places, whole[:, 0], whole[:, axis]) for axis in range(3)], 1)
    return points
