"""Teeth and gums: each jaw is one sheet of quads, gum up one side of the arch, over fourteen crowns, down the other.

Every crown stands in a cell of the arch. Its outline has twelve vertices (five facial, five lingual, one on each
side), its top is a grid of 4 × 2 quads: enough for an incisal edge, a canine's tip, the two cusps of a premolar and the
four of a molar with the groove between them. Neighbouring cells share the three vertices of the papilla between them,
so that the gum's margin is a garland. Gum and teeth being one sheet, nothing passes through anything else; the sheet
has one border: the gum's deep edge.

Letters: V vertices, Q quads; i 0 to 4 from mesial (towards the midline) to distal, j 0 facial, 1 middle, 2 lingual.
Widths and heights: Nelson, Wheeler's Dental Anatomy, Physiology and Occlusion, rounded; depths and tilts follow
ICT-FaceKit's mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.dental_arch import TEETH_A_SIDE, DentalArch
from face2mesh.lab.base.part_mesh import Floats, PartMesh

COLUMNS = 4  # quads along the arch in each tooth's cell
GAP = 0.03  # mm, from a crown's side to its cell's border: neighbours nearly touch
PAPILLA = 3.6  # mm, how far the gum between two teeth rises above the margin's deepest point (a share in molars)
# Outline (i, j) of a crown, once around: facial from mesial to distal, the distal side, lingual back, the mesial side.
OUTLINE = ((0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (3, 2), (2, 2), (1, 2), (0, 2), (0, 1))
GUM_ROWS = (3.2, 7.5)  # mm beyond the margin, of the gum's two deeper rows
GUM_SWELL = {0: (0.9, 0.5), 2: (0.8, 2.4)}  # mm beyond the necks, facial and lingual, of the two rows
ROOT_SWELL = 0.35  # mm, how much the gum stands out over a root's middle
_GUM, _NECK, _BELLY, _TOP, _TABLE = range(5)  # levels of a crown's vertices: the gum's margin, three outlines, the top


@dataclass(frozen=True)
class ToothShape:
    """One tooth; lengths in mm.

    Attributes:
        width: along the arch, before the row is scaled to the arch's length.
        height: of the crown, from the gum's margin in the middle of the facial side to the edge or highest cusp.
        facial: how far the facial side lies outside the arch's curve at neck, belly and top.
        lingual: how far the lingual side lies inside it.
        drops: three rows of five (facial, middle, lingual by i): how far the top lies below the highest point.
    """

    width: float
    height: float
    facial: tuple[float, float, float]
    lingual: tuple[float, float, float]
    drops: tuple[tuple[float, ...], ...]


_INCISOR = ((0.95, 0.6, 0.55, 0.65, 1.3), (0.6, 0.08, 0.0, 0.08, 0.9), (1.5, 1.1, 1.0, 1.15, 1.9))
_LATERAL = ((1.15, 0.65, 0.55, 0.8, 1.65), (0.8, 0.12, 0.0, 0.2, 1.25), (1.8, 1.1, 1.0, 1.3, 2.3))
_LOWER_INCISOR = ((0.85, 0.5, 0.45, 0.5, 0.95), (0.5, 0.04, 0.0, 0.04, 0.6), (1.3, 0.9, 0.85, 0.9, 1.4))
_CANINE = ((2.2, 1.2, 0.6, 1.45, 2.6), (1.9, 0.85, 0.0, 1.05, 2.3), (2.2, 1.7, 1.2, 1.8, 2.5))
_PREMOLAR = ((1.7, 0.75, 0.0, 0.85, 1.8), (1.5, 1.6, 1.6, 1.6, 1.6), (1.9, 1.1, 0.6, 1.1, 2.0))
_LOWER_PREMOLAR = ((1.7, 0.75, 0.0, 0.85, 1.8), (1.5, 1.6, 1.5, 1.6, 1.6), (2.2, 1.5, 1.2, 1.5, 2.3))
_MOLAR = ((1.3, 0.0, 0.75, 0.15, 1.4), (1.2, 1.5, 1.9, 1.5, 1.3), (1.3, 0.05, 0.75, 0.3, 1.5))

UPPER = (
    ToothShape(8.5, 10.2, (0.6, 1.7, 0.85), (5.2, 2.7, 0.9), _INCISOR),
    ToothShape(6.6, 9.2, (0.5, 1.45, 0.8), (4.8, 2.5, 0.9), _LATERAL),
    ToothShape(7.6, 10.4, (1.2, 2.1, 1.1), (5.4, 3.4, 1.3), _CANINE),
    ToothShape(7.0, 8.6, (3.1, 3.9, 2.3), (4.2, 4.5, 2.6), _PREMOLAR),
    ToothShape(6.8, 8.2, (3.2, 4.0, 2.4), (4.3, 4.6, 2.7), _PREMOLAR),
    ToothShape(10.2, 7.6, (4.6, 5.2, 3.5), (5.0, 5.4, 3.6), _MOLAR),
    ToothShape(9.3, 7.1, (4.5, 5.1, 3.4), (4.8, 5.2, 3.4), _MOLAR),
)
LOWER = (
    ToothShape(5.4, 8.8, (0.1, 0.9, 0.65), (4.6, 2.6, 0.7), _LOWER_INCISOR),
    ToothShape(5.9, 9.2, (0.1, 0.9, 0.65), (4.8, 2.8, 0.7), _LOWER_INCISOR),
    ToothShape(6.9, 10.4, (0.7, 1.6, 0.85), (5.0, 3.3, 1.0), _CANINE),
    ToothShape(7.0, 8.6, (2.8, 3.5, 1.7), (3.6, 3.9, 2.3), _LOWER_PREMOLAR),
    ToothShape(7.1, 8.1, (3.1, 3.8, 2.0), (3.8, 4.2, 2.5), _LOWER_PREMOLAR),
    ToothShape(11.0, 7.6, (4.6, 5.2, 3.2), (4.6, 5.0, 3.5), _MOLAR),
    ToothShape(10.4, 7.1, (4.5, 5.1, 3.1), (4.5, 4.9, 3.4), _MOLAR),
)

# Share of the half width at which side, facial corner and lingual corner of an outline stand, by level from the neck.
# Lingual corners stand closer together: crowns taper inwards. Front teeth touch near their edges, back teeth deeper.
_FRONT_SIDES = {_NECK: (0.90, 0.87, 0.66), _BELLY: (1.0, 0.95, 0.68), _TOP: (0.985, 0.91, 0.74)}
_BACK_SIDES = {_NECK: (0.90, 0.84, 0.78), _BELLY: (1.0, 0.91, 0.82), _TOP: (0.92, 0.82, 0.76)}
_FRONT_TEETH = 3
_CORNER_DEPTH = 0.72  # how much of the depth corners keep: the outline's roundness
# The texture's nested outlines: (share of the half width, mm from the arch's line).
_UV_LEVELS = {_GUM: (1.0, 11.0), _NECK: (0.86, 9.8), _BELLY: (0.72, 6.0), _TOP: (0.55, 2.2), _TABLE: (0.3, 0.0)}


class _Sheet:
    """A growing list of vertices with names, so that neighbouring cells find the ones they share."""

    def __init__(self) -> None:
        self.index: dict[tuple[object, ...], int] = {}
        self.places: list[tuple[float, float, float]] = []  # arc length, offset outwards, height
        self.uv: list[tuple[float, float]] = []
        self.tooth: list[bool] = []
        self.quads: list[tuple[int, int, int, int]] = []

    def add(
        self, name: tuple[object, ...], place: tuple[float, float, float], uv: tuple[float, float], tooth: bool
    ) -> None:
        self.index[name] = len(self.places)
        self.places.append(place)
        self.uv.append(uv)
        self.tooth.append(tooth)

    def quad(self, *names: tuple[object, ...]) -> None:
        a, b, c, d = (self.index[name] for name in names)
        self.quads.append((a, b, c, d))


def _name(tooth: int, level: int, i: int, j: int) -> tuple[object, ...]:
    """A vertex's name; the gum's papillae belong to the border between two cells."""
    if level == _GUM and i in (0, COLUMNS):
        return ("papilla", tooth + i // COLUMNS, j)
    return (tooth, level, i, j)


def _scallop(i: int, share: float) -> float:
    """How far the gum's margin rises at column i above its deepest point, mm."""
    return PAPILLA * share * (0.0, 0.13, 1.0)[abs(i - 2)]


