"""Vertex error over code size: PCA, the classical mesh autoencoder and ours, from a results file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError
from face2mesh.lab.figures.lines import Line, lines_panel
from face2mesh.lab.figures.plot import Colour

_COLOURS: dict[str, Colour] = {"ours": (20, 90, 170), "classical": (200, 96, 40), "PCA": (110, 110, 114)}
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
        panels = [
            lines_panel(title, "numbers in the code", _lines(points_of(measured[world], name)))
            for world, name, title in _PANELS
        ]
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


def _lines(points: Points) -> dict[str, Line]:
    """The methods' curves, ours on top."""
    return {
        label: Line([size for size, _ in points[label]], [error for _, error in points[label]], colour=colour)
        for label, colour in _COLOURS.items()
        if label in points
    }
