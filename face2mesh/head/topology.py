"""How a head's vertices hang together, whatever places they have.

Base meshes of users have triangles too: a triangle is a quad whose last two corners are one. Of its two triangles one
has no area; who writes or pools triangles leaves it out.

Letters: V vertices, Q quads, U texture points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Topology:
    """Quads, texture points and parts: what all heads on one base head share. Two are equal only if they are one.

    Attributes:
        vertex_count: V.
        quads: (Q, 4), counter-clockwise seen from outside, in the order of the parts.
        triangles: (2Q, 3), quad q is triangles 2q and 2q + 1, split symmetrically about the mirror plane.
        uv: (U, 2) float32, texture points in the unit square, origin at the lower left.
        uv_quads: (Q, 4), rows of `uv` at the corners of `quads`.
        part_vertices: part name to (first, last + 1) vertex.
        part_quads: part name to (first, last + 1) quad.
    """

    vertex_count: int
    quads: Indices
    triangles: Indices
    uv: NDArray[np.float32]
    uv_quads: Indices
    part_vertices: Mapping[str, tuple[int, int]]
    part_quads: Mapping[str, tuple[int, int]]

    @property
    def triangular(self) -> NDArray[np.bool_]:
        """(Q,) whether a quad is a triangle."""
        triangular: NDArray[np.bool_] = self.quads[:, 2] == self.quads[:, 3]
        return triangular


def with_area(triangles: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """(T,) whether a triangle (T, 3) has three corners: false for one half of a quad that is a triangle."""
    a, b, c = triangles.T
    three: NDArray[np.bool_] = (a != b) & (b != c) & (c != a)
    return three
