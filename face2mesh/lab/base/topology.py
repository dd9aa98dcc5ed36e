"""Which of hm08's vertices make the head, in which order, and what they are called there.

Letters: S skin vertices, Q quads.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from face2mesh.lab.base.makehuman import MakeHuman

# On the midline of the front of the neck: the edge loop through this vertex is where the head is cut off.
NECK_VERTEX = 815
MIDLINE = 1e-4  # mm; what is nearer to x = 0 lies on the mirror plane
CROWN_HEIGHT = 830.0  # mm in hm08's frame: only the crown is higher
# Midline vertices of the red of the lips, and one deep in the left eye socket.
UPPER_LIP_VERTEX, LOWER_LIP_VERTEX, SOCKET_VERTEX = 455, 492, 8000

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SubMesh:
    """A part of hm08 with its own numbering.

    Attributes:
        source: (N,) hm08's vertices.
        quads: (Q, 4) in the part's numbering.
        uv: (U, 2) hm08's texture points.
        uv_quads: (Q, 4).
        mirror: (N,) in the part's numbering.
    """

    source: Indices
    quads: Indices
    uv: NDArray[np.float64]
    uv_quads: Indices
    mirror: Indices


def submesh(human: MakeHuman, chosen: Mask) -> SubMesh:
    """The vertices of the chosen (Q,) quads, in hm08's order."""
    source, quads = np.unique(human.quads[chosen], return_inverse=True)
    texture, uv_quads = np.unique(human.uv_quads[chosen], return_inverse=True)
    position = np.full(len(human.vertices), -1)
    position[source] = np.arange(len(source))
    return SubMesh(
        source=source,
        quads=quads.reshape(-1, 4),
        uv=human.uv[texture],
        uv_quads=uv_quads.reshape(-1, 4),
        mirror=position[human.mirror[source]],
    )


def head_skin(human: MakeHuman) -> SubMesh:
    """The body's skin above the neck's loop, with the cavities of mouth, nose and eyes."""
    body = np.flatnonzero(human.groups == "body")
    quads = human.quads[body]
    cut = {frozenset(edge) for edge in _loop_edges(human.vertices, quads, NECK_VERTEX)}
    sides = defaultdict(list)
    for index, quad in enumerate(quads):
        for edge in zip(quad, np.roll(quad, -1), strict=True):
            sides[frozenset(edge)].append(index)
    pairs = np.array([pair for edge, pair in sides.items() if len(pair) == 2 and edge not in cut])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(quads), len(quads)))
    labels = connected_components(graph, directed=False)[1]
    crown = int(np.argmax(human.vertices[quads, 1].min(1) > CROWN_HEIGHT))
    chosen = np.zeros(len(human.quads), bool)
    chosen[body[labels == labels[crown]]] = True
    return submesh(human, chosen)


def _loop_edges(vertices: NDArray[np.float64], quads: Indices, start: int) -> list[tuple[int, int]]:
    """The edge loop that leaves a midline vertex towards +X and goes round: always the opposite edge of four."""
    neighbours, faces = defaultdict(set), defaultdict(list)
    for quad in quads.tolist():
        for corner, following in zip(quad, quad[1:] + quad[:1], strict=True):
            neighbours[corner].add(following)
            neighbours[following].add(corner)
            faces[corner].append(set(quad))

    def opposite(before: int, at: int) -> int:
        beside = set().union(*(face for face in faces[at] if before in face))
        (after,) = neighbours[at] - beside
        return after

    (first,) = (near for near in neighbours[start] if vertices[near, 0] > MIDLINE)
    path = [start, first]
    while path[-1] != start:
        path.append(opposite(path[-2], path[-1]))
    return list(zip(path, path[1:], strict=False))
