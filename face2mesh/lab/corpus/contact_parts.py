"""What the runtime's contact needs to know of a base head: lids, lips, and how `mouthClose` closes them.

Letters: S skin vertices, T triangles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.contact import Contact, Lids, Lining, LipClosing, Lips
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.eyes import surface_height
from face2mesh.lab.corpus.blink import lids_of
from face2mesh.lab.corpus.lid_columns import margin_columns, upper_and_lower_columns
from face2mesh.lab.corpus.mouth import Mouth
from face2mesh.lab.corpus.rolling import eye_zone

Array = NDArray[np.float64]
Indices = NDArray[np.int32]
# Least distances from the eyeball, mm: of the lids' inner edges, of other skin, of the walls between lid and eyeball.
EDGE_GAP, SKIN_GAP, WALL_GAP = 0.05, 0.15, 0.03
# Knots of the eyeball's profile, from the gaze axis, mm.
BULGE_END, KNOTS = 7.2, 64
# `mouthClose` reaches this far along the skin, mm.
REACH_MM = 14.0
# How far from the line of contact skin takes part when lips press.
SOFT_MM = 16.0
# A lip leaves the other one by places this near to the line of contact: not through its outer skin.
EXIT_MM = 7.0
# Teeth count as far as they are over or under the lips, with this margin, mm.
TEETH_MM = 22.0
# What of the tongue is neither top nor underside: normals with less than this of up or down in them.
STEEP = 0.3
# The lining is watched from this depth behind the lips' line of contact on, where it is this near to the face at rest,
# mm, against so many triangles of the face: those between these distances from the line, mm. Nearer are the lips.
DEEP_MM, LINING_MM, FACES, RED_MM, FACE_MM = 10.0, 9.0, 32, 6.0, 40.0
# Beside the corners of the mouth the lining lies beside the face, not behind it: this share of the way to them counts.
CORNER_SHARE = 0.75


def contact_on(base: BaseHead, mouth: Mouth | None = None) -> Contact:
    """Measure the base head.

    Args:
        base: the head.
        mouth: its mouth, where it is known already.
    """
    mouth = mouth or Mouth.on(base)
    return Contact(lids_on(base), lips_on(base, mouth), closing_on(mouth), lining_on(base, mouth))


def lids_on(base: BaseHead) -> Lids:
    """The lids of both eyes."""
    skin = base.skin_count
    out = base.vertices[:skin].astype(np.float64) - base.eye_centres[0]
    rings = margin_columns(base)
    gaps = np.full(skin, -1.0)
    for name in ("lid_upper_left", "lid_lower_left"):
        gaps[base.regions[name][:skin]] = SKIN_GAP
    cavity = base.regions["eye_cavity_left"][:skin]
    gaps[cavity & (out[:, 2] > 0)] = WALL_GAP
    gaps[rings[:, 0]] = EDGE_GAP
    share = lids_of(base, 0).share
    upper, lower = upper_and_lower_columns(out, rings)
    share[upper.ravel()] = 1.0
    share[lower.ravel()] = 0.0
    share[cavity] = 0.0
    zones = np.stack([eye_zone(base, side) for side in (0, 1)])
    left = zones[0]
    place = np.full(skin, -1, np.int32)
    place[left] = np.arange(len(left))
    from_axis = np.linspace(0.0, BULGE_END, KNOTS)
    height = surface_height(from_axis, base.eye_radius)
    return Lids(
        zone=zones.astype(np.int32),
        gaps=gaps[left],
        share=_with_walls(base, share, cavity, out)[left],
        upper=place[upper],
        lower=place[lower],
        profile=np.column_stack([np.arctan2(from_axis, height), np.hypot(from_axis, height)]),
        radius=np.array(base.eye_radius, np.float64),
    )


def _with_walls(base: BaseHead, share: Array, cavity: NDArray[np.bool_], out: Array) -> Array:
    """Shares (S,) continued to the walls behind the upper lid: each takes its nearest lid vertex's, in front."""
    lid = np.flatnonzero((base.regions["lid_upper_left"] | base.regions["lid_lower_left"])[: len(share)] & ~cavity)
    ahead = np.flatnonzero(cavity & (out[:, 2] > 0))
    direction = out / np.linalg.norm(out, axis=1, keepdims=True)
    nearest = (direction[ahead] @ direction[lid].T).argmax(1)
    result = share.copy()
    result[ahead] = share[lid[nearest]]
    return result


