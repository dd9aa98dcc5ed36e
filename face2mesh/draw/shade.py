"""Pictures of heads: shaded surfaces and the quads' edges over them.

The visible surface is sampled several times a pixel; its normal, colour and wetness are averaged over the pixel and lit
once.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import Lamp, Studio, harmonics, to_linear, to_srgb
from face2mesh.draw.occlusion import creases, key_shadow
from face2mesh.draw.raster import Fragments, rasterise
from face2mesh.face.camera import Camera, Pose
from face2mesh.head.normals import triangle_normals, vertex_normals

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
Pixels = NDArray[np.float32]
Picture = NDArray[np.uint8]

BACKGROUND = (0.95, 0.95, 0.945)
_DULL, _SHARP = 14.0, 90.0
_WET_GLOSS = 9.0
_INK = 0.72
_OFF_SURFACE_MM = np.float32(3)


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
    shine: Floats | None = None,
    opacities: Floats | None = None,
    opacity: float = 1.0,
    two_sided: bool = True,
    texture: tuple[Picture, Pixels] | None = None,
) -> Picture:
    """Draw a head.

    Args:
        vertices: (V, 3), mm, the head's frame.
        triangles: (T, 3).
        colours: (V, 3), sRGB, 0 to 1.
        camera: its width and height are the picture's.
        pose: of the head.
        light: a studio with shadows (the neutral one when None), or (9, 3) factors of `harmonics`, linear RGB.
        supersample: samples along each side of a pixel.
        background: an sRGB colour, 0 to 1, or a picture (H, W, 3) to draw over.
        quads: (Q, 4); when given, their edges are drawn over the shading, hidden ones left out.
        shine: (V,), how wet the surface is, 0 to 1, under a studio's lamps.
        opacities: (V,), 0 to 1; triangles with a vertex below 1 are sheets over the others, lit evenly. None: all 1.
        opacity: of the head over the background, 0 to 1.
        two_sided: also draw triangles that are seen from behind; without them a head that hides its own inside is
            drawn a quarter faster.
        texture: (R, R, 3) sRGB, row 0 at V = 1, and (T, 3, 2) the texture points at the triangles' corners (see
            `head.corners.corner_uv`); stands in for `colours` of all but sheets.

    Returns:
        (H, W, 3) uint8, sRGB.
    """
    width, height = camera.width, camera.height
    placed = pose.apply(np.asarray(vertices, np.float64))
    points = np.concatenate([camera.project(placed) * supersample, placed[:, 2:]], 1)
    cull: Literal["back"] | None = None if two_sided else "back"
    sheer = np.zeros(len(triangles), bool)
    if opacities is not None:
        sheer[:] = (opacities[triangles] < 1).any(1)
    # The sheer triangles keep their places in the list, so that triangles and quads still correspond.
    solid = np.where(sheer[:, None], 0, triangles)
    fragments = rasterise(points, solid, width * supersample, height * supersample, cull=cull)

    wet = np.zeros(len(vertices)) if shine is None else shine
    attributes = np.concatenate([vertex_normals(placed, triangles), to_linear(colours), wet[:, None]], 1)
    layers = _layers(fragments, attributes, placed, points, triangles, quads, supersample, texture)
    cover = layers[8] / np.float32(supersample**2)
    seen = cover > 0
    surface = np.ascontiguousarray((layers[:, seen] / layers[8, seen]).T)
    normal = surface[:, :3] / np.maximum(np.linalg.norm(surface[:, :3], axis=1, keepdims=True), 1e-6)
    depth = np.zeros((height, width), np.float32)
    depth[seen] = surface[:, 9]
    place = _places(depth, seen, camera)
    shaded: Pixels
    if light is None or isinstance(light, Studio):
        studio = light or Studio()
        px_per_mm = camera.fx / float(np.median(surface[:, 9])) if len(surface) else 1.0
        # At an outline the surface falls away and would pass for a crease.
        facing = -(normal * place).sum(1) / np.linalg.norm(place, axis=1)
        openness = 1 - (1 - creases(depth, seen, px_per_mm)[seen]) * np.clip(2.5 * facing - 0.5, 0, 1)
        shadow = key_shadow(placed, solid, place + _OFF_SURFACE_MM * normal, studio.lamps[0].towards)
        shaded = _studio(surface[:, 3:6], normal, place, surface[:, 6], openness, shadow, studio)
    else:
        shaded = surface[:, 3:6] * np.maximum(harmonics(normal) @ np.asarray(light, np.float32), 0)
    shaded = to_srgb(shaded) * (1 - np.float32(_INK) * surface[:, 7:8])

    if isinstance(background, np.ndarray):
        picture = background.astype(np.float32) * np.float32(1 / 255)
    else:
        picture = np.broadcast_to(np.array(background, np.float32), (height, width, 3)).copy()
    share: Pixels = cover[seen][:, None] * np.float32(opacity)
    picture[seen] = picture[seen] * (1 - share) + shaded * share
    if opacities is not None and sheer.any():
        pixel, haze, share = _sheet(fragments, points, triangles[sheer], colours, opacities, supersample)
        flat = picture.reshape(-1, 3)
        flat[pixel] += (haze - flat[pixel]) * (share * np.float32(opacity))
    result: Picture = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return result


def _sheet(
    solid: Fragments, points: Floats, triangles: Indices, colours: Floats, opacities: Floats, supersample: int
) -> tuple[Indices, Pixels, Pixels]:
    """Sheer triangles that nothing hides: their pixels (N,) of the flat picture, colours (N, 3), opacity (N, 1)."""
    rows, columns = solid.triangle.shape
    sheet = rasterise(points, triangles, columns, rows)
    row, column = np.nonzero(sheet.depth < solid.depth)
    corners = triangles[sheet.triangle[row, column]]
    weights = sheet.barycentric[row, column]
    values = np.einsum("nkc,nk->nc", np.concatenate([colours, opacities[:, None]], 1)[corners], weights)
    values[:, :3] *= values[:, 3:]
    place = (row // supersample) * (columns // supersample) + column // supersample
    pixel, owner = np.unique(place, return_inverse=True)
    sums: Pixels = np.stack([np.bincount(owner.reshape(-1), values[:, i], len(pixel)) for i in range(4)], 1).astype(
        np.float32
    )
    share: Pixels = sums[:, 3:] * np.float32(1 / supersample**2)
    haze: Pixels = (sums[:, :3] / np.maximum(sums[:, 3:], 1e-6)).astype(np.float32)
    return pixel, haze, share


def _layers(
    fragments: Fragments,
    attributes: Floats,
    placed: Floats,
    points: Floats,
    triangles: Indices,
    quads: Indices | None,
    supersample: int,
    texture: tuple[Picture, Pixels] | None,
) -> Pixels:
    """Sums over each pixel's samples, (10, H, W): normal, linear colour, wetness, ink of edges, how many, depth."""
    flat = np.flatnonzero(fragments.triangle >= 0)
    chosen = fragments.triangle.ravel()[flat]
    # Column by column: NumPy is several times faster on flat arrays than on rows of three.
    weights = [np.ascontiguousarray(column) for column in fragments.barycentric.reshape(-1, 3)[flat].T]
    corners = [np.ascontiguousarray(column) for column in triangles[chosen].T]
    # Thin sheets and open cavities are seen from both sides. Which side is the triangle's to say: at an outline the
    # smooth normal of a surface that is seen may already point away.
    away = (triangle_normals(placed, triangles) * placed[triangles[:, 0]]).sum(1) > 0
    side = np.where(away, np.float32(-1), np.float32(1))[chosen]
    height, width = (size // supersample for size in fragments.triangle.shape)
    layers = np.zeros((10, height, width), np.float32)

    def add(layer: int, values: Pixels) -> None:
        fine = np.zeros(fragments.triangle.size, np.float32)
        fine[flat] = values
        rows = fine.reshape(height, supersample, -1)
        sums = sum((rows[:, i] for i in range(1, supersample)), rows[:, 0])
        for i in range(supersample):
            layers[layer] += sums[:, i::supersample]

    for layer, column in enumerate(np.ascontiguousarray(attributes.T, np.float32)):
        if (layer == 6 and not column.any()) or (texture is not None and 3 <= layer < 6):
            continue
        values = column[corners[0]] * weights[0]
        values += column[corners[1]] * weights[1]
        values += column[corners[2]] * weights[2]
        add(layer, values * side if layer < 3 else values)
    if texture is not None:
        for layer, values in enumerate(_textured(texture, chosen, weights), 3):
            add(layer, values)
    if quads is not None:
        add(7, _ink(chosen, weights, points, triangles, quads, supersample))
    add(8, np.ones(len(flat), np.float32))
    add(9, fragments.depth.ravel()[flat])
    return layers


def _textured(texture: tuple[Picture, Pixels], chosen: Indices, weights: list[Pixels]) -> Pixels:
    """(3, N) linear colours of the texture at samples, bilinear."""
    picture, corner_uv = texture
    side = len(picture)
    place = sum(corner_uv[chosen, k] * weight[:, None] for k, weight in enumerate(weights))
    to_pixels, origin = np.array([side, -side], np.float32), np.array([-0.5, side - 0.5], np.float32)
    place = np.clip(place * to_pixels + origin, 0, side - 1.001)
    corner = place.astype(np.int32)
    right, down = (place - corner).T[..., None]
    first = corner[:, 1] * side + corner[:, 0]
    flat = to_linear(np.arange(256) / np.float32(255))[picture].reshape(-1, 3)
    above = flat[first] * (1 - right) + flat[first + 1] * right
    below = flat[first + side] * (1 - right) + flat[first + side + 1] * right
    colours: Pixels = np.ascontiguousarray((above * (1 - down) + below * down).T)
    return colours


def _places(depth: Pixels, seen: NDArray[np.bool_], camera: Camera) -> Pixels:
    """Points (N, 3) in camera axes, mm, of the seen pixels."""
    row, column = np.nonzero(seen)
    z = depth[seen]
    x = (column + np.float32(0.5 - camera.cx)) / np.float32(camera.fx) * z
    y = (row + np.float32(0.5 - camera.cy)) / np.float32(camera.fy) * z
    return np.stack([x, y, z], 1).astype(np.float32)


def _studio(
    albedo: Pixels, normal: Pixels, place: Pixels, wet: Pixels, openness: Pixels, shadow: Pixels, studio: Studio
) -> Pixels:
    """Linear colours (N, 3) of surface points under the lamps."""
    towards: Pixels = -place / np.linalg.norm(place, axis=1, keepdims=True)
    up = (0.5 - 0.5 * normal[:, 1])[:, None]
    even = up * np.array(studio.sky, np.float32) + (1 - up) * np.array(studio.floor, np.float32)
    # Light that is reflected within a crease takes on the surface's colour, so creases in skin are warm, not grey.
    light = even * openness[:, None] ** (1.6 - 0.9 * albedo)
    highlight = np.zeros_like(light)
    for number, lamp in enumerate(studio.lamps):
        facing = normal @ lamp.towards
        wrap = np.array(lamp.wrap, np.float32)
        arriving = np.maximum((facing[:, None] + wrap) / (1 + wrap), 0) * np.array(lamp.colour, np.float32)
        dark = (0.25 + 0.75 * shadow if number == 0 else 1) * (0.35 + 0.65 * openness)
        light += arriving * np.reshape(dark, (-1, 1))
        if lamp.gloss:
            strength = _highlight(lamp, facing, normal, towards, wet) * dark
            highlight += strength[:, None] * np.array(lamp.colour, np.float32)
    lit: Pixels = albedo * light + highlight
    return lit


def _highlight(lamp: Lamp, facing: Pixels, normal: Pixels, towards: Pixels, wet: Pixels) -> Pixels:
    """Strength (N,) of the lamp's mirror image: broad on skin, a small bright spot where it is wet."""
    between = towards + lamp.towards
    between /= np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-6)
    cosine = np.maximum((normal * between).sum(1), 0) * (facing > 0)
    sharp = np.where(wet > 0, cosine, 0) ** _SHARP
    strength: Pixels = np.float32(lamp.gloss) * (cosine**_DULL * (1 - wet) + _WET_GLOSS * wet * sharp)
    return strength


