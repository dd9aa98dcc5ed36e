"""Lids that close: the scans' own blink leaves the eye open by a millimetre near the nose.

Everything is told in angles about the horizontal axis through the eyeball's centre, for lids roll over the ball.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.lids import lid_rim, upper_and_lower

Array = NDArray[np.float64]
# How far a closed upper lid reaches over the lower one's edge.
OVERLAP_DEGREES = 2.0
# How high above its edge the upper lid takes part in the additional closing, and how far before the ball's sphere.
LID_DEGREES, LID_MM = 40.0, 8.0
# Skin this far before the ball's sphere is lid when it comes to what closes the eye.
EDGE_MM = 4.0
# The opening is measured at so many places between the corners, over windows of this half width, and smoothed so often.
PLACES, WINDOW_MM, SMOOTHINGS = 25, 0.6, 2


def close_lids(base: BaseHead, blinks: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Array, Array]:
    """Roll the upper lids of both blinks down until they meet the lower lids.

    Args:
        base: the base head.
        blinks: displacements (S, 3) of the skin of the left eye's and of the right eye's blink at weight 1.

    Returns:
        The same, closing the eye.
    """
    rest = base.vertices[: base.skin_count].astype(np.float64)
    closed = []
    for side, blink in enumerate(blinks):
        lids = lids_of(base, side)
        centre = base.eye_centres[side].astype(np.float64)
        after = rest + blink - centre
        opening = lids.opening(after)
        needed = np.maximum(opening + np.radians(OVERLAP_DEGREES), 0)
        needed[[0, -1]] = 0
        for _ in range(SMOOTHINGS):
            needed[1:-1] = (needed[:-2] + 2 * needed[1:-1] + needed[2:]) / 4
        turn = -lids.share * np.interp(after[:, 0], lids.places, needed, 0, 0)
        y = after[:, 1] * np.cos(turn) + after[:, 2] * np.sin(turn)
        z = after[:, 2] * np.cos(turn) - after[:, 1] * np.sin(turn)
        closed.append(np.column_stack([after[:, 0], y, z]) + centre - rest)
    return closed[0], closed[1]


@dataclass(frozen=True)
class Lids:
    """The lids of one eye.

    Attributes:
        upper: (n, 2), edges of the upper lid's skin.
        lower: (m, 2), of the lower lid's.
        share: (S,), how much skin goes with the upper lid's edge: 1 at the edge, 0 far above, far before the ball and
            below.
        places: (K,) mm, x from corner to corner about the eyeball's centre, ascending.
    """

    upper: NDArray[Any]
    lower: NDArray[Any]
    share: Array
    places: Array

    def opening(self, out: NDArray[Any]) -> Array:
        """(K,) radians, how far the lids stand open at the places; negative where they overlap.

        Args:
            out: (S, 3), the skin about the eyeball's centre.
        """
        return _extreme(out[self.upper], self.places, np.min) - _extreme(out[self.lower], self.places, np.max)


def lids_of(base: BaseHead, side: int) -> Lids:
    """The lids of the left (0) or the right eye (1)."""
    out = base.vertices[: base.skin_count].astype(np.float64) - base.eye_centres[side]
    upper, lower = (out[rows] for rows in upper_and_lower(base, lid_rim(base)[side]))
    angle, distance = elevation(out), np.linalg.norm(out, axis=1)
    edge = _along(out[:, 0], upper)
    above_middle = angle > (edge + _along(out[:, 0], lower)) / 2
    above = np.clip((angle - edge) / np.radians(LID_DEGREES), 0, 1)
    before = np.clip((distance - base.eye_radius) / LID_MM, 0, 1)
    share = (1 - above) ** 2 * (1 + 2 * above) * (1 - before) ** 2 * (1 + 2 * before)
    share[~above_middle | (out[:, 2] < 0)] = 0
    cavity = (base.regions["eye_cavity_left"] | base.regions["eye_cavity_right"])[: base.skin_count]
    lid = ~cavity & (out[:, 2] > 0) & (distance < base.eye_radius + EDGE_MM)
    edges = np.concatenate([base.skin_quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    low, high = max(upper[:, 0].min(), lower[:, 0].min()), min(upper[:, 0].max(), lower[:, 0].max())
    return Lids(
        upper=edges[(lid & above_middle)[edges].all(1)],
        lower=edges[(lid & ~above_middle)[edges].all(1)],
        share=share,
        places=np.linspace(low, high, PLACES),
    )


def elevation(out: NDArray[Any]) -> Array:
    """(…,) radians above straight ahead, of points (…, 3) about an eyeball's centre."""
    angle: Array = np.arctan2(out[..., 1], out[..., 2])
    return angle


def _along(places: Array, edge: NDArray[Any]) -> Array:
    """Elevation at places x of a lid's edge that is given by its vertices (n, 3)."""
    order = np.argsort(edge[:, 0])
    height: Array = np.interp(places, edge[order, 0], elevation(edge[order]))
    return height


def _extreme(edges: NDArray[Any], places: Array, extreme: Any) -> Array:
    """The lowest or highest elevation on edges (n, 2, 3) within each place's window; interpolated where it is empty."""
    steps = np.linspace(0, 1, 9)[:, None, None]
    points = (edges[:, 0] * (1 - steps) + edges[:, 1] * steps).reshape(-1, 3)
    angle = elevation(points)
    near = np.abs(points[:, 0] - places[:, None]) < WINDOW_MM
    filled = near.any(1)
    values = np.array([extreme(angle[row]) for row in near[filled]])
    found: Array = np.interp(places, places[filled], values)
    return found
