"""Edge loops of a quad mesh, and what lies inside them.

Letters: V vertices, Q quads.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


class QuadMesh:
    """Neighbourhoods of a quad mesh.

    Args:
        quads: (Q, 4); every edge belongs to one quad or two.
    """

    def __init__(self, quads: NDArray[np.integer]) -> None:
        self.quads: Indices = np.asarray(quads, np.int64)
        self._neighbours: dict[int, set[int]] = defaultdict(set)
        self._quads_at: dict[int, list[int]] = defaultdict(list)
        self._quads_of_edge: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, quad in enumerate(self.quads.tolist()):
            for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
                self._neighbours[a].add(b)
                self._neighbours[b].add(a)
                self._quads_of_edge[_edge(a, b)].append(index)
            for corner in quad:
                self._quads_at[corner].append(index)

    def neighbours(self, vertex: int) -> set[int]:
        """The vertices that share an edge with one."""
        return self._neighbours[vertex]

    def onward(self, before: int, vertex: int) -> int | None:
        """The edge across from (before, vertex) at a vertex of four edges; None at any other vertex."""
        around = self._neighbours[vertex]
        if len(around) != 4:
            return None
        beside: set[int] = set()
        for index in self._quads_at[vertex]:
            corners = self.quads[index].tolist()
            if before in corners:
                beside.update(corners)
        ahead = around - beside
        return ahead.pop() if len(ahead) == 1 else None

    def loop(self, first: int, second: int) -> Indices:
        """The closed edge loop that starts along the edge (first, second), in order.

        Raises:
            ValueError: no such edge, or the walk meets an irregular vertex before it closes.
        """
        if second not in self._neighbours[first]:
            raise ValueError(f"no edge from {first} to {second}")
        path = [first, second]
        while True:
            following = self.onward(path[-2], path[-1])
            if following is None or len(path) > len(self._neighbours):
                raise ValueError(f"the edges from {first} to {second} do not close to a loop")
            if following == first:
                return np.array(path)
            path.append(following)

    def pieces(self, loops: list[Indices]) -> Indices:
        """(Q,) number of the piece each quad belongs to, when the mesh is cut along the loops."""
        cut = {_edge(int(a), int(b)) for loop in loops for a, b in zip(loop, np.roll(loop, -1), strict=True)}
        pairs = np.array([q for edge, q in self._quads_of_edge.items() if len(q) == 2 and edge not in cut]).reshape(
            -1, 2
        )
        count = len(self.quads)
        graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        numbers: Indices = connected_components(graph, directed=False)[1].astype(np.int64)
        return numbers

    def inside(self, loop: Indices, vertex: int) -> Mask:
        """(Q,) quads on the same side of a loop as a vertex that is not on it."""
        pieces = self.pieces([loop])
        mask: Mask = pieces == pieces[self._quads_at[vertex][0]]
        return mask

    def border(self) -> Indices:
        """The border's vertices in order, with the mesh on their left; for a mesh with one border.

        Raises:
            ValueError: no border, or several.
        """
        following = {}
        for quad in self.quads.tolist():
            for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
                if len(self._quads_of_edge[_edge(a, b)]) == 1:
                    following[a] = b
        if not following:
            raise ValueError("the mesh has no border")
        start = min(following)
        path = [start]
        while following[path[-1]] != start:
            path.append(following[path[-1]])
        if len(path) != len(following):
            raise ValueError("the mesh has several borders")
        return np.array(path)


def _edge(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
