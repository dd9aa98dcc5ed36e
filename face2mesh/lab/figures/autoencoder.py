"""Vertex error over code size: PCA, the classical mesh autoencoder and ours, from a results file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face2mesh.draw.sheet import INK, PAPER
from face2mesh.errors import InputFileError

PANEL = (520, 360)
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 40, 48
_GRID = (214, 214, 212)
_COLOURS = {"PCA": (110, 110, 114), "classical": (200, 96, 40), "ours": (20, 90, 170)}
_PANELS = (
    ("moving", "held-out-people", "moving: held-out people"),
    ("moving", "held-out-pairs", "moving: held-out combinations"),
    ("linear", "held-out-people", "linear, whole heads: held-out people"),
)

Picture = NDArray[np.uint8]
Points = dict[str, list[tuple[int, float]]]


def draw(results: Path, folder: Path) -> list[Path]:
    """Draw `autoencoder.png`.

    Raises:
        InputFileError: no results of `face2mesh lab autoencoder measure`.
    """
    try:
        measured = json.loads(results.read_text())
        panels = [panel(points_of(measured[world], name), title) for world, name, title in _PANELS]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputFileError(
            f"{results}: no results of `face2mesh lab autoencoder measure` ({error}); run it first."
        ) from error
    path = folder / "autoencoder.png"
    Image.fromarray(np.concatenate(panels, 1)).save(path, optimize=True)
    return [path]


def points_of(entry: dict[str, Any], name: str) -> Points:
    """Code size and mean error in mm of each method on one set; a method's best-trained run where there are several."""
    points: Points = {"PCA": [(int(size), one[name]["mean_mm"]) for size, one in entry["principal"].items()]}
    for one in sorted(entry["networks"], key=lambda one: (one["code"], one["samples"])):
        label = "classical" if one["kind"] == "classical" else "ours"
        own = dict(points.setdefault(label, []))
        own[one["code"]] = one[name]["mean_mm"]
        points[label] = list(own.items())
    return {label: sorted(values) for label, values in points.items()}


def panel(points: Points, title: str) -> Picture:
    """One set's curves, both axes logarithmic."""
    width, height = PANEL
    picture = Image.new("RGB", PANEL, PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    pen.text((_LEFT, 10), title, INK, font=font)
    sizes = sorted({size for values in points.values() for size, _ in values})
    errors = [error for values in points.values() for _, error in values]
    low, high = min(errors) / 1.15, max(errors) * 1.15

    def across(size: float) -> float:
        share = math.log(size / sizes[0]) / math.log(max(sizes[-1] / sizes[0], 1.001))
        return _LEFT + 12 + share * (width - _LEFT - _RIGHT - 24)

    def down(error: float) -> float:
        return height - _BOTTOM - math.log(error / low) / math.log(high / low) * (height - _TOP - _BOTTOM)

    marks = [m * 10.0**k for k in range(-4, 3) for m in (1, 2, 5) if low <= m * 10.0**k <= high]
    for mark in marks:
        pen.line([(_LEFT, down(mark)), (width - _RIGHT, down(mark))], _GRID)
        pen.text((_LEFT - 8, down(mark)), f"{mark:g}", INK, font=font, anchor="rm")
    for size in sizes:
        pen.text((across(size), height - _BOTTOM + 8), str(size), INK, font=font, anchor="mt")
    pen.text(((_LEFT + width - _RIGHT) / 2, height - 8), "numbers in the code", INK, font=font, anchor="mb")
    pen.text((8, 28), "mm", INK, font=font)
    for row, (label, values) in enumerate(points.items()):
        colour = _COLOURS[label]
        places = [(across(size), down(error)) for size, error in values]
        pen.line(places, colour, 3)
        for x, y in places:
            pen.ellipse([x - 4, y - 4, x + 4, y + 4], colour)
        # At the lower left, where curves that fall leave room.
        at = height - _BOTTOM - 18 * (len(points) - row) - 6
        pen.line([(_LEFT + 12, at + 8), (_LEFT + 36, at + 8)], colour, 3)
        pen.text((_LEFT + 42, at), label, colour, font=font)
    return np.asarray(picture)
