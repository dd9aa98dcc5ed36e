"""Small meshes with smooth and fine variation, for tests of the smoothness sweep."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE, COUNT, SPACING = 17, 30, 4.0


def faces() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Quads (F, 4) and triangles (T, 3) of a square grid."""
    corner = np.arange(SIDE * (SIDE - 1), dtype=np.int32).reshape(SIDE - 1, SIDE)[:, :-1].ravel()
    quads = np.stack([corner, corner + 1, corner + SIDE + 1, corner + SIDE], 1)
    return quads, np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])


@lru_cache
def bumps() -> NDArray[np.float32]:
    """(COUNT, SIDE², 3) mm: a vault, each time with other smooth bulges and other fine ripples."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:SIDE, :SIDE] * SPACING
    middle = SPACING * (SIDE - 1) / 2
    vault = -((x - middle) ** 2 + (y - middle) ** 2) / 80
    ripple = np.where((np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 2) == 0, 1.0, -1.0)
    heads = []
    for _ in range(COUNT):
        a, b, c = rng.normal(size=3)
        bulge = 3 * a * np.sin(x / 20) + 2 * b * np.cos(y / 15)
        heads.append(np.stack([x, y, vault + bulge + 0.3 * c * ripple * np.exp(-((x - middle) ** 2) / 400)], -1))
    return np.stack(heads).reshape(COUNT, -1, 3).astype(np.float32)
