"""Plausible light on a rendered head, in the nine harmonics of `face2mesh.draw.light`.

Directions are in camera axes (+X right, +Y down, +Z away from the viewer) and point to the lamp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.render.picture import Lamp, Light

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


def random_light(generator: np.random.Generator) -> Light:
    """Light of a day, a room, a flash or a lamp beside the bed: even light and one to three lamps, tinted.

    Returns:
        Light in camera axes; a surface that faces the camera gets about 0.3 to 1.3 of it.
    """
    mood = generator.choice(3, p=[0.62, 0.28, 0.1])  # soft, one strong lamp, coloured
    warm = generator.normal(0.05, 0.11)
    tint = np.array([1 + warm, 1.0, 1 - warm]) * np.exp(generator.normal(0, 0.03, 3))
    even = np.zeros((9, 3))
    amount = generator.uniform(0.35, 1.0) if mood == 0 else generator.uniform(0.06, 0.4)
    even[0] = amount * tint
    # More of it from the sky than from the floor, and more from one side than from the other.
    even[1] = amount * generator.normal(0, 0.12) * tint
    even[2] = -amount * generator.uniform(-0.05, 0.35) * tint
    lamps = []
    for index in range(1 + generator.integers(0, 3)):
        direction = generator.normal(size=3) * (1.0, 0.6, 0.5) + (0.0, -0.5, -1.0 if index == 0 else -0.2)
        if index == 0 and generator.random() < 0.12:
            direction = np.array([0.0, -0.1, -1.0]) + generator.normal(0, 0.08, 3)  # a flash
        direction /= np.linalg.norm(direction)
        low, high = ((0.15, 0.8), (0.6, 1.4), (0.4, 1.2))[mood] if index == 0 else (0.05, 0.4)
        colour = np.array([1 + warm, 1.0, 1 - warm]) * np.exp(generator.normal(0, 0.3 if mood == 2 else 0.06, 3))
        colour = colour * generator.uniform(low, high)
        harmonics = lamp_harmonics(direction)[:, None] * colour
        sharpness = float(np.exp(generator.uniform(np.log(25), np.log(250))))
        lamps.append((direction, harmonics, colour, sharpness))
    total = even + sum(harmonics for _, harmonics, _, _ in lamps)
    facing = total[0] - total[3] + 2 * total[6]
    goal = generator.uniform(0.7, 1.3) if mood == 0 else generator.uniform(0.45, 1.25)
    exposure = goal / max(float(facing.mean()), 0.12)
    return Light(
        (even * exposure).astype(np.float32),
        [
            Lamp(
                direction.astype(np.float32),
                (harmonics * exposure).astype(np.float32),
                (colour * exposure).astype(np.float32),
                sharpness,
            )
            for direction, harmonics, colour, sharpness in lamps
        ],
    )
