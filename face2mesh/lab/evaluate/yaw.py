"""How far a head is turned, from its 68 landmarks alone, so that yaw bins do not depend on the model they judge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS_DEGREES = (0, 10, 20, 30, 45, 90)


def yaw_of_landmarks(rest: NDArray[Any], pixels: NDArray[Any]) -> float:
    """Yaw in degrees by scaled orthography: 0 looks into the camera, positive to the right of the picture.

    The least-squares affine map of the rest landmarks to the picture; the cross product of its two rows is the
    direction in which the head looks (as in POSIT: DeMenthon and Davis 1995).

    Args:
        rest: (K, 3) mm, landmarks of the mean head in the head's frame, K at least 4, not on one plane.
        pixels: (K, 2), y down.
    """
    centred = np.asarray(rest, np.float64) - np.mean(rest, axis=0)
    seen = np.asarray(pixels, np.float64) - np.mean(pixels, axis=0)
    across, down = np.linalg.lstsq(centred, seen, rcond=None)[0].T
    # The rotation's rows are these two and their cross product; its third column is where the head's +Z points.
    right, below = across / np.linalg.norm(across), down / np.linalg.norm(down)
    toward = np.array([right[2], below[2], np.cross(right, below)[2]])
    return float(np.degrees(np.arctan2(toward[0], -toward[2])))


def bin_of_yaw(degrees: float) -> str:
    """The name of the bin of an absolute yaw: "0-10" … "45-90"; beyond 90 counts as the last."""
    index = int(np.clip(np.searchsorted(BINS_DEGREES, abs(degrees), side="right") - 1, 0, len(BINS_DEGREES) - 2))
    return f"{BINS_DEGREES[index]}-{BINS_DEGREES[index + 1]}"
