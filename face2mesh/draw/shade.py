"""Pictures of heads: shaded surfaces and the quads' edges over them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import Lamp, Studio, harmonics, to_linear, to_srgb
from face2mesh.draw.raster import Fragments, rasterise
from face2mesh.face.camera import Camera, Pose
from face2mesh.head.normals import vertex_normals

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
Picture = NDArray[np.uint8]

BACKGROUND = (0.95, 0.95, 0.945)
_SHININESS = 18.0


def render(
    vertices: Floats,
    triangles: Indices,
    colours: Floats,
    camera: Camera,
    pose: Pose,
    light: Studio | NDArray[np.float32] | None = None,
    *,
    supersample: int = 2,
    background: tuple[float, float, float] | Picture = BACKGROUND,
    quads: Indices | None = None,
) -> Picture:
    """Draw a head.

    Args:
        vertices: (V, 3), mm, the head's frame.
        triangles: (T, 3).
        colours: (V, 3), sRGB, 0 to 1.
        camera: its width and height are the picture's.
        pose: of the head.
        light: a studio (the neutral one when None), or (9, 3) factors of `harmonics`, linear RGB.
        supersample: samples along each side of a pixel.
        background: an sRGB colour, 0 to 1, or a picture (H, W, 3) to draw over.
        quads: (Q, 4); when given, their edges are drawn over the shading, hidden ones left out.

    Returns:
        (H, W, 3) uint8, sRGB.
    """
    width, height = camera.width * supersample, camera.height * supersample
    placed = pose.apply(np.asarray(vertices, np.float64))
    points = np.concatenate([camera.project(placed) * supersample, placed[:, 2:]], 1)
    fragments = rasterise(points, triangles, width, height)
    seen = fragments.covered

    normals = vertex_normals(placed, triangles)
    attributes = np.concatenate([normals, to_linear(colours), placed], 1)
    corners = triangles[fragments.triangle[seen]]
    weights = fragments.barycentric[seen]
    values = np.einsum("nkc,nk->nc", attributes[corners].astype(np.float32), weights)
    normal = values[:, :3] / np.maximum(np.linalg.norm(values[:, :3], axis=1, keepdims=True), 1e-6)
    towards = -values[:, 6:9] / np.linalg.norm(values[:, 6:9], axis=1, keepdims=True)
    # Thin sheets (lashes, cavities) are seen from both sides.
    normal *= np.where((normal * towards).sum(1, keepdims=True) < 0, -1, 1)
    if light is None or isinstance(light, Studio):
        shaded = _studio(values[:, 3:6], normal, towards, light or Studio())
    else:
        shaded = values[:, 3:6] * np.maximum(harmonics(normal) @ light, 0)
    if quads is not None:
        shaded *= 1 - 0.75 * _edges(fragments, seen, points, triangles, quads, supersample)[:, None]

    if isinstance(background, np.ndarray):
        behind = np.repeat(np.repeat(to_linear(background / 255.0), supersample, 0), supersample, 1)
    else:
        behind = np.broadcast_to(to_linear(np.array(background)), (height, width, 3)).copy()
    behind[seen] = shaded
    fine = np.clip(behind, 0, 1).reshape(camera.height, supersample, camera.width, supersample, 3)
    return (to_srgb(fine.mean((1, 3))) * 255 + 0.5).astype(np.uint8)


def _studio(albedo: Floats, normal: Floats, towards: Floats, studio: Studio) -> Floats:
    """Linear colours (N, 3) of surface points under the lamps."""
    up = (0.5 - 0.5 * normal[:, 1])[:, None]
    light = up * np.array(studio.sky, np.float32) + (1 - up) * np.array(studio.floor, np.float32)
    highlight = np.zeros_like(light)
    for lamp in studio.lamps:
        direction = np.array(lamp.direction, np.float32) / np.float32(np.linalg.norm(lamp.direction))
        facing = (normal @ direction + lamp.wrap) / (1 + lamp.wrap)
        light += np.maximum(facing, 0)[:, None] * np.array(lamp.colour, np.float32)
        if lamp.gloss:
            highlight += _highlight(lamp, direction, normal, towards)
    return albedo * light + highlight


def _highlight(lamp: Lamp, direction: Floats, normal: Floats, towards: Floats) -> Floats:
    between = towards + direction
    between /= np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-6)
    strength = np.maximum((normal * between).sum(1), 0) ** _SHININESS * (normal @ direction > 0)
    return lamp.gloss * strength[:, None] * np.array(lamp.colour, np.float32)


def _edges(
    fragments: Fragments, seen: NDArray[np.bool_], points: Floats, triangles: Indices, quads: Indices, supersample: int
) -> Floats:
    """How much of a quad's edge lies on each seen pixel, (N,), 0 to 1.

    A triangle's side is an edge when it is a side of its quad; the distance to it, in pixels, is the corner's
    barycentric weight times the triangle's height over that side.
    """
    chosen = fragments.triangle[seen]
    corners = points[:, :2][triangles[chosen]]
    sides = np.roll(corners, -1, axis=1) - corners
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    owner = quads[np.arange(len(triangles)) // 2]
    following = np.roll(triangles, -1, axis=1)
    place = (owner[:, None, :] == triangles[:, :, None]).argmax(2)
    onward = (owner[:, None, :] == following[:, :, None]).argmax(2)
    is_side = (np.abs(place - onward) % 2 == 1)[chosen]
    lengths = np.maximum(np.linalg.norm(sides, axis=2), 1e-9)
    # Side i joins corners i and i + 1 and faces corner i + 2.
    away = np.roll(fragments.barycentric[seen], 1, axis=1) * (area[:, None] / lengths)
    distance = np.where(is_side, away, np.inf).min(1)
    cover: Floats = np.clip(0.5 * supersample + 0.5 - distance, 0, 1)
    return cover
