"""Points on the surface, as fixed weights of three vertices each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Embedding:
    """N points on a mesh, each in a triangle, with barycentric weights.

    Attributes:
        triangle_vertices: (N, 3) int32, the corners of each point's triangle.
        weights: (N, 3) float32, at least 0, each row summing to 1.
    """

    triangle_vertices: NDArray[np.int32]
    weights: NDArray[np.float32]

    def __call__(self, vertices: NDArray[Any]) -> NDArray[Any]:
        """Points of a mesh or a batch of meshes: (…, V, 3) to (…, N, 3)."""
        corners = vertices[..., self.triangle_vertices, :]
        points: NDArray[Any] = np.einsum("...nkc,nk->...nc", corners, self.weights)
        return points
