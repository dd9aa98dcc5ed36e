"""Stanford PLY, binary: quads and a colour for each vertex; millimetres."""

from __future__ import annotations

from typing import IO

import numpy as np

from face2mesh.face import Face
from face2mesh.write.colours import file_colours


def write_ply(face: Face, file: IO[bytes]) -> None:
    """Write vertices in the head's order with sRGB colours, and quads."""
    vertices = np.empty(len(face.vertices), [("place", "<f4", 3), ("colour", "u1", 3)])
    vertices["place"], vertices["colour"] = face.vertices, file_colours(face)
    quads = np.empty(len(face.quads), [("count", "u1"), ("corners", "<i4", 4)])
    quads["count"], quads["corners"] = 4, face.quads
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {face.decoder.name} {face.decoder.version}, Face2Mesh, millimetres",
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        f"element face {len(quads)}",
        "property list uchar int vertex_indices",
        "end_header",
        "",
    ]
    file.write("\n".join(header).encode("ascii", "replace"))
    file.write(vertices.tobytes())
    file.write(quads.tobytes())
