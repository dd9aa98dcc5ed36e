"""Where points lie inside a solid that is given by a sheet of triangles, and how they get out.

A lip, a row of teeth or a tongue is a sheet that is open on one side only: upwards (an upper lip towards the nose,
upper teeth towards the gum's deep edge) or downwards. A point is inside when the ray away from the open side crosses
the sheet an odd number of times (Shimrat 1962, for polygons); its way out is the nearest point of the sheet (Ericson,
Real-Time Collision Detection, 2005, 5.1.5).

Letters: N points, V vertices, T triangles, P pairs of a point and a triangle, W vertices of a sheet, R triangles around
one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
# The nearest place of a sheet is looked for around so many of its nearest vertices.
NEAREST = 2


@dataclass(frozen=True, eq=False)
class Sheet:
    """A solid that is open on one side, for many heads of one topology.

    Attributes:
        triangles: (T, 3) vertices of a head.
        upwards: whether the sheet is open below, so that rays run to +y; else to −y.
    """

    triangles: NDArray[np.int32]
    upwards: bool

    @cached_property
    def vertices(self) -> NDArray[np.int32]:
        """(W,) the sheet's own vertices."""
        return np.unique(self.triangles)

    @cached_property
    def around(self) -> NDArray[np.int64]:
        """(W, R) the triangles at each of `vertices`; the first one fills up what is missing."""
        corner = np.searchsorted(self.vertices, self.triangles.ravel())
        order = np.argsort(corner, kind="stable")
        counts = np.bincount(corner)
        place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = order[np.cumsum(counts) - counts] // 3
        table = np.repeat(first[:, None], counts.max(), axis=1)
        table[corner[order], place] = order // 3
        return table

    @cached_property
    def _corners(self) -> NDArray[np.int32]:
        """(3, T), the triangles' first, second and third corners."""
        return np.ascontiguousarray(self.triangles.T)

    def holds(self, head: NDArray[Any], points: NDArray[Any]) -> Mask:
        """(N,), which of the points (N, 3) mm are inside the solid of a head (V, 3) mm."""
        result = np.zeros(len(points), bool)
        own = head[self.vertices].T
        (x0, y0, z0), (x1, y1, z1) = own.min(1), own.max(1)
        x, y, z = points.T
        near = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1))
        if not len(near):
            return result
        a, b, c = head[self._corners]
        least, most = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        sample = points[near]
        (x0, y0, z0), (x1, y1, z1) = sample.min(0), sample.max(0)
        # Only triangles over or under the samples' own rectangle of the ground plane count.
        over = (most[:, 0] >= x0) & (least[:, 0] <= x1) & (most[:, 2] >= z0) & (least[:, 2] <= z1)
        over &= most[:, 1] > y0 if self.upwards else least[:, 1] < y1
        rows = np.flatnonzero(over)
        least, most, x, z = least[rows], most[rows], sample[:, :1], sample[:, 2:]
        hit = (least[:, 0] <= x) & (x <= most[:, 0]) & (least[:, 2] <= z) & (z <= most[:, 2])
        point, triangle = np.nonzero(hit)
        triangle = rows[triangle]
        height = heights(sample[point], a[triangle], b[triangle], c[triangle])
        with np.errstate(invalid="ignore"):
            crossed = height > sample[point, 1] if self.upwards else height < sample[point, 1]
        crossings = np.bincount(point[crossed], minlength=len(near))
        result[near] = crossings % 2 == 1
        return result

    def nearest(self, heads: NDArray[Any], head: Indices, points: NDArray[Any]) -> tuple[Indices, Array, Array]:
        """The places of the sheet that are nearest to points, looked for around the nearest vertices.

        Args:
            heads: (B, V, 3) mm.
            head: (N,) of which head each point is.
            points: (N, 3) mm.

        Returns:
            The corners (N, 3) of the nearest triangles, the barycentric weights (N, 3) of the places in them, and the
            distances (N,) mm.
        """
        vertices = heads[:, self.vertices].astype(np.float32)
        apart = np.asarray(points, np.float32)[:, None] - vertices[head]
        square = np.einsum("nwc,nwc->nw", apart, apart)
        closest = np.argpartition(square, NEAREST, axis=1)[:, :NEAREST]
        triangles = self.around[closest].reshape(len(points), NEAREST * self.around.shape[1])  # (N, NEAREST · R)
        corners = self.triangles[triangles]
        places = heads[head[:, None, None], corners]
        weights, squares = closest_on_triangles(points[:, None], places[..., 0, :], places[..., 1, :], places[..., 2, :])
        best = squares.argmin(1)
        row = np.arange(len(points))
        return corners[row, best].astype(np.int64), weights[row, best], np.sqrt(squares[row, best])


def heights(points: NDArray[Any], a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> Array:
    """Where the verticals through points (P, 3) meet triangles with corners a, b, c (P, 3): (P,) in y; NaN elsewhere.

    Points on an edge belong to one of its two triangles only (the rasterisers' top-left rule).
    """
    (x, _, z), a, b, c = points.T, a.T, b.T, c.T
    area = (b[0] - a[0]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[0] - a[0])
    turned = area < 0
    b, c = np.where(turned, c, b), np.where(turned, b, c)
    area = np.abs(area)
    inside = area > 0
    total = np.zeros(len(points))
    for first, second, opposite in ((b, c, a), (c, a, b), (a, b, c)):
        dx, dz = second[0] - first[0], second[2] - first[2]
        share = dx * (z - first[2]) - dz * (x - first[0])
        inside &= (share > 0) | ((share == 0) & ((dz > 0) | ((dz == 0) & (dx < 0))))
        total += share * opposite[1]
    return np.where(inside, total / np.where(inside, area, 1), np.nan)


def closest_on_triangles(p: Array, a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """Barycentric weights (…, 3) of the triangles' places nearest to p, and their squared distances (…)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    bb, cc, bc = _dot(ab, ab), _dot(ac, ac), _dot(ab, ac)
    d3, d4, d5, d6 = d1 - bb, d2 - bc, d1 - bc, d2 - cc
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    total = va + vb + vc
    with np.errstate(divide="ignore", invalid="ignore"):
        v, w = vb / total, vc / total
        on_ab, on_ac = d1 / (d1 - d3), d2 / (d2 - d6)
        on_bc = (d4 - d3) / ((d4 - d3) + (d5 - d6))
    regions = [
        (d1 <= 0) & (d2 <= 0),
        (d3 >= 0) & (d4 <= d3),
        (d6 >= 0) & (d5 <= d6),
        (vc <= 0) & (d1 >= 0) & (d3 <= 0),
        (vb <= 0) & (d2 >= 0) & (d6 <= 0),
        (va <= 0) & (d4 >= d3) & (d5 >= d6),
    ]
    zero, one = np.zeros_like(v), np.ones_like(v)
    v = np.select(regions, [zero, one, zero, on_ab, zero, 1 - on_bc], v)
    w = np.select(regions, [zero, zero, one, zero, on_ac, on_bc], w)
    away = ap - v[..., None] * ab - w[..., None] * ac
    return np.stack([1 - v - w, v, w], -1), _dot(away, away)


def _dot(one: Array, other: Array) -> Array:
    product: Array = np.einsum("...c,...c->...", one, other)
    return product
