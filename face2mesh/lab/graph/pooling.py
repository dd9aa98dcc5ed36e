"""Mesh pooling by quadric-error edge collapse (Garland and Heckbert 1997), onto subsets of the vertices.

A collapse moves vertex u onto a neighbour v and removes u. Its price is the error of v's place under the sum of both
vertices' quadrics; the cheapest goes first. What is kept are always vertices of the mesh as it came, at their own
places. A collapse is refused where it would

- break the manifold (the link condition; Dey, Edelsbrunner, Guha and Nekhayev 1999), border included,
- turn a triangle over, or
- break the mirror symmetry: mirrored collapses are done together, and the midline's vertices move along the midline.

Letters: V vertices, T triangles, N vertices kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

BORDER_WEIGHT = 100.0
"""Weight of the planes that stand on border edges, against those of the triangles."""
EVENNESS = 0.02
"""Weight of a vertex's own place: the squared way from it joins its quadric, so that flat places are thinned evenly."""
LEAST_COSINE = 0.2
"""Of the angle by which a collapse may turn a triangle's normal."""


@dataclass(frozen=True)
class Coarsening:
    """A mesh thinned to some of its vertices.

    Attributes:
        kept: (N,) int32, ascending indices of the vertices left.
        triangles: (T', 3) int32, corners in the indices of the full mesh, winding kept.
        representative: (V,) int32, for each vertex the kept one that it was moved onto.
    """

    kept: NDArray[np.int32]
    triangles: NDArray[np.int32]
    representative: NDArray[np.int32]


def quadrics(
    vertices: Floats, triangles: Indices, border_weight: float = BORDER_WEIGHT, evenness: float = EVENNESS
) -> NDArray[np.float64]:
    """Q (V, 4, 4): (x, y, z, 1) Q (x, y, z, 1)ᵀ is the weighted sum of squared distances to the planes around a vertex.

    A plane n·x + d = 0 gives pᵀp with p = (n, d) (Garland and Heckbert 1997, section 5), weighted by a third of its
    triangle's area. A border edge adds the plane that stands on it at right angles to its triangle, weighted by
    length² · `border_weight` (section 6). A vertex's own place adds the squared distance to it, weighted by `evenness`
    times the areas' sum.

    Args:
        vertices: (V, 3).
        triangles: (T, 3).
        border_weight: as said; 0 leaves it out.
        evenness: as said; 0 leaves it out.
    """
    points = np.asarray(vertices, np.float64)
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(normals, axis=1)
    normals = np.divide(normals, doubled[:, None], out=np.zeros_like(normals), where=doubled[:, None] > 0)
    share = doubled / 6.0
    total = np.zeros((len(points), 4, 4))
    planes = _plane_quadrics(normals, corners[:, 0], share)
    area = np.zeros(len(points))
    for corner in range(3):
        np.add.at(total, triangles[:, corner], planes)
        np.add.at(area, triangles[:, corner], share)

    start, end, triangle = border_edges(triangles)
    along = points[end] - points[start]
    length = np.linalg.norm(along, axis=1)
    across = np.cross(along, normals[triangle])
    size = np.linalg.norm(across, axis=1)
    across = np.divide(across, size[:, None], out=np.zeros_like(across), where=size[:, None] > 0)
    walls = _plane_quadrics(across, points[start], border_weight * length**2)
    np.add.at(total, start, walls)
    np.add.at(total, end, walls)

    own = np.zeros((len(points), 4, 4))
    own[:, [0, 1, 2], [0, 1, 2]] = 1.0
    own[:, :3, 3] = own[:, 3, :3] = -points
    own[:, 3, 3] = np.sum(points**2, axis=1)
    return np.asarray(total + (evenness * area)[:, None, None] * own)


