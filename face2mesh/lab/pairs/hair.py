"""Procedural hair: a shell over the scalp, a curtain behind and beside the face, a fringe; strands with holes between.

All of it stands in the base head's rest frame and follows the vertices it is bound to. Letters: S skin vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face2mesh.head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.render.kernels import HAIR
from face2mesh.lab.render.picture import Piece

FloatArray = NDArray[np.float32]
Generator = np.random.Generator

_CROWN = np.array([0.0, 60.0, -75.0])


@dataclass(frozen=True)
class Scalp:
    """What hats and hair stand on.

    Attributes:
        rest: (S, 3) the skin at rest, and its `normals` (S, 3).
        triangles: (T, 3) of the skin without face holes, ears and their insides.
        uv: (T, 3, 2) across and along the strands, at the corners of `triangles`.
        ears: (S,) bool.
        carriers: the vertices that things are bound to, and a `tree` of them.
    """

    rest: FloatArray
    normals: FloatArray
    triangles: NDArray[np.int32]
    uv: FloatArray
    ears: NDArray[np.bool_]
    carriers: NDArray[np.intp]
    tree: cKDTree

    @classmethod
    def of(cls, head: BaseHead) -> Scalp:
        """Of a base head."""
        count = head.skin_count
        rest = head.vertices[:count]
        ears = (head.regions["ear_left"] | head.regions["ear_right"])[:count]
        inner = np.zeros(count, bool)
        for name, mask in head.regions.items():
            if name.startswith(("mouth_cavity", "eye_cavity", "nostril", "lid_", "lip_")):
                inner |= mask[:count]
        usable = ~(inner | ears)
        triangles = head.skin_triangles[usable[head.skin_triangles].all(1)]
        away = rest - _CROWN
        # Strands run down from the crown: across them goes the azimuth, along them the arc.
        azimuth = np.arctan2(away[:, 0], away[:, 2])
        arc = np.arctan2(np.hypot(away[:, 0], away[:, 2]), away[:, 1])
        across = azimuth[triangles]
        across = np.where(np.ptp(across, axis=1, keepdims=True) > np.pi, np.mod(across, 2 * np.pi), across)
        uv = np.stack([across * 0.55, arc[triangles] * 0.35], -1).astype(np.float32)
        carriers = np.flatnonzero(usable)
        normals = vertex_normals(rest, head.skin_triangles)
        return cls(rest, normals, triangles.astype(np.int32), uv, ears, carriers, cKDTree(rest[carriers]))

    def carried(self, points: FloatArray, vertices: FloatArray, neighbours: int = 6) -> FloatArray:
        """Points (n, 3) of the rest frame, moved like the skin beneath them; `vertices` (V, 3) is the head."""
        distance, nearest = self.tree.query(points, neighbours)
        weight: NDArray[np.float64] = 1 / (np.asarray(distance) + 4.0)
        weight /= weight.sum(1, keepdims=True)
        rows = self.carriers[nearest]
        moved: FloatArray = (points + np.einsum("nk,nkc->nc", weight, vertices[rows] - self.rest[rows])).astype(
            np.float32
        )
        return moved


def strands(size: int, generator: Generator) -> FloatArray:
    """(size, size) 0 to 1, evenly distributed: streaks along the rows' direction; the last row's first is 0.5."""
    noise = np.zeros((size, size))
    for wide in (1, 3, 8):
        columns = generator.normal(size=(8, size))
        columns = sum(np.roll(columns, shift, 1) for shift in range(wide)) / np.sqrt(wide)
        rows = np.linspace(0, 8, size, endpoint=False)
        low, share = rows.astype(int), (rows % 1)[:, None]
        noise += columns[low] * np.cos(share * np.pi / 2) + columns[(low + 1) % 8] * np.sin(share * np.pi / 2)
    order = np.empty(size * size)
    order[noise.ravel().argsort()] = (np.arange(size * size) + 0.5) / size**2
    result = order.reshape(size, size).astype(np.float32)
    result[-1, 0] = 0.5
    return result


def hair_line(scalp: Scalp, generator: Generator) -> FloatArray:
    """(S,) −1 to 1: positive above a line that runs from the forehead in front of the ears to the nape."""
    x, y, z = scalp.rest.T
    top = generator.normal(64, 6)
    slope = generator.uniform(0.75, 1.0)
    receding = 0.004 * x**2 * generator.uniform(-0.6, 0.6) - 0.25 * np.clip(np.abs(x) - 45, 0, None)
    height = y - top + slope * np.clip(14 - z, 0, None) + 2.5 * np.sin(x / 11 + generator.uniform(0, 6)) + receding
    # No hair on the cheeks and below the nape.
    height = np.minimum(height, (y + 95) * 0.5)
    height = np.where((z > -55) & (y < 0), np.minimum(height, -6 + (y + 25) * 0.3), height)
    line: FloatArray = np.tanh(height / generator.uniform(5, 9)).astype(np.float32)
    return line


def shell(
    scalp: Scalp, line: FloatArray, vertices: FloatArray, hair: NDArray[np.floating], generator: Generator
) -> Piece:
    """Hair that stands off the scalp above its line, thinning towards it."""
    thickness = np.exp(generator.uniform(np.log(2.5), np.log(24)))
    up = np.clip(scalp.rest[:, 1] / 90, 0, 1)
    grown = thickness * (0.35 + 0.65 * up * generator.uniform(0.5, 1.3))
    grown = grown * (1 + 0.25 * np.sin(scalp.rest @ generator.normal(0, 0.05, 3) + generator.uniform(0, 6)))
    placed = vertices[: len(line)] + scalp.normals * (np.clip(line + 0.35, 0, 1) * grown)[:, None]
    kept = (line[scalp.triangles] > -0.6).any(1)
    return Piece(
        placed.astype(np.float32),
        scalp.triangles[kept],
        np.tile(hair, (len(line), 1)).astype(np.float32),
        HAIR,
        scalp.uv[kept],
        np.clip(0.5 + 1.1 * line, 0, 1.2),
        gloss=(0.25 * float(generator.random() ** 2), 14),
        openness=0.85,
        shadow=np.arange(len(line), dtype=np.int32),
    )


def grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles of a grid, counter-clockwise where x grows along its rows and y falls from row to row."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    first = np.stack([corner, corner + columns, corner + columns + 1], 1)
    second = np.stack([corner, corner + columns + 1, corner + 1], 1)
    return np.concatenate([first, second]).astype(np.int32)


def curtain(scalp: Scalp, vertices: FloatArray, hair: NDArray[np.floating], generator: Generator) -> Piece:
    """Long hair: a sheet around the back and the sides of the head, down to the jaw or far below it."""
    rows, columns = 16, 45
    low = generator.uniform(-230, -70)
    height = np.linspace(62, low, rows)[:, None]
    front = np.radians(generator.uniform(58, 92))  # how far forward the sides reach, from straight ahead
    side = np.linspace(-1, 1, columns)[None]
    azimuth = np.pi + side * (np.pi - front)  # π is straight back
    volume = generator.uniform(0, 16)
    down = np.clip((62 - height) / 150, 0, 1)
    wide = 80 + volume * (0.4 + down) + 12 * np.sin(np.clip(down * np.pi, 0, np.pi))
    wide = wide * np.where(height < -90, 1 - 0.0012 * (-90 - height) * generator.uniform(-1.5, 1), 1)
    deep = 98 + volume * 0.6
    wave = generator.uniform(0, 5) * np.sin(height / generator.uniform(10, 28) + side * 5 + generator.uniform(0, 6))
    x = (wide + wave) * np.sin(azimuth)
    z = -72 + (deep + wave) * np.cos(azimuth) * np.where(np.cos(azimuth) > 0, 0.55, 1)
    points = np.stack([x, np.broadcast_to(height, x.shape), z], -1).reshape(-1, 3)
    edge = np.clip((1 - np.abs(side)) * 9, 0, 1) * np.clip((height - low) / 25, 0, 1)
    across = np.broadcast_to(azimuth * 0.55, x.shape)
    uv = np.stack([across, np.broadcast_to(-height / 300, x.shape)], -1).reshape(-1, 2)
    shade = np.clip(0.55 + 0.45 * np.abs(side), 0, 1) * np.ones_like(height)
    placed = scalp.carried(points.astype(np.float32), vertices)
    return _sheet(placed, rows, columns, hair, uv, edge * 1.1, shade.ravel().astype(np.float32), generator)


def fringe(scalp: Scalp, vertices: FloatArray, hair: NDArray[np.floating], generator: Generator) -> Piece:
    """Hair that falls over the forehead, straight or swept to a side."""
    rows, columns = 8, 25
    low = generator.uniform(12, 45)
    sweep = generator.normal(0, 0.35)
    side = np.linspace(-1, 1, columns)[None]
    reach = generator.uniform(45, 66)
    fall = np.linspace(0, 1, rows)[:, None]
    x = side * reach + 8 * sweep * fall
    bottom = low + sweep * side * 28 + 14 * np.abs(side) * generator.uniform(-1, 0.6)
    y = 84 + (np.clip(bottom, 4, 80) - 84) * fall
    forehead = scalp.rest[:, 2] > -40
    tree = cKDTree(scalp.rest[forehead][:, :2])
    _, near = tree.query(np.stack([x.ravel(), y.ravel()], 1), 4)
    z = scalp.rest[forehead][near, 2].max(1).reshape(x.shape) + 3 + 6 * np.sin(fall * np.pi * 0.8)
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    thin = generator.uniform(0.8, 1.3)
    edge = np.clip((1 - np.abs(side)) * 5, 0, 1) * np.clip((1 - fall) * generator.uniform(2.5, 6), 0, 1) * thin
    uv = np.stack([x / 95 + sweep * fall * 0.2, -y / 300], -1).reshape(-1, 2)
    placed = scalp.carried(points.astype(np.float32), vertices)
    return _sheet(placed, rows, columns, hair, uv, edge, 0.9, generator)


def _sheet(
    placed: FloatArray,
    rows: int,
    columns: int,
    hair: NDArray[np.floating],
    uv: NDArray[np.floating],
    edge: NDArray[np.floating],
    openness: FloatArray | float,
    generator: Generator,
) -> Piece:
    """A grid of hair, its `rows` running down: places (n, 3), along the strands (n, 2), how dense (rows, columns)."""
    triangles = grid_triangles(rows, columns)
    return Piece(
        placed,
        triangles,
        np.tile(hair, (len(placed), 1)).astype(np.float32),
        HAIR,
        uv[triangles].astype(np.float32),
        edge.ravel().astype(np.float32),
        gloss=(0.2 * float(generator.random() ** 2), 12),
        openness=openness,
    )
