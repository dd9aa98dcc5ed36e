"""A rasteriser in plain NumPy: which triangle is seen at each pixel, and where in it.

Letters: V vertices, T triangles, H and W the picture's height and width, C channels.

Every triangle is cut into the rows of pixel centres that it crosses, every row into the pixels between two edges. An
edge is always evaluated from its upper end, and rows and spans are half-open, so two triangles that share an edge agree
to the last bit on which of them owns a pixel centre: no holes and no double hits (what the usual top-left rule is for).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_PIXELS_AT_ONCE = 1 << 20

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Fragments:
    """What is seen at each pixel.

    Attributes:
        triangle: (H, W) int32, the nearest triangle at the pixel's centre, −1 where there is none.
        barycentric: (H, W, 3) float32, weights of its corners, 0 to 1 and summing to 1; 0 where there is none.
        depth: (H, W) float32, in the points' unit; infinite where there is none.
    """

    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]
    depth: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(H, W), where a triangle is seen."""
        return self.triangle >= 0

    def interpolate(
        self, values: Floats, triangles: NDArray[np.integer[Any]], background: float = 0.0
    ) -> NDArray[np.float32]:
        """Values at vertices to values at pixels: (V, C) to (H, W, C) float32.

        Args:
            values: (V, C).
            triangles: (T, 3), rows of `values`; with the vertices' own triangles, or texture points' for `uv`.
            background: what stands where no triangle is seen.
        """
        picture = np.full((*self.triangle.shape, values.shape[1]), background, np.float32)
        seen = self.covered
        corners = triangles[self.triangle[seen]]
        weights = self.barycentric[seen]
        values = np.asarray(values, np.float32)
        total = values[corners[:, 0]] * weights[:, :1]
        total += values[corners[:, 1]] * weights[:, 1:2]
        total += values[corners[:, 2]] * weights[:, 2:]
        picture[seen] = total
        return picture


@dataclass(frozen=True)
class _Planes:
    """Per triangle, functions that are linear in the picture, about the triangle's first corner.

    Attributes:
        x, y: (T,), the first corner.
        second, third: (T, 2), gradients of the second and third corner's weight.
        near: (T,), nearness (greater is nearer) at the first corner.
        near_slope: (T, 2), its gradient.
    """

    x: Floats
    y: Floats
    second: Floats
    third: Floats
    near: Floats
    near_slope: Floats


def rasterise(
    points: Floats,
    triangles: NDArray[np.integer[Any]],
    width: int,
    height: int,
    *,
    perspective: bool = True,
    cull: Literal["back"] | None = None,
) -> Fragments:
    """Find the nearest triangle at each pixel's centre.

    With `perspective`, depth is a distance along the camera's axis, 1/depth is linear in the picture, and the weights
    are those on the triangle in space: attributes interpolated with them are perspective-correct. Without it, depth
    and weights are linear in the picture (an orthographic camera).

    Args:
        points: (V, 3), x (right) and y (down) in pixels, with pixel centres at +0.5, and depth (greater is farther).
        triangles: (T, 3) rows of `points`.
        width: W, pixels.
        height: H, pixels.
        perspective: how depth is to be understood. Triangles that reach to depth 0 or behind are left out.
        cull: "back" leaves out triangles that are clockwise in the picture as it is looked at.

    Returns:
        Fragments; triangles with non-finite corners or without area are left out.
    """
    corners = np.asarray(points, np.float64)[triangles]
    area = (corners[:, 1, 0] - corners[:, 0, 0]) * (corners[:, 2, 1] - corners[:, 0, 1]) - (
        corners[:, 2, 0] - corners[:, 0, 0]
    ) * (corners[:, 1, 1] - corners[:, 0, 1])
    # y points down, so what looks counter-clockwise has a negative area.
    keep = (area < 0) if cull == "back" else (np.abs(area) > 0)
    keep &= np.isfinite(corners.sum((1, 2)))
    if perspective:
        keep &= corners[:, :, 2].min(1) > 0
    index = np.flatnonzero(keep)
    corners, area = corners[index], area[index]

    row, first, last, owner = _spans(corners, width, height)
    planes = _planes(corners, area, perspective)
    nearest = np.full(height * width, -np.inf)
    seen = np.full(height * width, -1, np.int32)
    lengths = last - first
    ends = np.cumsum(lengths)
    start = 0
    while start < len(row):
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] - lengths[start] + _PIXELS_AT_ONCE, "right")))
        part = slice(start, stop)
        _paint(row[part], first[part], lengths[part], owner[part], planes, width, nearest, seen)
        start = stop

    hit = np.flatnonzero(seen >= 0)
    chosen = seen[hit]
    x = hit % width + 0.5 - planes.x[chosen]
    y = hit // width + 0.5 - planes.y[chosen]
    weights = np.empty((len(hit), 3))
    for column, slope in ((1, planes.second), (2, planes.third)):
        weights[:, column] = slope[chosen, 0] * x + slope[chosen, 1] * y
    weights[:, 0] = 1 - weights[:, 1] - weights[:, 2]
    np.clip(weights, 0, 1, out=weights)
    depths = corners[chosen, :, 2]
    if perspective:
        weights /= depths
    weights /= weights.sum(1, keepdims=True)

    triangle = np.full(height * width, -1, np.int32)
    barycentric = np.zeros((height * width, 3), np.float32)
    depth = np.full(height * width, np.inf, np.float32)
    triangle[hit] = index[chosen]
    barycentric[hit] = weights
    depth[hit] = (weights * depths).sum(1)
    return Fragments(
        triangle.reshape(height, width), barycentric.reshape(height, width, 3), depth.reshape(height, width)
    )


