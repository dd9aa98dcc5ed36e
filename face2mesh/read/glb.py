"""Binary glTF 2.0: the triangles of all its meshes, each where its nodes put it."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.read.mesh_file import MeshFile, NotReadableError

_JSON, _BINARY = 0x4E4F534A, 0x004E4942
_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_READ_EXTENSIONS = {
    "KHR_mesh_quantization",
    "KHR_materials_unlit",
    "KHR_materials_ior",
    "KHR_materials_specular",
    "KHR_texture_transform",
}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_MILLIMETRES = 1000.0


def read_glb(content: bytes) -> MeshFile:
    """A GLB file's triangles; primitives that share their vertices share them here. Morphs and skins are passed over.

    Raises:
        NotReadableError: no GLB, damaged, packed by an extension, or parts of it lie in other files.
    """
    if content[:4] != b"glTF" or len(content) < 20:
        raise NotReadableError("no GLB file; export a binary glTF 2.0.")
    version, length = struct.unpack_from("<2I", content, 4)
    if version != 2:
        raise NotReadableError(f"GLB of version {version}; export it as glTF 2.0.")
    if length > len(content):
        raise NotReadableError("cut short; copy or export it again.")
    try:
        document = _Document(content)
        if foreign := set(document.json.get("extensionsRequired", ())) - _READ_EXTENSIONS:
            raise NotReadableError(f"needs {', '.join(sorted(foreign))}; export it without compression.")
        return document.mesh()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise NotReadableError("damaged; export it again.") from error


class _Document:
    """A GLB's description and bytes."""

    def __init__(self, content: bytes) -> None:
        size, kind = struct.unpack_from("<2I", content, 12)
        if kind != _JSON:
            raise ValueError("no description")
        self.json: dict[str, Any] = json.loads(content[20 : 20 + size])
        after = 20 + size
        binary = b""
        if after + 8 <= len(content):
            size, kind = struct.unpack_from("<2I", content, after)
            binary = content[after + 8 : after + 8 + size] if kind == _BINARY else b""
        self._buffers = [self._buffer(entry, binary) for entry in self.json.get("buffers", ())]

    @staticmethod
    def _buffer(entry: dict[str, Any], binary: bytes) -> bytes:
        place = entry.get("uri")
        if place is None:
            return binary
        if not place.startswith("data:"):
            raise NotReadableError(f"leans on the file {place}; export it with everything inside.")
        return base64.b64decode(place.split(",", 1)[1])

    def mesh(self) -> MeshFile:
        """All meshes of the scene, one after the other."""
        vertices: list[NDArray[np.float64]] = []
        points: list[NDArray[np.float64]] = []
        faces: list[NDArray[np.int32]] = []
        count = 0
        for index, matrix in self._placed():
            started: dict[int, int] = {}
            for part in self.json["meshes"][index]["primitives"]:
                mode = part.get("mode", _TRIANGLES)
                if mode not in (_TRIANGLES, _STRIP, _FAN):
                    continue
                attributes = part["attributes"]
                name = int(attributes["POSITION"])
                if name not in started:
                    places = self._values(name)
                    started[name] = count
                    count += len(places)
                    vertices.append(places @ matrix[:3, :3].T + matrix[:3, 3])
                    uv = attributes.get("TEXCOORD_0")
                    points.append(np.full((len(places), 2), np.nan) if uv is None else self._values(uv))
                here = len(self._values(name))
                corners = self._values(part["indices"])[:, 0] if "indices" in part else np.arange(here)
                if corners.size and corners.max() >= here:
                    raise ValueError("a corner beyond the vertices")
                triangles = _as_triangles(corners.astype(np.int32), mode)
                if np.linalg.det(matrix[:3, :3]) < 0:
                    triangles = triangles[:, ::-1]
                faces.append(triangles + started[name])
        if not faces:
            return MeshFile(np.zeros((0, 3)), np.zeros((0, 3), np.int32), None, _MILLIMETRES)
        joined = np.concatenate(faces)
        uv_table = np.concatenate(points)
        corner_uv = None if np.isnan(uv_table).all() else uv_table[joined] * [1, -1] + [0, 1]
        return MeshFile(np.concatenate(vertices), joined.astype(np.int32), corner_uv, _MILLIMETRES)

    def _placed(self) -> list[tuple[int, NDArray[np.float64]]]:
        """Meshes and the matrices of the nodes that hold them."""
        nodes = self.json.get("nodes", [])
        if not nodes:
            return [(index, np.eye(4)) for index in range(len(self.json.get("meshes", ())))]
        children = {child for node in nodes for child in node.get("children", ())}
        scenes = self.json.get("scenes", ())
        roots = scenes[self.json.get("scene", 0)].get("nodes", ()) if scenes else set(range(len(nodes))) - children
        found: list[tuple[int, NDArray[np.float64]]] = []
        waiting = [(root, np.eye(4), 0) for root in sorted(roots)][::-1]
        while waiting:
            index, above, depth = waiting.pop()
            if depth > len(nodes):
                raise ValueError("nodes in a ring")
            node = nodes[index]
            matrix = above @ _matrix(node)
            if "mesh" in node:
                # A skinned mesh is where its bones put it, whatever its node says.
                found.append((node["mesh"], np.eye(4) if "skin" in node else matrix))
            waiting += [(child, matrix, depth + 1) for child in node.get("children", ())][::-1]
        return found

    def _values(self, index: int) -> NDArray[np.float64]:
        """An accessor's values (N, width) as numbers."""
        accessor = self.json["accessors"][index]
        count, width = accessor["count"], _WIDTHS[accessor["type"]]
        kind = np.dtype(_TYPES[accessor["componentType"]])
        if "bufferView" in accessor:
            values = self._view(accessor["bufferView"], accessor.get("byteOffset", 0), kind, count, width)
        else:
            values = np.zeros((count, width), kind)
        if sparse := accessor.get("sparse"):
            where, what = sparse["indices"], sparse["values"]
            rows = self._view(
                where["bufferView"],
                where.get("byteOffset", 0),
                np.dtype(_TYPES[where["componentType"]]),
                sparse["count"],
                1,
            )
            values = values.copy()
            values[rows[:, 0]] = self._view(what["bufferView"], what.get("byteOffset", 0), kind, sparse["count"], width)
        if accessor.get("normalized"):
            return np.maximum(values / np.iinfo(kind).max, -1.0)
        return values.astype(np.float64)

    def _view(self, index: int, offset: int, kind: np.dtype[Any], count: int, width: int) -> NDArray[Any]:
        view = self.json["bufferViews"][index]
        start = view.get("byteOffset", 0) + offset
        stride = view.get("byteStride", kind.itemsize * width)
        buffer = self._buffers[view["buffer"]]
        if count and start + stride * (count - 1) + kind.itemsize * width > len(buffer):
            raise ValueError("beyond the buffer")
        return np.ndarray((count, width), kind, buffer, start, (stride, kind.itemsize))


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    """(4, 4) of a node: given, or of translation, rotation (a quaternion x, y, z, w) and scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _as_triangles(corners: NDArray[np.int32], mode: int) -> NDArray[np.int32]:
    """(T, 3) of a list, a strip or a fan of triangles."""
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == _FAN:
        return np.stack([np.full(max(len(corners) - 2, 0), corners[0]), corners[1:-1], corners[2:]], 1)
    strip = np.stack([corners[:-2], corners[1:-1], corners[2:]], 1)
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip
