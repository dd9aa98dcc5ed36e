"""What the tests of eyes, teeth and atlas ask of a mesh of quads."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.integer]


def triangles_of(quads: IndexArray) -> IndexArray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def border_edges(quads: IndexArray) -> list[tuple[int, int]]:
    """Directed edges with one quad; fails where an edge is used twice in one direction."""
    edges = Counter((a, b) for quad in quads.tolist() for a, b in zip(quad, quad[1:] + quad[:1], strict=True))
    assert max(edges.values()) == 1, "not manifold, or the winding changes"
    return [edge for edge in edges if (edge[1], edge[0]) not in edges]


def border_loops(quads: IndexArray) -> int:
    following = dict(border_edges(quads))
    loops = 0
    while following:
        loops += 1
        start, at = following.popitem()
        while at != start:
            at = following.pop(at)
    return loops


def signed_volume(vertices: FloatArray, quads: IndexArray) -> float:
    a, b, c = (vertices[triangles_of(quads)[:, k]] for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def corner_turns(points: FloatArray, quads: IndexArray) -> FloatArray:
    """(Q, 4) twice the area of the triangle at each corner; in space, its part along the quad's normal."""
    p = points[quads]
    before, after = p - np.roll(p, 1, axis=1), np.roll(p, -1, axis=1) - p
    if points.shape[1] == 2:
        return before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    normal = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    return np.einsum("qkx,qx->qk", np.cross(before, after), normal / np.linalg.norm(normal, axis=1, keepdims=True))


def edges_through(vertices: FloatArray, quads: IndexArray, other: FloatArray, other_quads: IndexArray) -> int:
    """How many edges of one mesh pass through a triangle of another; none both ways: the surfaces do not meet."""
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    p, q = vertices[edges[:, 0]], vertices[edges[:, 1]]
    a, b, c = (other[triangles_of(other_quads)[:, k]] for k in range(3))
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    # Only edges and triangles in the other mesh's box can meet; of those, only pairs whose boxes do.
    all_low, all_high = low.min(axis=0), high.max(axis=0)
    kept = ((np.minimum(p, q) <= all_high) & (np.maximum(p, q) >= all_low)).all(axis=1)
    p, q = p[kept], q[kept]
    if not kept.any():
        return 0
    kept = ((low <= np.maximum(p, q).max(axis=0)) & (high >= np.minimum(p, q).min(axis=0))).all(axis=1)
    a, b, c, low, high = a[kept], b[kept], c[kept], low[kept], high[kept]
    near = np.ones((len(p), len(a)), bool)
    for axis in range(3):
        near &= np.minimum(p, q)[:, None, axis] <= high[:, axis]
        near &= np.maximum(p, q)[:, None, axis] >= low[:, axis]
    i, j = np.nonzero(near)
    p, q, a, b, c = p[i], q[i], a[j], b[j], c[j]

    def side(o: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        return np.sign(np.einsum("ij,ij->i", np.cross(x - o, y - o), z - o))

    turns = side(p, q, a, b), side(p, q, b, c), side(p, q, c, a)
    return int(((side(a, b, c, p) != side(a, b, c, q)) & (turns[0] == turns[1]) & (turns[1] == turns[2])).sum())
