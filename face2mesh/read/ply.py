"""Stanford PLY, as text or binary (Turk 1994)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.read.mesh_file import MeshFile, NotReadableError, padded

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_CORNERS = ("vertex_indices", "vertex_index")
_TEXTURE = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))


@dataclass
class _Property:
    """A number of each row, or a list of them with its length before it."""

    name: str
    type: str
    count_type: str | None = None


@dataclass
class _Element:
    """Rows of one kind."""

    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


def read_ply(content: bytes) -> MeshFile:
    """A PLY file's elements "vertex" and "face".

    Raises:
        NotReadableError: it is damaged or cut short, or has no vertices.
    """
    end = content.find(b"end_header")
    if not content.startswith(b"ply") or end < 0:
        raise NotReadableError("no PLY file; export it again.")
    body = content.find(b"\n", end) + 1
    try:
        form, elements = _header(content[:end].decode("ascii", "replace").splitlines())
        if form == "ascii":
            tables = _from_text(content[body:].split(), elements)
        else:
            tables = _from_bytes(content[body:], elements, "<" if form == "binary_little_endian" else ">")
        vertex = tables["vertex"]
        vertices = np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], 1)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise NotReadableError("damaged or cut short; export it again.") from error
    face = tables.get("face", {})
    corners: Any = next((face[name] for name in _CORNERS if name in face), [])
    faces = padded(corners, np.int32, -1)
    uv = None
    for names in _TEXTURE:
        if all(name in vertex for name in names):
            points = np.stack([np.asarray(vertex[name], np.float64) for name in names], 1)
            uv = np.where(faces[..., None] >= 0, points[faces], np.nan) if faces.max(initial=-1) < len(points) else None
    if "texcoord" in face and len(faces):
        rows = [np.reshape(row, (-1, 2)) for row in face["texcoord"]]
        uv = np.full((*faces.shape, 2), np.nan)
        for place, row in enumerate(rows):
            uv[place, : len(row)] = row
    return MeshFile(vertices, faces, uv)


def _header(lines: list[str]) -> tuple[str, list[_Element]]:
    form, elements = "", list[_Element]()
    for words in (line.split() for line in lines):
        match words:
            case ["format", name, *_]:
                form = name
            case ["element", name, count]:
                elements.append(_Element(name, int(count)))
            case ["property", "list", count, kind, name]:
                elements[-1].properties.append(_Property(name, _TYPES[kind], _TYPES[count]))
            case ["property", kind, name]:
                elements[-1].properties.append(_Property(name, _TYPES[kind]))
    if form not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError(form)
    return form, elements


def _from_text(words: list[bytes], elements: list[_Element]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    place = 0
    for element in elements:
        if all(each.count_type is None for each in element.properties):
            width = len(element.properties)
            numbers = np.array(words[place : place + width * element.count], np.float64).reshape(element.count, width)
            tables[element.name] = {each.name: numbers[:, i] for i, each in enumerate(element.properties)}
            place += width * element.count
            continue
        columns: dict[str, list[Any]] = {each.name: [] for each in element.properties}
        for _ in range(element.count):
            for each in element.properties:
                if each.count_type is None:
                    columns[each.name].append(float(words[place]))
                    place += 1
                else:
                    count = int(words[place])
                    if place + 1 + count > len(words):
                        raise ValueError("cut short")
                    columns[each.name].append([float(word) for word in words[place + 1 : place + 1 + count]])
                    place += 1 + count
        tables[element.name] = columns
    return tables


def _from_bytes(body: bytes, elements: list[_Element], order: str) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    place = 0
    for element in elements:
        counts = _first_counts(body, place, element, order)
        fields: list[tuple[Any, ...]] = []
        for i, each in enumerate(element.properties):
            if each.count_type is not None:
                fields += [(f"{i} count", order + each.count_type), (f"{i}", order + each.type, (counts[i],))]
            else:
                fields.append((f"{i}", order + each.type))
        row = np.dtype(fields)
        if place + row.itemsize * element.count <= len(body):
            rows: NDArray[Any] = np.frombuffer(body, row, element.count, place)
            if all((rows[f"{i} count"] == count).all() for i, count in counts.items()):
                # All lists are as long as the first one's: one table.
                tables[element.name] = {each.name: rows[f"{i}"] for i, each in enumerate(element.properties)}
                place += row.itemsize * element.count
                continue
        if not counts:
            raise ValueError("cut short")
        columns: dict[str, list[Any]] = {each.name: [] for each in element.properties}
        for _ in range(element.count):
            for each in element.properties:
                count = 1
                if each.count_type is not None:
                    count = int(np.frombuffer(body, order + each.count_type, 1, place)[0])
                    place += np.dtype(each.count_type).itemsize
                values = np.frombuffer(body, order + each.type, count, place)
                place += values.nbytes
                columns[each.name].append(values.tolist() if each.count_type is not None else values[0])
        tables[element.name] = columns
    return tables


def _first_counts(body: bytes, place: int, element: _Element, order: str) -> dict[int, int]:
    """How long the lists of an element's first row are, by the property's place."""
    counts: dict[int, int] = {}
    for i, each in enumerate(element.properties):
        if each.count_type is not None:
            counts[i] = int(np.frombuffer(body, order + each.count_type, 1, place)[0]) if element.count else 0
            place += np.dtype(each.count_type).itemsize + counts[i] * np.dtype(each.type).itemsize
        else:
            place += np.dtype(each.type).itemsize
    return counts
