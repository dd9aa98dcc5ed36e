"""Which skin a scan may pull, and how strongly. Letters: S skin vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from face2mesh.head.base_head import BaseHead
from face2mesh.head.normals import vertex_areas

Array = NDArray[np.float64]

CAVITIES = ("mouth_cavity", "eye_cavity", "nostrils")
# How far from a cavity's edge, mm along the skin, a scan begins to pull, and from where on it does so fully: scanners
# do not see into slits, and sealed lids and lips are no lids and lips.
FROM_MM, FULLY_MM = 0.8, 4.0
# Behind the ear and in its folds scans are mostly guesses.
EAR = 0.5


@dataclass(frozen=True)
class SkinTrust:
    """How much each skin vertex may follow a scan.

    Attributes:
        pull: (S,) 0 to 1; 0 in the cavities.
        hairy: (S,) bool, where hair may be: there an uneven scan does not pull.
        area: (S,) each vertex's share of the rest head's area, 1 on average.
    """

    pull: Array
    hairy: NDArray[np.bool_]
    area: Array

    @classmethod
    def on(cls, base: BaseHead) -> SkinTrust:
        """Measure the base head."""
        count = base.skin_count
        skin = base.vertices[:count].astype(np.float64)
        inside = np.any([base.region(name)[:count] for name in CAVITIES], axis=0)
        away = distance_along(skin, base.skin_quads, np.flatnonzero(inside))
        pull = np.clip((away - FROM_MM) / (FULLY_MM - FROM_MM), 0, 1)
        pull[inside] = 0
        pull[base.region("ears")[:count]] *= EAR
        area = vertex_areas(skin, base.skin_triangles)
        return cls(pull, base.region("skull")[:count] | base.region("ears")[:count], area / area.mean())


def distance_along(skin: Array, quads: NDArray[Any], sources: NDArray[Any]) -> Array:
    """(S,) mm along the edges from the nearest of the sources."""
    edges = np.unique(np.sort(np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)]), axis=1), axis=0)
    length = np.linalg.norm(skin[edges[:, 0]] - skin[edges[:, 1]], axis=1)
    graph = csr_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(skin), len(skin)))
    distances: Array = dijkstra(graph, directed=False, indices=sources, min_only=True)
    return distances
