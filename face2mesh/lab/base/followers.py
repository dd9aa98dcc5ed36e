"""Tongue and lashes: MakeHuman's, carried to where the wrapped head has their surroundings.

Letters: N vertices of the part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face2mesh.lab.base.part_mesh import PartMesh
from face2mesh.lab.base.register import along, symmetric
from face2mesh.lab.base.topology import Submesh

Floats = NDArray[np.float64]

LASH_LENGTH = 0.6
LASH_TILT, LASH_RISE = 1.0, 0.5  # how much of a lash's height it stands out further, and how much it keeps
ROOT_GAP = 0.1  # mm, in front of the lid's edge
ROOT_SAMPLES = 400
FRONT_TEETH_MM = 8.0  # from the middle plane
TONGUE_GAP = 1.0  # mm, to the teeth
TONGUE_RISE = 2.0  # mm, of the tongue's back above the lower teeth's edges


def lashes_on(part: Submesh, scale: float, before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> Floats:
    """Lashes (N, 3) on the wrapped lids: each vertex keeps its place along the front edge, and its offset from it.

    MakeHuman's strips are meant for a picture of hairs with gaps between; as plain surfaces they would be too long, so
    that they get `LASH_LENGTH` of their length. They stand out further than MakeHuman's, clear of the fold above.

    Args:
        part: MakeHuman's lashes.
        scale: of the head.
        before: the left upper and lower lid's front edge in MakeHuman, (M, 3) mm each, from inner to outer corner.
        after: the same on the wrapped head.
    """
    shares = np.linspace(0.0, 1.0, ROOT_SAMPLES)
    places = part.vertices
    result = places.copy()
    left = places[:, 0] > 0
    # Of one eye's lashes those above the line between its corners are the upper lid's.
    corners = before[0][[0, -1]]
    upper = places[:, 1] > np.interp(places[:, 0], corners[:, 0], corners[:, 1])
    for lash, old, new in ((left & upper, before[0], after[0]), (left & ~upper, before[1], after[1])):
        line = along(old, shares)
        nearest = cKDTree(line).query(places[lash])[1]
        offset = scale * LASH_LENGTH * (places[lash] - line[nearest])
        offset[:, 2] = np.abs(offset[:, 2]) + LASH_TILT * np.abs(offset[:, 1]) + ROOT_GAP
        result[lash] = along(new, shares[nearest]) + offset * (1.0, LASH_RISE, 1.0)
    sides = np.flatnonzero(left)
    result[part.mirror[sides]] = result[sides] * (-1.0, 1.0, 1.0)
    return result


def fitted_tongue(part: Submesh, scale: float, lower_jaw: PartMesh) -> Floats:
    """The tongue (N, 3) at rest within the lower teeth.

    Scaled with the head, narrowed where the molars demand it; its tip just behind the incisors, its back a little above
    the teeth's edges.
    """
    teeth = lower_jaw.vertices[lower_jaw.labels["tooth"]]
    front = teeth[np.abs(teeth[:, 0]) < FRONT_TEETH_MM]
    molars = teeth[(teeth[:, 2] < np.quantile(teeth[:, 2], 0.2)) & (teeth[:, 0] > 0)]
    places = part.vertices * scale
    width = np.abs(places[:, 0]).max()
    places[:, 0] *= min(1.0, (molars[:, 0].min() - TONGUE_GAP) / width)
    places[:, 2] += front[:, 2].min() - TONGUE_GAP - places[:, 2].max()
    places[:, 1] += np.quantile(teeth[:, 1], 0.9) + TONGUE_RISE - places[:, 1].max()
    return symmetric(places, part.mirror)
