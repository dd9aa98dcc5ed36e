"""Wavefront OBJ: quads, texture coordinates, the parts as groups; millimetres."""

from __future__ import annotations

import threading
from typing import IO

import numpy as np

from face2mesh.face import Face
from face2mesh.head import BaseHead

_cached = threading.local()


def write_obj(face: Face, file: IO[bytes]) -> None:
    """Write vertices in the head's order (to 1e-4 mm), texture points, and each part's quads as a group."""
    vertices = face.vertices
    file.write(f"# {face.decoder.name} {face.decoder.version}, Face2Mesh, millimetres\no head\n".encode())
    file.write((("v %.4f %.4f %.4f\n" * len(vertices)) % tuple(vertices.ravel().tolist())).encode())
    file.write(_static_lines(face.head))


def _static_lines(head: BaseHead) -> bytes:
    """Everything behind the vertices, which is the same for all faces on one base head; the last head's is kept."""
    known: tuple[BaseHead, bytes] | None = getattr(_cached, "lines", None)
    if known is not None and known[0] is head:
        return known[1]
    lines = [("vt %.6f %.6f\n" * len(head.uv)) % tuple(head.uv.ravel().tolist()), "s 1\n"]
    corners = np.stack([head.quads, head.uv_quads], axis=2) + 1
    for part, (first, last) in head.part_quads.items():
        lines.append(f"g {part}\n")
        lines.append(("f %d/%d %d/%d %d/%d %d/%d\n" * (last - first)) % tuple(corners[first:last].ravel().tolist()))
    text = "".join(lines).encode()
    _cached.lines = (head, text)
    return text
