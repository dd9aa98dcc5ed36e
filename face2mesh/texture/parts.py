"""What is not outer skin: eyes in the person's iris colour, teeth, gums, tongue, lashes, and the insides of cavities.

They are drawn, not taken from the photo: lids, lips and lashes hide or shade nearly all of them.
Colours are natural logarithms of linear RGB. Letters: R side of the texture, N texels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import to_linear, to_srgb
from face2mesh.draw.parts import GUMS, IRIS_RADIUS_MM, PUPIL_RADIUS_MM, TEETH, TONGUE
from face2mesh.face import Face
from face2mesh.head import BaseHead
from face2mesh.texture.look import View, sampled, seen_by_camera
from face2mesh.texture.texels import Texels, texels_of

Pixels = NDArray[np.float32]

BROWN = (0.075, 0.036, 0.018)
"""Linear; the iris of most people, and of those whose iris is not seen."""
_SCLERA = (0.62, 0.58, 0.55)
_BLOODSHOT = (0.40, 0.22, 0.20)
_LASHES = (0.012, 0.009, 0.007)
_MOUTH = (0.10, 0.022, 0.020)
_IRIS_SIDE = 256
_RING_MM = (2.5, 5.0)
"""Distances from the eye's axis between which the iris shows its colour, away from pupil and limbus."""
_FEWEST_PX = 60.0
"""Area of iris, in the photo's pixels, at which it counts as much as the guess that it is brown."""
_VIVID = 1.3
"""What highlights and blur take from an iris's colour is given back."""
_MARGIN = 5 / 1024


def paint_parts(
    texture: NDArray[np.uint8], face: Face, view: View, rgb: NDArray[np.uint8], exposure: Pixels, lit: bool
) -> None:
    """Paint eyes, teeth, gums, tongue, lashes and cavities into a texture (R, R, 3), in place.

    Args:
        texture: sRGB, the outer skin done.
        face, view, rgb: the photo.
        exposure: (3,), the logarithm by which the photo is brighter than bare skin under white light.
        lit: whether the texture keeps the photo's light.
    """
    head, size = face.head, len(texture)
    cast = np.clip(exposure, -1.2, 0.6) if lit else np.zeros(3)
    iris = iris_colour(face, view, rgb, exposure)
    for part in ("left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue", "lashes"):
        texels = texels_of(head, size, (part,))
        if part.endswith("eye"):
            colours = eye_colours(head, texels, part, iris)
        elif part.endswith("teeth"):
            gums = texels.lift(head.regions["gums"].astype(np.float32)) if "gums" in head.regions else np.zeros(1)
            share = np.clip(2 * gums - 0.5, 0, 1).reshape(-1, 1)
            colours = (1 - share) * _srgb(TEETH) + share * _srgb(GUMS)
            colours = np.broadcast_to(colours, (len(texels.flat), 3))
        else:
            colour = _srgb(TONGUE) if part == "tongue" else np.log(_LASHES)
            colours = np.broadcast_to(colour, (len(texels.flat), 3))
        _paint(texture, texels, colours + cast)
    _paint_cavities(texture, head, cast)


def _srgb(colour: tuple[float, float, float]) -> Pixels:
    return np.log(to_linear(np.array(colour)))


def iris_colour(face: Face, view: View, rgb: NDArray[np.uint8], exposure: Pixels) -> Pixels:
    """(3,) the irises' colour: the median of what the photo shows of both rings, mixed with brown where it is little.

    Highlights, the white beside a small iris, and the shade of lids and lashes do not count.
    """
    head = face.head
    solid = face.triangles[: 2 * head.part_quads["lashes"][0]]
    found, area = [], 0.0
    for part in ("left_eye", "right_eye"):
        texels = texels_of(head, _IRIS_SIDE, (part,))
        distance, height, _ = _about_axis(head, texels, part)
        ring = texels.chosen((distance > _RING_MM[0]) & (distance < _RING_MM[1]) & (height > 0))
        corner = view.crop.corner
        pixels = ring.lift(view.pixels - corner).astype(np.float64) + corner
        inside = ((pixels > 1) & (pixels < np.array(rgb.shape[1::-1]) - 1)).all(1)
        shown = inside & (ring.lift(view.facing) > 0.3)
        shown &= seen_by_camera(view, solid, pixels, ring.lift(view.placed[:, 2]), 0.8)
        if not shown.any():
            continue
        side = int(np.clip(view.crop.side, 16, 1024))
        colours = sampled(rgb, view.crop, side, pixels[shown]) / np.float32(255)
        found.append(np.log(np.maximum(to_linear(colours), 0.003)))
        mm = face.camera.fx / float(np.median(view.placed[:, 2]))
        area += float(shown.mean()) * np.pi * (_RING_MM[1] ** 2 - _RING_MM[0] ** 2) * (mm * face.scale) ** 2
    brown = np.log(BROWN)
    if not found:
        return brown.astype(np.float32)
    seen = np.concatenate(found)
    brightness = seen.mean(1)
    share = area / (area + _FEWEST_PX)
    low, high = np.quantile(brightness, (0.2 + 0.15 * share, 0.55 + 0.15 * share))
    middle = np.median(seen[(brightness >= low) & (brightness <= high)], axis=0) - exposure
    middle = middle.mean() + _VIVID * (middle - middle.mean())
    colour = share * middle + (1 - share) * brown
    # Under lids an eye gets less light than the cheek, but no iris is white or black.
    level = np.clip(colour.mean() + 0.2, np.log(0.018), np.log(0.20))
    result: Pixels = (colour - colour.mean() + level).astype(np.float32)
    return result