def _cells(arch: DentalArch, shapes: tuple[ToothShape, ...]) -> Floats:
    """(8,) arc lengths of the borders between the teeth, mm: the row is scaled to the arch's length."""
    widths = np.array([shape.width for shape in shapes])
    borders: Floats = np.concatenate([[0.0], np.cumsum(widths)]) * (arch.length / widths.sum())
    return borders


def _margins(arch: DentalArch, shapes: tuple[ToothShape, ...], occlusal: float) -> Floats:
    """(7,) heights of the gum's margin in the middle of each tooth's facial side, mm."""
    return np.array([edge - occlusal * shape.height for edge, shape in zip(arch.edges, shapes, strict=True)])


def _half_jaw(arch: DentalArch, shapes: tuple[ToothShape, ...], occlusal: float) -> _Sheet:
    """The left half: places in the arch's own coordinates, heights measured up the y axis."""
    sheet = _Sheet()
    borders, margins = _cells(arch, shapes), _margins(arch, shapes, occlusal)
    shares = np.array([1.0, 1.0, 0.95, 0.85, 0.8, 0.65, 0.6])
    depths = {0: np.array([s.facial[0] for s in shapes]), 2: np.array([-s.lingual[0] for s in shapes])}

    def between(values: NDArray[np.float64], border: int) -> float:
        """The mean of the two neighbours' values; the midline and the far end have one neighbour."""
        return float(values[max(border - 1, 0) : border + 1].mean())

    # The gum's margin: papillae on the cells' borders, three vertices between them on either side.
    tips = margins + occlusal * PAPILLA * shares
    for border in range(TEETH_A_SIDE + 1):
        height = between(tips, border)
        if border == TEETH_A_SIDE:  # behind the last molar the gum is low and level
            height = float(margins[-1] + occlusal * 0.8)
        facial, lingual = between(depths[0], border), between(depths[2], border)
        for j, offset, drop in ((0, 0.72 * facial, 0.5), (1, (facial + lingual) / 2, 0.0), (2, 0.86 * lingual, 0.7)):
            if border == TEETH_A_SIDE:
                offset *= 0.8
            uv = (borders[border], _UV_LEVELS[_GUM][1] * (1 - j))
            sheet.add(("papilla", border, j), (borders[border], offset, height - occlusal * drop), uv, False)

    for tooth, shape in enumerate(shapes):
        centre = (borders[tooth] + borders[tooth + 1]) / 2
        half = (borders[tooth + 1] - borders[tooth]) / 2 - GAP
        edge, margin, share = arch.edges[tooth], margins[tooth], shares[tooth]

        def add(
            level: int,
            i: int,
            j: int,
            along: float,
            out: float,
            height: float,
            *,
            tooth: int = tooth,
            centre: float = centre,
            half: float = half,
        ) -> None:
            across, deep = _UV_LEVELS[level]
            uv = (centre + (i - 2) / 2 * across * half, deep * (1 - j))
            sheet.add(_name(tooth, level, i, j), (centre + along, out, height), uv, level != _GUM)

        for j, side in ((0, shape.facial), (2, shape.lingual)):
            sign = 1 - j
            for i in (1, 2, 3):
                height = margin + occlusal * _scallop(i, share)
                out = sign * (side[0] + 0.35 - 0.2 * abs(i - 2))
                add(_GUM, i, j, (i - 2) / 2 * half, out, height)
        for level in (_NECK, _BELLY, _TOP):
            flank, facial_corner, lingual_corner = (_FRONT_SIDES if tooth < _FRONT_TEETH else _BACK_SIDES)[level]
            facial, lingual = shape.facial[level - 1], -shape.lingual[level - 1]
            middle = (facial + lingual) / 2
            for i, j in OUTLINE:
                out = (facial, middle, lingual)[j]
                corner = (facial_corner, flank, lingual_corner)[j]
                along = (i - 2) / 2 * half * corner
                if i in (0, COLUMNS) and j != 1:
                    out = middle + (out - middle) * _CORNER_DEPTH
                elif i in (1, 3):
                    out = middle + (out - middle) * 0.95
                if level == _NECK:
                    height = margin + occlusal * (_scallop(i, share) + 0.25)
                elif level == _BELLY:
                    height = edge - occlusal * (shape.height * (0.47 - 0.06 * (abs(i - 2) == 2)))
                else:
                    height = edge - occlusal * shape.drops[j][i]
                add(level, i, j, along, out, height)
        middle = (shape.facial[2] - shape.lingual[2]) / 2
        for i in (1, 2, 3):
            add(_TABLE, i, 1, (i - 2) / 2 * half * 0.9, middle, edge - occlusal * shape.drops[1][i])

        around = list(zip(OUTLINE, OUTLINE[1:] + OUTLINE[:1], strict=True))
        for level in (_GUM, _NECK, _BELLY):
            for a, b in around:
                sheet.quad(
                    _name(tooth, level, *a), _name(tooth, level, *b), _name(tooth, level + 1, *b),
                    _name(tooth, level + 1, *a),
                )  # fmt: skip
        for i in range(COLUMNS):
            for j in (0, 1):
                corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
                sheet.quad(*(_name(tooth, _TABLE if c in ((1, 1), (2, 1), (3, 1)) else _TOP, *c) for c in corners))

    _add_gum(sheet, arch, shapes, occlusal)
    return sheet


