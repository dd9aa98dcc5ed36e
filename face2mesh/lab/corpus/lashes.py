"""Lashes follow the margin of the lid that they grow from, and roll over the eyeball with it.

Letters: L lash vertices, S skin vertices, K fields.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.lids import lid_margins, upper_and_lower
from face2mesh.lab.corpus.rigid import Array, smallest_rotations

# This share of a lash's vertices, the nearest to the lid's margin, are its roots.
ROOT_SHARE = 0.3


def lash_roots(base: BaseHead) -> NDArray[np.int64]:
    """(L,), for each lash vertex the skin vertex of the lid's margin where its hair grows.

    Of the lashes of one eye those above the others are the upper lid's. Root vertices take the nearest margin vertex of
    their lid; the others the one of the nearest root along the lash's own edges.
    """
    first, last = base.part_vertices["lashes"]
    lashes = base.vertices[first:last].astype(np.float64)
    quads = base.quads[slice(*base.part_quads["lashes"])] - first
    edges = np.concatenate([quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    edges = edges[edges[:, 0] != edges[:, 1]]
    length = np.linalg.norm(lashes[edges[:, 0]] - lashes[edges[:, 1]], axis=1)
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(lashes), len(lashes)))
    pieces, piece = connected_components(graph, directed=False)
    margins = lid_margins(base)
    found = np.zeros(len(lashes), np.int64)
    for side in (0, 1):
        of_eye = lashes[:, 0] > 0 if side == 0 else lashes[:, 0] <= 0
        upper, lower = upper_and_lower(base, margins[side])
        for number in range(pieces):
            rows = np.flatnonzero((piece == number) & of_eye)
            if len(rows):
                above = lashes[rows, 1].mean() >= lashes[of_eye, 1].mean()
                found[rows] = _roots_of(base.vertices, graph.tocsr(), lashes, rows, upper if above else lower)
    return found


def _roots_of(
    vertices: NDArray[Any], graph: csr_matrix[Any], lashes: Array, rows: NDArray[np.int64], margin: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The margin vertices that the hairs of one connected lash grow from."""
    gaps = np.linalg.norm(lashes[rows][:, None] - vertices[margin].astype(np.float64), axis=2)
    gap, nearest = gaps.min(1), gaps.argmin(1)
    roots = np.flatnonzero(gap <= np.quantile(gap, ROOT_SHARE))
    distance = np.asarray(dijkstra(graph[rows][:, rows], directed=False, indices=roots))  # (roots, rows)
    found: NDArray[np.int64] = margin[nearest[roots[distance.argmin(0)]]].astype(np.int64)
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
