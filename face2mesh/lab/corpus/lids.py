"""Where the lids touch the eyeballs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

# How far from the eyeball's sphere (mm) a lid's margin may lie, and how far around the front it reaches (cosine).
MARGIN_MM, FRONT_COSINE = 1.6, 0.35


def lid_margins(base: BaseHead) -> NDArray[np.int32]:
    """(2, L), skin vertices that touch the left and the right eyeball in front: the margins of its lids.

    Column by column they are mirror images. The cavities' walls behind the lids do not count.
    """
    skin = slice(0, base.skin_count)
    out = base.vertices[skin].astype(np.float64) - base.eye_centres[0]
    distance = np.linalg.norm(out, axis=1)
    touching = (np.abs(distance - base.eye_radius) < MARGIN_MM) & (out[:, 2] > FRONT_COSINE * distance)
    for name in ("eye_cavity_left", "eye_cavity_right"):
        if name in base.regions:
            touching &= ~base.regions[name][skin]
    left = np.flatnonzero(touching)
    return np.stack([left, base.mirror[left]]).astype(np.int32)


def lid_rim(base: BaseHead) -> NDArray[np.int32]:
    """(2, R), the part of `lid_margins` that borders on the eyes' cavities: the lids' edges, one vertex wide."""
    margins = lid_margins(base)
    cavity = base.regions["eye_cavity_left"] | base.regions["eye_cavity_right"]
    inside = cavity[base.skin_quads]
    border = np.unique(base.skin_quads[inside.any(1) & ~inside.all(1)])
    return margins[:, np.isin(margins[0], border)]


def upper_and_lower(base: BaseHead, margin: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """One eye's margin (L,) in two: above the line between the eye's corners, and below it."""
    points = base.vertices[margin].astype(np.float64)
    inner, outer = points[np.abs(points[:, 0]).argmin()], points[np.abs(points[:, 0]).argmax()]
    along = (points[:, 0] - inner[0]) / (outer[0] - inner[0])
    above = points[:, 1] > inner[1] + along * (outer[1] - inner[1])
    return margin[above], margin[~above]
