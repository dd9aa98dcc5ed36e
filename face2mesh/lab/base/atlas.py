"""The head's texture square: the outer skin fills the upper part, every other island is packed below it.

The skin is laid out anew by `unwrap.lay_flat`, its cavities and the parts keep their own islands. The outer skin's left
and right halves are mirror images (u → 1 − u).

Letters: V vertices, Q quads, U texture points. The square's origin is at the lower left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.part_mesh import Floats, Indices
from face2mesh.lab.base.unwrap import face_importance, islands_of, lay_flat, sew, texture_mirror

MARGIN = 5 / 1024  # between islands and to the square's border: 5 texels of a picture of 1,024
SKIN_SHARE = 0.72  # of the square's height, for the outer skin
CAVITY_IMPORTANCE = 0.4  # of the insides of mouth and eye sockets, beside parts of importance 1
_BISECTIONS = 40


@dataclass(frozen=True)
class Island:
    """A piece of texture to be placed.

    Attributes:
        uv: (U, 2) in any unit.
        scale: what its unit is worth in the units that all islands share.
    """

    uv: NDArray[np.float64]
    scale: float


@dataclass(frozen=True)
class Textured:
    """A mesh with islands of its own.

    Attributes:
        vertices: (V, 3) mm.
        quads: (Q, 4).
        uv: (U, 2) in any unit, with positive areas.
        uv_quads: (Q, 4).
        importance: how much a length counts beside those of other parts.
    """

    vertices: NDArray[np.float64]
    quads: NDArray[np.integer]
    uv: NDArray[np.float64]
    uv_quads: NDArray[np.integer]
    importance: float = 1.0


def signed_areas(uv: NDArray[np.float64], uv_quads: NDArray[np.integer]) -> Floats:
    """(Q,) areas of the texture's quads, positive when counter-clockwise."""
    corners = uv[uv_quads]
    diagonal, other = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    areas: Floats = (diagonal[:, 0] * other[:, 1] - diagonal[:, 1] * other[:, 0]) / 2
    return areas


def _space_areas(vertices: NDArray[np.float64], quads: NDArray[np.integer]) -> Floats:
    corners = vertices[quads]
    areas: Floats = np.linalg.norm(np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]), axis=1) / 2
    return areas


def _shelves(sizes: NDArray[np.float64], width: float, height: float) -> Floats | None:
    """(N, 2) lower left corners of boxes (N, 2) on shelves from the top, the highest first; None if they do not fit."""
    places = np.zeros_like(sizes)
    x, top, shelf = 0.0, height, 0.0
    for index in np.argsort(-sizes[:, 1], kind="stable"):
        wide, high = sizes[index]
        if x + wide > width:
            x, top, shelf = 0.0, top - shelf, 0.0
        if wide > width or top - max(shelf, high) < 0:
            return None
        shelf = max(shelf, high)
        places[index] = x, top - high
        x += wide
    return places


def pack(islands: Sequence[Island], width: float = 1.0, height: float = 1.0, margin: float = MARGIN) -> list[Floats]:
    """Place islands in a rectangle, as large as shelves allow with one common factor; none is turned.

    Args:
        islands: at least one.
        width: of the rectangle.
        height: of the rectangle.
        margin: kept between any two islands, and to the rectangle's border.

    Returns:
        For each island its (U, 2) in the rectangle.

    Raises:
        ValueError: the margins alone do not fit.
    """
    lows = [island.uv.min(axis=0) for island in islands]
    extents = np.array([np.ptp(island.uv, axis=0) * island.scale for island in islands])

    def placed(factor: float) -> Floats | None:
        return _shelves(extents * factor + margin, width - margin, height - margin)

    low, high = 0.0, float((np.array([width, height]) / extents).min())
    if placed(low) is None:
        raise ValueError(f"pack: {len(islands)} islands with margins of {margin} do not fit {width} by {height}")
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if placed(middle) is None else (middle, high)
    corners = placed(low)
    assert corners is not None
    return [
        (island.uv - corner) * (island.scale * low) + place + margin
        for island, corner, place in zip(islands, lows, corners, strict=True)
    ]


def _islands(mesh: Textured) -> tuple[list[NDArray[np.int64]], list[float]]:
    """For each island its texture points, and the scale that gives it texels by its area in space."""
    number = islands_of(mesh.uv_quads)
    texture, space = signed_areas(mesh.uv, mesh.uv_quads), _space_areas(mesh.vertices, mesh.quads)
    points, scales = [], []
    for island in range(int(number.max()) + 1):
        here = number == island
        points.append(np.unique(mesh.uv_quads[here]).astype(np.int64))
        scales.append(mesh.importance * float(np.sqrt(space[here].sum() / texture[here].sum())))
    return points, scales


