"""Stanford PLY, binary: quads and a colour for each vertex; millimetres."""

from __future__ import annotations

from typing import IO

import numpy as np

from face2mesh.head.topology import with_area
from face2mesh.write.mesh import HeadMesh


def write_ply(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write vertices in the head's order with sRGB colours, and quads."""
    vertices = np.empty(len(mesh.vertices), [("place", "<f4", 3), ("colour", "u1", 3)])
    vertices["place"], vertices["colour"] = mesh.vertices, mesh.colours
    topology = mesh.topology
    # Common readers take faces of one kind only: where some are triangles, all are written as triangles.
    faces = topology.triangles[with_area(topology.triangles)] if topology.triangular.any() else topology.quads
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {mesh.made_by}, Face2Mesh, millimetres",
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
        "",
    ]
    file.write("\n".join(header).encode("ascii", "replace"))
    file.write(vertices.tobytes())
    rows = np.empty(len(faces), [("count", "u1"), ("corners", "<i4", faces.shape[1])])
    rows["count"], rows["corners"] = faces.shape[1], faces
    file.write(rows.tobytes())
