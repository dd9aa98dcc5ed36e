"""Counting contact: lids in eyeballs, lips in lips, in teeth and in the tongue, and what should meet and does not.

The counter knows nothing of how heads were made: it takes any heads of the base head's topology. Letters: B heads, V
vertices, S of them skin, N points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.collision import closest_distance, depths
from face2mesh.lab.corpus.lid_columns import margin_columns, upper_and_lower_columns
from face2mesh.lab.corpus.mouth import Mouth

Array = NDArray[np.float64]
# A lip or a lid counts as inside when it is deeper than this, mm; a lid's own least depth is that of rounding.
LIP_MM, LID_MM = 0.2, 0.01
# Teeth nearer to the middle plane than this are front teeth, mm.
FRONT_TEETH_MM = 12.0
# Half the width of a lip's column, and how far along the skin it reaches, mm.
COLUMN_MM = (1.5, 6.0)
# Deeper points are taken for another solid's far side, mm.
DEEPEST_MM = 15.0


@dataclass(frozen=True)
class ContactCounter:
    """What must not pass through what on a base head.

    Attributes:
        base: the base head.
    """

    base: BaseHead

    @cached_property
    def mouth(self) -> Mouth:
        """The mouth's parts."""
        return Mouth.on(self.base)

    @cached_property
    def _solids(self) -> Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64], bool]]:
        """By name: vertices, triangles of the solid that they must stay out of, and whether its rays run upwards."""
        mouth = self.mouth
        lips = np.concatenate([mouth.upper, mouth.lower])
        first, last = self.base.part_vertices["tongue"]
        teeth = np.arange(*self.base.part_vertices["lower_teeth"])
        front = np.abs(self.base.vertices[teeth, 0]) < FRONT_TEETH_MM
        tooth = teeth[self.base.regions["teeth"][teeth] & front]
        return {
            "lower_lip_in_upper_lip": (mouth.lower, mouth.upper_sheet, False),
            "upper_lip_in_lower_lip": (mouth.upper, mouth.lower_sheet, True),
            "lips_in_upper_teeth": (lips, mouth.upper_teeth, False),
            "lips_in_lower_teeth": (lips, mouth.lower_teeth, True),
            "lips_in_tongue": (lips, mouth.tongue, True),
            "tongue_in_lower_lip": (np.arange(first, last), mouth.lower_sheet, True),
            "tongue_in_upper_lip": (np.arange(first, last), mouth.upper_sheet, False),
            "lower_front_teeth_in_lower_lip": (tooth, mouth.lower_sheet, True),
        }

    @cached_property
    def _columns(self) -> list[tuple[NDArray[np.int64], list[NDArray[np.int64]], NDArray[np.int64]]]:
        """For each lip: vertices near the line of contact, each column's rows among them, the other lip's sheet."""
        mouth, x = self.mouth, self.base.vertices[:, 0]
        found = []
        for line, upper, other in (
            (mouth.contact_upper, True, mouth.lower_sheet),
            (mouth.contact_lower, False, mouth.upper_sheet),
        ):
            rows = np.flatnonzero((mouth.of_upper == upper) & (mouth.distance < COLUMN_MM[1]))
            found.append((rows, [np.flatnonzero(np.abs(x[rows] - x[at]) < COLUMN_MM[0]) for at in line], other))
        return found

    @cached_property
    def _lids(self) -> tuple[NDArray[np.int64], ...]:
        """The lids' vertices of the left and the right eye."""
        lids = self.base.region("lid_upper") | self.base.region("lid_lower")
        left = np.flatnonzero(lids & (self.base.vertices[:, 0] > 0))
        return left, self.base.mirror[left].astype(np.int64)

    @cached_property
    def _margins(self) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
        """Columns of the upper and the lower lid's margin, of the left and the right eye."""
        out = self.base.vertices[: self.base.skin_count].astype(np.float64) - self.base.eye_centres[0]
        left = upper_and_lower_columns(out, margin_columns(self.base))
        return left, (self.base.mirror[left[0]].astype(np.int64), self.base.mirror[left[1]].astype(np.int64))

    def depths(self, head: NDArray[Any]) -> dict[str, Array]:
        """By name, how deep (mm, 0 outside) each vertex of a head (V, 3) is in what it must stay out of."""
        vertices = np.ascontiguousarray(head, np.float64)
        found = {
            name: depths(vertices[rows], vertices, sheet, upwards, DEEPEST_MM)
            for name, (rows, sheet, upwards) in self._solids.items()
        }
        centres = self.eye_centres(vertices)
        inside = [
            np.maximum(self.base.eye_radius - np.linalg.norm(vertices[rows] - centre, axis=1), 0)
            for rows, centre in zip(self._lids, centres, strict=True)
        ]
        found["lids_in_eyeballs"] = np.concatenate(inside)
        return found

    def eye_centres(self, head: NDArray[Any]) -> Array:
        """(2, 3) mm, of the eyeballs' spheres, from their front and back poles."""
        centres = []
        for part in ("left_eye", "right_eye"):
            first, last = self.base.part_vertices[part]
            ahead = head[first] - head[last - 1]
            centres.append(head[last - 1] + ahead / np.linalg.norm(ahead) * self.base.eye_radius)
        return np.array(centres)

    def lid_gaps(self, head: NDArray[Any]) -> Array:
        """(2 · columns,) mm, from each column of an upper lid's margin to the lower lid's, of both eyes."""
        gaps = []
        for upper, lower in self._margins:
            corners = [lower[:-1, :-1], lower[1:, :-1], lower[1:, 1:], lower[:-1, 1:]]
            quads = np.stack(corners, -1).reshape(-1, 4)
            triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
            distance = closest_distance(head[upper.reshape(-1)], head, triangles)
            gaps.append(distance.reshape(upper.shape).min(1))
        return np.concatenate(gaps)

    def lip_gaps(self, head: NDArray[Any]) -> Array:
        """(N,) mm, how far the lips are apart at the vertices of either lip's line of contact.

        That is the least distance to the other lip of a lip's vertices in the same column: lips that meet a little
        before or behind the line are closed there.
        """
        gaps = []
        for rows, columns, other in self._columns:
            distance = closest_distance(head[rows], head, other)
            gaps.append(np.array([distance[column].min() for column in columns]))
        return np.concatenate(gaps)


def count_contact(counter: ContactCounter, heads: NDArray[Any]) -> dict[str, dict[str, float]]:
    """Over heads (B, V, 3): by name, the share of heads with a vertex too deep, how many vertices, and how deep, mm."""
    found: dict[str, list[Array]] = {}
    for head in heads:
        for name, depth in counter.depths(head).items():
            found.setdefault(name, []).append(depth)
    report = {}
    for name, rows in found.items():
        depth = np.array(rows)
        limit = LID_MM if name == "lids_in_eyeballs" else LIP_MM
        deep = depth > limit
        report[name] = {
            "limit_mm": limit,
            "heads": len(depth),
            "heads_beyond": int(deep.any(1).sum()),
            "vertices_beyond": int(deep.sum()),
            "deepest_mm": round(float(depth.max()), 4),
            "deepest_p95_mm": round(float(np.quantile(depth.max(1), 0.95)), 4),
        }
    return report
