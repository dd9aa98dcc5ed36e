"""Lids in motion: they roll over the eyeball, meet and never cut through it.

Skin around the eyes moves along arcs about the eyeballs' centres (`rolling`). Then the upper lid goes on, about the
horizontal axis through the centre, by the blink's weight times whatever a full blink would leave open (or overlap) in
this very face: at weight 1 the edges meet. Lids that would pass through each other stop where they meet. Last, what
would lie inside the eyeball (with its cornea, wherever it looks) is put onto it, along the ray from the centre.

Letters: B heads, S skin vertices, Z vertices around one eye, U columns of the upper lid's margin, R = 4 rings of a
margin, W columns of the lower lid's, from inner to outer corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.eyes import surface_height
from face2mesh.lab.corpus.blink import lids_of
from face2mesh.lab.corpus.lid_columns import margin_columns, upper_and_lower_columns
from face2mesh.lab.corpus.rolling import eye_zone, roll

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
# Least distances from the eyeball, mm: of the lids' inner edges, of other skin, of the walls between lid and eyeball.
EDGE_GAP, SKIN_GAP, WALL_GAP = 0.05, 0.15, 0.03
# Knots of the eyeball's profile, from the gaze axis, mm.
BULGE_END, KNOTS = 7.2, 64


@dataclass(frozen=True)
class LidMotion:
    """What the lids of one eye are made of.

    Attributes:
        zone: (Z,) skin vertices that move along arcs.
        reach: (Z,) mm from the centre in the rest head.
        gaps: (Z,) mm, least distances from the eyeball; negative where none is kept.
        share: (Z,) how much of the upper lid's motion a vertex takes.
        upper: (U, R) rows of `zone`, the upper lid's margin from its inner edge outwards.
        lower: (W, R), the lower lid's, both corners included.
        centre: (3,) mm, of the rest head's eyeball.
        profile: (KNOTS, 2) angle from the gaze axis and the eyeball's distance from its centre there.
        radius: mm, of the sclera.
        sign: 1 for the left eye; −1 for the right one, whose x is turned round for the sums.
    """

    zone: Indices
    reach: Array
    gaps: Array
    share: Array
    upper: Indices
    lower: Indices
    centre: Array
    profile: Array
    radius: float
    sign: float

    @classmethod
    def on(cls, base: BaseHead, side: int) -> LidMotion:
        """The lids of the left (0) or the right eye (1); row by row mirror images."""
        zone = eye_zone(base, 0)
        centre = base.eye_centres[0].astype(np.float64)
        skin = base.skin_count
        out = base.vertices[:skin].astype(np.float64) - centre
        rings = margin_columns(base)
        gaps = np.full(skin, -1.0)
        for name in ("lid_upper_left", "lid_lower_left"):
            gaps[base.regions[name][:skin]] = SKIN_GAP
        cavity = base.regions["eye_cavity_left"][:skin]
        gaps[cavity & (out[:, 2] > 0)] = WALL_GAP
        gaps[rings[:, 0]] = EDGE_GAP
        place = np.full(skin, -1, np.int64)
        place[zone] = np.arange(len(zone))
        share = lids_of(base, 0).share
        upper, lower = upper_and_lower_columns(out, rings)
        share[upper.ravel()] = 1.0
        share[lower.ravel()] = 0.0
        share[cavity] = 0.0
        profile = np.column_stack(_profile(base.eye_radius))
        if side:
            zone = eye_zone(base, 1)
            centre = base.eye_centres[1].astype(np.float64)
        left = eye_zone(base, 0)
        return cls(
            zone, np.linalg.norm(out[left], axis=1), gaps[left], _with_walls(base, share, cavity, out)[left],
            place[upper], place[lower], centre, profile, float(base.eye_radius), -1.0 if side else 1.0,
        )  # fmt: skip

    def move(self, skins: Array, arcs: Array, blinks: Array, blink_arcs: Array, centres: Array, gaze: Array) -> None:
        """Put the skin around one eye of each head to its place.

        Args:
            skins: (B, S, 3) mm, neutral around the eyes; changed in place.
            arcs: (B, S, 3), sums of the weighted arcs.
            blinks: (B,) the blink's weights.
            blink_arcs: (S, 3), the blink's arcs at weight 1.
            centres: (B, 3) mm, the eyeballs'.
            gaze: (B, 3) unit vectors in which the eyeballs look.
        """
        _move(
            skins, arcs, blinks, blink_arcs, centres, gaze, self.zone, self.reach, self.gaps, self.share, self.upper,
            self.lower, self.profile, self.radius, self.sign,
        )  # fmt: skip


def _with_walls(base: BaseHead, share: Array, cavity: NDArray[np.bool_], out: Array) -> Array:
    """Shares (S,) continued to the walls behind the upper lid: each takes its nearest lid vertex's, in front."""
    lid = np.flatnonzero((base.regions["lid_upper_left"] | base.regions["lid_lower_left"])[: len(share)] & ~cavity)
    ahead = np.flatnonzero(cavity & (out[:, 2] > 0))
    direction = out / np.linalg.norm(out, axis=1, keepdims=True)
    nearest = (direction[ahead] @ direction[lid].T).argmax(1)
    result = share.copy()
    result[ahead] = share[lid[nearest]]
    return result


def _profile(radius: float) -> tuple[Array, Array]:
    """Angles from the gaze axis, ascending, and the eyeball's distance from its centre there."""
    from_axis = np.linspace(0.0, BULGE_END, KNOTS)
    height = surface_height(from_axis, radius)
    return np.arctan2(from_axis, height), np.hypot(from_axis, height)


