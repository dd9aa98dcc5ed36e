"""Crops cut out of stored pictures, compiled: a training step on a CPU spends its time in the network, not here."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

STEPS = 1024
"""Entries of a table of colours; brightness 0 to 1 falls on them in equal steps."""


@njit(cache=True, fastmath=True, nogil=True)
def cut_crops(
    stored: NDArray[np.uint8], transform: NDArray[np.float32], colours: NDArray[np.float32], size: int
) -> NDArray[np.float32]:
    """Bilinear crops of stored pictures, each colour through a table; outside the picture its border is repeated.

    Args:
        stored: (B, H, W, 3).
        transform: (B, 2, 3) takes (x, y, 1) of a crop's plane, −0.5 to 0.5 over its side, to the stored one's.
        colours: (B, 3, STEPS) what becomes of a channel's brightness.
        size: pixels of the crops.

    Returns:
        (B, size, size, 3), what the tables hold.
    """
    count, height, width = stored.shape[:3]
    crops = np.empty((count, size, size, 3), np.float32)
    last = np.float32(STEPS - 1)
    for b in range(count):
        (xx, xy, x0), (yx, yy, y0) = transform[b]
        for i in range(size):
            v = (i + np.float32(0.5)) / size - np.float32(0.5)
            for j in range(size):
                u = (j + np.float32(0.5)) / size - np.float32(0.5)
                x = (xx * u + xy * v + x0 + np.float32(0.5)) * width - np.float32(0.5)
                y = (yx * u + yy * v + y0 + np.float32(0.5)) * height - np.float32(0.5)
                x = min(max(x, np.float32(0)), np.float32(width - 1))
                y = min(max(y, np.float32(0)), np.float32(height - 1))
                left, top = min(int(x), width - 2), min(int(y), height - 2)
                a, c = x - left, y - top
                for k in range(3):
                    above = stored[b, top, left, k] * (1 - a) + stored[b, top, left + 1, k] * a
                    below = stored[b, top + 1, left, k] * (1 - a) + stored[b, top + 1, left + 1, k] * a
                    brightness = (above * (1 - c) + below * c) * (last / np.float32(255))
                    crops[b, i, j, k] = colours[b, k, int(brightness + np.float32(0.5))]
    return crops


def unchanged(count: int) -> NDArray[np.float32]:
    """(count, 3, STEPS) tables that leave brightness as it is."""
    steps = np.linspace(0, 1, STEPS, dtype=np.float32)
    return np.ascontiguousarray(np.broadcast_to(steps, (count, 3, STEPS)))
