"""Wavefront OBJ: quads, texture coordinates, the parts as groups; millimetres."""

from __future__ import annotations

import threading
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import OutputError
from face2mesh.head import Topology
from face2mesh.write.mesh import HeadMesh
from face2mesh.write.numerals import Cells, fixed_point, lines, whole

# The last topology's lines behind the vertices, for all threads.
_kept: tuple[Topology, bytes] | None = None
_keeping = threading.Lock()


def write_obj(mesh: HeadMesh, file: IO[bytes], materials: str | None = None) -> None:
    """Write vertices in the head's order (to 1e-4 mm), texture points, and each part's quads as a group.

    Args:
        mesh: the head.
        file: to write.
        materials: name of the `.mtl` file beside it, with a material of each part's name; None without.

    Raises:
        OutputError: a vertex is nowhere.
    """
    try:
        write_vertices(mesh.vertices, mesh.topology, mesh.made_by, file, materials)
    except ValueError as error:
        raise OutputError("the head has vertices that are nowhere; the photo or the model is damaged.") from error


def write_vertices(
    vertices: NDArray[Any], topology: Topology, made_by: str, file: IO[bytes], materials: str | None = None
) -> None:
    """Write a head that need not be a face's; see `write_obj`.

    Args:
        vertices: (V, 3) mm.
        topology: of them.
        made_by: goes into the first line.
        file: to write.
        materials: as in `write_obj`.

    Raises:
        ValueError: a vertex is nowhere.
    """
    x, y, z = (fixed_point(axis, 4) for axis in np.asarray(vertices).T)
    file.write(f"# {made_by}, Face2Mesh, millimetres\n".encode())
    if materials is not None:
        file.write(f"mtllib {materials}\n".encode())
    file.write(b"o head\n")
    file.write(lines([b"v ", x, b" ", y, b" ", z, b"\n"]))
    static = _static_lines(topology)
    if materials is not None:
        for part in topology.part_quads:
            static = static.replace(f"g {part}\n".encode(), f"g {part}\nusemtl {part}\n".encode())
    file.write(static)


def _static_lines(topology: Topology) -> bytes:
    """Everything behind the vertices, which is the same for all heads on one topology; the last one's is kept."""
    global _kept
    with _keeping:
        if _kept is None or _kept[0] is not topology:
            _kept = topology, _make_static_lines(topology)
        return _kept[1]


def _make_static_lines(topology: Topology) -> bytes:
    u, v = (fixed_point(axis, 6) for axis in topology.uv.T)
    text = [lines([b"vt ", u, b" ", v, b"\n"]), b"s 1\n"]
    for part, (first, last) in topology.part_quads.items():
        if first == last:
            continue
        text.append(f"g {part}\n".encode())
        corners, points = topology.quads[first:last], topology.uv_quads[first:last]
        triangular = topology.triangular[first:last]
        # Runs of faces with as many corners, so that the order is kept.
        for run in np.split(np.arange(last - first), np.flatnonzero(np.diff(triangular)) + 1):
            count = 3 if triangular[run[0]] else 4
            columns: list[Cells | bytes] = [b"f"]
            for corner, point in zip(corners[run, :count].T, points[run, :count].T, strict=True):
                columns += [b" ", whole((corner + 1).astype(np.uint32)), b"/", whole((point + 1).astype(np.uint32))]
            text.append(lines([*columns, b"\n"]))
    return b"".join(text)
