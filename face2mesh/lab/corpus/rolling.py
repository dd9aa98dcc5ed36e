"""Skin around an eye moves along arcs about the eyeball's centre, not along straight lines.

A displacement d of a point at x (from the centre) is written as an arc: the turn of x's direction towards x + d,
times x's distance, and beside it the change of distance. Arcs add up like displacements; at weight 1 an arc ends
exactly where the straight line does, and in between it keeps the distance from the centre that the line would cut
short.

Letters: K fields, Z vertices around one eye, B heads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

Array = NDArray[np.float64]
# Skin this far before the eyeball's sphere and in front of its middle moves along arcs; the cavity's walls too.
ZONE_MM = 14.0


def eye_zone(base: BaseHead, side: int) -> NDArray[np.int64]:
    """(Z,) skin around the left (0) or the right eye (1); the two are mirror images, column by column."""
    skin = slice(0, base.skin_count)
    out = base.vertices[skin].astype(np.float64) - base.eye_centres[0]
    distance = np.linalg.norm(out, axis=1)
    near = (distance < base.eye_radius + ZONE_MM) & (out[:, 2] > 0) | base.regions["eye_cavity_left"][skin]
    near &= base.vertices[skin, 0] > 0
    left = np.flatnonzero(near)
    return left if side == 0 else base.mirror[left].astype(np.int64)


def to_arcs(points: NDArray[Any], displacements: NDArray[Any]) -> Array:
    """Straight displacements as arcs.

    Args:
        points: (Z, 3) from the centre.
        displacements: (K, Z, 3).

    Returns:
        (K, Z, 3): across the point's direction the arc's length on the sphere through it, along it the change of
        distance.
    """
    before = np.asarray(points, np.float64)
    after = before + displacements
    reach, reached = np.linalg.norm(before, axis=-1, keepdims=True), np.linalg.norm(after, axis=-1, keepdims=True)
    outward = before / reach
    across = after - (after * outward).sum(-1, keepdims=True) * outward
    sine = np.linalg.norm(across, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (after * outward).sum(-1, keepdims=True))
    arcs: Array = across * (reach * angle / np.maximum(sine, 1e-12)) + (reached - reach) * outward
    return arcs


def roll(points: NDArray[Any], arcs: NDArray[Any], reach: NDArray[Any] | float) -> Array:
    """Where arcs (…, 3) take points (…, 3) from the centre; `reach` (…), mm, is where they were measured."""
    length = np.linalg.norm(points, axis=-1, keepdims=True)
    out = points / length
    away = (arcs * out).sum(-1, keepdims=True)
    across = arcs - away * out
    size = np.linalg.norm(across, axis=-1, keepdims=True)
    angle = size / np.asarray(reach)[..., None]
    # sin(angle)/size without a division by zero.
    turned = out * np.cos(angle) + across * (np.sinc(angle / np.pi) / np.asarray(reach)[..., None])
    moved: Array = turned * (length + away)
    return moved
