"""Plots with Pillow: axes, lines, points and their names.

Letters: N points.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face2mesh.draw.sheet import INK, PAPER
from face2mesh.lab.figures.axes import Axis

GRID, PALE = (222, 222, 220), (120, 120, 122)
FINER = 4
"""Lines and points are drawn so many times finer and averaged."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 22, 40, 58  # what axes and title take

Colour = tuple[int, int, int]
Picture = NDArray[np.uint8]


class Plot:
    """One panel; what is drawn later lies on top."""

    def __init__(self, title: str, across: Axis, down: Axis, names: tuple[str, str], size: tuple[int, int]) -> None:
        """Draw the axes.

        Args:
            title: above the panel.
            across, down: the axes; the second one runs upwards.
            names: of the axes.
            size: pixels, width and height.
        """
        self.across, self.down, (self.width, self.height) = across, down, size
        self.picture = Image.new("RGB", size, PAPER)
        self.pen = ImageDraw.Draw(self.picture)
        self.font = small = ImageFont.load_default(13)
        large = ImageFont.load_default(16)
        left, top, right, bottom = self.frame
        for value in across.ticks:
            x = self.place(value, down.low)[0]
            self.pen.line((x, top, x, bottom), fill=GRID)
            self.pen.text((x, bottom + 6), f"{value:g}", PALE, small, "mt")
        for value in down.ticks:
            y = self.place(across.low, value)[1]
            self.pen.line((left, y, right, y), fill=GRID)
            self.pen.text((left - 6, y), f"{value:g}", PALE, small, "rm")
        self.pen.rectangle((left, top, right, bottom), outline=PALE)
        self.pen.text((left, 10), title, INK, large, "la")
        self.pen.text(((left + right) / 2, self.height - 10), names[0], INK, small, "mb")
        self.pen.text((left, top - 7), names[1], INK, small, "ls")

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the panel inside the axes, pixels."""
        return _LEFT, _TOP + 16, self.width - _RIGHT, self.height - _BOTTOM

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point, kept inside the panel."""
        left, top, right, bottom = self.frame
        across, up = (float(np.clip(axis.place(v), 0, 1)) for axis, v in ((self.across, x), (self.down, y)))
        return left + (right - left) * across, bottom - (bottom - top) * up

    def line(
        self, xs: Sequence[float], ys: Sequence[float], colour: Colour, width: int = 2, dashed: bool = False
    ) -> None:
        """A line through N points; where a value is none, it is interrupted."""
        pieces: list[list[tuple[float, float]]] = [[]]
        for x, y in zip(xs, ys, strict=True):
            if np.isfinite(x) and np.isfinite(y):
                pieces[-1].append(self.place(x, y))
            else:
                pieces.append([])
        self._strokes(pieces, colour, width, dashed)

    def _strokes(
        self, pieces: Sequence[Sequence[tuple[float, float]]], colour: Colour, width: int, dashed: bool = False
    ) -> None:
        """Lines in pixels, whole or in dashes."""
        if dashed:
            pieces = [dash for piece in pieces for pair in pairwise(piece) for dash in _dashes(*pair)]

        def draw(pen: ImageDraw.ImageDraw) -> None:
            for piece in pieces:
                if len(piece) > 1:
                    pen.line([(FINER * u, FINER * v) for u, v in piece], 255, FINER * width, joint="curve")

        self._paint(draw, colour)

    def _paint(self, draw: Callable[[ImageDraw.ImageDraw], None], colour: Colour) -> None:
        """Paint what is drawn on a finer mask, so that its edges are smooth."""
        mask = Image.new("L", (FINER * self.width, FINER * self.height))
        draw(ImageDraw.Draw(mask))
        self.picture.paste(colour, mask=mask.resize((self.width, self.height), Image.Resampling.BOX))

    def point(self, x: float, y: float, colour: Colour, radius: int = 5, hollow: bool = False) -> None:
        """A disc, or a ring."""
        u, v = self.place(x, y)
        for reach, ink in ((radius, colour), (radius - 2, PAPER)) if hollow else ((radius, colour),):
            box = [FINER * end for end in (u - reach, v - reach, u + reach, v + reach)]
            self._paint(lambda pen, box=box: pen.ellipse(box, 255), ink)  # type: ignore[misc]

    def bar(self, low: tuple[float, float], high: tuple[float, float], colour: Colour) -> None:
        """A thin line between two points: an interval."""
        self.pen.line((self.place(*low), self.place(*high)), fill=colour, width=1)

    def name(self, x: float, y: float, text: str, colour: Colour, shift: tuple[int, int] = (8, 0)) -> None:
        """A word beside a point."""
        u, v = self.place(x, y)
        self.pen.text((u + shift[0], v + shift[1]), text, colour, self.font, "lm")

    def name_all(self, entries: Sequence[tuple[float, float, str, Colour]]) -> None:
        """Words beside points, each where it covers neither a point nor another word, with a line to its point.

        Args:
            entries: x, y, the word and its colour; the first ones get the nearest places.
        """
        left, top, right, bottom = self.frame
        points = [self.place(x, y) for x, y, *_ in entries]
        taken = [(u - 6, v - 6, u + 6, v + 6) for u, v in points]
        for (u, v), (_, _, text, colour) in zip(points, entries, strict=True):
            width = self.font.getlength(text)
            boxes = []
            for away in (9, 24, 42, 62, 84, 110):
                for down in (0, -15, 15, -30, 30, -45, 45, -60, 60, -78, 78, -96, 96):
                    for start in (u + away, u - away - width):
                        boxes.append((start, v + down - 7, start + width, v + down + 7))
            inside = [b for b in boxes if left < b[0] and b[2] < right and top < b[1] and b[3] < bottom]
            free = [b for b in inside if not any(_overlap(b, other) for other in taken)]
            chosen = min(free or inside or boxes, key=lambda b: abs((b[0] + b[2]) / 2 - u) + 2 * abs(b[1] + 7 - v))
            taken.append(chosen)
            near = chosen[0] if chosen[0] > u else chosen[2]
            if abs(near - u) > 12 or abs(chosen[1] + 7 - v) > 8:
                self.pen.line((u, v, near + (-2 if near > u else 2), chosen[1] + 7), fill=colour, width=1)
            self.pen.text((chosen[0], chosen[1] + 7), text, colour, self.font, "lm")

    def legend(self, entries: Sequence[tuple[str, Colour]], at: tuple[int, int], dashed: Collection[str] = ()) -> None:
        """Names and their colours, one under the other, from a place inside the panel; some lines in dashes."""
        left, top = self.frame[0] + at[0], self.frame[1] + at[1]
        for row, (text, colour) in enumerate(entries):
            y = top + 18 * row
            self._strokes([[(left, y + 8), (left + 22, y + 8)]], colour, 3, text in dashed)
            self.pen.text((left + 28, y + 8), text, INK, self.font, "lm")

    def array(self) -> Picture:
        """(H, W, 3) uint8."""
        return np.asarray(self.picture)


def _dashes(start: tuple[float, float], end: tuple[float, float]) -> list[list[tuple[float, float]]]:
    """Every second piece, of about nine pixels, of the way between two places."""
    (u, v), (du, dv) = start, (end[0] - start[0], end[1] - start[1])
    count = max(int(np.hypot(du, dv) / 9), 1)
    shares = [(piece / count, min(piece + 1, count) / count) for piece in range(0, count, 2)]
    return [[(u + a * du, v + a * dv), (u + b * du, v + b * dv)] for a, b in shares]


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def side_by_side(panels: Sequence[NDArray[Any]]) -> Picture:
    """Panels of one height in a row."""
    joined: Picture = np.concatenate(list(panels), axis=1)
    return joined
