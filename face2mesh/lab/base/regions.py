"""Named regions of the base head: what topology tells (see `topology.anatomy`), and the landmarks' places elsewhere.

Letters: S skin vertices, N points.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.topology import Anatomy

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# MediaPipe's points on the subject's left and in the middle.
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152)
BROW_TOP = (336, 296, 334, 293, 300)
BROW_BOTTOM = (276, 283, 282, 295, 285)
NOSE = (8, 417, 465, 412, 399, 420, 429, 358, 327, 326, 2)
BROW_SPREAD = 2.0  # mm, above and below the points of the brow: quads there are 4 mm high
OVAL_DEPTH = 12.0  # mm behind the oval's nearest point still counts as face
NECK_BELOW = ((20.0, 7.0), (-60.0, -14.0))  # (z mm, y mm above the chin's underside): the line under jaw and ear


def inside_polygon(points: Floats, polygon: Floats) -> Mask:
    """Which points (N, 2) lie inside a polygon (M, 2), by the even-odd rule."""
    x, y = points[:, None, 0], points[:, None, 1]
    start, end = polygon[None], np.roll(polygon, -1, axis=0)[None]
    crosses = (start[..., 1] > y) != (end[..., 1] > y)
    rise = np.where(end[..., 1] == start[..., 1], 1.0, end[..., 1] - start[..., 1])
    at = start[..., 0] + (y - start[..., 1]) / rise * (end[..., 0] - start[..., 0])
    crossings = np.count_nonzero(crosses & (x < at), axis=1)
    inside = np.zeros(len(points), np.bool_)
    inside[crossings % 2 == 1] = True
    return inside


def named_regions(vertices: Floats, mirror: NDArray[np.integer], anatomy: Anatomy, dense: Floats) -> Mapping[str, Mask]:
    """All regions of the skin, (S,) each; left and right are mirror images.

    Args:
        vertices: (S, 3) mm, the rest shape in the head's frame.
        mirror: (S,).
        anatomy: of the skin.
        dense: (468, 3) mm, MediaPipe's points on it.
    """
    masks = anatomy.masks
    y, z = vertices[:, 1], vertices[:, 2]
    left = vertices[:, 0] >= 0
    cavities = masks["mouth_cavity"] | masks["eye_cavity_left"] | masks["eye_cavity_right"]
    nostrils = masks["nostril_left"] | masks["nostril_right"]
    ears = masks["ear_left"] | masks["ear_right"]
    lips = masks["lip_upper"] | masks["lip_lower"] | masks["lip_corners"]
    lids = masks["lid_upper_left"] | masks["lid_lower_left"] | masks["lid_upper_right"] | masks["lid_lower_right"]
    outer = ~cavities & ~nostrils

    def both(mask: Mask) -> Mask:
        """A mask decided on the left, and its mirror image."""
        chosen: Mask = mask & left
        twin: Mask = chosen[mirror]
        return chosen | twin

    def outline(points: tuple[int, ...]) -> Floats:
        """(M, 2) seen from the front, closed through the middle plane."""
        return dense[list(points), :2]

    oval = outline(OVAL)
    oval = np.concatenate([oval, oval[-2:0:-1] * (-1.0, 1.0)])
    nearest = np.abs(y[:, None] - dense[list(OVAL), 1]).argmin(axis=1)
    rim = dense[np.array(OVAL)[nearest], 2]
    face = both(inside_polygon(vertices[:, :2], oval) & (z > rim - OVAL_DEPTH) & outer & ~ears)

    chin_low = dense[152, 1]
    (z_front, y_front), (z_back, y_back) = NECK_BELOW
    ear_low = vertices[masks["ear_left"], 1].min()
    limit = np.interp(z, [z_back, z_front], [ear_low + y_back, chin_low - y_front])
    neck = both((y < limit) & outer & ~face & ~ears)
    skull = outer & ~face & ~ears & ~neck
    spread = np.array([0.0, BROW_SPREAD])
    brow_line = np.concatenate([outline(BROW_TOP) + spread, outline(BROW_BOTTOM) - spread])
    brow = both(inside_polygon(vertices[:, :2], brow_line) & face & ~lids)
    nose_line = outline(NOSE)
    nose_line = np.concatenate([nose_line, nose_line[-2:0:-1] * (-1.0, 1.0)])
    nose = both(inside_polygon(vertices[:, :2], nose_line) & face & ~lids)
    brow_top = brow_line[:, 1].max()
    forehead = both(face & (y > brow_top) & ~brow)
    chin = both(face & (y < dense[17, 1] - 4.0) & (np.abs(vertices[:, 0]) < dense[273, 0] * 1.1) & ~lips)
    cheek = both(face & (y < dense[253, 1]) & ~nose & ~lips & ~lids & ~chin & (np.abs(vertices[:, 0]) > dense[358, 0]))
    scalp = skull & both((y > dense[10, 1]) | (z < dense[454, 2]))

    regions = {
        "lip_upper": masks["lip_upper"] | masks["lip_corners"],
        "lip_lower": masks["lip_lower"],
        "mouth_cavity": masks["mouth_cavity"],
        "nostrils": nostrils,
        "nose": nose,
        "forehead": forehead,
        "chin": chin,
        "scalp": scalp,
        "neck": neck,
        "ears": ears,
        "face": face,
        "face_and_ears": face | ears,
        "skull": skull,
    }
    for side, here in (("left", left), ("right", ~left | (mirror == np.arange(len(mirror))))):
        for name in ("eye_cavity", "lid_upper", "lid_lower", "ear"):
            regions[f"{name}_{side}"] = masks[f"{name}_{side}"]
        regions[f"brow_{side}"] = brow & here
        regions[f"cheek_{side}"] = cheek & here
    return regions
