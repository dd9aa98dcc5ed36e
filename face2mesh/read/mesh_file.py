"""A mesh as it stands in a file.

Letters: V vertices, F faces, K the most corners that a face has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class NotReadableError(Exception):
    """What is wrong with a file and what to do, behind "name: "; `read_mesh` puts the name before it."""


@dataclass(frozen=True, eq=False)
class MeshFile:
    """Vertices and faces, raw: nothing merged, split, dropped or put in another order.

    Attributes:
        vertices: (V, 3) float64, in the file's axes and unit.
        faces: (F, K) int32, rows of `vertices`, a face's corners first and −1 behind them.
        corner_uv: (F, K, 2) float64, texture points of the corners, NaN behind them; None without.
        millimetres_per_unit: of the vertices, where the format says so (GLB: 1,000); None where it does not.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    corner_uv: NDArray[np.float64] | None = None
    millimetres_per_unit: float | None = None

    def __post_init__(self) -> None:
        """Check the indices.

        Raises:
            NotReadableError: a face names a vertex that the file has not, or a vertex is no number.
        """
        if self.faces.size and (self.faces.min() < -1 or self.faces.max() >= len(self.vertices)):
            wrong = int(self.faces.max()) if self.faces.max() >= len(self.vertices) else int(self.faces.min())
            raise NotReadableError(
                f"damaged, a face names vertex {wrong + 1} of {len(self.vertices)}; export it again."
            )

    @cached_property
    def triangles(self) -> NDArray[np.int64]:
        """(T, 3), each face as a fan around its first corner, face after face."""
        width = self.faces.shape[1]
        fans = [self.faces[:, [0, corner, corner + 1]] for corner in range(1, width - 1)]
        if not fans:
            return np.zeros((0, 3), np.int64)
        every = np.stack(fans, 1).reshape(-1, 3)
        return every[every[:, 2] >= 0].astype(np.int64)


def padded(rows: Sequence[Sequence[Any]], dtype: Any, filler: Any) -> NDArray[Any]:
    """Rows of different lengths as one array, (F, K) or (F, K, 2), at least three columns wide."""
    longest = max((len(row) for row in rows), default=0)
    if longest >= 3 and all(len(row) == longest for row in rows):
        return np.array(rows, dtype)
    inner = np.shape(next((row[0] for row in rows if len(row)), 0))
    table = np.full((len(rows), max(longest, 3), *inner), filler, dtype)
    for place, row in enumerate(rows):
        if len(row):
            table[place, : len(row)] = row
    return table
