"""Training curves: each term of a run's log by step, with the minutes beside."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face2mesh.draw.sheet import INK, PAPER
from face2mesh.errors import InputFileError
from face2mesh.lab.figures.axes import axis, nice_steps
from face2mesh.lab.train.loop import LOG

COLUMNS = 3
PANEL = (400, 230)
"""Pixels of one term's panel, across and down."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 30, 40  # what axes and title take of a panel
_LINE, _GRID, _PALE = (20, 90, 170), (214, 214, 212), (130, 130, 132)
_NOT_TERMS = ("step", "seconds")

FloatArray = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Curve:
    """One term: (n,) steps, (n,) minutes since the run's beginning, (n,) values."""

    steps: FloatArray
    minutes: FloatArray
    values: FloatArray


def read_log(path: Path) -> dict[str, Curve]:
    """The terms of a log, in the order in which they appear.

    A run that was resumed begins to count seconds anew, and may repeat steps that came after its last checkpoint: the
    seconds go on, and what was repeated counts once.

    Raises:
        InputFileError: missing, damaged or empty.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        rows = [(float(line["step"]), float(line["seconds"]), line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputFileError(f"{path}: cannot be read as a training log ({error}); name a run's folder.") from error
    kept: list[tuple[float, float, dict[str, float]]] = []
    before = last = 0.0
    for step, seconds, line in rows:
        if seconds < last:
            before += last
        last = seconds
        while kept and kept[-1][0] >= step:
            kept.pop()
        kept.append((step, (before + seconds) / 60, line))
    names = dict.fromkeys(name for *_, line in kept for name in line if name not in _NOT_TERMS)
    curves = {}
    for name in names:
        points = [(step, minutes, line[name]) for step, minutes, line in kept if _is_number(line.get(name))]
        if points:
            curves[name] = Curve(*np.array(points, np.float64).T)
    if not curves:
        raise InputFileError(f"{path}: the log is empty; train longer, or name another run's folder.")
    return curves


def draw(runs: list[Path], out: Path) -> list[Path]:
    """One picture a run: `curves-<run>.png`.

    Returns:
        The files written.

    Raises:
        InputFileError: a folder holds no log.
    """
    files = []
    for run in runs:
        curves = read_log(run / LOG)
        files.append(out / f"curves-{run.resolve().name}.png")
        Image.fromarray(sheet(curves)).save(files[-1])
    return files


def sheet(curves: dict[str, Curve]) -> Picture:
    """All terms, a panel each, "total" first."""
    order = sorted(curves, key=lambda name: name != "total")
    panels = [panel(name, curves[name]) for name in order]
    panels += [np.full_like(panels[0], PAPER)] * (-len(panels) % COLUMNS)
    return np.concatenate(
        [np.concatenate(panels[i : i + COLUMNS], axis=1) for i in range(0, len(panels), COLUMNS)], axis=0
    )


def panel(name: str, curve: Curve) -> Picture:
    """One term: the value down, steps across with their minutes; the last value in the title."""
    width, height = PANEL
    picture = Image.new("RGB", PANEL, PAPER)
    pen = ImageDraw.Draw(picture)
    small, large = ImageFont.load_default(12), ImageFont.load_default(14)
    scale = axis(curve.values)
    right, bottom = width - _RIGHT, height - _BOTTOM
    first, last = float(curve.steps[0]), float(curve.steps[-1])

    def across(step: float) -> float:
        return _LEFT + (right - _LEFT) * (step - first) / max(last - first, 1e-9)

    def down(value: float) -> float:
        return bottom - (bottom - _TOP) * scale.place(value)

    for value in scale.ticks:
        pen.line((_LEFT, down(value), right, down(value)), fill=_GRID)
        pen.text((_LEFT - 6, down(value)), f"{value:g}", _PALE, small, "rm")
    for step in nice_steps(first, last):
        minutes = float(np.interp(step, curve.steps, curve.minutes))
        pen.line((across(step), bottom, across(step), bottom + 4), fill=_PALE)
        pen.text((across(step), bottom + 6), f"{step:,.0f}", _PALE, small, "mt")
        pen.text((across(step), bottom + 21), f"{minutes:.1f} min", _PALE, small, "mt")
    places = [(across(step), down(value)) for step, value in zip(curve.steps, curve.values, strict=True)]
    pen.line(places, fill=_LINE, width=2)
    pen.rectangle((_LEFT, _TOP, right, bottom), outline=_PALE)
    pen.text((_LEFT, 8), name, INK, large, "la")
    pen.text((right, 8), f"{curve.values[-1]:.4g}", _LINE, large, "ra")
    return np.asarray(picture)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
