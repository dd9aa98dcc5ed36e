"""What keeps light away: the key light's shadow, and creases."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.raster import rasterise

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.float32]

_SHADOW_MAP_SIDE = 400
_SHADOW_BIAS_MM = 2.0
_PENUMBRA_MM = 1.8
_CREASES = ((3.5, 0.3, 1.5, 0.45), (9.0, 0.9, 4.5, 0.55))
"""Radius in mm; depth below the surroundings in mm from which it counts (flat quads meet in valleys that deep) and at
which it counts fully; share of the light that it takes."""


def key_shadow(placed: Floats, triangles: NDArray[np.integer[Any]], points: Floats, towards: Pixels) -> Pixels:
    """How much of a distant lamp's light arrives, 0 to 1, with an edge a few millimetres soft.

    Args:
        placed: (V, 3), vertices in camera axes, mm.
        triangles: (T, 3).
        points: (N, 3), surface points in camera axes, mm.
        towards: (3,), unit vector towards the lamp, camera axes.

    Returns:
        (N,).
    """
    side = np.cross(towards, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(towards, side), -np.asarray(towards, np.float64)])
    map_points = placed @ axes.T
    low = map_points[:, :2].min(0)
    scale = (_SHADOW_MAP_SIDE - 2) / np.ptp(map_points[:, :2], axis=0).max()
    map_points[:, :2] = (map_points[:, :2] - low) * scale + 1
    nearest = rasterise(map_points, triangles, _SHADOW_MAP_SIDE, _SHADOW_MAP_SIDE, perspective=False).depth
    local = points @ axes.T.astype(np.float32)
    x, y = (local[:, :2] - low.astype(np.float32)).T * np.float32(scale) + 1
    depth = local[:, 2] - np.float32(_SHADOW_BIAS_MM)
    reach = _PENUMBRA_MM * scale
    light = np.zeros(len(points), np.float32)
    offsets = (-reach, 0.0, reach)
    for right in offsets:
        column = np.clip(x + np.float32(right), 0, _SHADOW_MAP_SIDE - 1).astype(np.int32)
        for down in offsets:
            row = np.clip(y + np.float32(down), 0, _SHADOW_MAP_SIDE - 1).astype(np.int32)
            light += nearest[row, column] > depth
    return light / np.float32(len(offsets) ** 2)


def creases(depth: Pixels, seen: NDArray[np.bool_], px_per_mm: float) -> Pixels:
    """How open the surroundings of each pixel are, 0 to 1: surfaces deeper than those around them get less light.

    Args:
        depth: (H, W) mm; any number where nothing is seen.
        seen: (H, W).
        px_per_mm: of the picture at the head's depth.

    Returns:
        (H, W).
    """
    weight = seen.astype(np.float32)
    filled = np.where(seen, depth, 0).astype(np.float32)
    middle = filled.sum() / max(weight.sum(), 1)
    filled = (filled - middle) * weight
    openness = np.ones_like(weight)
    for radius_mm, least_mm, deepest_mm, share in _CREASES:
        radius = max(1, round(radius_mm * px_per_mm))
        around = _box_sum(filled, radius) / np.maximum(_box_sum(weight, radius), 1)
        sunk = (filled - around - np.float32(least_mm)) / np.float32(deepest_mm - least_mm)
        openness *= 1 - share * np.clip(sunk, 0, 1)
    return openness


def _box_sum(picture: Pixels, radius: int) -> Pixels:
    """Sums over squares of (2 · radius + 1)² pixels, twice, with zeros outside: a tent instead of a box."""
    for _ in range(2):
        for axis in (0, 1):
            length = picture.shape[axis]
            sums = np.zeros_like(np.take(picture, [0], axis), dtype=np.float64)
            sums = np.concatenate([sums, np.cumsum(picture, axis, dtype=np.float64)], axis)
            places = np.arange(length)
            high = np.take(sums, np.minimum(places + radius + 1, length), axis)
            picture = (high - np.take(sums, np.maximum(places - radius, 0), axis)).astype(np.float32)
    return picture