def _compact(uv_quads: NDArray[np.integer]) -> tuple[NDArray[np.integer], Indices]:
    """The texture points in use, and the quads in their numbering."""
    used, numbers = np.unique(uv_quads, return_inverse=True)
    return used, numbers.reshape(-1, 4).astype(np.int32)


def head_atlas(skin: Textured, mirror: NDArray[np.integer], parts: Sequence[Textured]) -> tuple[Floats, list[Indices]]:
    """Lay out the whole head.

    Args:
        skin: the skin at rest, in the head's frame, with hm08's texture points.
        mirror: (V,) the skin's vertex on the other side.
        parts: the other parts, in order.

    Returns:
        uv (U, 2) in the unit square, and for the skin and each part its (Q, 4) rows of uv.
    """
    sewn, outer = sew(skin.quads, skin.uv_quads)
    uv = np.zeros((int(sewn.max()) + 1, 2))
    uv[sewn] = skin.uv[skin.uv_quads]
    points = np.zeros((len(uv), 3))
    points[sewn] = skin.vertices[skin.quads]
    twin = texture_mirror(skin.quads, sewn, mirror)

    flat = _lay_outer(skin, sewn, outer, points, twin)
    height = SKIN_SHARE - 2 * MARGIN
    on_skin = np.unique(sewn[outer])
    # One factor for both directions keeps the texels square; u stays symmetric about the middle.
    factor = min(1 - 2 * MARGIN, height / SKIN_SHARE)
    uv[on_skin] = (flat[on_skin] - (0.5, 0.0)) * factor + (0.5, 1 - SKIN_SHARE + MARGIN)

    cavities = Textured(skin.vertices, skin.quads[~outer], uv, sewn[~outer], CAVITY_IMPORTANCE)
    meshes = [mesh for mesh in (cavities, *parts) if len(mesh.quads)]
    islands, owners = [], []
    for mesh in meshes:
        for rows, scale in zip(*_islands(mesh), strict=True):
            islands.append(Island(mesh.uv[rows], scale))
            owners.append((mesh, rows))
    placed = pack(islands, 1.0, 1 - SKIN_SHARE) if islands else []
    results = {id(mesh): mesh.uv.copy() for mesh in meshes}
    for (mesh, rows), place in zip(owners, placed, strict=True):
        results[id(mesh)][rows] = place
    if id(cavities) in results:
        uv = results[id(cavities)]

    pieces, quads = [uv], [sewn]
    for part in parts:
        used, numbers = _compact(part.uv_quads)
        quads.append((numbers + sum(len(piece) for piece in pieces)).astype(np.int32))
        pieces.append(results[id(part)][used])
    return np.concatenate(pieces), quads


def _lay_outer(
    skin: Textured,
    sewn: Indices,
    outer: NDArray[np.bool_],
    points: NDArray[np.float64],
    twin: Indices,
) -> Floats:
    """(U, 2) the outer skin's points in a rectangle 1 wide and `SKIN_SHARE` high; other points keep 0."""
    edges = np.concatenate([skin.quads[:, [k, (k + 1) % 4]] for k in range(4)])
    unique, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    border = np.isin(skin.quads, unique[counts == 1]) & outer[:, None]
    open_edge = np.zeros(len(points), bool)
    open_edge[sewn[border]] = True
    return lay_flat(points, sewn[outer], twin, open_edge, face_importance(points), SKIN_SHARE)


def check_overlap(uv: NDArray[np.float64], uv_quads: NDArray[np.integer], size: int = 2048) -> list[tuple[int, int]]:
    """Pairs of quads whose insides share a texel's centre in a picture of size × size.

    Args:
        uv: (U, 2) in the unit square.
        uv_quads: (Q, 4), each simple; both triangles of one quad count as that quad.
        size: texels a side.

    Returns:
        Pairs (first, second) of rows of `uv_quads`, first < second, in order.
    """
    owner = np.full((size, size), -1, np.int64)
    pairs = set()
    pixels = uv * size - 0.5
    corners = uv_quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    for index, (a, b, c) in enumerate(pixels[corners]):
        low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)), 0).astype(int)
        high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)), size - 1).astype(int)
        if (high < low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        inside = np.ones(x.shape, bool)
        for p, q in ((a, b), (b, c), (c, a)):
            side = (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
            inside &= side > 1e-9 * size  # strictly: a shared edge is no overlap
        quad, here = index // 2, owner[y[inside], x[inside]]
        pairs |= {(int(other), quad) for other in np.unique(here) if other not in (-1, quad)}
        owner[y[inside], x[inside]] = quad
    return sorted((min(pair), max(pair)) for pair in pairs)
