"""The compiled twin of `face2mesh.draw.raster.rasterise`: the same rules, for pictures by the ten thousand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.raster import Fragments
from face2mesh.lab.render.kernels import nearest_triangles, weights_and_depths

Floats = NDArray[np.floating[Any]]
_NO_STRANDS = np.zeros((1, 1), np.float32)


def with_nearness(points: Floats, perspective: bool = True) -> NDArray[np.float64]:
    """Points (V, 3) with depth as the kernels want them: with 1/depth, or −depth, in its place."""
    placed = np.array(points, np.float64)
    if perspective:
        with np.errstate(divide="ignore"):
            placed[:, 2] = 1 / placed[:, 2]
    else:
        placed[:, 2] *= -1
    return placed


def rasterise(
    points: Floats,
    triangles: NDArray[np.integer[Any]],
    width: int,
    height: int,
    *,
    perspective: bool = True,
    cull: Literal["back"] | None = None,
) -> Fragments:
    """Find the nearest triangle at each pixel's centre; arguments and result as in `face2mesh.draw.raster`."""
    placed = with_nearness(points, perspective)
    corners = np.ascontiguousarray(triangles, np.int32)
    count = len(corners)
    seen = np.full((height, width), -1, np.int32)
    nearest_triangles(
        placed,
        corners,
        np.full(count, cull is None),
        perspective,
        np.zeros(count, np.uint8),
        np.zeros((count, 3, 2), np.float32),
        np.zeros(len(placed), np.float32),
        _NO_STRANDS,
        np.full((height, width), -np.inf),
        seen,
    )
    barycentric = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    weights_and_depths(placed, corners, seen, perspective, barycentric, depth)
    return Fragments(seen, barycentric, depth)
