"""Picture of the hierarchy: the skin's levels as shaded triangles with their edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, render
from face2mesh.head import BaseHead
from face2mesh.lab.graph.hierarchy import Hierarchy

SIDE = 420
COLOUR = (0.80, 0.76, 0.72)
SHOWN = ("front", "three_quarter", "side")


def draw(build: Path, out: Path) -> list[Path]:
    """Draw each level of `build`'s hierarchy, a column each, from three sides into `out`/pooling.png.

    Returns:
        The file written.
    """
    base = BaseHead.load(build / "base-head.npz")
    hierarchy = Hierarchy.load(build / "hierarchy.npz")
    path = out / "pooling.png"
    out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(base, hierarchy)).save(path)
    return [path]


def sheet(base: BaseHead, hierarchy: Hierarchy) -> NDArray[np.uint8]:
    """(H, W, 3): each level of a head's hierarchy, a column each, from three sides."""
    cells: list[NDArray[np.uint8]] = []
    labels: list[str] = []
    for row, view in enumerate(SHOWN):
        camera, pose = frame(base.vertices[: base.skin_count], VIEWS[view], SIDE, SIDE, margin=0.03)
        for number, level in enumerate(hierarchy.levels):
            vertices = base.vertices[level.kept]
            if number == 0:
                triangles, quads = level.triangles, base.skin_quads
            else:
                vertices, triangles, quads = flat(vertices, level.triangles)
            colours = np.tile(COLOUR, (len(vertices), 1))
            cells.append(render(vertices, triangles, colours, camera, pose, quads=quads))
            labels.append(f"level {number}: {level.count} vertices" if row == 0 else "")
    return contact_sheet(cells, columns=len(hierarchy.levels), labels=labels)


def flat(
    vertices: NDArray[np.float32], triangles: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Triangles with corners of their own, since coarse levels have no smooth normals worth showing.

    The renderer draws the sides of quads, so each triangle a b c becomes the quad a b m c, m midway between b and c.

    Returns:
        Vertices (4T, 3), triangles (2T, 3) and quads (T, 4).
    """
    corners = vertices[triangles]
    middle = corners[:, 1:].mean(1, keepdims=True)
    places = np.concatenate([corners[:, :2], middle, corners[:, 2:]], 1).reshape(-1, 3)
    quads = np.arange(len(places), dtype=np.int32).reshape(-1, 4)
    return places, quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), quads