def _margin_name(column: int, j: int) -> tuple[object, ...]:
    tooth, i = divmod(column, COLUMNS)
    return _name(tooth, _GUM, i, j) if i else ("papilla", tooth, j)


def _add_gum(sheet: _Sheet, arch: DentalArch, shapes: tuple[ToothShape, ...], occlusal: float) -> None:
    """The gum's two deeper rows, up one side of the half jaw, around its far end and down the other."""
    borders, margins = _cells(arch, shapes), _margins(arch, shapes, occlusal)
    centres = (borders[:-1] + borders[1:]) / 2
    last = COLUMNS * TEETH_A_SIDE
    columns = np.arange(last + 1)
    along = np.interp(columns / COLUMNS, np.arange(TEETH_A_SIDE + 1), borders)
    margin = np.interp(along, centres, margins)
    root = np.cos(2 * np.pi * columns / COLUMNS)  # −1 over a root's middle, 1 between two
    for row, depth in enumerate(GUM_ROWS):
        height = margin - occlusal * (depth - 0.5 * root * (row == 0))
        beyond = 1.5 * (row + 1)  # the far end's rows lie behind one another
        for j, necks in ((0, [s.facial[0] for s in shapes]), (2, [-s.lingual[0] for s in shapes])):
            sign = 1 - j
            neck = np.interp(along, centres, necks)
            swell = GUM_SWELL[j][row] - ROOT_SWELL * root * (row == 0)
            out = neck + sign * swell
            for column in range(last + 1):
                at_end = column == last
                place = (along[column] + at_end * beyond * 0.4, out[column] * (0.85 if at_end else 1.0), height[column])
                uv = (along[column] + at_end * beyond * 0.7, sign * (_UV_LEVELS[_GUM][1] + depth))
                sheet.add(("row", row, j, column), place, uv, False)
        middle = (sheet.places[-1][1] + sheet.places[sheet.index[("row", row, 0, last)]][1]) / 2
        place = (along[last] + beyond, middle, height[last])
        sheet.add(("row", row, 1, last), place, (along[last] + 2 * beyond, 0.0), False)

        def above(column: int, j: int, row: int = row) -> tuple[object, ...]:
            if row:
                return ("row", row - 1, j, column)
            return _margin_name(column, j)

        for column in range(last):
            sheet.quad(("row", row, 0, column), ("row", row, 0, column + 1), above(column + 1, 0), above(column, 0))
            sheet.quad(("row", row, 2, column + 1), ("row", row, 2, column), above(column, 2), above(column + 1, 2))
        for j in (0, 1):
            sheet.quad(("row", row, j, last), ("row", row, j + 1, last), above(last, j + 1), above(last, j))