def _ink(
    chosen: Indices, weights: list[Pixels], points: Floats, triangles: Indices, quads: Indices, supersample: int
) -> Pixels:
    """How much of a quad's edge lies on each sample, (N,), 0 to 1.

    A triangle's side is an edge when it is a side of its quad; the distance to it, in samples, is the opposite corner's
    barycentric weight times the triangle's height over that side.
    """
    owner = quads[np.arange(len(triangles)) // 2]
    place = (owner[:, None, :] == triangles[:, :, None]).argmax(2)
    is_side = np.abs(place - np.roll(place, -1, axis=1)) % 2 == 1
    corners = points[:, :2][triangles]
    sides = np.roll(corners, -1, axis=1) - corners
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    heights = area[:, None] / np.maximum(np.linalg.norm(sides, axis=2), 1e-9)
    # Side i joins corners i and i + 1 and faces corner i + 2; a quad's diagonal is no edge, and infinitely far away.
    heights = np.roll(heights, 2, axis=1)
    far = np.where(np.roll(is_side, 2, axis=1), 0, np.inf)
    distance = np.full(len(chosen), np.inf, np.float32)
    for column, extra, weight in zip(heights.T.astype(np.float32), far.T.astype(np.float32), weights, strict=True):
        np.minimum(distance, column[chosen] * weight + extra[chosen], out=distance)
    ink: Pixels = np.clip(np.float32(0.35 * supersample + 0.5) - distance, 0, 1)
    return ink
