"""`tongueOut` over the lower teeth and lip: forwards, thinner and flatter, with the tip hanging before the lip.

MakeHuman's own tongueOut runs straight through the lower lip. Here the tongue's underside follows a path in the frame
of the lower jaw: from where it rests up over the lower incisors, level over the lip, and down before it.

Letters: N vertices of the tongue.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

Array = NDArray[np.float64]
# How far the tip comes forwards, mm; what of it reaches the tongue's back, from the tip: places in mm behind it.
FORWARDS_MM, BEHIND_MM, FOLLOWS = 27.0, (0.0, 18.0, 62.0), (1.0, 0.9, 0.0)
# Thickness and width that are left at the tip, of the rest tongue's.
THIN, NARROW = 0.55, 0.85
# The underside runs this far above the incisors' edges; it starts to rise this far behind them; before the lip it
# sinks by this much per mm, rounded over so many mm.
CLEARANCE_MM, RISE_MM, SLOPE, ROUNDING_MM = 0.6, 22.0, 0.75, 8.0
# Slices in which the underside is measured, mm.
SLICE_MM = 4.0


# The path is told at so many weights: a straight line from rest to the end would cut through the lip.
STEPS = 8


def tongue_path(base: BaseHead) -> Array:
    """(STEPS, N, 3) mm, displacements of the tongue at weights 1/STEPS to 1."""
    return np.stack([put_out(base, (step + 1) / STEPS) for step in range(STEPS)])


def put_out(base: BaseHead, weight: float) -> Array:
    """(N, 3) mm, displacement of the tongue at a weight of 0 to 1 in the lower jaw's frame; symmetric."""
    rest = base.vertices[slice(*base.part_vertices["tongue"])].astype(np.float64)
    teeth = base.vertices[slice(*base.part_vertices["lower_teeth"])].astype(np.float64)
    front = teeth[np.abs(teeth[:, 0]) < 8]
    edge = front[front[:, 1].argmax()]
    behind = rest[:, 2].max() - rest[:, 2]
    follows = weight * np.interp(behind, BEHIND_MM, FOLLOWS)
    z = rest[:, 2] + FORWARDS_MM * follows
    under = _underside(rest)
    thin = 1 - (1 - THIN) * follows
    flat = under(rest[:, 2]) + (rest[:, 1] - under(rest[:, 2])) * thin
    # The path's height where the underside must be, and how much of it counts there.
    level = edge[1] + CLEARANCE_MM
    lip = base.vertices[base.regions["lip_lower"]].astype(np.float64)
    top = lip[np.abs(lip[:, 0]) < 8]
    start = top[top[:, 1] > top[:, 1].max() - 3, 2].mean()
    beyond = np.maximum(z - start, 0)
    path = level - SLOPE * beyond**2 / (beyond + ROUNDING_MM)
    near = np.clip((z - (edge[2] - RISE_MM)) / RISE_MM, 0, 1)
    near = near**2 * (3 - 2 * near)
    y = flat + near * (path - under(rest[:, 2]))
    x = rest[:, 0] * (1 - (1 - NARROW) * follows)
    return np.column_stack([x, y, z]) - rest


def _underside(rest: Array) -> Callable[[Array], Array]:
    """The tongue's lowest point in slices from back to front, as a function of z."""
    slices = np.arange(rest[:, 2].min(), rest[:, 2].max() + SLICE_MM, SLICE_MM)
    lowest = np.array([rest[np.abs(rest[:, 2] - z) <= SLICE_MM, 1].min() for z in slices])
    return lambda z: np.interp(z, slices, lowest)
