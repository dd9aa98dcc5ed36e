"""Eyeballs of the corpus: where their centres go, and how far they turn.

The scans' eyeballs change size from person to person (standard deviation 6 %); ours keep their radius, as people's
nearly do, and are placed so that the lids stay at their distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.rigid import Array, ball_between_lids
from face2mesh.lab.corpus.scans import SCLERAS, Scans

# Degrees at weight 1. MakeHuman's faces turn by 22 sideways; up and down its 11 and 17 are less than ARKit's ranges.
# The scans' lids, which move by 8 and 15 degrees about the eyeball's centre in eyeLookUp and eyeLookDown, lag behind
# the eye as lids do.
GAZE_DEGREES = {"In": 22.0, "Out": 22.0, "Up": 18.0, "Down": 22.0}
# How far in front of the eyeball's sphere (mm) a lid's margin may lie, and how far around the front it reaches
# (cosine).
MARGIN_MM, FRONT_COSINE = 1.6, 0.35


def gaze_table() -> NDArray[np.float32]:
    """(52, 2, 2), yaw (positive to the subject's left) and pitch (positive down) of the left and the right eye."""
    table = np.zeros((len(ARKIT_NAMES), 2, 2), np.float32)
    for row, name in enumerate(ARKIT_NAMES):
        if not name.startswith("eyeLook"):
            continue
        side = 0 if name.endswith("Left") else 1
        direction = name.removeprefix("eyeLook").removesuffix("Left").removesuffix("Right")
        degrees = GAZE_DEGREES[direction]
        outward = 1.0 if side == 0 else -1.0
        sign = {"In": -outward, "Out": outward, "Up": -1.0, "Down": 1.0}[direction]
        table[row, side, 0 if direction in ("In", "Out") else 1] = sign * degrees
    return table


def lid_margin(base: BaseHead, side: int) -> NDArray[np.int64]:
    """Skin vertices that touch an eyeball (side 0 is the left) in front: the margins of its lids."""
    out = base.vertices[: base.skin_count].astype(np.float64) - base.eye_centres[side]
    distance = np.linalg.norm(out, axis=1)
    touching = np.abs(distance - base.eye_radius) < MARGIN_MM
    return np.flatnonzero(touching & (out[:, 2] > FRONT_COSINE * distance))


def scanned_centres(scans: Scans) -> Array:
    """(2, 3), centres of the spheres that fit the scans' eyeballs best, left then right."""
    centres = []
    for first, last in SCLERAS:
        points = scans.vertices[first:last]
        system = np.column_stack([2 * points, np.ones(len(points))])
        centres.append(np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3])
    return np.array(centres)


def eyeball_translations(
    base: BaseHead, scans: Scans, offset: Array, skin_fields: NDArray[Any], scan_fields: NDArray[Any]
) -> Array:
    """Where each identity mode takes the eyeballs' centres.

    Args:
        base: the base head.
        scans: the scanned model.
        offset: (3,), scanned + offset is in the base head's frame.
        skin_fields: (M, S, 3), the modes on the skin.
        scan_fields: (M, N, 3), the modes on the scans.

    Returns:
        (M, 2, 3) mm, of the left and the right eye.
    """
    moved = np.zeros((len(skin_fields), 2, 3))
    for side, (first, last) in enumerate(SCLERAS):
        out = scans.vertices[first:last] + offset - base.eye_centres[side]
        front = out[:, 2] > 0.7 * np.linalg.norm(out, axis=1)
        guess = scan_fields[:, first:last][:, front].mean(1)
        margin = lid_margin(base, side)
        centre = base.eye_centres[side].astype(np.float64)
        at_rest = base.vertices[margin].astype(np.float64)
        moved[:, side] = ball_between_lids(at_rest, skin_fields[:, margin], centre, guess)
    return moved
