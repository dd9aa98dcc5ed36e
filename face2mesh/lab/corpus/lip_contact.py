"""Lips that meet: they press against each other, lie on teeth and tongue, and pass through none of them.

Every vertex of a lip that lies inside the other lip is moved to the nearest place of that lip's sheet by half the
way, and the place by the other half; teeth and tongue stay, and the lip goes the whole way (position-based dynamics'
projection of contacts, Müller et al. 2007, with all contacts of a round at once, after Jacobi). What a vertex is
moved by is shared with its neighbours on the skin, ever less, so that a lip gives way as flesh does.

Letters: B heads, S skin vertices, V vertices, K rows of neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.collision import ways_out
from face2mesh.lab.corpus.mouth import Mouth

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
# Rounds of projection; in the last ones nothing is shared.
ROUNDS, ALONE = 12, 3
# What a neighbour of a moved vertex takes, and how many times it is handed on.
HANDED, TIMES = 0.6, 4
# What a vertex in contact takes of its neighbours' mean instead of its own way, so that a lip stays a curve.
EVEN = 0.5
# Lips come to lie this far apart, mm; points deeper than DEEPEST_MM are not contacts.
MARGIN_MM, DEEPEST_MM = 0.03, 12.0
# How far from the line of contact skin takes part.
SOFT_MM = 16.0
# A lip leaves the other one by places this near to the line of contact: not through its outer skin.
EXIT_MM = 7.0


@dataclass(frozen=True)
class LipContact:
    """What the mouth of a head is made of, for contact.

    Attributes:
        mouth: its parts.
        soft: vertices of the skin that give way.
        starts: (soft + 1,) where each one's neighbours start in `neighbours`.
        neighbours: vertices.
        upper_exits: (T, 3), triangles of the upper lip's sheet by which the lower lip leaves it: the red, and what is
            behind it.
        lower_exits: (T, 3), of the lower lip's.
        tongue: vertices of the tongue.
    """

    mouth: Mouth
    soft: Indices
    starts: Indices
    neighbours: Indices
    upper_exits: Indices
    lower_exits: Indices
    tongue: Indices

    @classmethod
    def on(cls, base: BaseHead, mouth: Mouth) -> LipContact:
        """Measure the base head."""
        soft = np.flatnonzero(mouth.distance < SOFT_MM)
        edges = np.concatenate([base.skin_quads[:, [k, (k + 1) % 4]] for k in range(4)]).astype(np.int64)
        edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
        edges = edges[np.isin(edges, soft).all(1)]
        starts = np.searchsorted(edges[:, 0], np.append(soft, base.skin_count))
        near = mouth.distance < EXIT_MM
        exits = [sheet[near[sheet].all(1)] for sheet in (mouth.upper_sheet, mouth.lower_sheet)]
        tongue = np.arange(*base.part_vertices["tongue"])
        return cls(mouth, soft, starts, np.ascontiguousarray(edges[:, 1]), exits[0], exits[1], tongue)

    def resolve(self, heads: Array) -> None:
        """Move the lips of heads (B, V, 3) mm apart and off teeth and tongue, in place."""
        mouth = self.mouth
        for head in heads:
            _resolve(
                head, mouth.upper, mouth.lower, mouth.upper_sheet, mouth.lower_sheet, self.upper_exits,
                self.lower_exits, mouth.upper_teeth, mouth.lower_teeth, mouth.tongue, self.tongue, self.soft,
                self.starts,
                self.neighbours,
            )  # fmt: skip


@njit(cache=True)
def _resolve(
    head: Array, upper: Indices, lower: Indices, upper_sheet: Indices, lower_sheet: Indices, upper_exits: Indices,
    lower_exits: Indices, upper_teeth: Indices, lower_teeth: Indices, tongue: Indices, of_tongue: Indices,
    soft: Indices,
    starts: Indices, neighbours: Indices,
) -> None:  # fmt: skip
    """See `LipContact.resolve`; one head (V, 3)."""
    need = np.zeros((soft[-1] + 1, 3))
    weight = np.zeros(soft[-1] + 1)
    both = np.concatenate((upper, lower))
    for turn in range(ROUNDS):
        need[:], weight[:] = 0.0, 0.0
        found = _collect(head, lower, upper_sheet, upper_exits, False, 0.5, need, weight)
        found += _collect(head, upper, lower_sheet, lower_exits, True, 0.5, need, weight)
        _divide(need, weight)
        hard = np.zeros_like(need)
        firm = np.zeros_like(weight)
        found += _collect(head, both, upper_teeth, upper_teeth, False, 1.0, hard, firm)
        found += _collect(head, both, lower_teeth, lower_teeth, True, 1.0, hard, firm)
        found += _collect(head, both, tongue, tongue, True, 1.0, hard, firm)
        found += _collect(head, of_tongue, lower_sheet, lower_exits, True, 0.0, hard, firm)
        found += _collect(head, of_tongue, upper_sheet, upper_exits, False, 0.0, hard, firm)
        _divide(hard, firm)
        if not found:
            break
        for row in soft:
            if firm[row] > 0:
                need[row], weight[row] = hard[row], 1.0
        if turn < ROUNDS - ALONE:
            _hand_on(need, weight, soft, starts, neighbours)
        for row in soft:
            head[row] += need[row]


@njit(cache=True)
def _collect(
    head: Array, samples: Indices, sheet: Indices, exits: Indices, upwards: bool, own: float, need: Array, weight: Array
) -> int:
    """Add what the samples inside a solid, and the sheet's corners, must move by; returns how many are inside.

    Args:
        head: (V, 3) mm.
        samples: vertices.
        sheet: (T, 3).
        exits: see `ways_out`.
        upwards: see `ways_out`.
        own: the sample's part of the way; the sheet's corners take the rest.
        need: (N, 3), sums of weighted ways, for vertices below N.
        weight: (N,), sums of weights.
    """
    points = head[samples]
    depth = np.zeros(len(points))
    corner = np.zeros(len(points), np.int64)
    place = np.zeros((len(points), 3))
    found = ways_out(points, head, sheet, exits, upwards, DEEPEST_MM, depth, corner, place)
    if not found:
        return 0
    for row in range(len(points)):
        if corner[row] < 0 or depth[row] == 0:
            continue
        a, b, c = exits[corner[row]]
        way = place[row, 0] * head[a] + place[row, 1] * head[b] + place[row, 2] * head[c] - points[row]
        way *= 1 + MARGIN_MM / max(depth[row], 1e-3)
        if own > 0:
            need[samples[row]] += own * way
            weight[samples[row]] += 1.0
        if own < 1:
            for k in range(3):
                vertex, part = exits[corner[row], k], place[row, k]
                need[vertex] -= (1 - own) * part * way
                weight[vertex] += part
    return found


@njit(cache=True)
def _divide(need: Array, weight: Array) -> None:
    """Sums to means; light ones are not blown up."""
    for row in range(len(need)):
        if weight[row] > 0:
            need[row] /= max(weight[row], 0.3)


@njit(cache=True)
def _hand_on(need: Array, weight: Array, soft: Indices, starts: Indices, neighbours: Indices) -> None:
    """Let neighbours of moved vertices follow, ever less."""
    for time in range(TIMES):
        before = need.copy()
        for place in range(len(soft)):
            row = soft[place]
            count = starts[place + 1] - starts[place]
            touching = weight[row] > 0.3
            if not count or (touching and time):
                continue
            total = np.zeros(3)
            for other in neighbours[starts[place] : starts[place + 1]]:
                total += before[other]
            if touching:
                need[row] = (1 - EVEN) * before[row] + EVEN * total / count
            else:
                need[row] = HANDED * total / count
