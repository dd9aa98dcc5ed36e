"""Curves in one panel: values by size, both axes as `curves.axis` chooses them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face2mesh.draw.sheet import INK, PAPER
from face2mesh.lab.figures.curves import axis

PANEL = (560, 400)
"""Pixels across and down."""
COLOURS = ((20, 90, 170), (200, 80, 30), (60, 140, 80), (130, 70, 150), (120, 120, 122))
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 18, 36, 48
_GRID, _PALE = (214, 214, 212), (110, 110, 112)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Line:
    """One curve: (n,) places and (n,) values; dashed ones are references."""

    places: Sequence[float]
    values: Sequence[float]
    dashed: bool = False


def lines_panel(title: str, across: str, lines: Mapping[str, Line]) -> Picture:
    """Draw curves with their names.

    Args:
        title: what the values are.
        across: what the places are.
        lines: name to curve, in the order of their colours.

    Returns:
        (400, 560, 3) uint8.
    """
    width, height = PANEL
    picture = Image.new("RGB", PANEL, PAPER)
    pen = ImageDraw.Draw(picture)
    small, large = ImageFont.load_default(13), ImageFont.load_default(15)
    right, bottom = width - _RIGHT, height - _BOTTOM
    places = axis(np.concatenate([np.asarray(line.places, np.float64) for line in lines.values()]))
    values = axis(np.concatenate([np.asarray(line.values, np.float64) for line in lines.values()]))

    def at(place: float, value: float) -> tuple[float, float]:
        return _LEFT + (right - _LEFT) * places.place(place), bottom - (bottom - _TOP) * values.place(value)

    for tick in values.ticks:
        y = at(places.low, tick)[1]
        pen.line((_LEFT, y, right, y), fill=_GRID)
        pen.text((_LEFT - 6, y), f"{tick:g}", _PALE, small, "rm")
    for tick in sorted({place for line in lines.values() for place in line.places}):
        x = at(tick, values.low)[0]
        pen.line((x, bottom, x, bottom + 4), fill=_PALE)
    shown = _spread(sorted({place for line in lines.values() for place in line.places}), places.place)
    for tick in shown:
        pen.text((at(tick, values.low)[0], bottom + 7), f"{tick:g}", _PALE, small, "mt")
    pen.rectangle((_LEFT, _TOP, right, bottom), outline=_PALE)
    pen.text((_LEFT, 10), title, INK, large, "la")
    pen.text(((_LEFT + right) / 2, height - 8), across, _PALE, small, "mb")
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [at(place, value) for place, value in zip(line.places, line.values, strict=True)]
        for start, end in itertools.pairwise(points):
            _stroke(pen, start, end, colour, line.dashed)
        for x, y in points if not line.dashed else []:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        row = bottom - 12 - 18 * (len(lines) - 1 - number)
        _stroke(pen, (_LEFT + 10, row), (_LEFT + 34, row), colour, line.dashed)
        pen.text((_LEFT + 40, row), name, INK, small, "lm")
    return np.asarray(picture)


def _spread(ticks: list[float], place: Callable[[float], float]) -> list[float]:
    """Ticks whose labels do not run into each other, the last of all among them."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or abs(place(kept[-1]) - place(tick)) > 0.06:
            kept.append(tick)
    return kept


def _stroke(
    pen: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: tuple[int, int, int],
    dashed: bool,
) -> None:
    """A line of two pixels, whole or in dashes."""
    if not dashed:
        pen.line((start, end), fill=colour, width=2)
        return
    a, b = np.array(start), np.array(end)
    pieces = max(int(np.linalg.norm(b - a) / 9), 1)
    for piece in range(0, pieces, 2):
        from_, to = a + (b - a) * piece / pieces, a + (b - a) * min(piece + 1, pieces) / pieces
        pen.line((tuple(from_), tuple(to)), fill=colour, width=2)
