"""STL, binary: triangles only, for printing; millimetres."""

from __future__ import annotations

from typing import IO

import numpy as np

from face2mesh.head.normals import triangle_normals
from face2mesh.head.topology import with_area
from face2mesh.write.mesh import HeadMesh

_HEADER_BYTES = 80


def write_stl(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write the triangles in the head's order, with their normals."""
    triangles = mesh.topology.triangles[with_area(mesh.topology.triangles)]
    normals = triangle_normals(mesh.vertices, triangles)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    rows = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows["normal"] = normals / np.where(lengths > 0, lengths, 1)
    rows["corners"] = mesh.vertices[triangles]
    title = f"Face2Mesh, {mesh.made_by}, millimetres".encode("ascii", "replace")
    file.write(title[:_HEADER_BYTES].ljust(_HEADER_BYTES))
    file.write(np.uint32(len(rows)).astype("<u4").tobytes())
    file.write(rows.tobytes())
