"""Pictures of a bare surface from any side, and where their pixels lie on it.

Letters: V vertices, T triangles, N points, H and W the picture's height and width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from face2mesh.draw.light import to_linear, to_srgb
from face2mesh.draw.parts import SKIN
from face2mesh.draw.raster import Fragments
from face2mesh.face.camera import Camera, Pose
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.render.rasteriser import rasterise

Array = NDArray[np.float64]
Indices = NDArray[np.integer[Any]]
Picture = NDArray[np.uint8]

DISTANCE = 7.0
"""Of the camera from the middle of what it sees, in units of its radius: a portrait's perspective."""
_BACKGROUND = 0.82
_EVEN, _LAMP = 0.42, 0.62
_ABOVE = 0.35
# Pinholes: how wide one may be (a part of the picture), what counts as far behind (radii), and of how many pixels.
_PIXELS_A_PINHOLE, _BEHIND, _NEIGHBOURS = 96, 0.12, 5


@dataclass(frozen=True)
class Seen:
    """A picture of a surface, and what each pixel shows.

    Attributes:
        rgb: (H, W, 3) uint8.
        triangle: (H, W) int32, −1 for the background.
        barycentric: (H, W, 3).
        normal: (H, W, 3) unit, in camera axes, towards the viewer; 0 for the background.
    """

    rgb: Picture
    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]
    normal: NDArray[np.float32]

    def turned(self, quarters: int) -> Seen:
        """The same surface with the camera turned, so that the picture is turned counter-clockwise by quarters.

        The light stays above the camera: a face lit from below is no face to a detector.
        """
        triangle = np.ascontiguousarray(np.rot90(self.triangle, quarters))
        barycentric, normal = (
            np.ascontiguousarray(np.rot90(values, quarters)) for values in (self.barycentric, self.normal)
        )
        for _ in range(quarters % 4):
            normal = np.stack([normal[..., 1], -normal[..., 0], normal[..., 2]], -1)
        return Seen(_lit(triangle, normal), triangle, barycentric, normal)

    def lifted(self, pixels: NDArray[Any], vertices: Array, triangles: Indices) -> Array:
        """The places (N, 3) of the surface that are seen at pixels (N, 2); NaN where none is."""
        height, width = self.triangle.shape
        column, row = (np.floor(np.nan_to_num(pixels[:, i], nan=-1)).astype(np.int64) for i in (0, 1))
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        row, column = np.where(inside, row, 0), np.where(inside, column, 0)
        triangle = np.where(inside, self.triangle[row, column], -1)
        corners = vertices[triangles[np.maximum(triangle, 0)]]
        places: Array = np.einsum("nkc,nk->nc", corners, self.barycentric[row, column])
        places[triangle < 0] = np.nan
        return places


def directions(count: int) -> Array:
    """(count, 3) unit directions, spread evenly over the sphere along a spiral (Swinbank and Purser 2006)."""
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    height = 1 - (2 * np.arange(count) + 1) / count
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.sin(turn), height, flat * np.cos(turn)], 1)


def looking_along(towards: NDArray[Any]) -> Array:
    """(3, 3) rotation to camera axes (+X right, +Y down, +Z forward) for a camera in this direction.

    Args:
        towards: (3,) from what is looked at to the camera; +Y is up in the picture, +Z where that is along the view.
    """
    forward = -np.asarray(towards, np.float64) / np.linalg.norm(towards)
    above = np.array([0.0, 1.0, 0.0])
    if np.linalg.norm(np.cross(forward, above)) < 1e-3:
        above = np.array([0.0, 0.0, 1.0])
    right = np.cross(forward, above)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def look(
    vertices: Array,
    triangles: Indices,
    rotation: Array,
    size: int,
    middle: NDArray[Any] | None = None,
    radius: float | None = None,
) -> Seen:
    """A picture of a surface in skin's colour; both its sides are drawn, each lit from the viewer's side.

    Args:
        vertices: (V, 3), in any unit.
        triangles: (T, 3).
        rotation: (3, 3) to camera axes.
        size: H = W, pixels.
        middle: (3,) what is in the middle of the picture; None for that of the box around the surface.
        radius: half of what the picture shows there; None for all.
    """
    if middle is None:
        middle = (vertices.min(0) + vertices.max(0)) / 2
    if radius is None:
        radius = float(np.linalg.norm(vertices - middle, axis=1).max())
    pose = Pose(rotation, -rotation @ middle + [0, 0, DISTANCE * radius])
    camera = Camera.centred(0.5 * size * math.sqrt(DISTANCE**2 - 1), size, size)
    placed = pose.apply(vertices)
    points = np.concatenate([camera.project(placed), placed[:, 2:]], 1)
    triangle, barycentric = closed(rasterise(points, triangles, size, size), radius)
    normals = vertex_normals(placed, triangles)
    row, column = np.nonzero(triangle >= 0)
    corners = triangles[triangle[row, column]]
    facing = np.einsum("nkc,nk->nc", normals[corners], barycentric[row, column])
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-9)
    facing *= np.where(facing[:, 2:] > 0, -1, 1)
    normal = np.zeros((size, size, 3), np.float32)
    normal[row, column] = facing
    return Seen(_lit(triangle, normal), triangle, barycentric, normal)


def _lit(triangle: NDArray[np.int32], normal: NDArray[np.float32]) -> Picture:
    """(H, W, 3): the surface in skin's colour under a lamp above the camera."""
    lamp = np.array([0.0, -_ABOVE, -1.0])
    seen = triangle >= 0
    light = _EVEN + _LAMP * np.maximum(normal[seen] @ (lamp / np.linalg.norm(lamp)), 0) ** 1.5
    picture = np.full((*triangle.shape, 3), _BACKGROUND, np.float32)
    picture[seen] = to_srgb(to_linear(np.array(SKIN)) * light[:, None])
    rgb: Picture = (picture * 255 + 0.5).astype(np.uint8)
    return rgb


def closed(fragments: Fragments, radius: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Triangles and weights of a picture without pinholes: missing triangles show what is next to them.

    A pixel is a pinhole where the surface around it closes over it (a morphological closing), or where it sees
    something far behind most of its neighbours.

    Args:
        fragments: as rasterised.
        radius: half of what the picture shows, in the surface's unit.
    """
    seen = fragments.triangle >= 0
    depth = np.where(seen, fragments.depth, np.inf)
    around = ndimage.percentile_filter(depth, 30, _NEIGHBOURS)
    seen &= ~(depth > around + _BEHIND * radius)
    width = max(1, len(seen) // _PIXELS_A_PINHOLE)
    padded = np.pad(seen, width)
    filled = ndimage.binary_closing(padded, iterations=width)[width:-width, width:-width]
    _, (row, column) = ndimage.distance_transform_edt(~seen, return_indices=True)
    triangle = np.where(filled, fragments.triangle[row, column], -1).astype(np.int32)
    return triangle, np.ascontiguousarray(fragments.barycentric[row, column])
