"""The lids' margin, column by column: what slides on the eyeball and meets when the eye closes.

Letters: S skin vertices, R = 4 rings of the margin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.loops import QuadMesh
from face2mesh.lab.corpus.lids import lid_rim

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
RINGS = 4


def margin_columns(base: BaseHead) -> Indices:
    """(28, R) skin vertices of the left lids' margin: once around the eye, from the inner edge outwards."""
    mesh = QuadMesh(base.skin_quads)
    ring = {int(vertex) for vertex in lid_rim(base)[0]}
    cavity = base.regions["eye_cavity_left"]
    start = min(ring, key=lambda vertex: float(base.vertices[vertex, 0]))
    path, before = [start], -1
    while len(path) < len(ring):
        ways = [way for way in mesh.neighbours(path[-1]) if way in ring and way != before and way not in path]
        before = path[-1]
        path.append(max(ways, key=lambda way: float(base.vertices[way, 1])))
    columns = []
    for vertex in path:
        outward = next(way for way in mesh.neighbours(vertex) if way not in ring and not cavity[way])
        column = [vertex, outward]
        while len(column) < RINGS:
            following = mesh.onward(column[-2], column[-1])
            if following is None:
                raise ValueError("the lids' margin has an irregular vertex")
            column.append(following)
        columns.append(column)
    return np.array(columns)


def upper_and_lower_columns(out: Array, columns: Indices) -> tuple[Indices, Indices]:
    """The margin's columns in two, each from the inner to the outer corner; both corners belong to the lower lid.

    Args:
        out: (S, 3) from the eyeball's centre.
        columns: (28, R), once around, from the inner corner over the upper lid.
    """
    outer = int(out[columns[:, 0], 0].argmax())
    return columns[:outer], columns[outer:][::-1]
