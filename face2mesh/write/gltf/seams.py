"""One texture point for each vertex, as glTF wants it: vertices on a seam are written several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import Topology
from face2mesh.head.topology import with_area

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """A part whose vertices have one texture point each.

    Attributes:
        vertices: (N,), rows of the head's vertices: the part's in their order, then those repeated on seams.
        uv: (N,), rows of the head's texture points.
        triangles: (T, 3), rows of these N, in the head's order.
    """

    vertices: Indices
    uv: Indices
    triangles: Indices


def split_at_seams(topology: Topology, part: str) -> Split:
    """A part's vertices, one for each texture point that they have."""
    first, last = topology.part_vertices[part]
    start, end = topology.part_quads[part]
    quads, uv_quads = topology.quads[start:end].astype(np.int64), topology.uv_quads[start:end].astype(np.int64)
    pairs = quads * len(topology.uv) + uv_quads
    unique, index = np.unique(pairs.ravel(), return_inverse=True)
    vertex, point = unique // len(topology.uv), unique % len(topology.uv)
    # Sorted by vertex, so the first pair of each vertex stands for it; a vertex without a quad gets texture point 0.
    leads = np.r_[True, vertex[1:] != vertex[:-1]]
    place = np.where(leads, vertex - first, (last - first) + np.cumsum(~leads) - 1)
    count = last - first + int((~leads).sum())
    vertices, points = np.arange(first, first + count), np.zeros(count, np.int64)
    vertices[place], points[place] = vertex, point
    corners = place[index.reshape(-1)].reshape(quads.shape)
    triangles = topology.triangles[2 * start : 2 * end].astype(np.int64)
    owner = np.repeat(np.arange(end - start), 2)
    which = (quads[owner][:, None, :] == triangles[:, :, None]).argmax(2)
    split = np.take_along_axis(corners[owner], which, axis=1)
    return Split(vertices, points, split[with_area(triangles)])
