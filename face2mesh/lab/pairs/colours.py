"""Colours of everything on a head that is not skin: eyes, teeth, tongue, lashes, cavities; and where hair grows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead

FloatArray = NDArray[np.float32]
Generator = np.random.Generator

_PUPIL_MM = 2.0
_IRIS_MM = 5.9


def paint_parts(head: BaseHead, colours: FloatArray, generator: Generator) -> None:
    """Set the colours (V, 3) of cavities, eyes, teeth, tongue and lashes in place; linear RGB."""
    skin = head.skin_count
    dark = generator.uniform(0.25, 0.8)
    colours[:skin][head.regions["mouth_cavity"][:skin]] = np.array([0.2, 0.05, 0.045]) * dark
    colours[:skin][head.region("eye_cavity")[:skin]] *= 0.5
    for name, mask in head.regions.items():
        if name.startswith("nostril"):
            colours[:skin][mask[:skin]] *= 0.4
    iris = iris_colour(generator)
    white = np.array([0.74, 0.68, 0.64]) * np.exp(generator.normal(-0.25, 0.15))
    white = white * np.array([1, 1 - generator.uniform(0, 0.08), 1 - generator.uniform(0, 0.12)])
    pupil = _PUPIL_MM * generator.uniform(0.8, 1.3)
    for part, centre in zip(("left_eye", "right_eye"), head.eye_centres, strict=True):
        rows = slice(*head.part_vertices[part])
        local = head.vertices[rows] - centre
        from_axis = np.hypot(local[:, 0], local[:, 1])
        axis = np.where(local[:, 2] > 0, from_axis, 99)[:, None]
        ball = np.where(axis < _IRIS_MM, iris * np.where(axis > 0.85 * _IRIS_MM, 0.45, 1), white)
        # The white is redder and darker towards the corners.
        corner = np.clip((from_axis[:, None] - 7) / 7, 0, 1) * (axis >= _IRIS_MM)
        ball = ball * (1 - corner * np.array([0.2, 0.42, 0.45]))
        colours[rows] = np.where(axis < pupil, 0.005, ball)
    teeth = np.array([0.72, 0.65, 0.53]) * np.array([1, 1, generator.uniform(0.75, 1.1)]) * generator.uniform(0.7, 1.1)
    for part in ("upper_teeth", "lower_teeth"):
        colours[slice(*head.part_vertices[part])] = teeth
    if "gums" in head.regions:
        colours[head.regions["gums"]] = np.array([0.42, 0.13, 0.12]) * generator.uniform(0.5, 1)
    colours[slice(*head.part_vertices["tongue"])] = np.array([0.45, 0.13, 0.12]) * generator.uniform(0.5, 1)
    colours[slice(*head.part_vertices["lashes"])] = 0.012


def parts_openness(head: BaseHead, openness: FloatArray, generator: Generator) -> FloatArray:
    """The openness (V,) of a head at rest, made fit for open mouths: teeth and tongue get a share of the light."""
    result = openness.copy()
    skin = head.skin_count
    # Between the lips, and where the lids' shade would make the white too dark for a wide eye.
    result[:skin] = np.clip(result[:skin], 0.12, 1) ** np.float32(generator.uniform(0.7, 1.2))
    cavity = head.regions["mouth_cavity"][:skin]
    result[:skin][cavity] = np.maximum(result[:skin][cavity], 0.2)
    for part in ("left_eye", "right_eye"):
        rows = slice(*head.part_vertices[part])
        result[rows] = 0.45 + 0.55 * result[rows]
    result[slice(*head.part_vertices["upper_teeth"])] = generator.uniform(0.45, 0.9)
    result[slice(*head.part_vertices["lower_teeth"])] = generator.uniform(0.3, 0.65)
    result[slice(*head.part_vertices["tongue"])] = generator.uniform(0.25, 0.6)
    result[slice(*head.part_vertices["lashes"])] = 1
    return result


def iris_colour(generator: Generator) -> NDArray[np.float64]:
    """Linear RGB: brown mostly, else hazel, green, blue, grey."""
    kinds = ((0.05, 0.022, 0.01), (0.12, 0.07, 0.03), (0.1, 0.12, 0.06), (0.1, 0.17, 0.25), (0.18, 0.2, 0.21))
    chosen = np.array(kinds)[generator.choice(5, p=[0.62, 0.12, 0.07, 0.13, 0.06])]
    result: NDArray[np.float64] = chosen * np.exp(generator.normal(0, 0.3))
    return result


def gloss_of_parts(head: BaseHead, generator: Generator) -> FloatArray:
    """(V, 2) strength and exponent of highlights: faint on skin, sharp on eyes and wet lips and teeth."""
    gloss = np.zeros((len(head.vertices), 2), np.float32)
    gloss[:, 1] = generator.uniform(6, 22)
    skin = slice(0, head.skin_count)
    oily = abs(generator.normal(0, 0.06))
    gloss[skin, 0] = oily * (1 + 0.3 * np.sin(head.vertices[skin] @ generator.normal(0, 0.08, 3)))
    lips = (head.regions["lip_upper"] | head.regions["lip_lower"])[skin]
    gloss[skin, 0][lips] = oily + generator.uniform(0, 0.12)
    for name in ("mouth_cavity", "nostrils"):
        if name in head.regions:
            gloss[head.regions[name], 0] = 0
    for part in ("left_eye", "right_eye"):
        gloss[slice(*head.part_vertices[part])] = generator.uniform(0.15, 0.9), generator.uniform(90, 250)
    for part in ("upper_teeth", "lower_teeth", "tongue"):
        gloss[slice(*head.part_vertices[part])] = 0.15, 40
    return gloss
