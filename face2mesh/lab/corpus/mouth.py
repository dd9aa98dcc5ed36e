"""The mouth's parts for contact: which skin is upper lip and which lower, and what meets what.

Letters: S skin vertices, T triangles, L vertices of a lip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from face2mesh.head.base_head import BaseHead

Indices = NDArray[np.int64]
# How far along the skin from the line of contact a lip's sheet reaches, and the skin that gives way.
SHEET_MM = 22.0
# Near the corners, where both lips grow together, they cannot pass through each other: this far from a corner.
CORNER_MM = 2.5
# This near to a corner the lips are one.
END_MM = 0.3


@dataclass(frozen=True)
class Mouth:
    """What meets in the mouth; vertices are the head's.

    Attributes:
        upper: (L,) vertices of the upper lip, in the red and behind it.
        lower: the same of the lower lip.
        upper_sheet: (T, 3), triangles of the upper lip from under the nose to the vestibule; open above.
        lower_sheet: (T, 3), of the lower lip; open below.
        upper_teeth: (T, 3), open above.
        lower_teeth: (T, 3), open below.
        tongue: (T, 3).
        distance: (S,) mm along the skin to the line of contact.
        of_upper: (S,) whether the upper lip's line of contact is the nearer one.
        contact_upper: vertices of the upper lip's line of contact, by x.
        contact_lower: the same of the lower lip.
        line_upper: `contact_upper` and what follows towards the corners, by x; for closing.
        line_lower: the same of the lower lip.
        corners: (2,) where the lips' line of contact ends, by x.
    """

    upper: Indices
    lower: Indices
    upper_sheet: Indices
    lower_sheet: Indices
    upper_teeth: Indices
    lower_teeth: Indices
    tongue: Indices
    distance: NDArray[np.float64]
    of_upper: NDArray[np.bool_]
    contact_upper: Indices
    contact_lower: Indices
    line_upper: Indices
    line_lower: Indices
    corners: Indices

    @classmethod
    def on(cls, base: BaseHead) -> Mouth:
        """Measure the base head."""
        skin = base.skin_count
        cavity = base.regions["mouth_cavity"][:skin]
        in_lip = {name: base.regions[f"lip_{name}"][:skin] for name in ("upper", "lower")}
        edges = np.concatenate([base.skin_quads[:, [k, (k + 1) % 4]] for k in range(4)]).astype(np.int64)
        ends = np.concatenate([edges, edges[:, ::-1]])
        length = np.linalg.norm(base.vertices[ends[:, 0]] - base.vertices[ends[:, 1]], axis=1)
        # Duplicate entries would be summed: every edge once each way.
        _, once = np.unique(ends[:, 0] * skin + ends[:, 1], return_index=True)
        graph = coo_matrix((length[once], ends[once].T), shape=(skin, skin)).tocsr()
        touches = np.unique(ends[cavity[ends[:, 1]] & ~cavity[ends[:, 0]], 0])
        line = touches[in_lip["upper"][touches] | in_lip["lower"][touches]]
        left = line[base.vertices[line, 0].argmax()]
        corner_x = base.vertices[left, 0]
        from_corner = corner_x - np.abs(base.vertices[line, 0])
        inner, closing = line[from_corner > CORNER_MM], line[from_corner > END_MM]
        contact = {name: inner[mask[inner]] for name, mask in in_lip.items()}
        gap = {name: dijkstra(graph, indices=rows, min_only=True) for name, rows in contact.items()}
        distance = np.minimum(gap["upper"], gap["lower"])
        of_upper = gap["upper"] < gap["lower"]
        sheets, lips = {}, {}
        triangles = base.skin_triangles.astype(np.int64)
        for name, mine in (("upper", of_upper), ("lower", ~of_upper)):
            near = mine & (distance < SHEET_MM)
            sheets[name] = triangles[near[triangles].all(1)]
            lips[name] = np.flatnonzero(mine & (in_lip["upper"] | in_lip["lower"]))
        parts = {}
        for part in ("upper_teeth", "lower_teeth", "tongue"):
            first, last = base.part_quads[part]
            parts[part] = base.triangles[2 * first : 2 * last].astype(np.int64)
        return cls(
            lips["upper"], lips["lower"], sheets["upper"], sheets["lower"], **parts, distance=distance,
            of_upper=of_upper, contact_upper=_by_x(base, contact["upper"]), contact_lower=_by_x(base, contact["lower"]),
            line_upper=_by_x(base, closing[in_lip["upper"][closing]]),
            line_lower=_by_x(base, closing[in_lip["lower"][closing]]),
            corners=np.array([base.mirror[left], left], np.int64),
        )  # fmt: skip


def _by_x(base: BaseHead, rows: NDArray[Any]) -> Indices:
    ordered: Indices = rows[np.argsort(base.vertices[rows, 0])]
    return ordered
