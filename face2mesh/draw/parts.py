"""Plain colours of a head's parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

Colours = NDArray[np.float32]

SKIN = (0.80, 0.63, 0.54)
SCLERA = (0.93, 0.92, 0.90)
IRIS = (0.36, 0.47, 0.50)
PUPIL = (0.03, 0.03, 0.04)
TEETH = (0.92, 0.88, 0.80)
GUMS = (0.71, 0.37, 0.36)
TONGUE = (0.71, 0.36, 0.35)
LASHES = (0.13, 0.10, 0.09)
CLAY = (0.72, 0.70, 0.68)

IRIS_RADIUS_MM = 5.85
"""Half of the iris's 11.7 mm, which hardly differ between adults."""
PUPIL_RADIUS_MM = 1.9

_LASH_OPACITY = 0.8

_PLAIN = {
    "skin": SKIN,
    "left_eye": SCLERA,
    "right_eye": SCLERA,
    "upper_teeth": TEETH,
    "lower_teeth": TEETH,
    "tongue": TONGUE,
    "lashes": LASHES,
}
_WET = {"left_eye": 1.0, "right_eye": 1.0, "upper_teeth": 0.5, "lower_teeth": 0.5, "tongue": 0.3}


def part_colours(head: BaseHead, skin: tuple[float, float, float] = SKIN) -> Colours:
    """A plain colour for each vertex: skin, white of the eye, iris, pupil, teeth, gums, tongue, lashes.

    Iris, pupil and gums are the regions of these names; iris and pupil are found by their distance from the eye's axis
    where the head does not name them.

    Args:
        head: the base head.
        skin: sRGB, 0 to 1.

    Returns:
        (V, 3) float32, sRGB, 0 to 1.
    """
    colours = np.empty((len(head.vertices), 3), np.float32)
    for part, (first, last) in head.part_vertices.items():
        colours[first:last] = skin if part == "skin" else _PLAIN[part]
    for name, colour in (("sclera", SCLERA), ("teeth", TEETH)):
        if name in head.regions:  # of a head of one part, too
            colours[head.regions[name]] = colour
    for name, colour, radius in (("iris", IRIS, IRIS_RADIUS_MM), ("pupil", PUPIL, PUPIL_RADIUS_MM)):
        colours[_eye_disc(head, name, radius)] = colour
    if "gums" in head.regions:
        colours[head.regions["gums"]] = GUMS
    return colours


def part_shine(head: BaseHead) -> NDArray[np.float32]:
    """(V,) how wet each vertex is, 0 to 1: eyes most, then teeth, gums and tongue."""
    shine = np.zeros(len(head.vertices), np.float32)
    for part, wet in _WET.items():
        first, last = head.part_vertices[part]
        shine[first:last] = wet
    return shine


def part_opacity(head: BaseHead) -> NDArray[np.float32]:
    """(V,) how opaque each vertex is, 0 to 1: lashes are sheets that thin out towards their tips, all else is 1."""
    opacity = np.ones(len(head.vertices), np.float32)
    first, last = head.part_vertices["lashes"]
    if first == last:  # a head of one part
        return opacity
    lashes = head.vertices[first:last]
    from_eyes = np.linalg.norm(lashes[:, None] - head.eye_centres, axis=2).min(1)
    outward = (from_eyes - from_eyes.min()) / max(float(np.ptp(from_eyes)), 1e-6)
    opacity[first:last] = _LASH_OPACITY * (1 - outward) ** 2
    return opacity


def _eye_disc(head: BaseHead, name: str, radius: float) -> NDArray[np.bool_]:
    """(V,), the named region of the eyeballs, or their front within a radius of the axis."""
    if name in head.regions:
        return head.regions[name]
    mask = np.zeros(len(head.vertices), bool)
    for part, centre in zip(("left_eye", "right_eye"), head.eye_centres, strict=True):
        first, last = head.part_vertices[part]
        local: NDArray[Any] = head.vertices[first:last] - centre
        mask[first:last] = (np.hypot(local[:, 0], local[:, 1]) <= radius + 1e-3) & (local[:, 2] > 0)
    return mask
