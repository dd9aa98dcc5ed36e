"""A GLB of ours read back from its bytes alone: places under weights and turned bones, colours, texture.

Reads what `face2mesh.write.glb` writes, not any glTF. Letters: V vertices, T triangles, J joints.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

_KINDS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_MILLIMETRES = 1000.0
_WHOLE = 0xFFFF


class GlbScene:
    """A head as the file holds it.

    Attributes:
        names: the targets' names.
        weights: the expression that the file comes with.
        triangles: (T, 3).
        parts: (V,), the material's name at each vertex.
        colours: (V, 4) linear, 0 to 1, with opacity.
        uv: (V, 2), origin at the lower left.
        texture: (H, W, 3) uint8, or None.
    """

    def __init__(self, content: bytes) -> None:
        """Read a file's bytes."""
        length = int(np.frombuffer(content, "<u4", 1, 12)[0])
        self._document: dict[str, Any] = json.loads(content[20 : 20 + length])
        self._binary = content[28 + length :]
        mesh = self._document["meshes"][0]
        self.names: list[str] = mesh["extras"]["targetNames"]
        self.weights: dict[str, float] = dict(zip(self.names, mesh["weights"], strict=True))
        rows = [self._primitive(primitive) for primitive in mesh["primitives"]]
        starts = np.cumsum([0, *(len(row["POSITION"]) for row in rows)])
        self._places = _joined(rows, "POSITION")
        self._targets = np.concatenate([row["targets"] for row in rows], axis=1)
        self.triangles = np.concatenate([row["indices"] + start for row, start in zip(rows, starts, strict=False)])
        self.colours = _joined(rows, "COLOR_0")
        self.uv = _joined(rows, "TEXCOORD_0") * [1, -1] + [0, 1]
        self.parts = np.concatenate([np.full(len(row["POSITION"]), row["part"]) for row in rows])
        self._bones = {name: _joined(rows, name) for name in ("JOINTS_0", "WEIGHTS_0")} if self._skins else {}
        self.texture = self._picture()

    @property
    def _skins(self) -> list[dict[str, Any]]:
        skins: list[dict[str, Any]] = self._document.get("skins", [])
        return skins

    def bone(self, name: str) -> dict[str, Any]:
        """A joint's node."""
        return next(node for node in self._document["nodes"] if node["name"] == name)

    def places(self, weights: Mapping[str, float], turns: Mapping[str, Array] | None = None) -> Array:
        """(V, 3) mm, with these targets and these bones' rotations (name to (3, 3)), blended linearly."""
        moved = self._places.astype(np.float64)
        for name, weight in weights.items():
            moved += weight * self._targets[self.names.index(name)]
        if turns:
            skin = self._skins[0]
            inverse = self._values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
            matrices = self._worlds(skin["skeleton"], turns, skin["joints"]) @ inverse
            shares = self._bones["WEIGHTS_0"] / _WHOLE
            blended = np.einsum("vj,vjab->vab", shares, matrices[self._bones["JOINTS_0"].astype(np.int64)])
            moved = np.einsum("vab,vb->va", blended, np.column_stack([moved, np.ones(len(moved))]))[:, :3]
        return moved * _MILLIMETRES

    def _worlds(self, root: int, turns: Mapping[str, Array], joints: Sequence[int]) -> Array:
        """(J, 4, 4), where the joints are, below a root without a parent of its own."""
        worlds: dict[int, Array] = {}
        waiting = [(root, np.eye(4))]
        while waiting:
            number, above = waiting.pop()
            node = self._document["nodes"][number]
            local = np.eye(4)
            local[:3, 3] = node["translation"]
            local[:3, :3] = turns.get(node["name"], np.eye(3))
            worlds[number] = above @ local
            waiting += [(child, worlds[number]) for child in node.get("children", ())]
        return np.stack([worlds[joint] for joint in joints])

    def _primitive(self, primitive: Mapping[str, Any]) -> dict[str, Any]:
        """A part's arrays, by the names that glTF gives them."""
        found: dict[str, Any] = {name: self._values(row) for name, row in primitive["attributes"].items()}
        given = found.get("COLOR_0", np.ones((len(found["POSITION"]), 3), np.float32))
        found["COLOR_0"] = np.pad(given, ((0, 0), (0, 4 - given.shape[1])), constant_values=1)
        found["indices"] = self._values(primitive["indices"]).reshape(-1, 3).astype(np.int64)
        found["targets"] = np.stack([self._values(target["POSITION"]) for target in primitive["targets"]])
        found["part"] = self._document["materials"][primitive["material"]]["name"]
        return found

    def _values(self, number: int) -> NDArray[Any]:
        """An accessor's rows."""
        accessor = self._document["accessors"][number]
        kind, columns = _KINDS[accessor["componentType"]], _COLUMNS[accessor["type"]]
        rows = np.zeros((accessor["count"], columns), kind)
        if "bufferView" in accessor:
            rows[:] = self._flat(accessor["bufferView"], kind, rows.size).reshape(rows.shape)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            count = sparse["count"]
            which = self._flat(sparse["indices"]["bufferView"], _KINDS[sparse["indices"]["componentType"]], count)
            rows[which] = self._flat(sparse["values"]["bufferView"], kind, count * columns).reshape(count, columns)
        return rows

    def _flat(self, view: int, kind: type[Any], count: int) -> NDArray[Any]:
        return np.frombuffer(self._binary, kind, count, self._document["bufferViews"][view]["byteOffset"])

    def _picture(self) -> NDArray[np.uint8] | None:
        if "images" not in self._document:
            return None
        view = self._document["bufferViews"][self._document["images"][0]["bufferView"]]
        end = view["byteOffset"] + view["byteLength"]
        with Image.open(io.BytesIO(self._binary[view["byteOffset"] : end])) as picture:
            return np.array(picture.convert("RGB"))


def _joined(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[Any]:
    return np.concatenate([row[name] for row in rows])
