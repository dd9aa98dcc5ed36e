"""How well the base head's skin lies on the scans' mean.

Letters: S skin vertices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.closest import Surface
from face2mesh.lab.base.register import SCAN_SKIN
from face2mesh.lab.base.sources import ScanMean

MEASURED = ("face", "ears", "skull")


def fit_mm(head: BaseHead, scan: ScanMean, origin: Any) -> dict[str, dict[str, float]]:
    """Distance of the skin's vertices to the scans' mean surface, mm, over face, ears and skull together and apart.

    `quad_middles` measures the flat quads' middles as well: what the coarseness of the mesh costs.

    Args:
        head: the base head.
        scan: the scans' mean.
        origin: (3,) mm, the head's origin in the scans' frame.
    """
    surface = Surface(scan.vertices - np.asarray(origin), scan.triangles_before(SCAN_SKIN))
    vertices = head.vertices[: head.skin_count].astype(np.float64)
    distance = surface.closest(vertices).distance
    middles = surface.closest(vertices[head.skin_quads].mean(axis=1)).distance
    result = {}
    measured = np.any([head.regions[name] for name in MEASURED], axis=0)
    for name, mask in {"all": measured, **{name: head.regions[name] for name in MEASURED}}.items():
        here = distance[mask[: head.skin_count]]
        flat = middles[mask[head.skin_quads].all(axis=1)]
        result[name] = {
            "mean": round(float(here.mean()), 4),
            "p99": round(float(np.percentile(here, 99)), 4),
            "max": round(float(here.max()), 4),
            "quad_middles_mean": round(float(flat.mean()), 4),
            "quad_middles_p99": round(float(np.percentile(flat, 99)), 4),
        }
    return result
