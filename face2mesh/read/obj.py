"""Wavefront OBJ: every `v` line is a vertex, every `f` line a face, whatever lies between."""

from __future__ import annotations

import numpy as np

from face2mesh.read.mesh_file import MeshFile, NotReadableError, padded


def read_obj(content: bytes) -> MeshFile:
    """An OBJ file's vertices, faces and texture points; groups, objects, normals, lines and curves are passed over.

    Raises:
        NotReadableError: a line is damaged.
    """
    places: list[bytes] = []
    points: list[bytes] = []
    corners: list[list[int]] = []
    textured: list[list[int]] = []
    for number, line in enumerate(content.replace(b"\\\n", b" ").replace(b"\\\r\n", b" ").splitlines(), 1):
        start = line[:2]
        if start in (b"v ", b"v\t"):
            places.append(line[2:])
        elif start == b"vt":
            points.append(line[2:])
        elif start in (b"f ", b"f\t"):
            try:
                names = [corner.split(b"/") for corner in line[2:].split(b"#")[0].split()]
                # A negative number counts back from the last vertex so far.
                ends = [int(name[0]) for name in names]
                corners.append([end - 1 if end > 0 else len(places) + end for end in ends])
                if all(len(name) > 1 and name[1] for name in names):
                    marks = [int(name[1]) for name in names]
                    textured.append([mark - 1 if mark > 0 else len(points) + mark for mark in marks])
                else:
                    textured.append([])
            except ValueError as error:
                raise NotReadableError(f"damaged, line {number} is no face; export it again.") from error
    faces = padded(corners, np.int32, -1)
    uv = None
    if points and any(textured):
        marks_table = padded(textured, np.int64, -1)
        table = np.vstack([_numbers(points, 2), [[np.nan, np.nan]]])
        if marks_table.max() >= len(points):
            raise NotReadableError("damaged, a face names a texture point that is not there; export it again.")
        uv = np.full((*faces.shape, 2), np.nan)
        uv[:, : marks_table.shape[1]] = table[marks_table][:, : faces.shape[1]]
    return MeshFile(_numbers(places, 3), faces, uv)


def _numbers(lines: list[bytes], width: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The first numbers of each line; vertices may have colours behind their places."""
    if not lines:
        return np.zeros((0, width))
    try:
        rows = [line.split(None, width)[:width] for line in lines]
        return np.array([[float(word) for word in row] for row in rows], np.float64).reshape(len(lines), width)
    except ValueError as error:
        raise NotReadableError("damaged, a vertex is not made of numbers; export it again.") from error
