"""What the photo shows of the skin: for each texel its pixel, and how far to trust it.

Letters: V vertices, S skin vertices, N covered texels, P dense points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.raster import rasterise
from face2mesh.face import Face
from face2mesh.head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.photo.crop import Crop, cut
from face2mesh.texture.texels import Texels

Pixels = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]

REACH_MM = 9.0
"""How far a dense point's correction reaches over the skin."""
_HOLD = 0.15
"""Weight of "no correction": what a vertex far from all dense points gets."""
_LARGEST_CORRECTION = 0.06
"""Of a dense point, as a part of the face box: beyond it either the head or the point is wrong."""
_FACING_FROM, _FACING_TO = 0.25, 0.65
"""Cosine between normal and ray at which a texel begins to be trusted, and is trusted wholly."""
_EDGE = 0.06
"""Width, in face boxes, over which trust fades towards the photo's border."""
_DEPTH_SIDE = 384
_DEPTH_TOLERANCE_MM = 2.5
_STEP_MM = 15.0
"""A step in depth at which the nearer surface's outline counts as one."""
_OUTLINE = 0.02
"""Width, in face boxes, of what is not trusted along outlines."""


@dataclass(frozen=True)
class View:
    """A head's vertices as the photo shows them.

    Attributes:
        placed: (V, 3) mm, camera axes.
        pixels: (V, 2), of the upright photo, drawn to where the photo shows the dense points.
        normals: (V, 3), camera axes.
        facing: (V,) cosine between the normal and the ray to the camera.
        crop: the square of the photo that holds the head.
    """

    placed: Floats
    pixels: Floats
    normals: Floats
    facing: Floats
    crop: Crop


