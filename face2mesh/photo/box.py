"""Where a face is in a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """A face's box, in pixels of the upright picture, whatever found it.

    It means the bounding box of the face's 68 landmarks (eyebrows to chin, ear to ear), so that boxes from a detector,
    from landmarks and from a person's hand lead to the same crop.

    Attributes:
        x, y: the upper left corner; may lie outside the picture.
        w, h: width and height, above 0.
        score: how sure the detector was, on its own scale; 0 for boxes given by hand.
    """

    x: float
    y: float
    w: float
    h: float
    score: float = 0.0

    def __post_init__(self) -> None:
        """Refuse boxes without an area.

        Raises:
            ValueError: a number is not finite, or the width or height is not above 0.
        """
        if not all(map(math.isfinite, (self.x, self.y, self.w, self.h, self.score))):
            raise ValueError("a face box needs finite numbers")
        if self.w <= 0 or self.h <= 0:
            raise ValueError("a face box needs a width and a height above 0")

    @property
    def side(self) -> float:
        """√(w·h) in pixels, the size by which errors and crops are measured."""
        return math.sqrt(self.w * self.h)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle (x, y), in pixels."""
        return self.x + self.w / 2, self.y + self.h / 2

    def share_inside(self, width: int, height: int) -> float:
        """How much of the box's area lies inside a picture of this size, 0 to 1."""
        across = min(self.x + self.w, width) - max(self.x, 0.0)
        down = min(self.y + self.h, height) - max(self.y, 0.0)
        return max(across, 0.0) * max(down, 0.0) / (self.w * self.h)


def box_of_points(points: NDArray[Any]) -> Box:
    """The bounding box of points (N, 2) in pixels.

    Raises:
        ValueError: fewer than two points, or all on one line along an axis.
    """
    x, y = (float(v) for v in np.min(points, axis=0))
    right, bottom = (float(v) for v in np.max(points, axis=0))
    return Box(x, y, right - x, bottom - y)