def _planes(corners: Floats, area: Floats, perspective: bool) -> _Planes:
    x, y = corners[:, 0, 0], corners[:, 0, 1]
    along, across = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    second = np.stack([across[:, 1], -across[:, 0]], 1) / area[:, None]
    third = np.stack([-along[:, 1], along[:, 0]], 1) / area[:, None]
    near = 1 / corners[:, :, 2] if perspective else -corners[:, :, 2]
    slope = second * (near[:, 1] - near[:, 0])[:, None] + third * (near[:, 2] - near[:, 0])[:, None]
    return _Planes(x, y, second, third, near[:, 0], slope)


def _repeat_ranges(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each length n the numbers 0 to n − 1, one after the other, and which length they belong to."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) - starts[owner], owner


def _spans(
    corners: Floats, width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The rows of pixel centres inside each triangle: row, first and last + 1 column, triangle; empty ones left out."""
    order = np.argsort(corners[:, :, 1], axis=1, kind="stable")
    rows = np.arange(len(corners))
    (x0, y0), (x1, y1), (x2, y2) = (corners[rows, order[:, i], :2].T for i in range(3))
    top = np.clip(np.ceil(y0 - 0.5), 0, height).astype(np.int64)
    bottom = np.clip(np.ceil(y2 - 0.5), 0, height).astype(np.int64)
    # A triangle between two columns of centres hits nothing; in small pictures that is most of a fine mesh.
    left, right = np.minimum(np.minimum(x0, x1), x2), np.maximum(np.maximum(x0, x1), x2)
    bottom[np.ceil(left - 0.5) >= np.ceil(right - 0.5)] = 0
    step, owner = _repeat_ranges(np.maximum(bottom - top, 0))
    row = top[owner] + step
    y = row + 0.5

    def slope(xa: Floats, ya: Floats, xb: Floats, yb: Floats) -> Floats:
        flat = ya == yb
        return np.where(flat, 0.0, (xb - xa) / np.where(flat, 1.0, yb - ya))

    long = x0[owner] + (y - y0[owner]) * slope(x0, y0, x2, y2)[owner]
    upper = x0[owner] + (y - y0[owner]) * slope(x0, y0, x1, y1)[owner]
    lower = x1[owner] + (y - y1[owner]) * slope(x1, y1, x2, y2)[owner]
    short = np.where(y < y1[owner], upper, lower)
    first = np.clip(np.ceil(np.minimum(long, short) - 0.5), 0, width).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(long, short) - 0.5), 0, width).astype(np.int64)
    some = first < last
    return row[some], first[some], last[some], owner[some]


def _paint(
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    lengths: NDArray[np.int64],
    owner: NDArray[np.int64],
    planes: _Planes,
    width: int,
    nearest: NDArray[np.float64],
    seen: NDArray[np.int32],
) -> None:
    """Paint spans into the flat pictures `nearest` (greatest nearness so far) and `seen` (its triangle)."""
    slope = planes.near_slope[owner]
    start = (
        planes.near[owner] + slope[:, 0] * (first + 0.5 - planes.x[owner]) + slope[:, 1] * (row + 0.5 - planes.y[owner])
    )
    step, span = _repeat_ranges(lengths)
    pixel = (row * width + first)[span] + step
    near = start[span] + slope[:, 0][span] * step
    np.maximum.at(nearest, pixel, near)
    wins = near == nearest[pixel]
    seen[pixel[wins]] = owner[span[wins]]
