"""Local linear bases: the vertices that belong to one coarse vertex of a mesh move together in few directions.

A global linear basis has a number for each coordinate of each vertex in each direction. A local one has directions of
its own for the vertices of each coarse vertex, and as many as they need: lips and lids many, the back of the head few.
Of those directions the smooth ones are polynomials of the vertices' places at rest, which turn, stretch and bend a
patch with a few coefficients; what polynomials cannot show is given vertex by vertex.

Coarse vertices come in pairs of mirror images. A decoder that answers for a mirrored mesh too, y = D(z) + M D(σz) with
M the mirror and σ the signs of the code, gives a pair twice as many directions as one of the two has features: a
feature of one side reaches the other side mirrored.

Letters: R components, S vertices, n coarse vertices, F features in all, k polynomials, r vertices of a coarse one.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from face2mesh.lab.graph.hierarchy import Hierarchy

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
POLYNOMIALS = 10
"""Of the second degree in three coordinates."""
_NOTHING = 1e-6
_CODE_SHARE = 0.25


@dataclass(frozen=True)
class Patches:
    """The vertices of a mesh by the coarse vertex that each belongs to.

    Attributes:
        owner: (S,) the coarse vertex.
        mirror: (S,) the vertex on the other side.
        coarse_mirror: (n,) the coarse vertex on the other side.
        polynomials: (S, k) float32: on the vertices of each coarse vertex k orthonormal columns, mirrored alike.
    """

    owner: NDArray[np.int64]
    mirror: NDArray[np.int64]
    coarse_mirror: NDArray[np.int64]
    polynomials: NDArray[np.float32]

    @classmethod
    def of(cls, hierarchy: Hierarchy, level: int, rest: Floats) -> Patches:
        """Take each vertex of level 0 to the vertex of a level that it is mostly made of.

        Args:
            hierarchy: of the mesh, made with its mirror.
            level: the coarse one.
            rest: (S, 3), where the vertices are; only the shape counts.
        """
        owner, mirror = owners(hierarchy, level), hierarchy.levels[0].mirror.astype(np.int64)
        coarse_mirror = hierarchy.levels[level].mirror.astype(np.int64)
        polynomials = np.zeros((len(owner), POLYNOMIALS), np.float32)
        for vertex, other in enumerate(coarse_mirror.tolist()):
            rows = np.flatnonzero(owner == vertex)
            if vertex < other:
                rows = rows[mirror[rows] != rows]  # a vertex of the midline would be reached twice
            if vertex <= other and len(rows):
                found = _polynomials(rest[rows])
                polynomials[rows, : found.shape[1]] = found
                if vertex < other:
                    polynomials[mirror[rows], : found.shape[1]] = found
        return cls(owner, mirror, coarse_mirror, polynomials)

    def pairs(self) -> list[tuple[int, int, NDArray[np.int64]]]:
        """Coarse vertices with their mirror images, each pair once, and the vertices that belong to the first one."""
        return [
            (vertex, other, np.flatnonzero(self.owner == vertex))
            for vertex, other in enumerate(self.coarse_mirror.tolist())
            if vertex <= other
        ]

    def split(self, fields: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Fields (R, r, 3) at the vertices of one coarse vertex: their smooth part, and what is left."""
        columns = self.polynomials[rows].astype(np.float64)
        smooth = np.einsum("rk,Rkc->Rrc", columns, np.einsum("rk,Rrc->Rkc", columns, fields))
        return smooth, fields - smooth


