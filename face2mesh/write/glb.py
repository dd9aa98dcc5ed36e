"""Binary glTF 2.0 (GLB): a node for each part, texture coordinates, normals and colours; metres.

glTF has one texture point for each vertex, so a vertex on a seam of the texture is written once for each of its texture
points: first the part's vertices in the head's order, then the repeated ones.
"""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import to_linear
from face2mesh.head import Topology
from face2mesh.head.normals import vertex_normals
from face2mesh.write.mesh import HeadMesh

_METRES = 0.001
_FLOAT, _UINT32 = 5126, 5125
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_ROUGHNESS = {"skin": 0.6, "left_eye": 0.1, "right_eye": 0.1, "upper_teeth": 0.3, "lower_teeth": 0.3, "tongue": 0.4}
_SHEER = ("lashes",)
"""Parts that thin out: seen from both sides, with an opacity beside the colour."""
_GLTF_MAGIC, _JSON_CHUNK, _BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942


def seam_vertices(topology: Topology, part: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """A part's vertices with one texture point each.

    Returns:
        vertex (n,), rows of the head's vertices: the part's in order, then those repeated on seams; uv (n,), rows of
        the texture points; triangles (t, 3), rows of these n.
    """
    first, last = topology.part_vertices[part]
    start, end = topology.part_quads[part]
    quads, uv_quads = topology.quads[start:end].astype(np.int64), topology.uv_quads[start:end].astype(np.int64)
    pairs = quads * len(topology.uv) + uv_quads
    unique, index = np.unique(pairs.ravel(), return_inverse=True)
    vertex, uv = unique // len(topology.uv), unique % len(topology.uv)
    # Sorted by vertex, so the first pair of each vertex stands for it; a vertex without a quad gets texture point 0.
    leads = np.r_[True, vertex[1:] != vertex[:-1]]
    place = np.where(leads, vertex - first, (last - first) + np.cumsum(~leads) - 1)
    count = last - first + int((~leads).sum())
    vertices, uvs = np.arange(first, first + count), np.zeros(count, np.int64)
    vertices[place], uvs[place] = vertex, uv
    corners = place[index.reshape(-1)].reshape(quads.shape)
    triangles = topology.triangles[2 * start : 2 * end].astype(np.int64)
    owner = np.repeat(np.arange(end - start), 2)
    which = (quads[owner][:, None, :] == triangles[:, :, None]).argmax(2)
    return vertices, uvs, np.take_along_axis(corners[owner], which, axis=1)


class _Buffer:
    """Accessors, their views, and the bytes behind them."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.content = bytearray()

    def add(self, array: NDArray[Any], bounds: bool = False) -> int:
        """Append an array, (n, c) float32 or (n,) uint32 indices; its accessor's number."""
        array = np.ascontiguousarray(array)
        indices = array.dtype == np.uint32
        target = _ELEMENT_BUFFER if indices else _ARRAY_BUFFER
        self.views.append({"buffer": 0, "byteOffset": len(self.content), "byteLength": array.nbytes, "target": target})
        self.content += array.astype(array.dtype.newbyteorder("<")).tobytes()
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": _UINT32 if indices else _FLOAT,
            "count": len(array),
            "type": _TYPES[1 if array.ndim == 1 else array.shape[1]],
        }
        if bounds:
            accessor |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_glb(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write a root node "head" with a child for each part."""
    topology = mesh.topology
    normals = vertex_normals(mesh.vertices, topology.triangles).astype(np.float32)
    normals[~normals.any(1)] = (0, 0, 1)
    # Colours of vertices are linear in glTF.
    linear = to_linear(mesh.colours / np.float32(255))
    colours = np.concatenate([linear, mesh.opacity[:, None]], axis=1).astype(np.float32)
    buffer = _Buffer()
    nodes: list[dict[str, Any]] = [{"name": "head", "children": []}]
    meshes: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    for part in topology.part_vertices:
        vertices, uvs, triangles = seam_vertices(topology, part)
        if not len(triangles):
            continue
        attributes = {
            "POSITION": buffer.add(mesh.vertices[vertices] * np.float32(_METRES), bounds=True),
            "NORMAL": buffer.add(normals[vertices]),
            # The origin of glTF's textures is at the upper left.
            "TEXCOORD_0": buffer.add((topology.uv[uvs] * [1, -1] + [0, 1]).astype(np.float32)),
            "COLOR_0": buffer.add(colours[vertices][:, : 4 if part in _SHEER else 3]),
        }
        indices = buffer.add(triangles.ravel().astype(np.uint32))
        primitive = {"attributes": attributes, "indices": indices, "material": len(materials)}
        surface = {"metallicFactor": 0, "roughnessFactor": _ROUGHNESS.get(part, 0.8)}
        materials.append({"name": part, "pbrMetallicRoughness": surface})
        if part in _SHEER:
            materials[-1] |= {"doubleSided": True, "alphaMode": "BLEND"}
        nodes[0]["children"].append(len(nodes))
        nodes.append({"name": part, "mesh": len(meshes)})
        meshes.append({"name": part, "primitives": [primitive]})
    document = {
        "asset": {"version": "2.0", "generator": f"Face2Mesh, {mesh.made_by}"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": materials,
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.content)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    content = bytes(buffer.content) + b"\0" * (-len(buffer.content) % 4)
    length = 12 + 8 + len(text) + 8 + len(content)
    file.write(np.array([_GLTF_MAGIC, 2, length, len(text), _JSON_CHUNK], "<u4").tobytes())
    file.write(text)
    file.write(np.array([len(content), _BINARY_CHUNK], "<u4").tobytes())
    file.write(content)