def border_edges(triangles: Indices) -> tuple[Indices, Indices, Indices]:
    """Edges with one triangle: (start, end, triangle), directed as in that triangle."""
    start = triangles.ravel()
    end = np.roll(triangles, -1, axis=1).ravel()
    directed = {(int(a), int(b)) for a, b in zip(start, end, strict=True)}
    lonely = np.array([(int(b), int(a)) not in directed for a, b in zip(start, end, strict=True)], bool)
    return start[lonely], end[lonely], np.nonzero(lonely)[0] // 3


def coarsen(
    vertices: Floats,
    triangles: Indices,
    targets: Sequence[int],
    mirror: Indices | None = None,
    border_weight: float = BORDER_WEIGHT,
    evenness: float = EVENNESS,
) -> list[Coarsening]:
    """Thin a mesh to about `targets` vertices, one after the other.

    Args:
        vertices: (V, 3), any unit.
        triangles: (T, 3), a manifold with or without border, wound consistently, of any number of pieces.
        targets: falling numbers of vertices; each is undercut by one at most.
        mirror: (V,) the vertex on the other side, an involution, or none where symmetry does not matter.
        border_weight: see `quadrics`.
        evenness: see `quadrics`.

    Returns:
        One `Coarsening` for each target.

    Raises:
        ValueError: the triangles are no manifold or not mirrored by `mirror`, or a target cannot be reached.
    """
    mesh = _Mesh(np.asarray(vertices, np.float64), triangles)
    opposite = list(range(len(vertices))) if mirror is None else [int(m) for m in mirror]
    if mirror is not None:
        _check_mirrored(triangles, np.asarray(mirror))
    error = quadrics(vertices, triangles, border_weight, evenness)
    into = np.arange(len(vertices), dtype=np.int32)
    queue = _Queue(mesh, error, opposite)
    results = []
    for target in targets:
        while mesh.count > target:
            candidate = queue.pop()
            if candidate is None:
                raise ValueError(f"edge collapse stops at {mesh.count} vertices; {target} were asked for")
            done = _collapse_both(mesh, *candidate, opposite)
            for u, v in done:
                error[v] += error[u]
                into[u] = v
            if done:
                queue.renew([v for _, v in done])
        kept = np.flatnonzero(mesh.alive).astype(np.int32)
        representative = into.copy()
        while not mesh.alive[representative].all():
            representative = into[representative]
        results.append(Coarsening(kept, mesh.left(), representative))
    return results


