"""Catmull–Clark subdivision of a topology, as a sparse matrix that fits every head on it.

Catmull and Clark 1978, "Recursively generated B-spline surfaces on arbitrary topological meshes". A border is a sharp
crease (DeRose, Kass and Truong 1998, "Subdivision surfaces in character animation", section 3): it becomes a smooth
curve that its own vertices alone decide. Texture points are divided linearly: the middle of a quad or of an edge keeps
its place in the texture, so a texture that fits the coarse head fits the fine one, and seams stay what they are.

Letters: V vertices, Q quads, E edges, U texture points, of the coarse topology; R = V + E + Q fine vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.head.topology import Topology

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

_KEPT = 4
"""How many topologies' subdivisions are kept: a level or two of a model or two."""


@dataclass(frozen=True, eq=False)
class Subdivision:
    """One step: which coarse vertices each fine one is the mean of. No weight is negative, and a row's sum is 1.

    Attributes:
        fine: the topology of the R vertices. Each part has its vertices in the coarse order, then one for each of its
            edges, then one for each of its quads; quad q becomes 4q to 4q + 3, one for each of its corners, and that
            corner is the new quad's first.
        starts: (R + 1,) int64, where each fine vertex's weights begin and end.
        index: (N,) int64, coarse vertices.
        weight: (N,) float32.
    """

    fine: Topology
    starts: Indices
    index: Indices
    weight: NDArray[np.float32]

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """What the fine vertices have, (R, …) float32, of what the coarse ones have, (V, …)."""
        columns = np.asarray(values, np.float32).reshape(len(values), -1)
        lengths = np.diff(self.starts)
        # The longest rows first: those that have a k-th weight are then the first so many.
        order = np.argsort(-lengths, kind="stable")
        starts = self.starts[order]
        sums = np.zeros((len(order), columns.shape[1]), np.float32)
        for k in range(int(lengths.max(initial=0))):
            entry = starts[: np.count_nonzero(lengths > k)] + k
            sums[: len(entry)] += columns[self.index[entry]] * self.weight[entry, None]
        fine = np.empty_like(sums)
        fine[order] = sums
        return fine.reshape(-1, *values.shape[1:])


@lru_cache(_KEPT)
def subdivision(topology: Topology) -> Subdivision:
    """One Catmull–Clark step of a topology; made once for each.

    Raises:
        ValueError: more than two quads meet at an edge, or a quad has vertices of two parts.
        Face2MeshError: there are triangles among the quads.
    """
    if topology.triangular.any():
        raise Face2MeshError("A head with triangles among its quads cannot be subdivided; leave --subdivide out.")
    quads = topology.quads.astype(np.int64)
    edges, edge_of_side = _edges(quads)
    rows, columns, weights = _weights(topology.vertex_count, quads, edges, edge_of_side)
    places = _places(topology, edges)
    of_vertices, of_edges, of_quads = np.split(places, [topology.vertex_count, topology.vertex_count + len(edges)])
    fine_quads = _four(quads, edge_of_side, of_vertices, of_edges, of_quads)
    uv, uv_quads = _divided_texture_points(topology)

    order = np.argsort(places[rows] * topology.vertex_count + columns)
    starts = np.searchsorted(places[rows][order], np.arange(len(places) + 1))
    fine = Topology(
        vertex_count=len(places),
        quads=fine_quads.astype(np.int32),
        # Along the diagonal through the coarse corner, which mirrored quads share.
        triangles=fine_quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32),
        uv=uv,
        uv_quads=uv_quads,
        part_vertices=_ranges_of_fine_vertices(topology, edges),
        part_quads={part: (4 * first, 4 * last) for part, (first, last) in topology.part_quads.items()},
    )
    return Subdivision(fine, starts, columns[order], weights[order].astype(np.float32))