def lips_on(base: BaseHead, mouth: Mouth) -> Lips:
    """The lips, and what they touch."""
    soft = np.flatnonzero(mouth.distance < SOFT_MM)
    near = mouth.distance < EXIT_MM
    exits = [sheet[near[sheet].all(1)] for sheet in (mouth.upper_sheet, mouth.lower_sheet)]
    lips = base.vertices[np.concatenate([mouth.upper, mouth.lower])]
    low, high = lips.min(0) - TEETH_MM, lips.max(0) + TEETH_MM
    teeth = []
    for triangles in (mouth.upper_teeth, mouth.lower_teeth):
        at = base.vertices[triangles]
        over = (at[..., 0].max(1) > low[0]) & (at[..., 0].min(1) < high[0]) & (at[..., 2].max(1) > low[2])
        teeth.append(triangles[over])
    corners = base.vertices[mouth.tongue].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    upwards = normals[:, 1] / np.linalg.norm(normals, axis=1)
    sides = mouth.tongue[upwards > STEEP], mouth.tongue[upwards < -STEEP]
    sheets = (mouth.upper_sheet, mouth.lower_sheet, *exits, *teeth, mouth.tongue, *sides)
    parts = (mouth.upper, mouth.lower, *sheets, mouth.line_upper, mouth.line_lower, soft, _neighbours(base, soft))
    return Lips(*(part.astype(np.int32) for part in parts))


def _neighbours(base: BaseHead, soft: NDArray[np.int64]) -> Indices:
    """(N, K), see `Lips.neighbours`."""
    row = np.full(base.skin_count, -1)
    row[soft] = np.arange(len(soft))
    edges = row[np.concatenate([base.skin_quads[:, [k, (k + 1) % 4]] for k in range(4)])]
    edges = edges[(edges >= 0).all(1)]
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    counts = np.bincount(edges[:, 0], minlength=len(soft))
    place = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((len(soft), counts.max()), len(soft), np.int32)
    table[edges[:, 0], place] = edges[:, 1]
    return table


def lining_on(base: BaseHead, mouth: Mouth) -> Lining:
    """The lining behind lips and chin, and the face before it."""
    cavity = base.regions["mouth_cavity"][: base.skin_count]
    across = np.abs(base.vertices[: base.skin_count, 0]) < CORNER_SHARE * base.vertices[mouth.corners, 0].max()
    inner = np.flatnonzero(cavity & across & (mouth.distance > DEEP_MM))
    face = ~cavity & (mouth.distance > RED_MM) & (mouth.distance < FACE_MM)
    before = base.skin_triangles[face[base.skin_triangles].all(1)]
    middles = base.vertices[before].mean(1)
    apart = np.linalg.norm(base.vertices[inner][:, None] - middles, axis=2)
    behind_face = apart.min(1) < LINING_MM
    nearest = np.argsort(apart[behind_face], axis=1, kind="stable")[:, :FACES]
    return Lining(inner[behind_face].astype(np.int32), before.astype(np.int32), nearest.astype(np.int32))


def closing_on(mouth: Mouth) -> LipClosing:
    """How closing lips reaches the skin around them."""
    near = np.clip(1 - mouth.distance / REACH_MM, 0, 1)
    share = near**2 * (3 - 2 * near)
    reached = np.flatnonzero(share > 0)
    above, below = reached[mouth.of_upper[reached]], reached[~mouth.of_upper[reached]]
    line = (mouth.line_upper.astype(np.int32), mouth.line_lower.astype(np.int32))
    return LipClosing(
        *line, above.astype(np.int32), share[above], below.astype(np.int32), share[below],
        mouth.corners.astype(np.int32),
    )  # fmt: skip
