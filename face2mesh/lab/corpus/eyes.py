"""Eyeballs of the corpus: where their centres go, and how far they turn.

The scans' eyeballs change size from person to person (standard deviation 6 %); ours keep their radius, as people's
nearly do, and are placed so that the lids stay at their distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.scans import SCLERAS, Array, Scans

# Degrees at weight 1. MakeHuman's faces turn by 22 sideways; up and down its 11 and 17 are less than ARKit's ranges.
# The scans' lids, which move by 8 and 15 degrees about the eyeball's centre in eyeLookUp and eyeLookDown, lag behind
# the eye as lids do.
GAZE_DEGREES = {"In": 22.0, "Out": 22.0, "Up": 18.0, "Down": 22.0}
# Cosine of the angle from straight ahead within which the scans' eyeball is its front.
FRONT_OF_SCLERA = 0.7


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


def scanned_centres(scans: Scans) -> Array:
    """(2, 3), centres of the spheres that fit the scans' eyeballs best, left then right."""
    centres = []
    for first, last in SCLERAS:
        points = scans.vertices[first:last]
        system = np.column_stack([2 * points, np.ones(len(points))])
        centres.append(np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3])
    return np.array(centres)


def eyeball_translations(base: BaseHead, scans: Scans, offset: Array) -> Array:
    """Where each identity mode takes the scans' eyeballs: the mean motion of their front.

    The front is what a ball of constant radius has to follow; the lids, then, place it exactly (see `Followers`).

    Args:
        base: the base head.
        scans: the scanned model.
        offset: (3,), scanned + offset is in the base head's frame.

    Returns:
        (M, 2, 3) mm, of the left and the right eye.
    """
    moved = np.zeros((len(scans.identity), 2, 3))
    for side, (first, last) in enumerate(SCLERAS):
        out = scans.vertices[first:last] + offset - base.eye_centres[side]
        front = out[:, 2] > FRONT_OF_SCLERA * np.linalg.norm(out, axis=1)
        moved[:, side] = scans.identity[:, first:last][:, front].mean(1)
    return moved
