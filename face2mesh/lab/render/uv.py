"""Where each texel of the skin lies on the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.head.corners import corner_uv
from face2mesh.lab.render.rasteriser import rasterise

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class TexelMap:
    """Where the skin's texels lie.

    Attributes:
        covered: (R, R) bool, row 0 at the top (V = 1).
        vertices: (N, 3) int32, the skin vertices around each covered texel, in the order of `covered`.
        weights: (N, 3) float32 of them.
    """

    covered: NDArray[np.bool_]
    vertices: NDArray[np.int32]
    weights: FloatArray

    @classmethod
    def of(cls, head: BaseHead, size: int) -> TexelMap:
        """For a texture of `size` × `size`."""
        skin = head.skin_triangles
        corners = corner_uv(head)[: len(skin)]
        flat = corners.reshape(-1, 2) * [1, -1] + [0, 1]
        points = np.concatenate([flat * size, np.ones((len(flat), 1))], 1)
        found = rasterise(points, np.arange(len(points), dtype=np.int32).reshape(-1, 3), size, size, perspective=False)
        covered = found.covered
        return cls(covered, skin[found.triangle[covered]].astype(np.int32), found.barycentric[covered])

    def lift(self, values: FloatArray) -> FloatArray:
        """Values at skin vertices (S, C) to covered texels (N, C)."""
        result: FloatArray = np.einsum("nkc,nk->nc", values[self.vertices], self.weights)
        return result
