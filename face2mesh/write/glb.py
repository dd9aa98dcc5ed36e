"""Binary glTF 2.0 (GLB): the neutral person in metres, ARKit's 52 shapes as morph targets, a material for each part.

One mesh, "head", has a primitive and a material for each part, so that one list of weights moves all parts. The weights
that the mesh comes with are the face's own expression; viewers that do not know weights show the neutral person. glTF
has one texture point for each vertex, so a vertex on a seam is written once for each of its texture points: first the
part's vertices in the head's order, then the repeated ones.

Where the mesh has a rig, its bones are a skin of the same mesh, at rest. Bones and morphs both move the jaw and the
eyes: whoever uses the file turns one or the other.
"""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import to_linear
from face2mesh.head.normals import vertex_normals
from face2mesh.write.gltf.buffer import Buffer
from face2mesh.write.gltf.materials import IOR_EXTENSION, SURFACES, material
from face2mesh.write.gltf.seams import Split, split_at_seams
from face2mesh.write.gltf.skeleton import add_influences, skeleton
from face2mesh.write.mesh import HeadMesh

Floats = NDArray[np.float32]

METRES = np.float32(0.001)
STILL_MM = 2e-5
"""A morph that moves a vertex by less is not written for it."""
STEADY = 1 / 128
"""A morph that changes each number of a normal by less is not written for it: half a degree is not seen."""
_JPEG_QUALITY = 92
_LINEAR, _LINEAR_MIPMAPS, _CLAMP = 9729, 9987, 33071
LICENCE = (
    "The head is yours to use, also in what is sold; please ask the person shown. Topology: MakeHuman (CC0 1.0). Shape "
    "statistics: ICT-FaceKit Light (MIT, Copyright (c) 2020 USC Institute for Creative Technologies)."
)


def write_glb(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write a head.

    Raises:
        OutputError: the mesh asks for bones, and its morphs turn none.
    """
    buffer = Buffer()
    document: dict[str, Any] = {
        "asset": {
            "version": "2.0",
            "generator": f"Face2Mesh, {mesh.made_by}",
            "extras": {"licence": LICENCE},
        },
        "extensionsUsed": [IOR_EXTENSION],
        "scene": 0,
        "scenes": [{"name": "Face2Mesh", "nodes": [0], "extras": {"face2mesh": _photo(mesh)}}],
        "nodes": [{"name": "head", "mesh": 0}],
    }
    texture = None
    if mesh.texture is not None:
        texture = 0
        document |= _texture(mesh.texture, buffer)
    parts = [part for part, (start, end) in mesh.topology.part_quads.items() if end > start]
    document["materials"] = [material(part, texture) for part in parts]
    shapes = _Shapes(mesh)
    primitives = []
    for number, part in enumerate(parts):
        split = split_at_seams(mesh.topology, part)
        attributes, targets = _attributes(shapes, mesh, part, split, buffer)
        triangles = split.triangles.ravel()
        indices = buffer.add_indices(triangles.astype(np.uint16 if len(split.vertices) <= 0xFFFF else np.uint32))
        primitives.append({"attributes": attributes, "targets": targets, "indices": indices, "material": number})
    document["meshes"] = [
        {
            "name": "head",
            "primitives": primitives,
            "weights": [round(weight, 6) for weight in mesh.weights.values()],
            "extras": {"targetNames": list(mesh.weights)},
        }
    ]
    if mesh.rig is not None:
        document |= skeleton(mesh.rig, document["nodes"], document["scenes"][0], buffer)
    buffer.write_container(document, file)


class _Shapes:
    """Places and normals of all shapes, in metres, and where each differs from the neutral one."""

    def __init__(self, mesh: HeadMesh) -> None:
        triangles = mesh.topology.triangles
        self.positions = mesh.neutral * METRES
        self.normals = _normals(mesh.neutral, triangles)
        self.displacements = {name: morph * METRES for name, morph in mesh.morphs.items()}
        self.moves = {name: np.abs(morph).max(1) > STILL_MM for name, morph in mesh.morphs.items()}
        self.turns = {
            name: _normals(mesh.neutral + morph, triangles) - self.normals for name, morph in mesh.morphs.items()
        }
        self.is_turned = {name: np.abs(turn).max(1) > STEADY for name, turn in self.turns.items()}


def _normals(vertices: Floats, triangles: NDArray[np.int32]) -> Floats:
    normals = vertex_normals(vertices, triangles).astype(np.float32)
    normals[~normals.any(1)] = (0, 0, 1)
    return normals


def _attributes(
    shapes: _Shapes, mesh: HeadMesh, part: str, split: Split, buffer: Buffer
) -> tuple[dict[str, int], list[dict[str, int]]]:
    """Accessors of a part at rest, and of its targets."""
    rows = split.vertices
    attributes = {
        "POSITION": buffer.add_attribute(shapes.positions[rows], bounds=True),
        "NORMAL": buffer.add_attribute(shapes.normals[rows]),
        # The origin of glTF's textures is at the upper left.
        "TEXCOORD_0": buffer.add_attribute((mesh.topology.uv[split.uv] * [1, -1] + [0, 1]).astype(np.float32)),
    }
    sheer = SURFACES[part].sheer
    if mesh.texture is None or sheer:
        attributes["COLOR_0"] = buffer.add_attribute(_colours(mesh, rows, sheer))
    if mesh.rig is not None:
        attributes |= add_influences(mesh.rig.weights[rows], buffer)
    targets = [
        {
            "POSITION": buffer.add_displacements(displacement[rows], shapes.moves[name][rows], bounds=True),
            "NORMAL": buffer.add_displacements(shapes.turns[name][rows], shapes.is_turned[name][rows]),
        }
        for name, displacement in shapes.displacements.items()
    ]
    return attributes, targets


def _colours(mesh: HeadMesh, rows: NDArray[np.int64], sheer: bool) -> Floats:
    """Linear colours of vertices, white under a texture, with their opacity where the part is sheer."""
    colours = np.ones((len(rows), 3), np.float32)
    if mesh.texture is None:
        colours = to_linear(mesh.colours[rows] / np.float32(255)).astype(np.float32)
    return np.column_stack([colours, mesh.opacity[rows]]) if sheer else colours


def _texture(picture: NDArray[np.uint8], buffer: Buffer) -> dict[str, Any]:
    """The document's part of a texture; the picture goes into the buffer as JPEG."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return {
        "images": [{"name": "colours", "mimeType": "image/jpeg", "bufferView": buffer.add_view(encoded.getvalue())}],
        "samplers": [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAPS, "wrapS": _CLAMP, "wrapT": _CLAMP}],
        "textures": [{"name": "colours", "source": 0, "sampler": 0}],
    }


def _photo(mesh: HeadMesh) -> dict[str, Any]:
    """Where the head was in front of the camera, as the JSON beside it says."""
    from face2mesh.write.document import document

    told = document(mesh.face)
    return {key: told[key] for key in ("camera", "pose", "scale_source")}
