"""Sheets of heads as several methods make them, and below each where it is wrong, in mm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw import VIEWS, contact_sheet, frame, render
from face2mesh.lab.figures.error_scale import error_colours, even_light, key_beside

TILE = 260
_CLAY = (0.72, 0.70, 0.68)

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]


def error_sheet(true: Floats, made: Mapping[str, Floats], triangles: NDArray[np.int32], view: str) -> Picture:
    """Two rows for each head: the true one and what each method makes of it; below, the methods' errors.

    Args:
        true: (n, V, 3) mm.
        made: by the method's name, (n, V, 3) mm.
        triangles: (T, 3).
        view: one of `draw.VIEWS`.
    """
    errors = {name: np.linalg.norm(heads - true, axis=2) for name, heads in made.items()}
    largest = float(np.ceil(2 * np.percentile(np.concatenate([each.ravel() for each in errors.values()]), 97)) / 2)
    cells: list[Picture] = []
    labels: list[str] = []

    def draw(vertices: Floats, framed: Floats, painted: NDArray[np.floating] | None = None) -> None:
        camera, pose = frame(framed, VIEWS[view], TILE, TILE, margin=0.04)
        paint = np.tile(_CLAY, (len(vertices), 1)) if painted is None else painted
        light = None if painted is None else even_light()
        cells.append(render(vertices, triangles, paint.astype(np.float32), camera, pose, light=light))

    for row, head in enumerate(true):
        draw(head, head)
        for heads in made.values():
            draw(heads[row], head)
        cells.append(key_beside(TILE, largest))
        for name, heads in made.items():
            draw(heads[row], head, error_colours(errors[name][row], largest))
        labels += ["true", *made, "", *(f"{errors[name][row].mean():.2f} mm" for name in made)]
    return contact_sheet(cells, columns=1 + len(made), labels=labels)
