"""Plausible light on a rendered head, in the nine harmonics of `face2mesh.draw.light`.

Directions are in camera axes (+X right, +Y down, +Z away from the viewer) and point to the lamp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def lamp_harmonics(direction: NDArray[np.floating]) -> FloatArray:
    """What a matt surface gets from one distant lamp, max(n · d, 0), up to the second order.

    max(c, 0) ≈ 1/4 + c/2 + 5/32 · (3c² − 1) (Ramamoorthi and Hanrahan 2001), written in the polynomials
    1, x, y, z, xy, yz, 3z² − 1, xz, x² − y² of the normal.

    Args:
        direction: (3,) towards the lamp, any length above 0.

    Returns:
        (9,) factors.
    """
    x, y, z = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    second = [6 * x * y, 6 * y * z, (3 * z * z - 1) / 2, 6 * x * z, 1.5 * (x * x - y * y)]
    return np.array([0.25, x / 2, y / 2, z / 2, *(5 / 32 * value for value in second)], np.float32)


def random_light(generator: np.random.Generator) -> FloatArray:
    """Light of a day, a room or a flash: even light, a lamp from the front or above, often a second, tinted.

    Returns:
        (9, 3) linear RGB; a surface that faces the camera gets about 0.5 to 1.3 in all.
    """
    warm = generator.normal(0, 0.08)
    tint = np.array([1 + warm, 1.0, 1 - warm]) * np.exp(generator.normal(0, 0.03, 3))
    light = np.zeros((9, 3))
    even = generator.uniform(0.25, 0.9)
    light[0] = even * tint
    # More of it from the sky than from the floor.
    light[2] = -even * generator.uniform(0, 0.3) * tint
    for lamp in range(1 + generator.integers(0, 3)):
        direction = generator.normal(size=3) * (1.0, 0.6, 0.5) + (0.0, -0.5, -1.0 if lamp == 0 else -0.2)
        strength = generator.uniform(0.2, 0.9) if lamp == 0 else generator.uniform(0.05, 0.4)
        colour = np.array([1 + warm, 1.0, 1 - warm]) * np.exp(generator.normal(0, 0.06, 3))
        light += strength * lamp_harmonics(direction)[:, None] * colour
    facing = light[0] - light[3] + 2 * light[6]
    exposure = generator.uniform(0.65, 1.2) / facing.mean()
    result: FloatArray = (light * exposure).astype(np.float32)
    return result
