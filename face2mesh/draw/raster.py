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

_PIXELS_AT_ONCE = 1 << 16
"""Few enough to stay in the processor's cache."""

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

    scale = 1 / corners[:, :, 2].T if perspective else np.ones((3, len(corners)))
    slopes = _slopes(corners, area) * scale[:, None]
    depths = corners[:, :, 2].T
    near = 1 / depths if perspective else -depths
    growth = slopes if perspective else slopes * near[:, None]
    seen = _nearest(_spans(corners, width, height), corners, near, growth, width, height)
    hits = seen >= 0
    chosen = seen[hits]
    x = np.nonzero(hits)[1] + 0.5 - corners[chosen, 0, 0]
    y = np.repeat(np.arange(height) + 0.5, np.count_nonzero(hits, axis=1)) - corners[chosen, 0, 1]
    weights = np.empty((3, len(chosen)))
    for weight, (rightwards, downwards) in zip(weights, slopes, strict=True):
        np.multiply(rightwards[chosen], x, out=weight)
        weight += downwards[chosen] * y
    weights[0] += scale[0][chosen]
    np.maximum(weights, 0, out=weights)
    total = weights.sum(0)
    weights /= total

    triangle = np.full((height, width), -1, np.int32)
    barycentric = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    triangle[hits] = index[chosen]
    barycentric[hits] = weights.T
    depth[hits] = 1 / total if perspective else (weights * depths[:, chosen]).sum(0)
    return Fragments(triangle, barycentric, depth)


def _slopes(corners: Floats, area: Floats) -> NDArray[np.float64]:
    """How the weight of each corner grows along x and y in the picture, (3, 2, T)."""
    slopes = np.empty((3, 2, len(corners)))
    for i in range(3):
        side = corners[:, (i + 2) % 3, :2] - corners[:, (i + 1) % 3, :2]
        slopes[i] = -side[:, 1] / area, side[:, 0] / area
    return slopes


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


def _nearest(
    spans: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    corners: Floats,
    near: NDArray[np.float64],
    slopes: NDArray[np.float64],
    width: int,
    height: int,
) -> NDArray[np.int32]:
    """The triangle that is nearest at each pixel, (H, W), −1 where there is none.

    Args:
        spans: what `_spans` gave.
        corners: (T, 3, 3).
        near: (3, T), nearness of the corners, linear in the picture; greater is nearer.
        slopes: (3, 2, T), what each corner adds to the nearness along x and y.
        width, height: of the picture.
    """
    row, first, last, owner = spans
    rightwards, downwards = slopes.sum(0)
    starts = near[0][owner] + rightwards[owner] * (first + 0.5 - corners[owner, 0, 0])
    starts += downwards[owner] * (row + 0.5 - corners[owner, 0, 1])
    # The slopes of a sliver are all rounding; its corners still bound it.
    np.clip(starts, near.min(0)[owner], near.max(0)[owner], out=starts)
    nearest = np.full(height * width, -np.inf)
    seen = np.full(height * width, -1, np.int32)
    lengths = last - first
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(row):
        stop = max(begin + 1, int(np.searchsorted(ends, ends[begin] - lengths[begin] + _PIXELS_AT_ONCE, "right")))
        part = slice(begin, stop)
        count = lengths[part]
        steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        pixel = np.repeat(row[part] * width + first[part], count) + steps
        value = np.repeat(rightwards[owner[part]], count) * steps
        value += np.repeat(starts[part], count)
        np.maximum.at(nearest, pixel, value)
        wins = value == nearest[pixel]
        seen[pixel[wins]] = np.repeat(owner[part].astype(np.int32), count)[wins]
        begin = stop
    return seen.reshape(height, width)