def allotted(
    fields: Floats, sign: Floats, size: int, patches: Patches, numbers: int, also: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many smooth and how many free features each coarse vertex should have.

    One feature after the other goes where it takes most off the summed error of the vertices for each number that it
    costs. An error that a code of `size` components leaves anyway makes what adds to it matter less.

    Args:
        fields: (R, S, 3), what a deviation of each component moves.
        sign: (R,) 1 for even, −1 for odd ones.
        size: how many components the code has.
        patches: of the mesh.
        numbers: that may be learnt for all features.
        also: numbers that a feature costs beside those of its directions.

    Returns:
        (n,) and (n,).
    """
    counts = np.zeros((len(patches.coarse_mirror), 2), np.int64)
    squares, costs, anyway, sizes = {}, {}, {}, {}
    for vertex, other, rows in patches.pairs():
        moved = fields[:, rows].astype(np.float64)
        even, odd = sign > 0, sign < 0
        parts = []
        for part in patches.split(moved, rows):
            if vertex == other:
                one, two = (_directions(part[which])[0] for which in (even, odd))
                each = np.zeros(max(len(one), len(two)))
                each[: len(one)] += one
                each[: len(two)] += two
            else:
                both = _directions(part)[0]
                each = np.pad(both, (0, len(both) % 2)).reshape(-1, 2).sum(1)
            parts.append(each)
        sides = 1 if vertex == other else 2
        squares[vertex], sizes[vertex] = parts, len(rows)
        costs[vertex] = [sides * (3 * POLYNOMIALS + also), sides * (3 * len(rows) + also)]
        anyway[vertex] = _CODE_SHARE * float(np.square(moved[size:]).sum())

    def best(vertex: int) -> tuple[float, int]:
        """What the better of a smooth and a free feature more brings for each number, negative, and which it is."""
        has = counts[vertex]
        left = sum(part[count:].sum() for part, count in zip(squares[vertex], has, strict=True)) + anyway[vertex]
        gains = [
            np.sqrt(sizes[vertex]) * (np.sqrt(left) - np.sqrt(max(left - part[count], 0.0))) / cost
            if count < len(part)
            else 0.0
            for part, count, cost in zip(squares[vertex], has, costs[vertex], strict=True)
        ]
        kind = int(np.argmax(gains))
        return -float(gains[kind]), kind

    queue = [(best(vertex)[0], vertex) for vertex in squares if sizes[vertex]]
    heapq.heapify(queue)
    while queue:
        gain, vertex = heapq.heappop(queue)
        _, kind = best(vertex)
        numbers -= costs[vertex][kind]
        if gain >= 0 or numbers < 0:
            break
        counts[vertex, kind] += 1
        heapq.heappush(queue, (best(vertex)[0], vertex))
    for vertex, other, _ in patches.pairs():
        counts[other] = counts[vertex]
    return tuple(counts[:, 0].tolist()), tuple(counts[:, 1].tolist())


class LocalBases(nn.Module):
    """Features (B, n, m) of the coarse vertices to displacements (B, S, 3): m at most, unused ones are 0."""

    owner: Tensor
    polynomials: Tensor
    slot: Tensor
    smooth_slot: Tensor
    entry: Tensor

    def __init__(self, smooth: tuple[int, ...], free: tuple[int, ...], patches: Patches) -> None:
        """Make bases of nothing.

        Args:
            smooth, free: (n,) features of each coarse vertex, as of `allotted`.
            patches: of the mesh.
        """
        super().__init__()
        self.patches = patches
        count, freely = np.array(smooth) + np.array(free), np.array(free)[patches.owner]
        self.most, self.features = int(count.max()), int(count.sum())
        self.coefficients = nn.Parameter(torch.zeros(3, POLYNOMIALS, sum(smooth)))
        self.entries = nn.Parameter(torch.zeros(3, int(freely.sum())))
        nowhere = np.zeros(len(count), np.int64)
        tables = {
            "owner": patches.owner,
            # Where a coarse vertex's features, their coefficients and a vertex's entries are; after the last: a 0.
            "slot": _places(nowhere, count, self.most),
            "smooth_slot": _places(nowhere, np.array(smooth), self.most),
            "entry": _places(np.array(smooth)[patches.owner], freely, self.most),
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table), persistent=False)
        self.register_buffer("polynomials", torch.from_numpy(patches.polynomials.copy()))

    def laid_out(self, features: Tensor) -> Tensor:
        """All features in one row (B, F) to (B, n, m)."""
        padded = functional.pad(features, (0, 1))
        return torch.index_select(padded, 1, self.slot.flatten()).view(len(features), -1, self.most)

    def forward(self, features: Tensor, rows: Tensor | None = None) -> Tensor:
        """(B, n, m) to (B, S, 3), or to (B, r, 3) at some vertices `rows` (r,)."""
        owner, polynomials, entry = self.owner, self.polynomials, self.entry
        if rows is not None:
            owner, polynomials, entry = owner[rows], polynomials[rows], entry[rows]
        coefficients = functional.pad(self.coefficients, (0, 1))[:, :, self.smooth_slot]
        smooth = torch.einsum("rk,ckrm->crm", polynomials, torch.index_select(coefficients, 2, owner))
        weights = smooth + functional.pad(self.entries, (0, 1))[:, entry]
        near = torch.index_select(features.transpose(0, 1), 0, owner)
        return torch.bmm(near, weights.permute(1, 2, 0)).transpose(0, 1)

    @torch.no_grad()
    def start(self, fields: Floats, sign: Floats) -> NDArray[np.float32]:
        """Take each coarse vertex's principal directions.

        Args:
            fields: (R, S, 3), what a deviation of each component moves.
            sign: (R,) 1 for even, −1 for odd ones.

        Returns:
            (F, R), the features of a deviation of each component.
        """
        patches, flip = self.patches, np.array([-1.0, 1.0, 1.0])
        slot, smooth_slot, entry = self.slot.numpy(), self.smooth_slot.numpy(), self.entry.numpy()
        spread = np.zeros((self.features + 1, len(fields)), np.float32)
        coefficients = np.zeros((3, POLYNOMIALS, self.coefficients.shape[2] + 1), np.float32)
        entries = np.zeros((3, self.entries.shape[1] + 1), np.float32)
        none = self.coefficients.shape[2]

        def keep(vertex: int, rows: NDArray[np.int64], where: slice, directions: Floats, is_smooth: bool) -> None:
            """Store directions (f, r, 3) of the features `where` of a coarse vertex."""
            if is_smooth:
                found = np.einsum("rk,frc->ckf", self.polynomials.numpy()[rows], directions)
                coefficients[:, :, smooth_slot[vertex, where]] = found
            else:
                entries[:, entry[rows, where]] = directions.transpose(2, 1, 0)

        for vertex, other, rows in patches.pairs():
            moved = fields[:, rows].astype(np.float64)
            count = int((slot[vertex] < self.features).sum())
            smooth = int((smooth_slot[vertex] < none).sum())
            # All features of a coarse vertex are about as large, and so are the weights that read them.
            unit = max(float(np.sqrt(np.square(moved).sum() / max(2 * count, 1))), 1e-9)
            places = (slice(0, smooth), slice(smooth, count))
            for part, where, is_smooth in zip(patches.split(moved, rows), places, (True, False), strict=True):
                number = where.stop - where.start
                if not number:
                    continue
                if vertex == other:
                    even, even_features = _features(part * (sign > 0)[:, None, None], number, unit)
                    odd, odd_features = _features(part * (sign < 0)[:, None, None], number, unit)
                    spread[slot[vertex, where]] = even_features + odd_features
                    keep(vertex, rows, where, (even + odd) / 2, is_smooth)
                    continue
                both, features = _features(part, 2 * number, unit)
                spread[slot[vertex, where]] = features[:number]
                spread[slot[other, where]] = features[number:] * sign
                # A vertex of the midline that neither side has to itself is reached by both halves of the sum alike.
                middle = (patches.mirror[rows] == rows)[:, None]
                keep(vertex, rows, where, np.where(middle, both[:number] / 2, both[:number]), is_smooth)
                side = rows[~middle[:, 0]]
                keep(other, patches.mirror[side], where, both[number:, ~middle[:, 0]] * flip, is_smooth)
        self.coefficients.copy_(torch.from_numpy(coefficients[:, :, :-1]))
        self.entries.copy_(torch.from_numpy(entries[:, :-1]))
        return spread[:-1]


def _places(before: Indices, count: Indices, most: int) -> NDArray[np.int64]:
    """(N, most): `count[i]` consecutive numbers in row i, `before[i]` places from its left; elsewhere the next one."""
    starts = np.cumsum(count) - count
    along = np.arange(most) - before[:, None]
    found: NDArray[np.int64] = np.where((along >= 0) & (along < count[:, None]), starts[:, None] + along, count.sum())
    return found


def _directions(moved: Floats) -> tuple[Floats, Floats]:
    """Principal directions of fields (R, r, 3): their squares (D,), largest first, and orthonormal rows (D, 3r).

    By the smaller of the two products of the fields with themselves; directions of nothing are left out.
    """
    flat = moved.reshape(len(moved), -1)
    if len(flat) < flat.shape[1]:
        values, vectors = np.linalg.eigh(flat @ flat.T)
        rows = (vectors / np.sqrt(np.maximum(values, 1e-300))).T @ flat
    else:
        values, vectors = np.linalg.eigh(flat.T @ flat)
        rows = vectors.T
    kept = np.argsort(-values)[: int((values > _NOTHING**2 * max(values.max(initial=0.0), 1e-18)).sum())]
    return values[kept], rows[kept]


def _features(moved: Floats, count: int, unit: float) -> tuple[Floats, Floats]:
    """Directions (count, r, 3) as large as `unit`, and the features (count, R) that go with fields (R, r, 3)."""
    rows = _directions(moved)[1][:count]
    features = (moved.reshape(len(moved), -1) @ rows.T).T / unit
    missing = ((0, count - len(rows)), (0, 0))
    return np.pad(rows * unit, missing).reshape(count, -1, 3), np.pad(features, missing)


def _polynomials(places: Floats) -> Floats:
    """(r, 3) to at most `POLYNOMIALS` orthonormal columns that span those of the second degree."""
    places = places - places.mean(0)
    places = places / max(float(places.std()), 1e-9)
    products = [places[:, one] * places[:, other] for one in range(3) for other in range(one, 3)]
    columns = np.stack([np.ones(len(places)), *places.T, *products], 1).astype(np.float64)
    found, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(found[:, sizes > _NOTHING * sizes[0]])


def local_bases(
    fields: NDArray[Any],
    sign: NDArray[Any],
    size: int,
    channels: int,
    owner: NDArray[Any],
    mirror: NDArray[Any],
    fine_mirror: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The principal directions of each coarse vertex's own fine vertices.

    A coarse vertex and its mirror image have 2C of them between them: the first C are the features of one, the other C
    those of the other, which reach the first one's vertices as the mirrored half of the decoder's sum. On the midline
    each feature is the sum of an even and an odd direction.

    Args:
        fields: (R, r, 3), what a deviation of each component moves.
        sign: (R,).
        size: Z.
        channels: C.
        owner: (r,).
        mirror, fine_mirror: of the coarse vertices and the fine ones.

    Returns:
        (n, C, Z) from the code to features, and (3, r, C) from features to vertices.
    """
    spread = np.zeros((len(mirror), channels, size), np.float32)
    read = np.zeros((3, len(owner), channels), np.float32)
    flip = np.array([-1.0, 1.0, 1.0])

    def directions(moved: NDArray[Any], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Fields (count, r', 3) and the features (count, R) of deviation 1 that go with them."""
        _, sizes, rows = np.linalg.svd(moved.reshape(len(moved), -1), full_matrices=False)
        rows = rows * (sizes > 1e-6 * sizes.max(initial=1e-9))[:, None]  # directions of nothing are any at all
        unit = max(float(np.sqrt(np.square(sizes).sum() / count)), 1e-9)
        rows, features = rows[:count] * unit, moved.reshape(len(moved), -1) @ rows[:count].T / unit
        missing = count - len(rows)
        rows = np.pad(rows, ((0, missing), (0, 0)))
        return rows.reshape(count, -1, 3), np.pad(features, ((0, 0), (0, missing))).T

    for vertex, other in enumerate(mirror.tolist()):
        own = np.flatnonzero(owner == vertex)
        moved = fields[:, own]
        if vertex == other:
            even, even_features = directions(moved * (sign > 0)[:, None, None], channels)
            odd, odd_features = directions(moved * (sign < 0)[:, None, None], channels)
            spread[vertex] = (even_features + odd_features)[:, :size]
            read[:, own] = ((even + odd) / 2).transpose(2, 1, 0)
        elif vertex < other:
            rows, features = directions(moved, 2 * channels)
            spread[vertex] = features[:channels, :size]
            spread[other] = features[channels:, :size] * sign[:size]
            read[:, own] = rows[:channels].transpose(2, 1, 0)
            read[:, fine_mirror[own]] = (rows[channels:] * flip).transpose(2, 1, 0)
            # A vertex of the midline that neither side has to itself is reached by both halves of the sum alike.
            middle = fine_mirror[own] == own
            read[:, own[middle]] = rows[:channels, middle].transpose(2, 1, 0) / 2
    return spread, read


class Mirror(nn.Module):
    """What the mirror does to vectors at the vertices of a level: they change places, and x its sign."""

    other: Tensor

    def __init__(self, other: NDArray[np.integer[Any]]) -> None:
        """Take (n,), the vertex on the other side; the vertex itself where the mesh has no mirror."""
        super().__init__()
        self.is_none = np.array_equal(other, np.arange(len(other)))
        self.register_buffer("other", torch.from_numpy(other.astype(np.int64)), persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """(…, n, 3) to the same."""
        return torch.index_select(vectors, -2, self.other) * vectors.new_tensor([-1.0, 1.0, 1.0])


def check_level(level: int, hierarchy: Hierarchy) -> None:
    """Refuse a level that the hierarchy does not have.

    Raises:
        ValueError: it has fewer.
    """
    if level >= len(hierarchy.levels):
        raise ValueError(f"features are to live on level {level} of {len(hierarchy.levels)}")


def owners(hierarchy: Hierarchy, level: int) -> NDArray[np.int64]:
    """(S,) for each vertex of level 0, the vertex of a coarser level that it is mostly made of; symmetric."""
    owner = np.asarray(hierarchy.unpooling(0, level).toarray().argmax(1), np.int64)
    fine, coarse = hierarchy.levels[0].mirror, hierarchy.levels[level].mirror
    own = np.arange(len(owner)) <= fine
    owner[fine[own]] = coarse[owner[own]]
    return owner
