"""Cutting the square that the network sees out of a picture: the one place where this is done.

The laboratory cuts its training pairs with the same function, so preprocessing cannot differ between the two halves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.photo.box import Box, box_of_points

SIDE_OF_BOX = 1.7
"""Side of the canonical crop, as a multiple of √(w·h) of the landmarks' box."""
RISE = 0.05
"""How far the crop's centre lies above the box's centre, as a share of the crop's side."""
# Beyond this factor the picture is first averaged over whole pixels; twice the final resolution is left for the filter.
_REDUCING_GAP = 2.0


@dataclass(frozen=True)
class Crop:
    """An upright square of a picture.

    Coordinates are continuous: the first pixel spans 0 to 1 and its centre is at 0.5, in the picture as in the cut.

    Attributes:
        centre: (x, y) in pixels of the upright picture; may lie outside.
        side: length in the same pixels, above 0.
    """

    centre: tuple[float, float]
    side: float

    def __post_init__(self) -> None:
        """Refuse squares without an area.

        Raises:
            ValueError: a number is not finite, or the side is not above 0.
        """
        if not (all(map(math.isfinite, (*self.centre, self.side))) and self.side > 0):
            raise ValueError("a crop needs a finite centre and a side above 0")

    @property
    def corner(self) -> tuple[float, float]:
        """The upper left corner (x, y), in pixels of the picture."""
        return self.centre[0] - self.side / 2, self.centre[1] - self.side / 2

    def scaled(self, factor: float) -> Crop:
        """The crop about the same centre with a side `factor` times as long."""
        return Crop(self.centre, self.side * factor)

    def to_crop(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """Points (…, 2) of the picture, in pixels of the cut of `size` × `size`."""
        return (np.asarray(points, np.float64) - self.corner) * (size / self.side)

    def to_picture(self, points: NDArray[Any], size: int) -> NDArray[np.float64]:
        """Points (…, 2) in pixels of the cut of `size` × `size`, in pixels of the picture."""
        return np.asarray(points, np.float64) * (self.side / size) + self.corner


def crop_of_box(box: Box) -> Crop:
    """The canonical crop of a face whose landmarks span `box`: side 1.7 · √(w·h), the centre raised by 0.05 · side."""
    side = SIDE_OF_BOX * box.side
    x, y = box.centre
    return Crop((x, y - RISE * side), side)


def crop_of_landmarks(landmarks: NDArray[Any]) -> Crop:
    """The canonical crop of a face from its 68 landmarks (68, 2), in pixels of the picture.

    Raises:
        ValueError: the landmarks do not span an area.
    """
    return crop_of_box(box_of_points(landmarks))


def cut(rgb: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.uint8]:
    """Cut a crop out of a picture and scale it, averaging over the area where it shrinks.

    Outside the picture its border pixels are repeated. The filter is a triangle as wide as the coarser of two grids:
    it leaves a linear ramp exactly as it is, so nothing is shifted by a fraction of a pixel.

    Args:
        rgb: (H, W, 3) uint8.
        crop: the square, anywhere.
        size: pixels along the side of the result, at least 1.

    Returns:
        (size, size, 3) uint8.
    """
    height, width = rgb.shape[:2]
    left, top = crop.corner
    # The filter reaches this many pixels beyond the square; they come from the picture, or from its repeated border.
    margin = math.ceil(max(crop.side / size, 1.0)) + 1
    x0, x1 = math.floor(left) - margin, math.ceil(left + crop.side) + margin
    y0, y1 = math.floor(top) - margin, math.ceil(top + crop.side) + margin
    inside = rgb[min(max(y0, 0), height - 1) : max(y1, 1), min(max(x0, 0), width - 1) : max(x1, 1)]
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        inside = _with_border(rgb, (x0, x1), (y0, y1))
    box = (left - x0, top - y0, left - x0 + crop.side, top - y0 + crop.side)
    image = Image.fromarray(np.ascontiguousarray(inside))
    scaled = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=_REDUCING_GAP)
    return np.array(scaled)


def _with_border(rgb: NDArray[np.uint8], columns: tuple[int, int], rows: tuple[int, int]) -> NDArray[np.uint8]:
    """The rectangle of these columns and rows (first, last + 1), which may lie outside, with the border repeated."""
    height, width = rgb.shape[:2]
    x = np.clip(np.arange(*columns), 0, width - 1)
    y = np.clip(np.arange(*rows), 0, height - 1)
    return rgb[y[:, None], x[None, :]]
