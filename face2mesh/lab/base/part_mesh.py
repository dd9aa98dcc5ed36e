"""A part of the head that is made by formula: eyeball, jaw with its teeth.

Letters: V vertices, Q quads, U texture points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PartMesh:
    """One part, in the head's frame: millimetres, +X subject's left, +Y up, +Z out of the face.

    Attributes:
        vertices: (V, 3).
        quads: (Q, 4), counter-clockwise seen from outside.
        uv: (U, 2), the part's own island, in texture units of its own choice; `atlas.pack` scales and places it.
        uv_quads: (Q, 4), rows of `uv` at the corners of `quads`; every area is positive.
        labels: name to (V,) mask; the names of one part together cover it once.
        mirror: (V,), the vertex on the other side: of this part where it crosses the mirror plane (a jaw),
            of its twin where it does not (an eyeball).
    """

    vertices: Floats
    quads: Indices
    uv: Floats
    uv_quads: Indices
    labels: Mapping[str, Mask]
    mirror: Indices


def mirrored(part: PartMesh) -> PartMesh:
    """The twin of a part on the other side: x → −x, u → −u, winding reversed so that outside stays outside.

    Vertex i of the twin is the mirror image of vertex i, to the last bit.
    """
    return PartMesh(
        vertices=part.vertices * (-1.0, 1.0, 1.0),
        quads=np.ascontiguousarray(part.quads[:, ::-1]),
        uv=part.uv * (-1.0, 1.0),
        uv_quads=np.ascontiguousarray(part.uv_quads[:, ::-1]),
        labels=part.labels,
        mirror=part.mirror,
    )
