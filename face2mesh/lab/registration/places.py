"""Where a head's skin lies on a scan: evenly spread places of the skin, whatever the scan's own vertices are.

A fit to a scan's vertices, or to the means of a grid's cells, comes out elsewhere when the same surface has other
vertices or lies otherwise in the grid: along smooth cheeks and under the chin little holds the code, and each time
it is another little. Places of the skin have the same neighbours on every scan of a face.

Letters: S skin vertices, Q quads of the skin, P places, N of them on the scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.base.farthest import farthest_points
from face2mesh.lab.registration.regions import SkinTrust
from face2mesh.lab.registration.scan import Scan
from face2mesh.lab.registration.wrap import HOLE_MM, agreeing, found_places

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST = 2800
"""Places of one scan: as many as the fit compares at once, less a few."""
EVEN = 0.5
"""Of a scan's evenness: below it there is hair, which says nothing of a head's shape."""
REACH_MM = 5.0


@dataclass(frozen=True)
class SkinPlaces:
    """Vertices of the skin and middles of its quads where a scan may pull.

    Attributes:
        corners: (P, 4) vertices whose mean each is, in an order of which every beginning is evenly spread.
        hairy: (P,) bool, where hair may be.
        triangles: (T, 3) of the skin.
    """

    corners: Indices
    hairy: NDArray[np.bool_]
    triangles: Indices

    @classmethod
    def on(cls, base: BaseHead, trust: SkinTrust) -> SkinPlaces:
        """Of a base head."""
        alone = np.repeat(np.arange(base.skin_count)[:, None], 4, axis=1)
        corners = np.concatenate([alone, base.skin_quads.astype(np.int64)])
        corners = corners[(trust.pull > 0)[corners].all(1)]
        rest = base.vertices[corners].astype(np.float64).mean(1)
        corners = corners[farthest_points(rest, len(rest))]
        return cls(corners, trust.hairy[corners].all(1), base.skin_triangles.astype(np.int64))

    def met(self, skin: Array, scan: Scan) -> tuple[Array, Array]:
        """The places of a skin (S, 3) on a scan in its frame, mm: (N, 3), and the scan's normals there (N, 3)."""
        places = skin[self.corners].mean(1)
        normals = vertex_normals(skin, self.triangles).astype(np.float64)[self.corners].mean(1)
        found, facing, kept = agreeing(places, normals, scan, HOLE_MM)
        even = found_places(found, scan.evenness[:, None])[:, 0] > EVEN
        chosen = np.flatnonzero(kept & (found.distance < REACH_MM) & (even | ~self.hairy))[:MOST]
        return found_places(found, scan.vertices)[chosen], facing[chosen]
