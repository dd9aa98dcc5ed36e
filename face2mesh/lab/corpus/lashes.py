"""Lashes follow the margin of the lid that they grow from, and roll over the eyeball with it.

Letters: L lash vertices, S skin vertices, K fields.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.eyes import lid_margin
from face2mesh.lab.corpus.rigid import Array, smallest_rotations

# Lash vertices this near (mm) to the lid's margin are roots; at least the nearest of each strip is one.
ROOT_MM = 1.5


def lash_roots(base: BaseHead) -> NDArray[np.int64]:
    """(L,), for each lash vertex the skin vertex of the lid's margin where its hair grows.

    Root vertices take the nearest margin vertex; the others the one of the nearest root along the lash's own edges.
    """
    first, last = base.part_vertices["lashes"]
    lashes = base.vertices[first:last].astype(np.float64)
    margin = np.concatenate([lid_margin(base, 0), lid_margin(base, 1)])
    gaps = np.linalg.norm(lashes[:, None] - base.vertices[margin].astype(np.float64), axis=2)  # (L, margin)
    gap, nearest = gaps.min(1), gaps.argmin(1)
    quads = base.quads[slice(*base.part_quads["lashes"])] - first
    edges = np.concatenate([quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    edges = edges[edges[:, 0] != edges[:, 1]]
    length = np.linalg.norm(lashes[edges[:, 0]] - lashes[edges[:, 1]], axis=1)
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(lashes), len(lashes)))
    roots = np.flatnonzero(gap <= max(ROOT_MM, float(np.quantile(gap, 0.2))))
    distance = np.asarray(dijkstra(graph, directed=False, indices=roots))  # (roots, L)
    grown = np.where(np.isfinite(distance.min(0)), nearest[roots[distance.argmin(0)]], nearest)
    found: NDArray[np.int64] = margin[grown].astype(np.int64)
    return found


def lash_expression(base: BaseHead, skin_fields: NDArray[Any]) -> Array:
    """Displacements of the lashes: each hair goes with its root and turns as the root rolls about the eyeball's centre.

    Args:
        base: the base head.
        skin_fields: (K, S, 3), the skin's displacements.

    Returns:
        (K, L, 3).
    """
    first, last = base.part_vertices["lashes"]
    lashes = base.vertices[first:last].astype(np.float64)
    roots = lash_roots(base)
    rest = base.vertices[roots].astype(np.float64)
    side = np.where(rest[:, 0] >= 0, 0, 1)
    before = rest - base.eye_centres[side]
    moved = np.empty((len(skin_fields), len(lashes), 3))
    for row, field in enumerate(skin_fields):
        shift = field[roots]
        turned = np.einsum("lij,lj->li", smallest_rotations(before, before + shift), lashes - rest)
        moved[row] = shift + turned - (lashes - rest)
    return moved
