"""Light: spherical harmonics, and a studio of three lamps.

Directions are in camera axes (+X right, +Y down, +Z away from the viewer) and point from the surface to the light.
Colours are linear; `to_linear` and `to_srgb` convert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.float32]


def to_linear(srgb: Floats) -> Pixels:
    """SRGB, 0 to 1, to linear (IEC 61966-2-1)."""
    srgb = np.asarray(srgb, np.float32)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Floats) -> Pixels:
    """Linear to sRGB, both clipped to 0 to 1."""
    linear = np.clip(np.asarray(linear, np.float32), 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def harmonics(normals: Floats) -> Floats:
    """The first nine real spherical harmonics, as polynomials of the normal without their constant factors.

    (1, x, y, z, xy, yz, 3z² − 1, xz, x² − y²): with one colour for each, the light that a matt surface gets from any
    distant surroundings (Ramamoorthi and Hanrahan 2001).

    Args:
        normals: (…, 3) of length 1.

    Returns:
        (…, 9).
    """
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    basis: Floats = np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)
    return basis


@dataclass(frozen=True)
class Lamp:
    """A distant lamp.

    Attributes:
        direction: towards the lamp, camera axes, any length.
        colour: linear RGB, 1 lights a white wall that faces it fully.
        wrap: how far round the light reaches, for red, green and blue; 0 is a hard terminator. Soft boxes reach round,
            and so does light inside skin, the red farthest.
        gloss: strength of the highlight.
    """

    direction: tuple[float, float, float]
    colour: tuple[float, float, float]
    wrap: tuple[float, float, float] = (0.2, 0.2, 0.2)
    gloss: float = 0.0

    @property
    def towards(self) -> Pixels:
        """(3,), the direction with length 1."""
        direction = np.array(self.direction, np.float32)
        return direction / np.float32(np.linalg.norm(direction))


@dataclass(frozen=True)
class Studio:
    """Lamps and an even light.

    Attributes:
        lamps: the first one is the key light, the one that casts shadows.
        sky, floor: linear RGB of the even light from above and from below.
    """

    lamps: tuple[Lamp, ...] = (
        Lamp((-0.50, -0.62, -0.80), (0.86, 0.82, 0.76), (0.34, 0.24, 0.20), 0.13),
        Lamp((0.90, -0.20, -0.55), (0.20, 0.22, 0.26), (0.5, 0.5, 0.5), 0.05),
        Lamp((0.80, -0.55, 0.60), (0.42, 0.43, 0.46), (0.0, 0.0, 0.0), 0.10),
    )
    sky: tuple[float, float, float] = (0.25, 0.26, 0.28)
    floor: tuple[float, float, float] = (0.13, 0.115, 0.11)
