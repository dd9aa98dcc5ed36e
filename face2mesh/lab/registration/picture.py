"""A scan, the head made of it, and the distances between them, from four sides.

Letters: V vertices, N vertices of the scan.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw import View, contact_sheet, frame, part_colours, part_opacity, part_shine, render
from face2mesh.draw.parts import CLAY
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.figures.error_scale import error_colours, even_light, key_below
from face2mesh.lab.registration.scan import Scan

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

SIDES = (View(0), View(38, 6), View(90), View(25, -38))
WIDTH, HEIGHT = 320, 400
LARGEST_MM = 1.0


def comparison(base: BaseHead, head: NDArray[Any], scan: Scan, errors: Array) -> Picture:
    """Four sides (columns) of scan, head and errors (rows).

    Args:
        base: the head's topology.
        head: (V, 3) mm, all parts.
        scan: in the head's frame, mm.
        errors: (N,) mm, of the scan's vertices.

    Returns:
        (H, W, 3) uint8.
    """
    around = np.concatenate([head[: base.skin_count], scan.vertices[_within(scan.vertices, head)]])
    cells: list[Picture] = []
    colours = part_colours(base, CLAY)
    for row in range(3):
        for view in SIDES:
            camera, pose = frame(around, view, WIDTH, HEIGHT, margin=0.03)
            if row == 0:
                grey = np.broadcast_to(np.array(CLAY), scan.vertices.shape)
                cells.append(render(scan.vertices, scan.triangles, grey, camera, pose))
            elif row == 1:
                shine, opacities = part_shine(base), part_opacity(base)
                cells.append(render(head, base.triangles, colours, camera, pose, shine=shine, opacities=opacities))
            else:
                painted = error_colours(errors, LARGEST_MM)
                cells.append(render(scan.vertices, scan.triangles, painted, camera, pose, light=even_light()))
    labels = ["scan", "", "", "", "head", "", "", "", "distance", "", "", ""]
    sheet = contact_sheet(cells, columns=len(SIDES), labels=labels)
    return np.concatenate([sheet, key_below(sheet.shape[1], "Distance from the scan to the head:", LARGEST_MM)])


def _within(points: Array, head: NDArray[Any]) -> NDArray[np.bool_]:
    """Points within the head's box, and a little: what a scan has beyond (shoulders) need not be shown."""
    low, high = head.min(0) - 15, head.max(0) + 15
    inside: NDArray[np.bool_] = ((points > low) & (points < high)).all(1)
    return inside
