"""The compiled inner loops: which triangle is nearest, what colour a sample has, normals of vertices.

Letters: V vertices, T triangles, H and W height and width in samples, C channels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

# Divisions as NumPy's, without a test for zero; sums may be fused, but what is not finite stays so.
_FAST: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "arcp", "nsz"}}
_compiled = njit(cache=True, nogil=True, **_FAST)
_inlined = njit(cache=True, nogil=True, inline="always", **_FAST)

PLAIN, SKIN, HAIR, EYE = 0, 1, 2, 3
"""Materials of triangles: no texture; the skin's detail texture; strands, with holes between them; eyes."""
LEAST_LIGHT = 0.03
"""Of the even light anywhere."""
DETAIL_STEPS_PER_OCTAVE = 40
"""A detail texture's byte c means the factor 2 ^ ((c − 128) / 40)."""


@_compiled  # type: ignore[untyped-decorator]
def nearest_triangles(
    points: Array,
    triangles: Array,
    two_sided: Array,
    perspective: bool,
    material: Array,
    corner_uv: Array,
    cover: Array,
    strands: Array,
    nearness: Array,
    seen: Array,
) -> None:
    """Scan-line z-buffer: keep the nearest triangle at each sample's centre.

    Each row of a triangle is a half-open span between two edges, an edge is always evaluated from its upper end: two
    triangles that share an edge agree on who owns a sample (the rule of `face2mesh.draw.raster`).

    Args:
        points: (V, 3) float64, x and y in samples with centres at +0.5, and nearness.
        triangles: (T, 3).
        two_sided: (T,) bool, whether the back counts too; others are culled when clockwise as looked at.
        perspective: whether nearness is 1/depth or −depth; both are linear in the picture. With 1/depth, triangles that
            reach to depth 0 or behind are left out.
        material: (T,); `HAIR` has holes where the strands are denser than its cover.
        corner_uv: (T, 3, 2), texture coordinates 0 to 1, V upwards.
        cover: (V,) 0 to 1.
        strands: (R, R) float32 0 to 1, repeated.
        nearness: (H, W) float64, changed in place; greater is nearer.
        seen: (H, W) int32, changed in place.
    """
    height, width = seen.shape
    side = strands.shape[0]
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, n0 = points[a, 0], points[a, 1], points[a, 2]
        x1, y1, n1 = points[b, 0], points[b, 1], points[b, 2]
        x2, y2, n2 = points[c, 0], points[c, 1], points[c, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        # y points down: what looks counter-clockwise has a negative area. The test is false for what is not finite.
        if not (area < 0 or (two_sided[t] and area > 0)) or not math.isfinite(area + n0 + n1 + n2):
            continue
        if perspective and min(n0, n1, n2) <= 0:
            continue
        top = max(math.ceil(min(y0, y1, y2) - 0.5), 0)
        bottom = min(math.ceil(max(y0, y1, y2) - 0.5), height)
        if top >= bottom or math.ceil(min(x0, x1, x2) - 0.5) >= math.ceil(max(x0, x1, x2) - 0.5):
            continue
        low, high = min(n0, n1, n2), max(n0, n1, n2)
        right = -((y2 - y1) * n0 + (y0 - y2) * n1 + (y1 - y0) * n2) / area
        down = ((x2 - x1) * n0 + (x0 - x2) * n1 + (x1 - x0) * n2) / area
        # Corners by height.
        ux, uy, mx, my, lx, ly = x0, y0, x1, y1, x2, y2
        if my < uy:
            ux, uy, mx, my = mx, my, ux, uy
        if ly < my:
            mx, my, lx, ly = lx, ly, mx, my
            if my < uy:
                ux, uy, mx, my = mx, my, ux, uy
        long_slope = (lx - ux) / (ly - uy)
        upper_slope = (mx - ux) / (my - uy) if my > uy else 0.0
        lower_slope = (lx - mx) / (ly - my) if ly > my else 0.0
        holes = material[t] == HAIR
        for row in range(top, bottom):
            y = row + 0.5
            one = ux + (y - uy) * long_slope
            other = ux + (y - uy) * upper_slope if y < my else mx + (y - my) * lower_slope
            first = max(math.ceil(min(one, other) - 0.5), 0)
            last = min(math.ceil(max(one, other) - 0.5), width)
            base = n0 + down * (y - y0)
            for column in range(first, last):
                # The slopes of a sliver are all rounding; its corners still bound it.
                near = min(max(base + right * (column + 0.5 - x0), low), high)
                if near <= nearness[row, column]:
                    continue
                if holes:
                    w0, w1, w2 = _weights(points, triangles, t, column + 0.5, y, perspective)
                    u = w0 * corner_uv[t, 0, 0] + w1 * corner_uv[t, 1, 0] + w2 * corner_uv[t, 2, 0]
                    v = w0 * corner_uv[t, 0, 1] + w1 * corner_uv[t, 1, 1] + w2 * corner_uv[t, 2, 1]
                    strand = strands[math.floor((1 - v) * side) % side, math.floor(u * side) % side]
                    if strand > w0 * cover[a] + w1 * cover[b] + w2 * cover[c]:
                        continue
                nearness[row, column] = near
                seen[row, column] = t


@_inlined  # type: ignore[untyped-decorator]
def _weights(
    points: Array, triangles: Array, t: int, x: float, y: float, perspective: bool
) -> tuple[float, float, float]:
    """Weights on the triangle in space of what is seen at (x, y); clipped to the triangle."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ax, ay = points[a, 0] - x, points[a, 1] - y
    bx, by = points[b, 0] - x, points[b, 1] - y
    cx, cy = points[c, 0] - x, points[c, 1] - y
    w0, w1, w2 = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    if w0 + w1 + w2 < 0:
        w0, w1, w2 = -w0, -w1, -w2
    w0, w1, w2 = max(w0, 0.0), max(w1, 0.0), max(w2, 0.0)
    if perspective:
        w0, w1, w2 = w0 * points[a, 2], w1 * points[b, 2], w2 * points[c, 2]
    total = w0 + w1 + w2
    if total <= 0:
        return 1.0, 0.0, 0.0
    scale = 1 / total
    return w0 * scale, w1 * scale, w2 * scale


@_compiled  # type: ignore[untyped-decorator]
def weights_and_depths(
    points: Array, triangles: Array, seen: Array, perspective: bool, barycentric: Array, depth: Array
) -> None:
    """Fill (H, W, 3) perspective-correct weights and (H, W) depths of the triangles seen."""
    height, width = seen.shape
    for row in range(height):
        for column in range(width):
            t = seen[row, column]
            if t < 0:
                continue
            weights = _weights(points, triangles, t, column + 0.5, row + 0.5, perspective)
            total = 0.0
            for k in range(3):
                barycentric[row, column, k] = weights[k]
                near = points[triangles[t, k], 2]
                total += weights[k] * (1 / near if perspective else -near)
            depth[row, column] = total


@_compiled  # type: ignore[untyped-decorator]
def shade(
    points: Array,
    triangles: Array,
    material: Array,
    corner_uv: Array,
    lit: Array,
    normals: Array,
    gloss: Array,
    half: Array,
    lamp: Array,
    detail: Array,
    factors: Array,
    strands: Array,
    strand_contrast: float,
    seen: Array,
    picture: Array,
) -> None:
    """Colour the samples seen and average them into pixels of 2 × 2; two of the four give a pixel its colour.

    Args:
        points: (V, 3) float64, see `nearest_triangles`.
        triangles: (T, 3).
        material: (T,).
        corner_uv: (T, 3, 2).
        lit: (V, 3) linear RGB, colour times light.
        normals: (V, 3), camera axes; need not have length 1.
        gloss: (V, 2), strength and sharpness of the highlight: strength · exp(sharpness · (n · h − 1)), much like
            Blinn's power of the cosine.
        half: (3,) halfway between lamp and viewer, length 1, camera axes.
        lamp: (3,) linear RGB of the lamp that makes the highlights.
        detail: (R, R, 3) bytes, see `DETAIL_STEPS_PER_OCTAVE`.
        factors: (256,) what a byte of it means.
        strands: (R, R) 0 to 1.
        strand_contrast: how much darker hair is between its strands.
        seen: (2h, 2w).
        picture: (h, w, 4) float32, changed in place: linear RGB times coverage, and coverage.
    """
    height, width = picture.shape[:2]
    texture = detail.shape[0]
    side = strands.shape[0]
    for pixel_row in range(height):
        for pixel_column in range(width):
            covered = 0
            shaded = 0
            total_red, total_green, total_blue = 0.0, 0.0, 0.0
            # Where a diagonal's two samples show one triangle, its colour between them does for both.
            alike = seen[2 * pixel_row, 2 * pixel_column] == seen[2 * pixel_row + 1, 2 * pixel_column + 1]
            for sample in range(4):
                # The diagonal first: two samples give the colour, all four the coverage.
                down = sample % 2
                aside = (sample + 1) // 2 % 2
                row, column = 2 * pixel_row + down, 2 * pixel_column + aside
                t = seen[row, column]
                if t < 0:
                    continue
                covered += 1
                if shaded == 2:
                    continue
                count = 2 if alike and sample == 0 else 1
                shaded += count
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                w0, w1, w2 = _weights(points, triangles, t, column + 0.5 * count, row + 0.5 * count, True)
                red = w0 * lit[a, 0] + w1 * lit[b, 0] + w2 * lit[c, 0]
                green = w0 * lit[a, 1] + w1 * lit[b, 1] + w2 * lit[c, 1]
                blue = w0 * lit[a, 2] + w1 * lit[b, 2] + w2 * lit[c, 2]
                kind = material[t]
                if kind in (SKIN, HAIR):
                    u = w0 * corner_uv[t, 0, 0] + w1 * corner_uv[t, 1, 0] + w2 * corner_uv[t, 2, 0]
                    v = w0 * corner_uv[t, 0, 1] + w1 * corner_uv[t, 1, 1] + w2 * corner_uv[t, 2, 1]
                    if kind == SKIN:
                        x = min(max(u * texture - 0.5, 0.0), texture - 1.001)
                        y = min(max((1 - v) * texture - 0.5, 0.0), texture - 1.001)
                        i, j = int(y), int(x)
                        y, x = y - i, x - j
                        k00, k01, k10, k11 = (1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x
                        codes = k00 * detail[i, j, 0] + k01 * detail[i, j + 1, 0]
                        red *= factors[int(codes + k10 * detail[i + 1, j, 0] + k11 * detail[i + 1, j + 1, 0] + 0.5)]
                        codes = k00 * detail[i, j, 1] + k01 * detail[i, j + 1, 1]
                        green *= factors[int(codes + k10 * detail[i + 1, j, 1] + k11 * detail[i + 1, j + 1, 1] + 0.5)]
                        codes = k00 * detail[i, j, 2] + k01 * detail[i, j + 1, 2]
                        blue *= factors[int(codes + k10 * detail[i + 1, j, 2] + k11 * detail[i + 1, j + 1, 2] + 0.5)]
                    else:
                        strand = strands[math.floor((1 - v) * side) % side, math.floor(u * side) % side]
                        dark = 1 + strand_contrast * (0.5 - strand)
                        red, green, blue = red * dark, green * dark, blue * dark
                strength = w0 * gloss[a, 0] + w1 * gloss[b, 0] + w2 * gloss[c, 0]
                if strength > 0.004:
                    nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
                    ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
                    nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
                    facing = nx * half[0] + ny * half[1] + nz * half[2]
                    falling = gloss[a, 1] * (1 - facing / max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-6))
                    if falling < 6:
                        light = strength * math.exp(-falling)
                        red, green, blue = red + light * lamp[0], green + light * lamp[1], blue + light * lamp[2]
                total_red += count * red
                total_green += count * green
                total_blue += count * blue
            if covered:
                share = covered / (4.0 * shaded)
                picture[pixel_row, pixel_column, 0] = total_red * share
                picture[pixel_row, pixel_column, 1] = total_green * share
                picture[pixel_row, pixel_column, 2] = total_blue * share
                picture[pixel_row, pixel_column, 3] = covered / 4.0


@_compiled  # type: ignore[untyped-decorator]
def light_vertices(
    placed: Array,
    open_surface: Array,
    colours: Array,
    openness: Array,
    even: Array,
    lamps: Array,
    arriving: Array,
    normals: Array,
    lit: Array,
) -> None:
    """Colour times light at vertices; the basis is that of `face2mesh.draw.light.harmonics`.

    Args:
        placed: (V, 3) camera axes, the camera at their origin.
        open_surface: (V,) bool, whether a vertex is lit on the side that is seen.
        colours: (V, 3) linear RGB.
        openness: (V,) what arrives of the even light.
        even: (9, 3) the even light.
        lamps: (L, 9, 3) the lamps' harmonics.
        arriving: (L, V) what arrives of them.
        normals: (V, 3) length 1; turned towards the camera in place on open surfaces.
        lit: (V, 3) float32, set.
    """
    basis = np.empty(9)
    for v in range(len(placed)):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        if open_surface[v] and x * placed[v, 0] + y * placed[v, 1] + z * placed[v, 2] > 0:
            x, y, z = -x, -y, -z
            normals[v, 0], normals[v, 1], normals[v, 2] = x, y, z
        basis[0], basis[1], basis[2], basis[3], basis[4] = 1, x, y, z, x * y
        basis[5], basis[6], basis[7], basis[8] = y * z, 3 * z * z - 1, x * z, x * x - y * y
        for channel in range(3):
            light = 0.0
            for k in range(9):
                light += basis[k] * even[k, channel]
            total = max(light, LEAST_LIGHT) * openness[v]
            for lamp in range(len(lamps)):
                light = 0.0
                for k in range(9):
                    light += basis[k] * lamps[lamp, k, channel]
                total += max(light, 0.0) * arriving[lamp, v]
            lit[v, channel] = total * colours[v, channel]


@_compiled  # type: ignore[untyped-decorator]
def seen_nearby(places: Array, corners: Array, triangles: Array, seen: Array, visible: Array) -> None:
    """Whether one of a point's own vertices belongs to a triangle that is seen within a sample of the point.

    Args:
        places: (N, 2) float64, in samples.
        corners: (N, 3) vertices around each point.
        triangles: (T, 3), the first of those that `seen` names.
        seen: (H, W).
        visible: (N,) bool, set.
    """
    height, width = seen.shape
    for n in range(len(places)):
        column, row = math.floor(places[n, 0]), math.floor(places[n, 1])
        visible[n] = False
        for i in range(max(row - 1, 0), min(row + 2, height)):
            for j in range(max(column - 1, 0), min(column + 2, width)):
                t = seen[i, j]
                if t < 0 or t >= len(triangles):
                    continue
                for k in range(3):
                    for m in range(3):
                        if triangles[t, k] == corners[n, m]:
                            visible[n] = True


@_compiled  # type: ignore[untyped-decorator]
def vertex_normals(vertices: Array, triangles: Array, normals: Array) -> None:
    """Add up the triangles' cross products at their corners, then scale to length 1; `normals` (V, 3) starts at 0."""
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for v in range(len(normals)):
        length = math.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0:
            for i in range(3):
                normals[v, i] /= length


def detail_factors() -> NDArray[np.float32]:
    """(256,) the factor that each byte of a detail texture means."""
    return np.exp2((np.arange(256) - 128) / DETAIL_STEPS_PER_OCTAVE).astype(np.float32)
