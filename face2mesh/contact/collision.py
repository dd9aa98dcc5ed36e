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

from face2mesh.head.closest import closest_on_triangles

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
        """Which points are inside the solid of a head.

        Args:
            head: (3, V) mm, the vertices' x, y and z.
            points: (3, N) mm.

        Returns:
            (N,).
        """
        result = np.zeros(points.shape[1], bool)
        x, y, z = (head[axis, self.vertices] for axis in range(3))
        inside = (points[0] >= x.min()) & (points[0] <= x.max()) & (points[1] >= y.min()) & (points[1] <= y.max())
        near = np.flatnonzero(inside & (points[2] >= z.min()) & (points[2] <= z.max()))
        if not len(near):
            return result
        sample = points[:, near]
        x, z = sample[0], sample[2]
        # Only triangles over or under the samples' own rectangle of the ground plane count.
        least_x, most_x = _extent(head[0, self._corners])
        least_z, most_z = _extent(head[2, self._corners])
        over = (most_x >= x.min()) & (least_x <= x.max()) & (most_z >= z.min()) & (least_z <= z.max())
        rows = np.flatnonzero(over)
        least_x, most_x, least_z, most_z = least_x[rows], most_x[rows], least_z[rows], most_z[rows]
        x, z = x[:, None], z[:, None]
        hit = np.flatnonzero((least_x <= x) & (x <= most_x) & (least_z <= z) & (z <= most_z))
        point, triangle = np.divmod(hit, max(len(rows), 1))
        corners = self._corners[:, rows[triangle]]
        height = heights(sample[::2, point], head[:, corners])
        with np.errstate(invalid="ignore"):
            crossed = height > sample[1, point] if self.upwards else height < sample[1, point]
        result[near] = np.bincount(point[crossed], minlength=len(near)) % 2 == 1
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
        if not len(points):
            return np.zeros((0, 3), np.int64), np.zeros((0, 3)), np.zeros(0)
        vertices = heads[:, self.vertices].astype(np.float32)
        apart = np.asarray(points, np.float32)[:, None] - vertices[head]
        square = np.einsum("nwc,nwc->nw", apart, apart)
        closest = np.argpartition(square, NEAREST, axis=1)[:, :NEAREST]
        triangles = self.around[closest].reshape(len(points), NEAREST * self.around.shape[1])  # (N, NEAREST · R)
        corners = self.triangles[triangles]
        places = heads[head[:, None, None], corners]
        weights, squares = closest_on_triangles(
            points[:, None], places[..., 0, :], places[..., 1, :], places[..., 2, :]
        )
        best = squares.argmin(1)
        row = np.arange(len(points))
        return corners[row, best].astype(np.int64), weights[row, best], np.sqrt(squares[row, best])


def _extent(corners: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of triangles with corners (3, T) along one axis: from (T,) to (T,)."""
    a, b, c = corners
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def heights(ground: NDArray[Any], triangles: NDArray[Any]) -> Array:
    """Where verticals meet triangles, (P,) in y; NaN where they do not.

    Points on an edge belong to one of its two triangles only (the rasterisers' top-left rule).

    Args:
        ground: (2, P), the verticals' x and z.
        triangles: (3, 3, P), x, y and z of the first, second and third corners.
    """
    x, z = ground
    a, b, c = triangles.swapaxes(0, 1)
    area = (b[0] - a[0]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[0] - a[0])
    turned = area < 0
    b, c = np.where(turned, c, b), np.where(turned, b, c)
    area = np.abs(area)
    inside = area > 0
    total = np.zeros(len(x))
    for first, second, opposite in ((b, c, a), (c, a, b), (a, b, c)):
        dx, dz = second[0] - first[0], second[2] - first[2]
        # From the same end in both triangles of an edge: rounded, their shares are still each other's negatives.
        ahead = (dx > 0) | ((dx == 0) & (dz > 0))
        share = dx * (z - np.where(ahead, first[2], second[2])) - dz * (x - np.where(ahead, first[0], second[0]))
        inside &= (share > 0) | ((share == 0) & ((dz > 0) | ((dz == 0) & (dx < 0))))
        total += share * opposite[1]
    return np.where(inside, total / np.where(inside, area, 1), np.nan)
