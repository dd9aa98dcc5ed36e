"""Errors in mm as colours, and the keys that tell what the colours mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face2mesh.draw.sheet import INK, PAPER

LARGEST_MM = 8.0
"""Errors from here on have the darkest colour, unless a figure says otherwise."""
SCALE = np.array([[0.97, 0.97, 0.95], [1.0, 0.86, 0.45], [0.95, 0.45, 0.2], [0.65, 0.08, 0.15], [0.2, 0.0, 0.1]])
"""Colours of errors from 0 to the largest, evenly spaced, sRGB."""
_HEIGHT = 46

Picture = NDArray[np.uint8]


def error_colours(errors: NDArray[Any], largest_mm: float = LARGEST_MM) -> NDArray[np.float64]:
    """(…, 3) sRGB of errors (…,) in mm; from the largest on the darkest."""
    share = np.clip(np.asarray(errors, np.float64) / largest_mm, 0, 1)
    places = np.linspace(0, 1, len(SCALE))
    return np.stack([np.interp(share, places, SCALE[:, channel]) for channel in range(3)], -1)


def even_light() -> NDArray[np.float32]:
    """(9, 3) harmonics: nearly the same from everywhere, a little more from the camera, so that shapes still show."""
    light = np.zeros((9, 3), np.float32)
    light[0] = 0.8
    light[3] = -0.2
    return light


def key_below(width: int, told: str, largest_mm: float = LARGEST_MM) -> Picture:
    """A line of text and a bar of errors from 0 mm on, for the foot of a sheet, (46, width, 3)."""
    picture = Image.new("RGB", (width, _HEIGHT), PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    pen.text((8, 6), told, INK, font)
    left, right = max(width // 3, round(pen.textlength(told, font)) + 48), width - 90
    bar = _bar(max(right - left, 1), largest_mm)
    picture.paste(Image.fromarray(np.repeat(bar[None], 14, axis=0)), (left, 6))
    for share in (0, 0.25, 0.5, 0.75, 1) if right - left > 300 else (0, 0.5, 1):
        label = f"{share * largest_mm:g} mm" + (" and more" if share == 1 else "")
        pen.text((left + (right - left) * share, 24), label, INK, font, "ma")
    return np.asarray(picture)


def key_beside(side: int, largest_mm: float = LARGEST_MM) -> Picture:
    """An upright bar of errors, the largest on top, in a tile of a sheet, (side, side, 3)."""
    picture = Image.new("RGB", (side, side), PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    top, bottom = 40, side - 30
    bar = _bar(bottom - top, largest_mm)[::-1]
    picture.paste(Image.fromarray(np.repeat(bar[:, None], 22, axis=1)), (70, top))
    pen.text((70, 14), "error, mm", INK, font, "la")
    for share in (0, 0.5, 1):
        label = f"{share * largest_mm:g}" + (" and more" if share == 1 else "")
        pen.text((100, bottom - (bottom - top) * share), label, INK, font, "lm")
    return np.asarray(picture)


def _bar(length: int, largest_mm: float) -> Picture:
    """(length, 3) the colours from 0 to the largest."""
    return (error_colours(np.linspace(0, largest_mm, length), largest_mm) * 255 + 0.5).astype(np.uint8)