def view_of(face: Face) -> View:
    """Where the photo shows the head's vertices.

    The head's projection misses the photo's features by one or two per cent of the face; the network's own dense points
    (`Face.points_px`) are nearer to them. Their differences are spread over the surface with a Gaussian of `REACH_MM`
    on the rest head (Nadaraya and Watson's mean), which fades to none away from the face.

    Raises:
        ValueError: the head reaches behind the camera.
    """
    placed = face.pose.apply(face.vertices.astype(np.float64))
    pixels = np.asarray(face.camera.project(placed), np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError("the head reaches behind the camera")
    normals = vertex_normals(placed, face.triangles)
    facing = -(normals * placed).sum(1) / np.linalg.norm(placed, axis=1)
    if face.points_px is not None:
        pixels = pixels + _corrections(face, pixels, facing)
    low, high = pixels.min(0), pixels.max(0)
    crop = Crop((float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2), float((high - low).max()) * 1.02)
    return View(placed, pixels, normals, facing, crop)


def _corrections(face: Face, pixels: Floats, facing: Floats) -> Floats:
    """(V, 2) what takes the projected vertices to where the photo shows them."""
    head = face.head
    assert face.points_px is not None
    away = face.points_px - head.dense(pixels)
    # Points at the outline slide along it with the pose: they name another place of the surface.
    trust = np.clip((head.dense(facing[:, None])[:, 0] - 0.2) / 0.3, 0, 1)
    trust = trust * (np.linalg.norm(away, axis=1) < _LARGEST_CORRECTION * face.face_box.side)
    rest = head.vertices.astype(np.float32)
    points = head.dense(rest)
    squared = (rest**2).sum(1)[:, None] - 2 * rest @ points.T + (points**2).sum(1)
    nearness = np.exp(squared / np.float32(-2 * REACH_MM**2)) * trust.astype(np.float32)
    corrections: Floats = nearness @ away / (nearness.sum(1, keepdims=True) + _HOLD)
    return corrections


def trusted(view: View, face: Face, rgb: NDArray[np.uint8], texels: Texels) -> Pixels:
    """(N,) 0 to 1: how far the photo can be trusted to show a texel of the skin.

    It must be seen by the camera, inside the photo, not grazing, and bare skin.

    Args:
        view: `view_of` the face.
        face: reconstructed from this photo.
        rgb: (H, W, 3), the upright photo.
        texels: of the skin.
    """
    pixels = texels.lift(view.pixels - view.crop.corner).astype(np.float64) + view.crop.corner
    trust = np.clip((texels.lift(view.facing) - _FACING_FROM) / (_FACING_TO - _FACING_FROM), 0, 1)
    trust *= trust * (3 - 2 * trust) * texels.lift(bare_skin(face.head))
    solid = face.triangles[: 2 * face.head.part_quads["lashes"][0]]
    outline = _OUTLINE * face.face_box.side
    trust *= seen_by_camera(view, solid, pixels, texels.lift(view.placed[:, 2]), margin_px=outline)
    edge = np.minimum(pixels, np.array(rgb.shape[1::-1]) - pixels).min(1)
    trust *= np.clip(edge / (_EDGE * face.face_box.side), 0, 1)
    result: Pixels = trust.astype(np.float32)
    return result


def bare_skin(head: BaseHead) -> Pixels:
    """(V,) 1 where photos show skin: the face; not ears, scalp and neck, which hair and collars cover, nor cavities."""
    shown = head.regions["face"].astype(np.float32)
    for name, hidden in head.regions.items():
        if name.startswith(("mouth_cavity", "eye_cavity", "nostril")):
            shown[hidden] = 0
    return shown


def seen_by_camera(
    view: View,
    triangles: NDArray[np.integer[Any]],
    pixels: Floats,
    depth: Floats,
    tolerance_mm: float = _DEPTH_TOLERANCE_MM,
    margin_px: float = 0.0,
) -> NDArray[np.bool_]:
    """(N,) whether nothing of the head lies more than a tolerance in front of surface points.

    Args:
        view: of the head.
        triangles: (T, 3), what can hide.
        pixels: (N, 2) of the points, in the photo.
        depth: (N,) of them, mm.
        tolerance_mm: of the depth.
        margin_px: pixels of the photo that a point must keep from the head's outline, and from the outline of whatever
            is much nearer: the fit is not exact, and the photo shows the background, or the nose, beside it.
    """
    local = view.crop.to_crop(view.pixels, _DEPTH_SIDE)
    nearest = rasterise(
        np.concatenate([local, view.placed[:, 2:]], 1), triangles, _DEPTH_SIDE, _DEPTH_SIDE, cull="back"
    ).depth
    column, row = np.clip(view.crop.to_crop(pixels, _DEPTH_SIDE), 0, _DEPTH_SIDE - 1).astype(np.intp).T
    seen: NDArray[np.bool_] = depth <= nearest[row, column] + tolerance_mm
    steps = round(margin_px * _DEPTH_SIDE / view.crop.side)
    if steps > 0:
        low, high = _extremes(nearest, steps)
        seen &= np.isfinite(high[row, column]) & (depth <= low[row, column] + _STEP_MM)
    return seen


def _extremes(picture: Pixels, steps: int) -> tuple[Pixels, Pixels]:
    """The least and the greatest value in squares of (2 · steps + 1)² pixels; the border is repeated."""
    low = high = picture
    for axis in (0, 1):
        padding = [(steps, steps) if axis == i else (0, 0) for i in (0, 1)]
        padded_low, padded_high = np.pad(low, padding, "edge"), np.pad(high, padding, "edge")
        parts = [slice(i, i + picture.shape[axis]) for i in range(2 * steps + 1)]
        index = [(part, slice(None)) if axis == 0 else (slice(None), part) for part in parts]
        low = np.minimum.reduce([padded_low[i] for i in index])
        high = np.maximum.reduce([padded_high[i] for i in index])
    return low, high


def sampled(rgb: NDArray[np.uint8], crop: Crop, side: int, pixels: Floats) -> Pixels:
    """Colours (N, 3), 0 to 255, of the photo at (N, 2) pixels, seen through a cut of `side` × `side`.

    The cut averages over the area of its pixels where it is coarser than the photo; between them it is bilinear.
    """
    picture = cut(rgb, crop, side)
    place = np.clip(crop.to_crop(pixels, side) - 0.5, 0, side - 1.001).astype(np.float32)
    corner = place.astype(np.int32)
    right, down = (place - corner).T[..., None]
    first = corner[:, 1] * side + corner[:, 0]
    flat = picture.reshape(-1, 3)
    above = flat[first] * (1 - right) + flat[first + 1] * right
    below = flat[first + side] * (1 - right) + flat[first + side + 1] * right
    colours: Pixels = above * (1 - down) + below * down
    return colours
