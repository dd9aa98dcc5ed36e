"""What must be true of a GLB before a page is made around it."""

from __future__ import annotations

import json
import struct
from typing import Any

from face2mesh.errors import InputFileError

READ_EXTENSIONS = frozenset({"KHR_materials_ior", "KHR_materials_unlit", "KHR_mesh_quantization"})
"""Of glTF's extensions that a file may require; the page reads no others (`page/glb.js` has the same list)."""

_MAGIC, _JSON_CHUNK = 0x46546C67, 0x4E4F534A
_HEADER = struct.Struct("<5I")


def check_glb(content: bytes, name: str) -> None:
    """Refuse what the page could not show; what is deeper inside the file the page itself judges.

    Args:
        content: the file's bytes; binary glTF 2.0.
        name: of the file, for the sentence.

    Raises:
        InputFileError: no GLB, another version, cut short, damaged, without triangles, or with parts that lie elsewhere
            or need an extension that the page does not read.
    """
    if len(content) < _HEADER.size or content[:4] != b"glTF":
        raise InputFileError(f"{name}: no GLB file; name a binary glTF 2.0 file, for instance one of ours.")
    _, version, length, json_length, kind = _HEADER.unpack_from(content)
    if version != 2:
        raise InputFileError(f"{name}: GLB of version {version}; export it as glTF 2.0.")
    if length > len(content):
        raise InputFileError(f"{name}: cut short, {len(content):,} of {length:,} bytes; copy or export it again.")
    document = _document(content[_HEADER.size : _HEADER.size + json_length]) if kind == _JSON_CHUNK else None
    if document is None:
        raise InputFileError(f"{name}: damaged, its description cannot be read; export it again.")
    if foreign := set(document.get("extensionsRequired", ())) - READ_EXTENSIONS:
        raise InputFileError(
            f"{name}: needs {', '.join(sorted(foreign))}, which the page cannot read; export it without."
        )
    outside = [
        entry["uri"]
        for entry in (*document.get("buffers", ()), *document.get("images", ()))
        if not entry.get("uri", "data:").startswith("data:")
    ]
    if outside:
        raise InputFileError(f"{name}: leans on the file {outside[0]}; export it with everything inside.")
    modes = [part.get("mode", 4) for mesh in document.get("meshes", ()) for part in mesh["primitives"]]
    if not any(mode >= 4 for mode in modes):
        raise InputFileError(f"{name}: holds no surface to show; export a mesh of triangles.")


def _document(chunk: bytes) -> dict[str, Any] | None:
    """The JSON of a GLB; None where it is none, or not of the shape that glTF gives it."""
    try:
        document = json.loads(chunk)
        for mesh in document.get("meshes", ()):
            _ = [int(part.get("mode", 4)) for part in mesh["primitives"]]
        for entry in (*document.get("buffers", ()), *document.get("images", ())):
            _ = entry.get("uri", "").startswith("data:")
        _ = set(document.get("extensionsRequired", ()))
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return dict(document)
