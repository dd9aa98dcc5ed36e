"""The photo's colours on the head's vertices.

Letters: V vertices, S skin vertices, E edges of the skin.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.parts import part_colours
from face2mesh.draw.raster import rasterise
from face2mesh.face import Face
from face2mesh.head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.photo.crop import Crop, cut

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.float32]

_SIDE = 384
"""Pixels along the cut of the head: about as fine as the mesh, so that a vertex sees the mean of its surroundings."""
_DEPTH_TOLERANCE_MM = 2.0
_FACING_FROM, _FACING_TO = 0.3, 0.65
"""Cosine between normal and ray at which a vertex begins to be trusted, and is trusted wholly: at an outline the
background shines in."""
_MIRROR_TRUST = 0.15
_KNOWN = 0.05
_SMOOTHING_ROUNDS = 12
_MOUTH_DARKNESS = (0.30, 0.12, 0.11)


def with_photo_colours(face: Face, rgb: NDArray[np.uint8]) -> Face:
    """The same face with the photo's colours on its vertices, as GLB, PLY and previews show them.

    Args:
        face: reconstructed from this photo.
        rgb: (H, W, 3), the upright photo.
    """
    return replace(face, colours=photo_colours(face, rgb))


def photo_colours(face: Face, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A colour for each vertex: the photo's where it is seen, completed where it is not.

    Hidden skin takes the mirrored vertex's colour where that one is seen, and else what spreads from its neighbours.
    Lashes keep their plain colour, and so do eyes, teeth and tongue where they are not seen.

    Args:
        face: reconstructed from this photo.
        rgb: (H, W, 3), the upright photo.

    Returns:
        (V, 3) uint8, sRGB.
    """
    head = face.head
    seen, trust = _look(face, rgb)
    colours = part_colours(head)
    skin = head.skin_count
    mirror = head.mirror[:skin]
    other = _MIRROR_TRUST * (1 - trust[:skin]) * trust[mirror]
    total = trust[:skin] + other
    known = total > _KNOWN
    if known.any():
        blended = trust[:skin, None] * seen[:skin] + other[:, None] * seen[mirror]
        mixed = blended / np.maximum(total, _KNOWN)[:, None]
        colours[:skin] = _spread(mixed.astype(np.float32), known, head)
    for part in ("left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue"):
        own = slice(*head.part_vertices[part])
        share = trust[own, None]
        colours[own] = share * seen[own] + (1 - share) * colours[own]
    if "mouth_cavity" in head.regions:
        dark = head.regions["mouth_cavity"] & (trust == 0)
        colours[dark] = _MOUTH_DARKNESS
    return (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8)


def _look(face: Face, rgb: NDArray[np.uint8]) -> tuple[Pixels, Pixels]:
    """What the photo shows at each vertex, (V, 3) sRGB 0 to 1, and how far to trust it, (V,) 0 to 1."""
    head = face.head
    placed = face.pose.apply(face.vertices.astype(np.float64))
    pixels = face.camera.project(placed)
    if not np.isfinite(pixels).all():  # a head that reaches behind the camera
        return np.zeros(placed.shape, np.float32), np.zeros(len(placed), np.float32)
    low, high = pixels.min(0), pixels.max(0)
    crop = Crop((float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2), float((high - low).max()) * 1.04)
    local = crop.to_crop(pixels, _SIDE)
    picture = cut(rgb, crop, _SIDE).astype(np.float32) * np.float32(1 / 255)
    seen = _bilinear(picture, local)

    before_lashes = 2 * head.part_quads["lashes"][0]
    points = np.concatenate([local, placed[:, 2:]], axis=1)
    depth = rasterise(points, face.triangles[:before_lashes], _SIDE, _SIDE).depth
    column, row = (np.clip(local[:, axis], 0, _SIDE - 1).astype(np.int64) for axis in (0, 1))
    visible = placed[:, 2] <= depth[row, column] + _DEPTH_TOLERANCE_MM
    normals = vertex_normals(placed, face.triangles)
    facing = -(normals * placed).sum(1) / np.linalg.norm(placed, axis=1)
    trust = np.clip((facing - _FACING_FROM) / (_FACING_TO - _FACING_FROM), 0, 1) * visible
    trust[head.neck_border] = 0  # half of what a border vertex sees is not the head
    inside = (pixels >= 0).all(1) & (pixels < rgb.shape[1::-1]).all(1)
    return seen, (trust * inside).astype(np.float32)


def _bilinear(picture: Pixels, points: NDArray[np.float64]) -> Pixels:
    """Colours (N, 3) of a picture at points (N, 2), pixel centres at +0.5."""
    height, width = picture.shape[:2]
    place = np.clip(points - 0.5, 0, [width - 1.001, height - 1.001])
    corner = place.astype(np.int64)
    right, down = (place - corner).astype(np.float32).T[..., None]
    x, y = corner.T
    above = picture[y, x] * (1 - right) + picture[y, x + 1] * right
    below = picture[y + 1, x] * (1 - right) + picture[y + 1, x + 1] * right
    colours: Pixels = above * (1 - down) + below * down
    return colours


def _spread(colours: Pixels, known: NDArray[np.bool_], head: BaseHead) -> Pixels:
    """Fill unknown skin, (S, 3), ring by ring from its neighbours, and smooth what was filled."""
    quads = head.skin_quads
    edges = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    start, end = np.concatenate([edges, edges[:, ::-1]]).T
    count = len(colours)
    filled = np.where(known[:, None], colours, 0).astype(np.float64)
    have = known.copy()

    def neighbours(weights: NDArray[np.float64]) -> tuple[Floats, Floats]:
        number: Floats = np.bincount(start, weights[end], count).astype(np.float64)
        sums: Floats = np.stack([np.bincount(start, (weights * filled[:, i])[end], count) for i in range(3)], 1)
        return sums, number

    while not have.all():
        sums, number = neighbours(have.astype(np.float64))
        ring = ~have & (number > 0)
        if not ring.any():  # an island that nobody saw
            filled[~have] = filled[have].mean(0)
            break
        filled[ring] = sums[ring] / number[ring, None]
        have |= ring
    everyone = np.ones(count)
    for _ in range(_SMOOTHING_ROUNDS):
        sums, number = neighbours(everyone)
        filled[~known] = sums[~known] / np.maximum(number[~known, None], 1)
    return filled.astype(np.float32)
