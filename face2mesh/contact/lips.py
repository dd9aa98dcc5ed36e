"""Lips that meet: they press against each other, lie on teeth and tongue, and pass through none of them.

Every vertex of a lip that lies inside the other lip is moved to the nearest place of that lip's sheet by half the
way, and the place by the other half; teeth and tongue stay, and the lip goes the whole way (position-based dynamics'
projection of contacts, Müller et al. 2007, with all contacts of a round at once, after Jacobi). What a vertex is
moved by is shared with its neighbours on the skin, ever less, so that a lip gives way as flesh does. What touched at
the lips' line of contact before goes on touching: pressing lips apart in one place does not open them in another.

Letters: B heads, V vertices, N soft vertices of the skin, K neighbours, C contacts,
T triangles.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from face2mesh.contact.collision import Sheet

Array = NDArray[np.float64]
Indices = NDArray[np.int32]
# Rounds of projection; in the last ones nothing is shared.
ROUNDS, ALONE = 24, 3
# Contacts are searched for every so many rounds; in between the places found are held apart.
SEARCHED = 4
TONGUE_ROUNDS = 3
# What a neighbour of a moved vertex takes, and how many times it is handed on.
HANDED, TIMES = 0.6, 4
# What a vertex in contact takes of its neighbours' mean instead of its own way, so that a lip stays a curve.
EVEN = 0.5
# Lips come to lie this far apart, mm; points deeper than DEEPEST_MM are not contacts.
MARGIN_MM, DEEPEST_MM = 0.03, 12.0
# A head whose deepest contact is less than this is settled, mm.
ENOUGH_MM = 0.1
# Places of the line of contact that are nearer than this to the other lip, mm, stay as near as they are.
HELD_MM = 0.3
# Light sums are not blown up to means.
LEAST_WEIGHT = 0.3


@dataclass(frozen=True, eq=False)
class Lips:
    """What the mouth of a head is made of; vertices are the head's.

    Attributes:
        upper: vertices of the upper lip, in the red and behind it.
        lower: the same of the lower lip.
        upper_sheet: (T, 3), triangles of the upper lip from under the nose to the vestibule; open above.
        lower_sheet: (T, 3), of the lower lip; open below.
        upper_exits: (T, 3), triangles of the upper lip's sheet by which the lower lip leaves it: the red, and what is
            behind it.
        lower_exits: (T, 3), of the lower lip's.
        upper_teeth: (T, 3), open above.
        lower_teeth: (T, 3), open below.
        tongue: (T, 3).
        tongue_top: (T, 3), those by which the upper lip leaves the tongue, even where the nearest way is another.
        tongue_underside: (T, 3), those by which the lower lip does.
        upper_line: vertices of the upper lip's line of contact.
        lower_line: the same of the lower lip.
        soft: (N,) vertices of the skin that give way.
        neighbours: (N, K) rows of `soft`, each one's neighbours on the skin; N where there are fewer than K.
    """

    upper: Indices
    lower: Indices
    upper_sheet: Indices
    lower_sheet: Indices
    upper_exits: Indices
    lower_exits: Indices
    upper_teeth: Indices
    lower_teeth: Indices
    tongue: Indices
    tongue_top: Indices
    tongue_underside: Indices
    upper_line: Indices
    lower_line: Indices
    soft: Indices
    neighbours: Indices

    @cached_property
    def _pairs(self) -> list[tuple[Indices, Sheet, Sheet, float]]:
        """What must stay out of what: vertices, solid, the sheet by which they leave it, and their part of the way."""
        upper, lower = Sheet(self.upper_sheet, False), Sheet(self.lower_sheet, True)
        out_of_upper, out_of_lower = Sheet(self.upper_exits, False), Sheet(self.lower_exits, True)
        teeth = Sheet(self.upper_teeth, False), Sheet(self.lower_teeth, True)
        both, tongue = np.concatenate([self.upper, self.lower]), Sheet(self.tongue, True)
        return [
            (self.lower, upper, out_of_upper, 0.5),
            (self.upper, lower, out_of_lower, 0.5),
            (both, teeth[0], teeth[0], 1.0),
            (both, teeth[1], teeth[1], 1.0),
            (self.upper, tongue, Sheet(self.tongue_top, True), 1.0),
            (self.lower, tongue, Sheet(self.tongue_underside, True), 1.0),
            (tongue.vertices, lower, out_of_lower, 0.0),
            (tongue.vertices, upper, out_of_upper, 0.0),
        ]

    @cached_property
    def _row(self) -> NDArray[np.int64]:
        """A vertex's row in `soft`, N for the others."""
        solids = (self.upper_teeth, self.lower_teeth, self.tongue, self.soft)
        row = np.full(max(int(solid.max()) for solid in solids) + 1, len(self.soft))
        row[self.soft] = np.arange(len(self.soft))
        return row

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        """(N,) how many neighbours each one has."""
        counts: NDArray[np.int64] = (self.neighbours < len(self.soft)).sum(1)
        return counts

    @cached_property
    def _lines(self) -> tuple[tuple[Indices, Sheet], ...]:
        """Each lip's line of contact, and the other lip."""
        return (self.lower_line, Sheet(self.upper_exits, False)), (self.upper_line, Sheet(self.lower_exits, True))

    def settle(self, heads: Array) -> None:
        """Move the lips of heads (B, V, 3) mm apart and off teeth and tongue, in place."""
        rows = np.arange(len(heads))
        allowed: Array | None = None
        met = np.zeros((len(heads), len(self._pairs)), bool)
        for turn in range(ROUNDS):
            if turn % SEARCHED == 0:
                contacts = self._search(heads, rows, met, whole=turn in (0, ROUNDS - SEARCHED))
                rows = np.unique(contacts.head)
                if not len(rows):
                    break
                lines, inside = self._at_lines(heads, rows, contacts)
                if allowed is None:
                    near = np.where(inside, 0, np.where(lines.depth < HELD_MM, lines.depth, np.inf))
                    allowed = np.full((len(heads), len(lines.depth) // len(rows)), np.inf)
                    allowed[rows] = np.maximum(near, MARGIN_MM).reshape(len(rows), -1)
                lines = replace(lines, margin=-allowed[rows].ravel())
                if turn < ROUNDS - SEARCHED:
                    contacts = _joined([contacts, lines.only(~inside & (lines.depth + lines.margin > 0))])
                contacts = replace(contacts, head=np.searchsorted(rows, contacts.head))
            active = heads[rows]
            need, weight = self._ways(active, contacts)
            if turn < ROUNDS - ALONE:
                need = self._handed_on(need, weight)
            heads[rows[:, None], self.soft] = active[:, self.soft] + need
        else:
            # What the lips could not solve is left to the tongue.
            self._tongue_gives_way(heads, rows[np.unique(contacts.head[self._of_tongue(contacts)])])

    def _tongue_gives_way(self, heads: Array, rows: NDArray[np.int64]) -> None:
        """Move the tongues of some heads out of the lips and off what they press on, in place."""
        if not len(rows):
            return
        for _ in range(TONGUE_ROUNDS):
            for pair, (_, solid, _, own) in enumerate(self._pairs):
                of_tongue = own == 0
                if not of_tongue and solid.triangles is not self.tongue:
                    continue
                head, vertex = self._inside(heads, rows, pair)
                inside = _nearest(heads, head, vertex, solid, own)
                inside = inside.only(inside.depth < DEEPEST_MM)
                way = (inside.depth + MARGIN_MM)[:, None] * inside.out
                if of_tongue:
                    heads[inside.head, inside.vertex] += way
                    continue
                # The place in the tongue's triangle moves the whole way, its corners by their parts in it.
                share = inside.parts / (inside.parts**2).sum(1, keepdims=True)
                for corner in range(3):
                    heads[inside.head, inside.corners[:, corner]] -= share[:, corner, None] * way

    def _of_tongue(self, contacts: _Contacts) -> NDArray[np.bool_]:
        """(C,) whether tongue and lips are in contact."""
        of_tongue = np.array([own == 0 or solid.triangles is self.tongue for _, solid, _, own in self._pairs])
        chosen: NDArray[np.bool_] = of_tongue[contacts.pair]
        return chosen

    def _search(self, heads: Array, rows: NDArray[np.int64], met: NDArray[np.bool_], whole: bool) -> _Contacts:
        """All contacts of those of some heads (B, V, 3) that need to be settled.

        Args:
            heads: (B, V, 3) mm.
            rows: of the heads that are looked at.
            met: (B, 8), which pairs were in contact in earlier searches; changed in place.
            whole: look at all pairs; else at the others only where those that met before are apart.
        """
        asked = met[rows] | whole
        contacts = self._found(heads, rows, asked)
        quiet = ~np.isin(rows, contacts.head) & ~asked.all(1)
        if quiet.any():
            contacts = _joined([contacts, self._found(heads, rows[quiet], ~asked[quiet])])
        met[contacts.head, contacts.pair] = True
        return contacts

    def _found(self, heads: Array, rows: NDArray[np.int64], asked: NDArray[np.bool_]) -> _Contacts:
        """Contacts of those of some heads that need to be settled, of the pairs asked for (rows, 8)."""
        found = []
        for pair, (_, _, exits, own) in enumerate(self._pairs):
            head, vertex = self._inside(heads, rows[asked[:, pair]], pair)
            found.append(_nearest(heads, head, vertex, exits, own, pair))
        contacts = _joined(found)
        contacts = contacts.only(contacts.depth < DEEPEST_MM)
        return contacts.only(np.isin(contacts.head, contacts.head[contacts.depth > ENOUGH_MM]))

    def _inside(self, heads: Array, rows: NDArray[np.int64], pair: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of one pair, heads (C,) and vertices (C,) that are inside the solid."""
        samples, solid, _, _ = self._pairs[pair]
        inside = np.zeros((len(rows), len(samples)), bool)
        for place, row in enumerate(rows):
            head = np.ascontiguousarray(heads[row].T)
            inside[place] = solid.holds(head, head[:, samples])
        head, sample = np.nonzero(inside)
        return rows[head], samples[sample].astype(np.int64)

    def _at_lines(
        self, heads: Array, rows: NDArray[np.int64], contacts: _Contacts
    ) -> tuple[_Contacts, NDArray[np.bool_]]:
        """From the lines of contact of some heads to the other lip, head by head; and what is inside it, (C,)."""
        inside = np.zeros(heads.shape[:2], bool)
        in_lip = contacts.only(contacts.own == 0.5)  # what is inside teeth or tongue may be far from the other lip
        inside[in_lip.head, in_lip.vertex] = True
        found = []
        for line, other in self._lines:
            head = np.repeat(rows, len(line))
            found.append(_nearest(heads, head, np.tile(line, len(rows)).astype(np.int64), other, 0.5))
        lines = _joined(found)
        lines = lines.only(np.argsort(lines.head, kind="stable"))
        return lines, inside[lines.head, lines.vertex]

    def _ways(self, heads: Array, contacts: _Contacts) -> tuple[Array, Array]:
        """What soft vertices must move by for contacts that are not yet apart: (B, N, 3), and how surely (B, N)."""
        count, soft = len(heads), len(self.soft)
        corners = heads[contacts.head[:, None], contacts.corners]
        apart = np.einsum("ck,ckx->cx", contacts.parts, corners) - heads[contacts.head, contacts.vertex]
        size = np.maximum(np.einsum("cx,cx->c", apart, contacts.out) + contacts.margin, 0)
        way, touching = size[:, None] * contacts.out, (size > 0).astype(np.float64)
        sums, weights = np.zeros((2, count * (soft + 1), 3)), np.zeros((2, count * (soft + 1)))
        for hard in (0, 1):
            mine = (contacts.own != 0.5) == hard
            first, own = contacts.head[mine] * (soft + 1), contacts.own[mine]
            rows, parts = [first + self._row[contacts.vertex[mine]]], [own]
            for corner in range(3):
                rows.append(first + self._row[contacts.corners[mine, corner]])
                parts.append((own - 1) * contacts.parts[mine, corner])
            row, part = np.concatenate(rows), np.concatenate(parts)
            every = part[:, None] * np.tile(way[mine], (4, 1))
            for axis in range(3):
                sums[hard, :, axis] = np.bincount(row, every[:, axis], len(sums[hard]))
            sure = np.concatenate([own > 0, *(contacts.parts[mine].T * (own < 1))]) * np.tile(touching[mine], 4)
            weights[hard] = np.bincount(row, sure, len(sums[hard]))
        means = sums / np.maximum(weights, LEAST_WEIGHT)[..., None]
        firm = weights[1] > 0
        need = np.where(firm[:, None], means[1], means[0]).reshape(count, soft + 1, 3)[:, :soft]
        weight = np.where(firm, 1.0, weights[0]).reshape(count, soft + 1)[:, :soft]
        return need, weight

    def _handed_on(self, need: Array, weight: Array) -> Array:
        """Let neighbours of moved vertices follow, ever less: (B, N, 3)."""
        touching = (weight > LEAST_WEIGHT)[..., None]
        counts = np.maximum(self._counts, 1)[:, None]
        has = (self._counts > 0)[:, None]
        for time in range(TIMES):
            padded = np.concatenate([need, np.zeros((len(need), 1, 3))], axis=1)
            mean = padded[:, self.neighbours].sum(2) / counts
            if time == 0:
                evened = (1 - EVEN) * need + EVEN * mean
                need = np.where(has, np.where(touching, evened, HANDED * mean), need)
            else:
                need = np.where(has & ~touching, HANDED * mean, need)
        return need


@dataclass(frozen=True)
class _Contacts:
    """Vertices inside solids, and the nearest places outside.

    Attributes:
        head: (C,) of which head.
        vertex: (C,) what is inside.
        corners: (C, 3) of the solid's triangle that holds the place.
        parts: (C, 3) the place's barycentric weights.
        out: (C, 3) unit vectors from the vertex to the place.
        depth: (C,) mm.
        own: (C,) the vertex's part of the way; the place goes the rest.
        margin: (C,) mm, how far beyond the place the vertex has to go.
        pair: (C,) row of `Lips._pairs`.
    """

    head: NDArray[np.int64]
    vertex: NDArray[np.int64]
    corners: NDArray[np.int64]
    parts: Array
    out: Array
    depth: Array
    own: Array
    margin: Array
    pair: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Contacts:
        """Some of them: a mask (C,) or rows."""
        return _Contacts(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _joined(several: list[_Contacts]) -> _Contacts:
    return _Contacts(*(np.concatenate([getattr(one, field.name) for one in several]) for field in fields(_Contacts)))


def _nearest(
    heads: Array, head: NDArray[np.int64], vertex: NDArray[np.int64], exits: Sheet, own: float, pair: int = 0
) -> _Contacts:
    """From vertices (C,) of heads (C,) to the nearest places of a sheet."""
    points = heads[head, vertex]
    corners, parts, depth = exits.nearest(heads, head, points)
    way = np.einsum("ck,ckx->cx", parts, heads[head[:, None], corners]) - points
    out = way / np.maximum(depth, 1e-12)[:, None]
    same = np.ones(len(head))
    return _Contacts(head, vertex, corners, parts, out, depth, own * same, MARGIN_MM * same, np.full(len(head), pair))
