"""The photo's light: nine harmonics for each colour channel, fitted to skin of known colour.

Letters: N texels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import harmonics

Pixels = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]

_BELIEF = 0.35
"""How far the network's light is believed beside none but even light."""
_PRIOR = np.array([1e-3, 60, 60, 60, 250, 250, 250, 250, 250])
"""Weight of the prior on each harmonic, in texels: what a few texels say does not bend the light."""
_GREY = 120.0
"""Weight, in texels, of the belief that the light has one colour from all sides."""
DARKEST, BRIGHTEST = 0.25, 3.0
"""Of the shading, relative to its mean: beyond this the division would show noise."""


def fit_light(linear: Pixels, albedo: Pixels, normals: Pixels, weight: Pixels, light: Pixels | None) -> Pixels:
    """The light that makes skin of this colour look like this.

    Least squares of linear / albedo − B(n) · l with weights, for each channel; the prior pulls l towards a share of the
    network's light, scaled to the photo's exposure, and the three channels towards their mean. What is gauge, the
    light's mean brightness and colour, is set to 1: it stays with the skin.

    Args:
        linear: (N, 3) linear RGB of the photo.
        albedo: (N, 3) linear RGB of the skin, in any exposure.
        normals: (N, 3) unit, camera axes.
        weight: (N,), at least 0.
        light: (9, 3), the network's, or None.

    Returns:
        (9, 3), of mean 1 over the seen texels for each channel.
    """
    basis = harmonics(normals)
    ratio = linear / np.maximum(albedo, 1e-4)
    level = np.maximum(np.average(ratio, axis=0, weights=weight + 1e-6), 1e-4)
    ratio = ratio / level
    believed = np.zeros((9, 3))
    believed[0] = 1
    if light is not None:
        believed += _BELIEF * (_of_mean_one(np.asarray(light, np.float64), basis, weight) - believed)
    normal = basis.T @ (basis * weight[:, None]).astype(np.float64)
    right = basis.T @ (ratio * weight[:, None]).astype(np.float64)
    grey = believed.mean(1, keepdims=True)
    mean = np.linalg.solve(normal + np.diag(_PRIOR), right.mean(1) + _PRIOR * grey[:, 0])
    tint = np.linalg.solve(
        normal + np.diag(_PRIOR + _GREY), right - normal @ mean[:, None] + _PRIOR[:, None] * (believed - grey)
    )
    return _of_mean_one(mean[:, None] + tint, basis, weight).astype(np.float32)


def shading(light: Pixels, normals: Pixels) -> Pixels:
    """(N, 3), what arrives at surfaces with these normals (N, 3), kept in the range that a division stands."""
    shade: Pixels = np.clip(harmonics(normals).astype(np.float32) @ light, DARKEST, BRIGHTEST)
    return shade


def _of_mean_one(light: Floats, basis: Floats, weight: Pixels) -> Floats:
    mean = np.average(basis @ light, axis=0, weights=weight + 1e-6)
    scaled: Floats = light / np.maximum(mean, 1e-3)
    return scaled
