"""Curves in one panel: values in mm by size, named at the lower left, where curves that fall leave room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from face2mesh.lab.figures.axes import axis
from face2mesh.lab.figures.plot import Colour, Picture, Plot

PANEL = (560, 400)
"""Pixels across and down."""
COLOURS: tuple[Colour, ...] = ((20, 90, 170), (200, 80, 30), (60, 140, 80), (130, 70, 150), (120, 120, 122))


@dataclass(frozen=True)
class Line:
    """One curve: (n,) places and (n,) values; dashed ones are references. Without a colour it gets the next one."""

    places: Sequence[float]
    values: Sequence[float]
    dashed: bool = False
    colour: Colour | None = None


def lines_panel(title: str, across: str, lines: Mapping[str, Line]) -> Picture:
    """Draw curves with their names.

    Args:
        title: what the curves are of.
        across: what the places are.
        lines: name to curve; what comes first lies on top.

    Returns:
        (400, 560, 3) uint8.
    """
    sizes = sorted({float(place) for line in lines.values() for place in line.places})
    places = axis(np.array(sizes))
    values = axis(np.concatenate([np.asarray(line.values, np.float64) for line in lines.values()]))
    plot = Plot(title, replace(places, ticks=tuple(_spread(sizes, places.place))), values, (across, "mm"), PANEL)
    colours = {name: line.colour or COLOURS[row % len(COLOURS)] for row, (name, line) in enumerate(lines.items())}
    for row, (name, line) in reversed([*enumerate(lines.items())]):
        # Wider below, so that curves that coincide are both seen.
        width = 4 if row and not line.dashed else 2
        plot.line(line.places, line.values, colours[name], width, line.dashed)
        for place, value in zip(line.places, line.values, strict=True) if not line.dashed else ():
            plot.point(place, value, colours[name], 4)
    _, top, _, bottom = plot.frame
    dashed = {name for name, line in lines.items() if line.dashed}
    plot.legend([*colours.items()], (10, bottom - top - 18 * len(lines) - 6), dashed)
    return plot.array()


def _spread(ticks: list[float], place: Callable[[float], float]) -> list[float]:
    """Ticks whose labels do not run into each other, the last of all among them."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or abs(place(kept[-1]) - place(tick)) > 0.06:
            kept.append(tick)
    return kept
