"""Lashes follow the margin of the lid that they grow from, and roll over the eyeball with it.

Letters: L lash vertices, S skin vertices, K fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from face2mesh.head.base_head import BaseHead
from face2mesh.head.rigid import Array, smallest_rotations
from face2mesh.lab.corpus.lid_columns import margin_columns, upper_and_lower_columns
from face2mesh.lab.corpus.lids import lid_margins, upper_and_lower

# This share of a lash's vertices, the nearest to the lid's margin, are its roots.
ROOT_SHARE = 0.3


def lash_roots(base: BaseHead) -> NDArray[np.int64]:
    """(L,), for each lash vertex the skin vertex of the lid's margin where its hair grows.

    Of the lashes of one eye those above the others are the upper lid's. Root vertices take the nearest margin vertex of
    their lid; the others the one of the nearest root along the lash's own edges.
    """
    first, last = base.part_vertices["lashes"]
    lashes = base.vertices[first:last].astype(np.float64)
    graph, margins = _hair_graph(base), lid_margins(base)
    found = np.zeros(len(lashes), np.int64)
    for side, above, rows in _strips(base, graph):
        lids = upper_and_lower(base, margins[side])
        found[rows] = _roots_of(base.vertices, graph, lashes, rows, lids[0] if above else lids[1])
    return found


def lash_places(base: BaseHead) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Where hairs grow on the front edge of their lid, continuously along it; right and left are mirror images.

    Returns:
        (L, 2) neighbouring skin vertices of the edge, and (L,) the place between them: 0 at the first to 1 at the
        second.
    """
    first, last = base.part_vertices["lashes"]
    lashes = base.vertices[first:last].astype(np.float64)
    out = base.vertices[: base.skin_count].astype(np.float64) - base.eye_centres[0]
    edges = [columns[:, -1] for columns in upper_and_lower_columns(out, margin_columns(base))]
    edges[0] = np.append(edges[0], edges[1][-1])
    roots, shares = np.zeros((len(lashes), 2), np.int32), np.zeros(len(lashes), np.float32)
    for side, above, rows in _strips(base, _hair_graph(base)):
        if side:
            continue
        edge = edges[0] if above else edges[1]
        start, end = base.vertices[edge[:-1]].astype(np.float64), base.vertices[edge[1:]].astype(np.float64)
        along = ((lashes[rows][:, None] - start) * (end - start)).sum(2) / ((end - start) ** 2).sum(1)
        share = np.clip(along, 0, 1)
        gap = np.linalg.norm(lashes[rows][:, None] - start - share[..., None] * (end - start), axis=2)
        piece = gap.argmin(1)
        roots[rows] = np.stack([edge[piece], edge[piece + 1]], 1)
        shares[rows] = share[np.arange(len(rows)), piece]
        twins = base.mirror[first + rows] - first
        roots[twins], shares[twins] = base.mirror[roots[rows]], shares[rows]
    return roots, shares


def _hair_graph(base: BaseHead) -> csr_matrix[Any]:
    """(L, L) lengths of the lashes' edges, mm."""
    first, last = base.part_vertices["lashes"]
    lashes = base.vertices[first:last].astype(np.float64)
    quads = base.quads[slice(*base.part_quads["lashes"])] - first
    edges = np.concatenate([quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    edges = edges[edges[:, 0] != edges[:, 1]]
    length = np.linalg.norm(lashes[edges[:, 0]] - lashes[edges[:, 1]], axis=1)
    return coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(lashes), len(lashes))).tocsr()


def _strips(base: BaseHead, graph: csr_matrix[Any]) -> Iterator[tuple[int, bool, NDArray[np.int64]]]:
    """The connected strips of lashes: eye (0 left, 1 right), whether they are the upper lid's, and their rows."""
    lashes = base.vertices[slice(*base.part_vertices["lashes"])].astype(np.float64)
    pieces, piece = connected_components(graph, directed=False)
    for side in (0, 1):
        of_eye = lashes[:, 0] > 0 if side == 0 else lashes[:, 0] <= 0
        for number in range(pieces):
            rows = np.flatnonzero((piece == number) & of_eye)
            if len(rows):
                yield side, bool(lashes[rows, 1].mean() >= lashes[of_eye, 1].mean()), rows


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