def barycentric_of_closest(points: Floats, corners: Floats) -> NDArray[np.float64]:
    """Weights of the closest point of a triangle (Ericson 2004, section 5.1.5).

    Args:
        points: (N, 3).
        corners: (N, 3, 3), each point's triangle.

    Returns:
        (N, 3) float64, at least 0, each row summing to 1.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    candidates = [_on_segment(points, a, b, 0, 1), _on_segment(points, b, c, 1, 2), _on_segment(points, c, a, 2, 0)]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (np.sum(p * q, axis=1) for p, q in ((ab, ab), (ab, ac), (ac, ac)))
    d20, d21 = np.sum(ap * ab, axis=1), np.sum(ap * ac, axis=1)
    determinant = d00 * d11 - d01 * d01
    flat = determinant <= 1e-12 * d00 * d11
    divisor = np.where(flat, 1.0, determinant)
    second = (d11 * d20 - d01 * d21) / divisor
    third = (d00 * d21 - d01 * d20) / divisor
    inner = np.stack([1.0 - second - third, second, third], axis=1)
    outside = flat | (inner.min(axis=1) < 0)
    best, distance = inner, np.where(outside, np.inf, 0.0)
    for weights in candidates:
        way = np.linalg.norm(np.einsum("nk,nkc->nc", weights, corners) - points, axis=1)
        closer = way < distance
        closer &= outside
        best = np.where(closer[:, None], weights, best)
        distance = np.where(closer, way, distance)
    return np.asarray(best, np.float64)


def _on_segment(points: Floats, start: Floats, end: Floats, first: int, second: int) -> NDArray[np.float64]:
    along = end - start
    length = np.sum(along**2, axis=1)
    position = np.sum((points - start) * along, axis=1) / np.where(length > 0, length, 1.0)
    position = np.clip(position, 0.0, 1.0)
    weights = np.zeros((len(points), 3))
    weights[:, first], weights[:, second] = 1.0 - position, position
    return weights


def _plane_quadrics(normals: Floats, points: Floats, weights: Floats) -> Floats:
    plane = np.concatenate([normals, -np.sum(normals * points, axis=1, keepdims=True)], axis=1)
    quadric: Floats = weights[:, None, None] * plane[:, :, None] * plane[:, None, :]
    return quadric


def _check_mirrored(triangles: Indices, mirror: Indices) -> None:
    def canonical(corners: Indices) -> NDArray[Any]:
        first = np.argmin(corners, axis=1)
        turned = np.take_along_axis(corners, (first[:, None] + np.arange(3)) % 3, axis=1)
        return turned[np.lexsort(turned.T)]

    if not np.array_equal(canonical(triangles), canonical(mirror[triangles][:, ::-1])):
        raise ValueError("the triangles are not mirrored by the mirror table")


class _Mesh:
    """Triangles that know their vertices and vertices that know their triangles, while edges collapse."""

    def __init__(self, points: NDArray[np.float64], triangles: Indices) -> None:
        self.points = points
        self.triangle: list[tuple[int, int, int] | None] = [(int(a), int(b), int(c)) for a, b, c in triangles]
        self.around: list[set[int]] = [set() for _ in points]
        for index, corners in enumerate(triangles.tolist()):
            for corner in corners:
                self.around[corner].add(index)
        self.alive = np.ones(len(points), bool)
        self.count = len(points)
        edges: dict[tuple[int, int], int] = {}
        for a, b, c in triangles.tolist():
            for edge in ((a, b), (b, c), (c, a)):
                edges[edge] = edges.get(edge, 0) + 1
        if any(number > 1 for number in edges.values()):
            raise ValueError("the triangles are no consistently wound manifold: an edge is used twice in one direction")

    def corners(self, index: int) -> tuple[int, int, int]:
        triangle = self.triangle[index]
        assert triangle is not None
        return triangle

    def neighbours(self, vertex: int) -> set[int]:
        found = {corner for index in self.around[vertex] for corner in self.corners(index)}
        found.discard(vertex)
        return found

    def on_border(self, vertex: int) -> bool:
        # A closed fan of n triangles has n outer vertices, an open one n + 1.
        return len(self.neighbours(vertex)) != len(self.around[vertex])

    def allows(self, u: int, v: int) -> bool:
        """Whether u may move onto v: manifold kept, no triangle turned over, no triangle doubled."""
        shared = self.around[u] & self.around[v]
        if not shared or len(self.neighbours(u) & self.neighbours(v)) != len(shared):
            return False
        if self.on_border(u) and len(shared) != 1:
            return False
        if len(self.around[u]) == len(shared):
            return False
        existing = {frozenset(self.corners(index)) for index in self.around[v] - shared}
        moved = [self.corners(index) for index in self.around[u] - shared]
        if any(frozenset(v if corner == u else corner for corner in corners) in existing for corners in moved):
            return False
        before = self.points[moved]
        after = before.copy()
        after[np.array(moved) == u] = self.points[v]
        old, new = (np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) for p in (before, after))
        sizes = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
        return bool(np.all(np.sum(old * new, axis=1) > LEAST_COSINE * sizes))

    def collapse(self, u: int, v: int) -> list[tuple[int, tuple[int, int, int]]]:
        """Move u onto v; returns the triangles touched as they were, for `undo`."""
        touched = [(index, self.corners(index)) for index in self.around[u]]
        for index, corners in touched:
            if v in corners:
                self.triangle[index] = None
                for corner in corners:
                    self.around[corner].discard(index)
            else:
                a, b, c = (v if corner == u else corner for corner in corners)
                self.triangle[index] = (a, b, c)
                self.around[v].add(index)
        self.around[u] = set()
        self.alive[u] = False
        self.count -= 1
        return touched

    def undo(self, u: int, v: int, touched: list[tuple[int, tuple[int, int, int]]]) -> None:
        for index, corners in touched:
            self.triangle[index] = corners
            self.around[v].discard(index)
        for index, corners in touched:
            for corner in corners:
                self.around[corner].add(index)
        self.alive[u] = True
        self.count += 1

    def left(self) -> NDArray[np.int32]:
        return np.array([corners for corners in self.triangle if corners is not None], np.int32).reshape(-1, 3)


class _Queue:
    """Collapses by price. Of a collapse and its mirror image only the one with the smaller indices is listed."""

    def __init__(self, mesh: _Mesh, error: NDArray[np.float64], opposite: list[int]) -> None:
        self.mesh, self.error, self.opposite = mesh, error, opposite
        self.places = np.concatenate([mesh.points, np.ones((len(mesh.points), 1))], axis=1)
        self.stamp = [0] * len(mesh.points)
        self.heap: list[tuple[float, int, int, int, int]] = []
        self.count_when_filled = -1

    def renew(self, changed: list[int]) -> None:
        """Price the edges of vertices whose quadrics or neighbours have changed."""
        vertices = sorted(set(changed) | {self.opposite[v] for v in changed})
        for vertex in vertices:
            self.stamp[vertex] += 1
        for vertex in vertices:
            self._price(vertex)

    def pop(self) -> tuple[int, int] | None:
        """The cheapest collapse that is still as it was priced; none when nothing is left to try."""
        while True:
            while self.heap:
                _, u, v, stamp_u, stamp_v = heapq.heappop(self.heap)
                if self.mesh.alive[u] and self.mesh.alive[v] and (self.stamp[u], self.stamp[v]) == (stamp_u, stamp_v):
                    return u, v
            # Collapses refused before may be allowed among the neighbours of today: list all again while that helps.
            if self.mesh.count == self.count_when_filled:
                return None
            self.count_when_filled = self.mesh.count
            for vertex in np.flatnonzero(self.mesh.alive).tolist():
                self._price(vertex)

    def _price(self, vertex: int) -> None:
        around = sorted(self.mesh.neighbours(vertex))
        if not around:
            return
        summed = self.error[around] + self.error[vertex]
        here, there = self.places[vertex], self.places[around]
        onto_others = np.einsum("ni,nij,nj->n", there, summed, there)
        onto_this = np.einsum("i,nij,j->n", here, summed, here)
        for other, to_other, to_this in zip(around, onto_others.tolist(), onto_this.tolist(), strict=True):
            self._push(vertex, other, to_other)
            self._push(other, vertex, to_this)

    def _push(self, u: int, v: int, price: float) -> None:
        mirrored = (self.opposite[u], self.opposite[v])
        if mirrored < (u, v):
            u, v = mirrored
        heapq.heappush(self.heap, (price, u, v, self.stamp[u], self.stamp[v]))


def _collapse_both(mesh: _Mesh, u: int, v: int, opposite: list[int]) -> list[tuple[int, int]]:
    """Collapse u onto v and their mirror images likewise; all or nothing. Returns what was done."""
    other_u, other_v = opposite[u], opposite[v]
    on_midline = other_u == u
    if other_u == v or (on_midline and other_v != v) or not mesh.allows(u, v):
        return []
    touched = mesh.collapse(u, v)
    if on_midline:
        return [(u, v)]
    if not mesh.allows(other_u, other_v):
        mesh.undo(u, v, touched)
        return []
    mesh.collapse(other_u, other_v)
    return [(u, v), (other_u, other_v)]
