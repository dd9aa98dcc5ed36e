"""Lids: they close in proportion, stop on each other and stay outside the eyeball.

An upper lid turns about the horizontal axis through the eyeball's centre. It goes on by the blink's weight times
whatever a full blink would leave open (or overlap) in this very face, ring by ring of its margin: at weight 1 the edges
meet. Lids that would pass through each other stop where they meet. Last, what would lie inside the eyeball (with its
cornea, wherever it looks) is put onto it, along the ray from the centre.

Both eyes are one computation: the right one's x is turned round, so that it is a left eye.

Letters: B heads, S skin vertices, Z vertices around one eye, U columns of the upper lid's margin, R rings of a margin,
W columns of the lower lid's, from inner to outer corner, N vertices that go with the upper lid, K knots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Lids:
    """What the lids of both eyes are made of; row by row the eyes are mirror images.

    Attributes:
        zone: (2, Z) skin vertices around the left and the right eye; the next fields speak of its columns.
        gaps: (Z,) mm, least distances from the eyeball; negative where none is kept.
        share: (Z,) how much of the upper lid's motion a vertex takes.
        upper: (U, R), the upper lid's margin from its inner edge outwards.
        lower: (W, R), the lower lid's, both corners included.
        profile: (K, 2) angle from the gaze axis in radians, ascending, and the eyeball's distance from its centre
            there, mm; beyond the last angle it is a sphere.
        radius: (), mm, of that sphere.
    """

    zone: Indices
    gaps: Array
    share: Array
    upper: Indices
    lower: Indices
    profile: Array
    radius: Array

    @cached_property
    def _turning(self) -> Indices:
        """(N,) of the zone, which go with the upper lid."""
        return np.flatnonzero(self.share > 0).astype(np.int32)

    @cached_property
    def _own(self) -> tuple[NDArray[np.bool_], Indices]:
        """Which of those N belong to the margin, and their places in the flattened (U, R)."""
        place = np.full(len(self.share), -1, np.int32)
        place[self.upper.ravel()] = np.arange(self.upper.size)
        own = place[self._turning]
        return own >= 0, own[own >= 0]

    @cached_property
    def _kept_out(self) -> Indices:
        """Of the zone, which keep a distance from the eyeball."""
        return np.flatnonzero(self.gaps >= 0).astype(np.int32)

    def around(self, skins: NDArray[Any], centres: NDArray[Any]) -> Array:
        """Skins (B, S, 3) as points (B, 2, Z, 3) from the eyeballs' centres (B, 2, 3), mm, the right eye's mirrored."""
        out: Array = skins[:, self.zone] - np.asarray(centres, np.float64)[:, :, None]
        out[:, 1, :, 0] *= -1
        return out

    def put(self, skins: NDArray[Any], out: Array, centres: NDArray[Any]) -> None:
        """The inverse of `around`: write points (B, 2, Z, 3) into skins (B, S, 3), in place."""
        for side, mirror in enumerate((1.0, -1.0)):
            skins[:, self.zone[side]] = out[:, side] * [mirror, 1.0, 1.0] + centres[:, side, None]

    def settle(self, out: Array, full: Array, amount: NDArray[Any], gaze: NDArray[Any]) -> None:
        """Close the lids, stop them on each other and keep them out of the eyeballs.

        Args:
            out: (B, 2, Z, 3) mm, see `around`; changed in place.
            full: the same, with both blinks at weight 1.
            amount: (B, 2), how much of what `full` leaves open is closed; 0 to 1.
            gaze: (B, 2, 3) unit vectors in which the eyeballs look.
        """
        if np.any(amount):
            places, angles, reaches = self._openings(full)
            share = np.asarray(amount, np.float64)[..., None, None]
            self._turn(out, places, angles * share, reaches * share)
        places, angles, reaches = self._openings(out)
        if np.any(angles < 0):
            self._turn(out, places, np.minimum(angles, 0), np.zeros_like(reaches))
        self._clear(out, gaze)

    def _openings(self, out: Array) -> tuple[Array, Array, Array]:
        """How far each vertex of the upper margin stands above the lower one of the same ring and the same x.

        Returns:
            (B, 2, U, R) each: x; radians; and the logarithm of how much further from the horizontal axis the lower one
            is.
        """
        above, below = out[:, :, self.upper], out[:, :, self.lower]  # (B, 2, U, R, 3), (B, 2, W, R, 3)
        x = above[..., 0]
        column, part = _between(below[..., 0].swapaxes(-1, -2), x.swapaxes(-1, -2))  # (B, 2, R, U)
        column, part = column.swapaxes(-1, -2)[..., None], part.swapaxes(-1, -2)[..., None]
        heights = below[..., 1:]
        first, second = (np.take_along_axis(heights, at, axis=2) for at in (column, column + 1))
        edge = first * (1 - part) + second * part
        angles = np.arctan2(above[..., 1], above[..., 2]) - np.arctan2(edge[..., 0], edge[..., 1])
        reaches = np.log(np.hypot(edge[..., 0], edge[..., 1]) / np.hypot(above[..., 1], above[..., 2]))
        return x, angles, reaches

    def _turn(self, out: Array, places: Array, angles: Array, reaches: Array) -> None:
        """Turn the upper lid down by angles given at its margin, and take it further from the axis, in place.

        The margin's rings go exactly, other skin by its share of what the front ring does at its x.
        """
        rows = self._turning
        of_margin, own = self._own
        points = out[:, :, rows]
        column, part = _between(places[..., -1], points[..., 0])
        moves = []
        for values in (angles, reaches):
            front = values[..., -1]
            first, second = (np.take_along_axis(front, at, axis=-1) for at in (column, column + 1))
            move = first * (1 - part) + second * part
            move[..., of_margin] = values.reshape(*values.shape[:2], -1)[..., own]
            moves.append(self.share[rows] * move)
        cosine, sine, size = np.cos(moves[0]), np.sin(moves[0]), np.exp(moves[1])
        y, z = points[..., 1], points[..., 2]
        points[..., 1], points[..., 2] = size * (y * cosine - z * sine), size * (z * cosine + y * sine)
        out[:, :, rows] = points

    def _clear(self, out: Array, gaze: NDArray[Any]) -> None:
        """Put points that are nearer to the eyeball's surface than their gap to that gap, in place."""
        rows = self._kept_out
        points = out[:, :, rows]
        towards = np.array(gaze, np.float64)
        towards[:, 1, 0] *= -1
        length = np.linalg.norm(points, axis=-1)
        cosine = np.einsum("bszc,bsc->bsz", points, towards) / length
        angle = np.arccos(np.clip(cosine, -1, 1))
        surface = np.interp(angle, self.profile[:, 0], self.profile[:, 1], right=float(self.radius))
        least = surface + self.gaps[rows]
        out[:, :, rows] = points * np.maximum(least / length, 1)[..., None]


def _between(knots: Array, x: Array) -> tuple[NDArray[np.int64], Array]:
    """Where places lie between knots: the knot before each, and 0 to 1 on the way to the next; ends beyond the ends.

    Args:
        knots: (…, W), ascending but for small turns.
        x: (…, U).

    Returns:
        (…, U) each, the first below W − 1.
    """
    inner = knots[..., 1:-1]
    # The first knot that is not below x ends the search, as with sorted knots.
    below = np.logical_and.accumulate(inner[..., None, :] < x[..., :, None], axis=-1)
    column = below.sum(-1)
    first, second = (np.take_along_axis(knots, at, axis=-1) for at in (column, column + 1))
    wide = second - first
    part = np.where(wide > 0, (x - first) / np.where(wide > 0, wide, 1), 0)
    return column, np.clip(part, 0, 1)
