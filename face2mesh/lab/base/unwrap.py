"""The head's outer skin, opened at the back and laid flat on a rounded rectangle without a fold.

hm08 keeps the neck apart and gives the face a fifth of its island. Here the neck is sewn on, the seam up the back of
the head stays, and the border is put on a strictly convex curve. Every other point lies at a weighted mean of its
neighbours; with positive weights that makes every quad convex and none flipped (Tutte 1963; Floater 1997). The weights
are then corrected by the local stretch (Yoshizawa, Belyaev and Seidel, "A fast and simple stretch-minimizing mesh
parameterization", 2004), with lengths on the face counted for more, so that the face gets the texels.

Letters: V vertices, Q quads, U texture points.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from face2mesh.lab.base.part_mesh import Floats, Indices, Mask

ROUNDNESS = 0.12  # 0 would be a rectangle, on whose sides quads could collapse; 1 an ellipse
STEPS = 12
FACE_CENTRE = (0.0, -30.0, 20.0)  # mm in the head's frame: where texels are wanted most
FACE_REACH = 80.0  # mm
FACE_GAIN = 1.3  # how much longer than elsewhere a length counts there, less one


def islands_of(uv_quads: NDArray[np.integer]) -> NDArray[np.int64]:
    """(Q,) the number of the island to which each quad belongs, from 0 in the order of first appearance."""
    pairs = np.concatenate([uv_quads[:, [0, k]] for k in (1, 2, 3)])
    count = int(uv_quads.max()) + 1
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    labels = connected_components(graph, directed=False)[1][uv_quads[:, 0]]
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def texture_mirror(quads: NDArray[np.integer], uv_quads: NDArray[np.integer], mirror: NDArray[np.integer]) -> Indices:
    """(U,) the texture point at the same corner of the mirrored quad.

    Raises:
        ValueError: a quad has no mirror image among the quads.
    """
    place = {tuple(sorted(quad)): index for index, quad in enumerate(quads.tolist())}
    result = np.arange(int(uv_quads.max()) + 1)
    for quad, corners in zip(quads.tolist(), uv_quads.tolist(), strict=True):
        twin = [int(mirror[vertex]) for vertex in quad]
        other = place.get(tuple(sorted(twin)))
        if other is None:
            raise ValueError(f"texture_mirror: quad {quad} has no mirror image")
        there = dict(zip(quads[other].tolist(), uv_quads[other].tolist(), strict=True))
        for vertex, corner in zip(twin, corners, strict=True):
            result[corner] = there[vertex]
    return result.astype(np.int32)


def sew(quads: NDArray[np.integer], uv_quads: NDArray[np.integer]) -> tuple[Indices, Mask]:
    """Join every island that holds a piece of the mesh's border (the neck) to the largest island.

    Returns:
        uv_quads (Q, 4) with new numbers, in which the joined islands share their texture points along former seams
        between them (seams within an island stay), and (Q,) which quads the joined island has.
    """
    island = islands_of(uv_quads)
    sides: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for index, quad in enumerate(quads.tolist()):
        for k in range(4):
            a, b = quad[k], quad[(k + 1) % 4]
            sides[min(a, b), max(a, b)].append((index, k))
    chosen = {int(np.bincount(island).argmax())}
    chosen |= {int(island[uses[0][0]]) for uses in sides.values() if len(uses) == 1}
    joined = np.isin(island, sorted(chosen))

    links = []
    for uses in sides.values():
        if len(uses) != 2 or island[uses[0][0]] == island[uses[1][0]]:
            continue
        (q, k), (r, m) = uses
        if joined[q] and joined[r]:
            # The two quads run along their common edge in opposite directions.
            links += [(uv_quads[q, k], uv_quads[r, (m + 1) % 4]), (uv_quads[q, (k + 1) % 4], uv_quads[r, m])]
    count = int(uv_quads.max()) + 1
    pairs = np.array(links, np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    label = connected_components(graph, directed=False)[1]
    _, renumbered = np.unique(label[uv_quads], return_inverse=True)
    return renumbered.reshape(-1, 4).astype(np.int32), joined


def border_loops(points: NDArray[np.float64], uv_quads: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """The border loops of an island, in the quads' direction, the longest first.

    Args:
        points: (U, 3) mm, where the texture points lie in space.
        uv_quads: (Q, 4) of one island.
    """
    edges = {(a, b) for quad in uv_quads.tolist() for a, b in zip(quad, quad[1:] + quad[:1], strict=True)}
    following = {a: b for a, b in sorted(edges) if (b, a) not in edges}
    loops = []
    while following:
        start, at = following.popitem()
        loop = [start]
        while at != start:
            loop.append(at)
            at = following.pop(at)
        loops.append(np.array(loop))
    lengths = [float(np.linalg.norm(points[loop] - points[np.roll(loop, 1)], axis=1).sum()) for loop in loops]
    return [loops[k] for k in np.argsort(lengths)[::-1]]


def _ladder(points: NDArray[np.float64], loop: NDArray[np.int64]) -> Indices:
    """(R, 4) quads that close a slit (mouth, eye) from corner to corner; a triangle repeats a corner.

    Without them a hole would open to a wide convex polygon and press the lips flat around it.
    """
    across = points[loop, 0]
    loop = np.roll(loop, -int(across.argmin()))
    far = int(points[loop, 0].argmax())
    above, below = loop[: far + 1], np.concatenate([loop[:1], loop[far:][::-1]])
    steps = max(len(above), len(below)) - 1
    ends = np.linspace(0, 1, steps + 1)
    one = above[np.rint(ends * (len(above) - 1)).astype(int)]
    other = below[np.rint(ends * (len(below) - 1)).astype(int)]
    # The hole lies on the other side of its border: its quads run against the island's.
    return np.column_stack([one[1:], one[:-1], other[:-1], other[1:]]).astype(np.int32)


def _bulge(square: NDArray[np.float64]) -> Floats:
    """Points of the border of the square −1 to 1 (N, 2), moved onto a strictly convex curve within it."""
    bent: Floats = square * np.sqrt(1 - ROUNDNESS * square[:, ::-1] ** 2)
    return bent


def _border_places(
    points: NDArray[np.float64], loop: NDArray[np.int64], twin: NDArray[np.integer], open_edge: Mask, height: float
) -> Floats:
    """(len(loop), 2) where the loop's points lie: the mesh's own border below, the seam up both sides and over the top.

    Args:
        points: (U, 3) mm.
        loop: texture points, counter-clockwise; two of them are their own mirror images.
        twin: (U,) texture mirror.
        open_edge: (U,) which texture points lie on the mesh's border.
        height: of the rectangle; its width is 1.
    """
    middle = [k for k in range(len(loop)) if twin[loop[k]] == loop[k]]
    (bottom,) = (k for k in middle if open_edge[loop[k]])
    loop = np.roll(loop, -bottom)
    (top,) = (k for k in range(1, len(loop)) if twin[loop[k]] == loop[k])
    half = loop[: top + 1]
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[half], axis=0), axis=1))])
    corner = int(np.flatnonzero(open_edge[half])[-1])
    below = steps[: corner + 1] / steps[corner]
    above = (steps[corner + 1 :] - steps[corner]) / (steps[-1] - steps[corner])
    # From the bottom's middle to the right corner, then up the right side (2) and along the top (1) to its middle.
    walk = above * (2 * height + 1)
    side = walk <= 2 * height
    right = np.concatenate([
        np.column_stack([below, np.full(len(below), -1.0)]),
        np.column_stack([np.ones(int(side.sum())), walk[side] / height - 1]),
        np.column_stack([1 - (walk[~side] - 2 * height), np.ones(int((~side).sum()))]),
    ])  # fmt: skip
    right = (_bulge(right) * (1.0, height) + (1.0, height)) / 2
    right[[0, -1], 0] = 0.5
    places = dict(zip(half.tolist(), right, strict=True))
    places |= {int(twin[a]): place * (-1.0, 1.0) + (1.0, 0.0) for a, place in places.items()}
    return np.array([places[int(a)] for a in np.roll(loop, bottom)])


def _stretch(
    points: NDArray[np.float64], uv: NDArray[np.float64], triangles: NDArray[np.integer]
) -> tuple[Floats, Floats]:
    """Root mean square stretch from texture to space of each triangle (T,), and its area in space (T,).

    With the map's derivatives along u and v: σ² = (|∂u|² + |∂v|²) / 2 (Sander et al. 2001).
    """
    a, b, c = (uv[triangles[:, k]] for k in range(3))
    p, q, r = (points[triangles[:, k]] for k in range(3))
    double = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    double = np.maximum(double, 1e-12)[:, None]
    along_u = (p * (b - c)[:, 1:] + q * (c - a)[:, 1:] + r * (a - b)[:, 1:]) / double
    along_v = (p * (c - b)[:, :1] + q * (a - c)[:, :1] + r * (b - a)[:, :1]) / double
    space = np.linalg.norm(np.cross(q - p, r - p), axis=1) / 2
    return np.sqrt(((along_u**2).sum(1) + (along_v**2).sum(1)) / 2), space


def lay_flat(
    points: NDArray[np.float64],
    uv_quads: NDArray[np.integer],
    twin: NDArray[np.integer],
    open_edge: Mask,
    importance: NDArray[np.float64],
    height: float,
) -> Floats:
    """(U, 2) places of an island's points in a rectangle 1 wide; u → 1 − u for mirror images, to the last bit.

    Args:
        points: (U, 3) mm, in space.
        uv_quads: (Q, 4) of one island that is a disc with holes, counter-clockwise.
        twin: (U,) texture mirror.
        open_edge: (U,) which points lie on the mesh's own border.
        importance: (U,) factor on lengths, positive.
        height: of the rectangle.
    """
    count = len(points)
    loop, *holes = border_loops(points, uv_quads)
    uv = np.zeros((count, 2))
    uv[loop] = _border_places(points, loop, twin, open_edge, height)
    inner = np.setdiff1d(np.unique(uv_quads), loop)
    filled = np.concatenate([uv_quads, *(_ladder(points, hole) for hole in holes)])
    edges = np.concatenate([filled[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    edges = np.concatenate([edges, edges[:, ::-1]])
    weights = 1 / (np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) + 1e-3)
    # Both diagonals, so that the measure of stretch is as symmetric as the mesh.
    triangles = np.concatenate([filled[:, list(c)] for c in ((0, 1, 2), (0, 2, 3), (0, 1, 3), (1, 2, 3))])
    triangles = triangles[(np.diff(np.sort(triangles, axis=1), axis=1) > 0).all(axis=1)]
    strength = importance[triangles].mean(axis=1)

    best, least = uv, np.inf
    for _ in range(STEPS):
        matrix = coo_matrix((weights, edges.T), shape=(count, count)).tocsr()
        rest = (diags(np.asarray(matrix.sum(axis=1)).ravel()) - matrix).tocsr()[inner]
        uv[inner] = spsolve(rest[:, inner].tocsc(), -rest[:, loop] @ uv[loop])
        # The solver's rounding apart, the system is symmetric.
        uv = (uv + uv[twin] * (-1.0, 1.0) + (1.0, 0.0)) / 2
        stretch, space = _stretch(points, uv, triangles)
        total = float((space * (stretch * strength) ** 2).sum())
        if total >= least:
            break
        best, least = uv.copy(), total
        area, sum_of = np.zeros(count), np.zeros(count)
        for k in range(3):
            np.add.at(area, triangles[:, k], space)
            np.add.at(sum_of, triangles[:, k], space * (stretch * strength) ** 2)
        local = np.sqrt(sum_of / np.maximum(area, 1e-12))
        weights = weights / np.maximum(local[edges[:, 1]] / local[inner].mean(), 1e-3)
    return best


def face_importance(points: NDArray[np.float64]) -> Floats:
    """(U,) how much a length counts at points (U, 3) mm of the head's frame: most around the nose and mouth."""
    far = np.linalg.norm(points - FACE_CENTRE, axis=1) / FACE_REACH
    importance: Floats = 1 + FACE_GAIN * np.exp(-(far**2))
    return importance