@njit(cache=True)
def _move(
    skins: Array, arcs: Array, blinks: Array, blink_arcs: Array, centres: Array, gaze: Array, zone: Indices,
    reach: Array,
    gaps: Array, share: Array, upper: Indices, lower: Indices, profile: Array, radius: float, sign: float,
) -> None:  # fmt: skip
    """See `LidMotion.move`."""
    count, rings = upper.shape
    own = np.full((len(zone), 2), -1)
    for column in range(count):
        for ring in range(rings):
            own[upper[column, ring]] = column, ring
    towards = np.empty(3)
    out = np.empty((len(zone), 3))
    full = np.empty((len(zone), 3))
    places = np.empty((count, rings))
    angles = np.empty((count, rings))
    reaches = np.empty((count, rings))
    for head in range(len(skins)):
        centre = centres[head]
        blink = blinks[head]
        for row in range(len(zone)):
            vertex = zone[row]
            out[row] = roll(skins[head, vertex] - centre, arcs[head, vertex], reach[row])
            out[row, 0] *= sign
        if blink > 0:
            for side in (upper, lower):
                for item in side.ravel():
                    vertex = zone[item]
                    rest = (1 - blink) * blink_arcs[vertex]
                    full[item] = roll(skins[head, vertex] - centre, arcs[head, vertex] + rest, reach[item])
                    full[item, 0] *= sign
            _openings(full, upper, lower, places, angles, reaches)
            angles *= blink
            reaches *= blink
            _turn_upper(out, share, own, places, angles, reaches)
        _openings(out, upper, lower, places, angles, reaches)
        reaches[:] = 0
        overlapping = False
        for column in range(count):
            for ring in range(rings):
                if angles[column, ring] < 0:
                    overlapping = True
                else:
                    angles[column, ring] = 0
        if overlapping:
            _turn_upper(out, share, own, places, angles, reaches)
        towards[:] = gaze[head]
        towards[0] *= sign
        for row in range(len(zone)):
            if gaps[row] >= 0:
                _clear(out, row, towards, profile, radius, gaps[row])
            out[row, 0] *= sign
            for axis in range(3):
                skins[head, zone[row], axis] = centre[axis] + out[row, axis]


@njit(cache=True)
def _openings(out: Array, upper: Indices, lower: Indices, places: Array, angles: Array, reaches: Array) -> None:
    """How far each vertex of the upper margin stands above the lower one of the same ring and the same x.

    Gets x, radians, and the logarithm of how much further from the horizontal axis the lower one is.
    """
    for ring in range(upper.shape[1]):
        for column in range(upper.shape[0]):
            x, y, z = out[upper[column, ring]]
            below, ahead = _lower_edge(out, lower, ring, x)
            places[column, ring] = x
            angles[column, ring] = np.arctan2(y, z) - np.arctan2(below, ahead)
            reaches[column, ring] = np.log(np.hypot(below, ahead) / np.hypot(y, z))


@njit(cache=True)
def _lower_edge(out: Array, lower: Indices, ring: int, x: float) -> tuple[float, float]:
    """Height and depth (y, z) of the lower margin's ring at x; its ends' beyond them."""
    last = len(lower) - 1
    column = 0
    while column < last - 1 and out[lower[column + 1, ring], 0] < x:
        column += 1
    first, second = lower[column, ring], lower[column + 1, ring]
    wide = out[second, 0] - out[first, 0]
    part = min(max((x - out[first, 0]) / wide, 0.0), 1.0) if wide > 0 else 0.0
    return (
        out[first, 1] * (1 - part) + out[second, 1] * part,
        out[first, 2] * (1 - part) + out[second, 2] * part,
    )


@njit(cache=True)
def _turn_upper(out: Array, share: Array, own: Indices, places: Array, angles: Array, reaches: Array) -> None:
    """Turn the upper lid down by angles given at its margin, and take it further from the axis.

    The margin's rings go exactly, other skin by its share of what the front ring does at its x. `own` (Z, 2) holds
    column and ring of the margin's vertices, −1 for the others.
    """
    last, front = places.shape[0] - 1, places.shape[1] - 1
    for row in range(len(out)):
        if share[row] == 0:
            continue
        x = out[row, 0]
        if own[row, 0] >= 0:
            turn, reach = angles[own[row, 0], own[row, 1]], reaches[own[row, 0], own[row, 1]]
        else:
            column = 0
            while column < last - 1 and places[column + 1, front] < x:
                column += 1
            wide = places[column + 1, front] - places[column, front]
            part = min(max((x - places[column, front]) / wide, 0.0), 1.0) if wide > 0 else 0.0
            turn = angles[column, front] * (1 - part) + angles[column + 1, front] * part
            reach = reaches[column, front] * (1 - part) + reaches[column + 1, front] * part
        c, s = np.cos(share[row] * turn), np.sin(share[row] * turn)
        size = np.exp(share[row] * reach)
        y, z = out[row, 1], out[row, 2]
        out[row, 1], out[row, 2] = size * (y * c - z * s), size * (z * c + y * s)


@njit(cache=True)
def _clear(out: Array, row: int, gaze: Array, profile: Array, radius: float, gap: float) -> None:
    """Put a point that is nearer to the eyeball's surface than a gap to that gap, along the ray from the centre."""
    x, y, z = out[row]
    length = np.sqrt(x * x + y * y + z * z)
    cosine = (x * gaze[0] + y * gaze[1] + z * gaze[2]) / length
    angle = np.arccos(min(max(cosine, -1.0), 1.0))
    surface = np.interp(angle, profile[:, 0], profile[:, 1]) if angle < profile[-1, 0] else radius
    if length < surface + gap:
        factor = (surface + gap) / length
        for axis in range(3):
            out[row, axis] *= factor