def _about_axis(head: BaseHead, texels: Texels, part: str) -> tuple[Pixels, Pixels, Pixels]:
    """For each texel of an eyeball at rest: distance from its axis in mm, height in front of the centre, angle."""
    centre = head.eye_centres[0 if part == "left_eye" else 1]
    x, y, z = (texels.lift(head.vertices) - centre.astype(np.float32)).T
    return np.hypot(x, y), z, np.arctan2(y, np.abs(x) if part == "left_eye" else x)


def eye_colours(head: BaseHead, texels: Texels, part: str, iris: Pixels) -> Pixels:
    """(N, 3) an eyeball: pupil, an iris with fibres and a dark rim, a white that reddens towards the back."""
    distance, height, angle = _about_axis(head, texels, part)
    front = height > 0
    radius = np.where(front, distance, 99).astype(np.float32)
    along = np.clip((radius - PUPIL_RADIUS_MM) / (IRIS_RADIUS_MM - PUPIL_RADIUS_MM), 0, 1)
    fibres = sum(
        np.sin(angle * count + phase + 2.0 * np.sin(along * bend))
        for count, phase, bend in ((17, 0.3, 2), (29, 1.7, 3), (43, 4.1, 1.5), (61, 2.2, 2.5))
    )
    colour = iris + (0.10 * fibres * (1 - 0.5 * along))[:, None]
    # Lighter about the pupil (the collarette), dark at the limbus.
    colour = colour + (0.35 * np.exp(-(((along - 0.28) / 0.2) ** 2)) - 1.1 * _ramp(along, 0.78, 1.0))[:, None]
    colour = colour - (0.5 * _ramp(-along, -0.12, 0.0))[:, None]
    white = np.tile(np.log(np.array(_SCLERA, np.float32)), (len(distance), 1))
    from_axis = np.where(front, distance, 2 * head.eye_radius - distance)
    red = _ramp(from_axis, 8.0, 16.0)[:, None] * 0.75
    vein = np.sin(angle * 11 + 2.2 * np.sin(from_axis * 0.9 + angle * 3)) * np.sin(angle * 5 + 0.7 * from_axis)
    red = np.clip(red + (0.10 * np.clip(vein - 0.55, 0, 1) * _ramp(from_axis, 7.0, 10.0))[:, None] * 4, 0, 1)
    white = white * (1 - red) + np.log(np.array(_BLOODSHOT, np.float32)) * red
    white = white - (0.25 * np.exp(-(((radius - IRIS_RADIUS_MM - 0.2) / 0.6) ** 2)))[:, None]
    outside = _ramp(radius, IRIS_RADIUS_MM - 0.25, IRIS_RADIUS_MM + 0.35)[:, None]
    ball = colour * (1 - outside) + white * outside
    pupil = _ramp(-radius, -PUPIL_RADIUS_MM - 0.15, -PUPIL_RADIUS_MM + 0.15)[:, None]
    result: Pixels = (ball * (1 - pupil) + np.log(np.float32(0.004)) * pupil).astype(np.float32)
    return result


def _ramp(values: NDArray[Any], low: float, high: float) -> Pixels:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    result: Pixels = (share * share * (3 - 2 * share)).astype(np.float32)
    return result


def _paint(texture: NDArray[np.uint8], texels: Texels, colours: NDArray[Any]) -> None:
    """Paint texels of an island, and a margin about it in its border's colours."""
    size = len(texture)
    texture.reshape(-1, 3)[texels.flat] = (to_srgb(np.exp(colours)) * 255 + 0.5).astype(np.uint8)
    row, column = np.nonzero(texels.covered)
    margin = max(1, int(_MARGIN * size / 2))
    rows = slice(max(row.min() - margin, 0), row.max() + margin + 1)
    columns = slice(max(column.min() - margin, 0), column.max() + margin + 1)
    part, covered = texture[rows, columns], texels.covered[rows, columns].copy()
    for _ in range(margin):
        for axis in (0, 1):
            for step in (1, -1):
                beside = np.roll(covered, step, axis)
                edge = [slice(None), slice(None)]
                edge[axis] = slice(0, 1) if step == 1 else slice(-1, None)
                beside[tuple(edge)] = False
                new = beside & ~covered
                part[new] = np.roll(part, step, axis)[new]
                covered |= new


def _paint_cavities(texture: NDArray[np.uint8], head: BaseHead, cast: NDArray[Any]) -> None:
    """The insides of the mouth, the nostrils and the eyes' sockets, shaded from the skin at their rims."""
    texels = texels_of(head, len(texture))
    inside = np.zeros((len(head.vertices), 3), np.float32)
    for name, mask in head.regions.items():
        for layer, kind in enumerate(("mouth_cavity", "nostril", "eye_cavity")):
            if name.startswith(kind):
                inside[mask, layer] = 1
    share = texels.lift(inside)
    some = (share > 0).any(1)
    flat = texture.reshape(-1, 3)
    places, share = texels.flat[some], share[some]
    colours = np.log(np.maximum(to_linear(flat[places] / np.float32(255)), 0.003))
    mouth = np.log(np.array(_MOUTH, np.float32)) + cast
    # The lips go on for a few millimetres before it gets dark.
    colours += np.clip(share[:, :1] * 2, 0, 1) * np.array([-0.25, -0.75, -0.65], np.float32)
    colours += np.clip(2 * share[:, :1] - 1, 0, 1) ** 2 * (mouth - colours)
    colours += share[:, 1:2] * np.array([-0.9, -1.2, -1.2], np.float32)
    colours += share[:, 2:3] * np.array([-0.15, -0.5, -0.45], np.float32)
    flat[places] = (to_srgb(np.exp(colours)) * 255 + 0.5).astype(np.uint8)