def _edges(quads: Indices) -> tuple[Indices, Indices]:
    """Edges (E, 2), the smaller vertex first, in order; and which edge leads from a corner to the next, (Q, 4)."""
    following = np.roll(quads, -1, axis=1)
    count = int(quads.max(initial=0)) + 1
    # One number for both ends: NumPy sorts rows far more slowly.
    sides = np.minimum(quads, following) * count + np.maximum(quads, following)
    edges, index = np.unique(sides, return_inverse=True)
    return np.stack([edges // count, edges % count], axis=1), index.reshape(quads.shape)


def _weights(count: int, quads: Indices, edges: Indices, edge_of_side: Indices) -> tuple[Indices, Indices, Floats]:
    """The matrix as rows (vertices, then edges, then quads), columns and weights, each pair once."""
    quads_at_edge = np.bincount(edge_of_side.ravel(), minlength=len(edges))
    if (quads_at_edge > 2).any():
        raise ValueError("subdivision: more than two quads meet at an edge")
    on_border = quads_at_edge == 1
    valence = np.bincount(edges.ravel(), minlength=count)
    border_edges = np.bincount(edges[on_border].ravel(), minlength=count)
    inner = (border_edges == 0) & (valence > 0)
    crease = border_edges == 2
    fixed = ~inner & ~crease

    parts: list[tuple[Indices, Indices, Floats]] = []

    def add(rows: NDArray[Any], columns: NDArray[Any], weights: NDArray[Any] | float) -> None:
        rows, columns, wide = np.broadcast_arrays(rows, columns, np.asarray(weights, np.float64))
        parts.append((rows.ravel(), columns.ravel(), wide.ravel()))

    # Vertices inside: (the quads' middles' mean + 2 · the edges' middles' mean + (n − 3) · the vertex) / n.
    every = np.arange(count)
    share = np.where(inner, 1.0 / np.maximum(valence, 1) ** 2, 0)
    add(quads[:, :, None], quads[:, None, :], share[quads][:, :, None] / 4)
    add(edges[:, :, None], edges[:, None, :], share[edges][:, :, None])
    add(every, every, np.where(inner, 1 - 3 / np.maximum(valence, 1), 0))
    # On a border: three quarters of itself, an eighth of each neighbour along the border. Where borders meet: still.
    border = edges[on_border]
    add(border, border[:, ::-1], np.where(crease, 1 / 8, 0)[border])
    add(every, every, np.where(crease, 3 / 4, np.where(fixed, 1.0, 0)))
    # Edges inside: the mean of its ends and the middles of its two quads. On a border: its middle.
    of_edges = count + np.arange(len(edges))
    add(of_edges[:, None], edges, np.where(on_border, 1 / 2, 1 / 4)[:, None])
    add((count + edge_of_side)[:, :, None], quads[:, None, :], np.where(on_border, 0, 1 / 16)[edge_of_side][:, :, None])
    # Quads: their middles.
    add((count + len(edges) + np.arange(len(quads)))[:, None], quads, 1 / 4)

    rows, columns, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    some = weights != 0
    pairs, index = np.unique(rows[some] * count + columns[some], return_inverse=True)
    sums: Floats = np.bincount(index, weights[some]).astype(np.float64)
    return pairs // count, pairs % count, sums


def _places(topology: Topology, edges: Indices) -> Indices:
    """Which fine vertex each vertex, then each edge, then each quad becomes, (R,): parts stay together."""
    part_of_vertex = np.zeros(topology.vertex_count, np.int64)
    part_of_quad = np.zeros(len(topology.quads), np.int64)
    for number, name in enumerate(topology.part_vertices):
        part_of_vertex[slice(*topology.part_vertices[name])] = number
        part_of_quad[slice(*topology.part_quads[name])] = number
    if (part_of_vertex[topology.quads] != part_of_quad[:, None]).any():
        raise ValueError("subdivision: a quad has vertices of another part")
    part = np.concatenate([part_of_vertex, part_of_vertex[edges[:, 0]], part_of_quad])
    places = np.empty(len(part), np.int64)
    places[np.argsort(part, kind="stable")] = np.arange(len(part))
    return places


def _ranges_of_fine_vertices(topology: Topology, edges: Indices) -> dict[str, tuple[int, int]]:
    """Part name to its first fine vertex and the one behind its last."""
    ranges, first = {}, 0
    for part, (start, end) in topology.part_vertices.items():
        own_edges = int(((edges[:, 0] >= start) & (edges[:, 0] < end)).sum())
        quads_from, quads_to = topology.part_quads[part]
        ranges[part] = (first, first + end - start + own_edges + quads_to - quads_from)
        first = ranges[part][1]
    return ranges


def _four(quads: Indices, edge_of_side: Indices, of_vertices: Indices, of_edges: Indices, of_quads: Indices) -> Indices:
    """Four quads (4Q, 4) for each one: corner, the edge after it, the quad's middle, the edge before it."""
    after = of_edges[edge_of_side]
    middle = np.broadcast_to(of_quads[:, None], quads.shape)
    four: Indices = np.stack([of_vertices[quads], after, middle, np.roll(after, 1, axis=1)], axis=-1).reshape(-1, 4)
    return four


def _divided_texture_points(topology: Topology) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Texture points with the middles of edges and quads behind them, and their quads (4Q, 4)."""
    uv, quads = topology.uv, topology.uv_quads.astype(np.int64)
    edges, edge_of_side = _edges(quads)
    points = np.concatenate([uv, uv[edges].mean(1), uv[quads].mean(1)]).astype(np.float32)
    of_vertices, of_edges, of_quads = np.split(np.arange(len(points)), [len(uv), len(uv) + len(edges)])
    return points, _four(quads, edge_of_side, of_vertices, of_edges, of_quads).astype(np.int32)
