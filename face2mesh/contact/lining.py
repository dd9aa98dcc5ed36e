"""The mouth's lining stays behind the skin of the lips and of the chin.

Between lip and gum the lining runs down (or up) a few millimetres behind the face. Where the jaw opens, the fold under
the lower lip deepens and can come to lie behind the lining. A vertex of it that has come through is put back behind the
nearest triangle of the face; the face stays.

Letters: B heads, V vertices, N vertices of the lining, F triangles of the face, K of them near a vertex.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int32]
# How far behind the face the lining lies at least, mm.
BEHIND_MM = 2.0
# Each time the nearest triangle may be another one.
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Lining:
    """The lining near the face, and what it must stay behind.

    Attributes:
        inner: (N,) vertices of the skin.
        faces: (F, 3) corners of triangles of the face's skin, counterclockwise seen from outside.
        near: (N, K) rows of `faces`, those that were nearest to each vertex at rest.
    """

    inner: Indices
    faces: Indices
    near: Indices

    def settle(self, heads: NDArray[Any]) -> None:
        """Put the lining of heads (B, V, 3) mm back behind their skin, in place."""
        rows = np.arange(len(heads))
        for _ in range(ROUNDS):
            points = heads[rows[:, None], self.inner]
            corners = heads[rows[:, None, None], self.faces]
            apart = corners.mean(2)[:, self.near] - points[:, :, None]
            nearest = np.einsum("bnkx,bnkx->bnk", apart, apart).argmin(2)
            head, vertex = np.indices(nearest.shape)
            a, b, c = np.moveaxis(corners[head, self.near[vertex, nearest]], 2, 0)
            normal = np.cross(b - a, c - a)
            normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-12)
            way = apart[head, vertex, nearest]
            behind = np.einsum("bnx,bnx->bn", way, normal)
            # Beside its triangle a plane tells less: there is no face before a vertex that far aside.
            aside = np.linalg.norm(way - behind[..., None] * normal, axis=2)
            reach = np.linalg.norm(a - (a + b + c) / 3, axis=2)
            missing = np.maximum(BEHIND_MM - behind - np.maximum(aside - reach, 0), 0)
            through = np.flatnonzero(missing.any(1))
            rows = rows[through]
            if not len(rows):
                return
            heads[rows[:, None], self.inner] = (points - missing[..., None] * normal)[through]