def jaw(arch: DentalArch, upper: bool) -> PartMesh:
    """Teeth and gum of one jaw, mirror symmetric to the last bit; labels `tooth` and `gum`.

    Args:
        arch: where its crowns stand, mm, in the head's frame.
        upper: whether its crowns point down.
    """
    occlusal = -1.0 if upper else 1.0
    sheet = _half_jaw(arch, UPPER if upper else LOWER, occlusal)
    along, out, height = np.array(sheet.places).T
    points, normals = arch.at(along)
    flat = points + out[:, None] * normals
    half = np.column_stack([flat[:, 0], height, flat[:, 1]])
    midline = along == 0
    half[midline, 0] = 0.0

    count, doubled = len(half), np.flatnonzero(~midline)
    twin = np.arange(count)
    twin[doubled] = count + np.arange(len(doubled))
    mirror = np.concatenate([twin, doubled]).astype(np.int32)
    vertices = np.concatenate([half, half[doubled] * (-1.0, 1.0, 1.0)])
    # Seen from outside, facial is up for the upper jaw and down for the lower one.
    uv = np.array(sheet.uv) * (1.0, 1.0 if upper else -1.0)
    uv = np.concatenate([uv, uv[doubled] * (-1.0, 1.0)])
    quads = np.array(sheet.quads, np.int32)
    if upper:
        quads = quads[:, ::-1]
    quads = np.ascontiguousarray(np.concatenate([quads, mirror[quads][:, ::-1]]))
    tooth = np.array(sheet.tooth)
    tooth = np.concatenate([tooth, tooth[doubled]])
    return PartMesh(
        vertices=vertices,
        quads=quads,
        uv=uv,
        uv_quads=quads.copy(),
        labels={"tooth": tooth, "gum": ~tooth},
        mirror=mirror,
    )
