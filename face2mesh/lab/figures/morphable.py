"""Pictures of the morphable model: generalisation curves from the results file, and random heads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, portrait
from face2mesh.errors import InputFileError
from face2mesh.lab.figures.lines import Line, lines_panel
from face2mesh.model import Model

SOURCE = Path("results/morphable-model.json")
SETS = {"held_out": "held-out people of the corpus's span", "out_of_span": "people outside the corpus's span"}
CELL = (190, 236)
COLUMNS = 9


def draw(model: Model, out: Path, seed: int, source: Path = SOURCE) -> list[Path]:
    """Write `generalisation.png` and `samples.png` into a folder.

    Raises:
        InputFileError: the results are missing or damaged.
    """
    try:
        report = json.loads(source.read_text(encoding="utf-8"))["generalisation"]
    except (OSError, ValueError, KeyError) as error:
        raise InputFileError(
            f"{source}: cannot be read ({error}); `face2mesh lab morphable-model` makes it."
        ) from error
    panels = [_panel(SETS[name], report["sizes"], report[name]) for name in SETS]
    files = [out / "generalisation.png", out / "samples.png"]
    Image.fromarray(np.concatenate(panels, axis=1)).save(files[0], optimize=True)
    Image.fromarray(samples(model, seed)).save(files[1], optimize=True)
    return files


def _panel(title: str, sizes: list[int], curves: dict[str, Any]) -> Any:
    """Mean errors of one set of people by the number of modes."""
    told = {"the packaged model": "model", "PCA of the corpus": "pca"}
    # PCA with all modes has no error left, which a logarithmic axis cannot show.
    lines = {}
    for name, key in told.items():
        kept = {size: row["mean"] for size, row in zip(sizes, curves[key], strict=True) if row["mean"] > 1e-3}
        lines[name] = Line([*kept], [*kept.values()])
    mean = curves["mean_head"]["mean"]
    lines["the mean head"] = Line([sizes[0], sizes[-1]], [mean, mean], dashed=True)
    return lines_panel(f"Mean error: {title}", "numbers in the code", lines)


def samples(model: Model, seed: int) -> Any:
    """Random heads: neutral ones, then expressed ones, all at one scale."""
    neutral = [model.sample(seed + column, expression=False) for column in range(COLUMNS)]
    expressed = [model.sample(seed + COLUMNS + column) for column in range(COLUMNS)]
    faces = [*neutral, *expressed]
    framed = np.concatenate([face.vertices for face in faces])
    view = VIEWS["three_quarter"]
    return contact_sheet([portrait(face.head, face.vertices, view, *CELL, framed=framed) for face in faces], COLUMNS)
