"""Pieces of geometry with their colours, and the picture of them.

Letters: V vertices, T triangles, h the picture's side in pixels (drawn with 2 × 2 samples each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.render import kernels
from face2mesh.lab.render.rasteriser import with_nearness

FloatArray = NDArray[np.float32]
MATTE = (0.0, 1.0)


@dataclass
class Piece:
    """A mesh with everything that its picture needs.

    Attributes:
        vertices: (V, 3) mm, head axes.
        triangles: (T, 3) int32.
        colours: (V, 3) linear RGB.
        material: of all its triangles (see `kernels`), or (T,).
        corner_uv: (T, 3, 2), for materials with a texture.
        cover: (V,) 0 to 1, how dense hair is.
        gloss: (V, 2) or one pair: strength and exponent of the highlight.
        openness: (V,) 0 to 1, what arrives of the even light.
        shadow: (V,) rows of the shadow table, −1 where nothing shades; None for nowhere.
        two_sided: whether its back is drawn.
    """

    vertices: FloatArray
    triangles: NDArray[np.int32]
    colours: FloatArray
    material: int | NDArray[np.uint8] = kernels.PLAIN
    corner_uv: FloatArray | None = None
    cover: FloatArray | None = None
    gloss: FloatArray | tuple[float, float] = MATTE
    openness: FloatArray | float = 1.0
    shadow: NDArray[np.int32] | None = None
    two_sided: bool = True


@dataclass(frozen=True)
class Lamp:
    """A distant lamp: (3,) direction towards it in camera axes, its nine harmonics (9, 3), and its edge's sharpness."""

    direction: FloatArray
    harmonics: FloatArray
    colour: FloatArray
    sharpness: float


@dataclass(frozen=True)
class Light:
    """Even light (9, 3) and lamps; together they are `total`."""

    even: FloatArray
    lamps: Sequence[Lamp]

    @property
    def total(self) -> FloatArray:
        """(9, 3) harmonics of all the light, unshadowed: the truth that rendered pairs carry."""
        result: FloatArray = (self.even + sum(lamp.harmonics for lamp in self.lamps)).astype(np.float32)
        return result


@dataclass(frozen=True)
class Textures:
    """`detail` (R, R, 3) bytes of the skin, `strands` (R, R) 0 to 1 of hair with their contrast."""

    detail: NDArray[np.uint8]
    strands: FloatArray
    strand_contrast: float = 0.6


_FACTORS = kernels.detail_factors()


def picture_of(
    pieces: Sequence[Piece],
    placed: FloatArray,
    pixels: NDArray[np.float64],
    light: Light,
    shadows: Sequence[FloatArray],
    textures: Textures,
    size: int,
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Draw pieces with light.

    Args:
        pieces: what is drawn.
        placed: (V, 3) all their vertices in camera axes, mm, one piece after the other.
        pixels: (V, 3) the same in pixels of the picture, with depth.
        light: in camera axes.
        shadows: for each lamp what arrives at the rows that the pieces' `shadow` name (see `Shadows.of_lamp`).
        textures: of skin and hair.
        size: h, pixels.

    Returns:
        (h, h, 4) linear RGB times coverage, and coverage; and (2h, 2h) the triangle seen at each sample, −1 for none.
    """
    counts = [len(piece.vertices) for piece in pieces]
    first = np.cumsum([0, *counts])
    triangles = np.concatenate([piece.triangles + start for piece, start in zip(pieces, first[:-1], strict=True)])
    triangles = triangles.astype(np.int32)

    def per_vertex(values: list[Any], channels: int) -> FloatArray:
        whole = np.empty((first[-1], channels), np.float32)
        for value, start, end in zip(values, first[:-1], first[1:], strict=True):
            value = np.asarray(value, np.float32)
            whole[start:end] = value[:, None] if channels == 1 and value.ndim == 1 else value
        return whole

    def per_triangle(values: list[Any], shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        sizes = [len(piece.triangles) for piece in pieces]
        return np.concatenate(
            [np.broadcast_to(np.asarray(value, dtype), (n, *shape)) for value, n in zip(values, sizes, strict=True)]
        )

    colours = per_vertex([piece.colours for piece in pieces], 3)
    gloss = per_vertex([piece.gloss for piece in pieces], 2)
    openness = per_vertex([piece.openness for piece in pieces], 1)[:, 0]
    cover = per_vertex([1.0 if piece.cover is None else piece.cover for piece in pieces], 1)[:, 0]
    material = per_triangle([piece.material for piece in pieces], (), np.uint8)
    corner_uv = per_triangle(
        [np.float32(0) if piece.corner_uv is None else piece.corner_uv for piece in pieces], (3, 2), np.float32
    )
    two_sided = per_triangle([piece.two_sided for piece in pieces], (), np.bool_)

    placed = np.ascontiguousarray(placed, np.float32)
    normals = np.zeros((len(placed), 3), np.float32)
    kernels.vertex_normals(placed, triangles, normals)
    arriving = np.ones((len(light.lamps), len(placed)), np.float32)
    for reached, own in zip(shadows, arriving, strict=True):
        for piece, start, end in zip(pieces, first[:-1], first[1:], strict=True):
            if piece.shadow is not None:
                own[start:end] = np.where(piece.shadow >= 0, reached[piece.shadow], 1)
    if light.lamps:
        gloss[:, 0] *= 0.4 + 0.6 * arriving[0]
    lit = np.empty_like(colours)
    kernels.light_vertices(
        placed,
        np.repeat([piece.two_sided for piece in pieces], counts),
        colours,
        openness,
        light.even,
        np.array([lamp.harmonics for lamp in light.lamps], np.float32).reshape(-1, 9, 3),
        arriving,
        normals,
        lit,
    )
    towards = light.lamps[0].direction if light.lamps else np.array([0, -0.5, -1], np.float32)
    half = towards / np.linalg.norm(towards) + np.array([0, 0, -1], np.float32)
    glow = light.lamps[0].colour if light.lamps else np.full(3, 0.3, np.float32)

    samples = with_nearness(pixels * np.array([2.0, 2.0, 1.0]))
    seen = np.full((2 * size, 2 * size), -1, np.int32)
    nearness = np.full((2 * size, 2 * size), -np.inf)
    kernels.nearest_triangles(
        samples, triangles, two_sided, True, material, corner_uv, cover, textures.strands, nearness, seen
    )
    picture = np.zeros((size, size, 4), np.float32)
    kernels.shade(
        samples,
        triangles,
        material,
        corner_uv,
        lit,
        normals,
        gloss,
        (half / np.linalg.norm(half)).astype(np.float32),
        glow.astype(np.float32),
        textures.detail,
        _FACTORS,
        textures.strands,
        textures.strand_contrast,
        seen,
        picture,
    )
    return picture, seen
