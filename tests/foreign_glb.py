"""A GLB that no program of ours wrote: what the specification allows and our own files do not use."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COMPONENTS = {"u1": 5121, "u2": 5123, "u4": 5125, "f4": 5126}
WIDTHS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


def container(document: dict[str, Any], content: bytes = b"", version: int = 2) -> bytes:
    """The binary container around a document."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    content += b"\0" * (-len(content) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(content), 0x004E4942) + content
    return struct.pack("<4sII", b"glTF", version, 12 + len(chunks)) + chunks


class Maker:
    """Collects arrays; each gets a buffer view and, if wanted, an accessor."""

    def __init__(self) -> None:
        self.content = b""
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, stride: int | None = None) -> int:
        self.content += b"\0" * (-len(self.content) % 4)
        self.views.append({"buffer": 0, "byteOffset": len(self.content), "byteLength": len(content)})
        if stride:
            self.views[-1]["byteStride"] = stride
        self.content += content
        return len(self.views) - 1

    def accessor(self, values: Any, kind: str = "f4", **more: Any) -> int:
        array = np.asarray(values, f"<{kind}")
        width = 1 if array.ndim == 1 else array.shape[1]
        described = {"componentType": COMPONENTS[kind], "count": len(array), "type": WIDTHS[width]}
        view = {} if more.pop("empty", False) else {"bufferView": more.pop("view", None)}
        if view.get("bufferView", 0) is None:
            view = {"bufferView": self.view(array.tobytes())}
        self.accessors.append(view | described | more)
        return len(self.accessors) - 1

    def places(self, values: Any, truth: Any = None, **more: Any) -> int:
        """Positions, which must have bounds: of `truth`, where a sparse accessor replaces some of the values."""
        final = np.asarray(values if truth is None else truth, np.float32)
        return self.accessor(values, min=final.min(0).tolist(), max=final.max(0).tolist(), **more)

    def sparse(self, rows: list[int], values: Any, kind: str = "u2") -> dict[str, Any]:
        return {
            "count": len(rows),
            "indices": {
                "bufferView": self.view(np.asarray(rows, f"<{kind}").tobytes()),
                "componentType": COMPONENTS[kind],
            },
            "values": {"bufferView": self.view(np.asarray(values, "<f4").tobytes())},
        }

    def document(self, **more: Any) -> bytes:
        arrays = {"accessors": self.accessors, "bufferViews": self.views}
        buffers = [{"byteLength": len(self.content)}]
        return container({"asset": {"version": "2.0"}, **more, **arrays, "buffers": buffers}, self.content)


SHEET = np.array([[x, y, 0] for y in (-1, 0, 1) for x in (-1, 0, 1)], np.float32)
"""(9, 3), a square of 2 × 2 quads, in front of everything."""


def sheet_triangles() -> NDArray[np.uint8]:
    """(24,), the halves of each quad one after the other."""
    corners = [(3 * row + column) for row in range(2) for column in range(2)]
    return np.array([[a, a + 1, a + 4, a, a + 4, a + 3] for a in corners], np.uint8).ravel()


def foreign_glb() -> tuple[bytes, list[NDArray[np.float64]]]:
    """Three parts and where their vertices must be with the file's own weights.

    The first part: interleaved positions and normals, one position put right by a sparse accessor, indices of a byte, a
    morph target that is dense ("tilt", z = x) and one that is sparse without a base ("corner"); below a node that is
    moved, turned and made larger. The second: a mirrored strip without indices and normals, with a picture that is
    partly transparent. The third: a fan under a skin of two joints.
    """
    maker = Maker()
    wrong = SHEET.copy()
    wrong[8] = 7
    normals = np.tile(np.float32([0, 0, 1]), (9, 1))
    shared = maker.view(np.hstack([wrong, normals]).astype("<f4").tobytes(), stride=24)
    tilt = np.zeros_like(SHEET)
    tilt[:, 2] = SHEET[:, 0]
    corner = np.zeros_like(SHEET)
    corner[0] = (0, 0, 0.5)
    sheet = {
        "attributes": {
            "POSITION": maker.places(wrong, SHEET, view=shared, sparse=maker.sparse([8], SHEET[8:], "u1")),
            "NORMAL": maker.accessor(normals, view=shared, byteOffset=12),
        },
        "indices": maker.accessor(sheet_triangles(), "u1"),
        "targets": [
            {"POSITION": maker.places(tilt)},
            {"POSITION": maker.places(corner, empty=True, sparse=maker.sparse([0], corner[:1], "u4"))},
        ],
        "material": 0,
    }
    picture = io.BytesIO()
    Image.fromarray(np.uint8([[[255, 0, 0, 255], [0, 0, 255, 0]]])).save(picture, "PNG")
    strip = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]], np.float32)
    halves = np.round(strip[:, :2] * [255, 127]).astype(np.uint8)
    uv = maker.view(np.hstack([halves, np.zeros_like(halves)]).tobytes(), stride=4)
    ribbon = {
        "attributes": {
            "POSITION": maker.places(strip),
            "TEXCOORD_0": maker.accessor(halves, "u1", view=uv, normalized=True),
        },
        "mode": 5,
        "material": 1,
    }
    fan = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    shares = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0]], np.float32)
    skinned = {
        "attributes": {
            "POSITION": maker.places(fan),
            "JOINTS_0": maker.accessor(np.tile(np.uint8([0, 1, 0, 0]), (4, 1)), "u1"),
            "WEIGHTS_0": maker.accessor(shares),
        },
        "mode": 6,
    }
    inverse = np.tile(np.eye(4, dtype=np.float32), (2, 1, 1))
    inverse[1, 3, 0] = -1  # columns first: 1 m to the right when the binding was made
    image = maker.view(picture.getvalue())
    content = maker.document(
        scene=0,
        scenes=[{"nodes": [0, 2, 3, 4]}],
        nodes=[
            {
                "translation": [0, 1, 0],
                "rotation": [0, np.sqrt(0.5), 0, np.sqrt(0.5)],
                "scale": [2, 2, 2],
                "children": [1],
            },
            {"mesh": 0, "name": "sheet", "weights": [0.25, 1]},
            {"mesh": 1, "name": "ribbon", "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 4, 1]},
            {"mesh": 2, "name": "fan", "skin": 0, "translation": [50, 50, 50]},
            {"translation": [0, 0, -3], "children": [5]},
            {"translation": [1, 0.5, 0]},
        ],
        skins=[{"joints": [4, 5], "inverseBindMatrices": maker.accessor(inverse.reshape(2, 16))}],
        meshes=[
            {"primitives": [sheet], "weights": [1, 1], "extras": {"targetNames": ["tilt", "corner"]}},
            {"primitives": [ribbon]},
            {"primitives": [skinned]},
        ],
        materials=[
            {"name": "paint", "pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.6, 0.2, 1], "metallicFactor": 0}},
            {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, "alphaMode": "MASK", "doubleSided": True},
        ],
        textures=[{"source": 0, "sampler": 0}],
        samplers=[{"magFilter": 9728, "wrapS": 33071}],
        images=[{"bufferView": image, "mimeType": "image/png"}],
    )
    placed = SHEET + 0.25 * tilt + corner
    turned = 2 * placed[:, [2, 1, 0]] * [1, 1, -1] + [0, 1, 0]  # a quarter turn about y takes x to -z
    at_first, at_second = fan - [0, 0, 3], fan - [1, 0, 0] + [1, 0.5, -3]
    bent = shares[:, :1] * at_first + shares[:, 1:2] * at_second
    return content, [turned, strip * [-1, 1, 1] + [0, 0, 4], bent]
