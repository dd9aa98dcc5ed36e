"""A head as Blender wants it: +Z up, the face towards −Y, and a unit of the user's choice.

Letters: V vertices, K shape keys, U texture points, Q quads.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.face import Camera, Pose
from face2mesh.write.gltf.materials import SURFACES
from face2mesh.write.mesh import HeadMesh
from face2mesh.write.rig import Rig

AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""The head's frame (+Y up, +Z out of the face) to Blender's (+Z up, −Y out of the face)."""

SENSOR_MM = 36.0
"""Width of the film in Blender's camera; only its ratio to the focal length counts."""

MOVES_MM = 1e-3
"""A part has a shape key where the expression moves one of its vertices farther than this."""

UP, DOWN, FORWARD = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.0, -1.0, 0.0)
"""In Blender's axes, out of the face being forward."""

BONE_MM = {"neck": 60.0, "jaw": 80.0}
"""How long bones are drawn; an eye's is as long as `EYE_BONE_MM`."""
EYE_BONE_MM = 30.0

_MILLIMETRE = 0.001
_PHOTO_QUALITY = 92


def to_blender(points: NDArray[Any], unit: float) -> NDArray[np.float32]:
    """Points or displacements (…, 3) mm of the head's frame in Blender's axes.

    Args:
        points: mm.
        unit: how many metres one unit of the scene is.
    """
    moved: NDArray[np.float32] = ((points.astype(np.float64) * (_MILLIMETRE / unit)) @ AXES.T).astype(np.float32)
    return moved


def camera_document(camera: Camera, pose: Pose, unit: float) -> dict[str, Any]:
    """The photo's camera, placed where it was in front of the head at rest, in the terms of Blender's camera.

    Blender measures the principal point's shift in widths of the picture (its sensor is fitted horizontally), and looks
    along its own −Z with +Y up where our camera looks along +Z with +Y down.
    """
    place = to_blender(-pose.rotation.T @ pose.translation_mm, unit)
    turn = AXES @ pose.rotation.T @ np.diag([1.0, -1.0, -1.0])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, place
    # Blender stretches pixels by its aspects, the larger of which must not be below 1.
    aspect_x, aspect_y = max(1.0, camera.fy / camera.fx), max(1.0, camera.fx / camera.fy)
    return {
        "matrix": matrix.tolist(),
        "sensor": SENSOR_MM,
        "lens": camera.fx / camera.width * SENSOR_MM,
        "shift_x": 0.5 - camera.cx / camera.width,
        "shift_y": (camera.cy - camera.height / 2) / camera.width * aspect_y / aspect_x,
        "width": camera.width,
        "height": camera.height,
        "aspect_x": aspect_x,
        "aspect_y": aspect_y,
    }


def bone_documents(rig: Rig, unit: float) -> list[dict[str, Any]]:
    """Bones as Blender draws them, from joint to tail; the parent's number, −1 for the root.

    A bone turns about its own X axis as the head's frame turns about +X: a positive turn opens the jaw and lowers a
    look. `down` is where its Z axis points.
    """
    documents = []
    for joint in rig.joints:
        ahead, down = (UP, FORWARD) if joint.parent < 0 else (FORWARD, DOWN)
        head = to_blender(joint.place, unit).astype(np.float64)
        tail = head + np.array(ahead) * (BONE_MM.get(joint.name, EYE_BONE_MM) * _MILLIMETRE / unit)
        place = {"head": head.tolist(), "tail": tail.tolist(), "down": list(down)}
        documents.append({"name": joint.name, "parent": joint.parent, **place})
    return documents


def scene_arrays(mesh: HeadMesh, unit: float) -> dict[str, NDArray[Any]]:
    """What the worker builds a scene of, ready for an `.npz` without pickles.

    Args:
        mesh: the head.
        unit: how many metres one unit of the scene is.

    Returns:
        `positions` (V, 3) of the neutral head and `morphs` (K, V, 3), scene units, Blender's axes; `quads` and
        `uv_quads` (Q, 4), `uv` (U, 2); `colours` (V, 4) sRGB and opacity, 0 to 1; where there are any, `bone_weights`
        (V, J), and `texture_png` and `photo_jpeg`, a file's bytes; `document_json`, names and numbers.
    """
    topology = mesh.topology
    morphs = np.stack(list(mesh.morphs.values()))
    moved = np.linalg.norm(morphs, axis=2) > MOVES_MM
    parts = []
    for part, (first, last) in topology.part_vertices.items():
        if first == last:
            continue
        keys = [name for name, moves in zip(mesh.morphs, moved[:, first:last].any(1), strict=True) if moves]
        # The skin has all of them, because its sliders move the other parts'.
        keys = list(mesh.morphs) if part == "skin" else keys
        surface = SURFACES[part]
        described = {"Roughness": surface.roughness, "IOR": surface.refraction}
        quads = topology.part_quads[part]
        # A mesh that is fine already, and sheets that thin out, need no modifier that makes them finer.
        finer = mesh.levels == 0 and not surface.sheer
        part_document = {"name": part, "vertices": [first, last], "quads": quads, "keys": keys, "finer": finer}
        parts.append(part_document | {"surface": described})
    face = mesh.face
    document = {
        "made_by": mesh.made_by,
        "unit": unit,
        "parts": parts,
        "keys": list(mesh.morphs),
        "weights": [mesh.weights[name] for name in mesh.morphs],
        "camera": camera_document(face.camera, face.pose, unit),
        "bones": [] if mesh.rig is None else bone_documents(mesh.rig, unit),
    }
    colours = np.concatenate([mesh.colours / np.float32(255), mesh.opacity[:, None]], axis=1)
    arrays: dict[str, NDArray[Any]] = {
        "positions": to_blender(mesh.neutral, unit),
        "morphs": to_blender(morphs, unit),
        "quads": topology.quads,
        "uv": topology.uv,
        "uv_quads": topology.uv_quads,
        "colours": colours.astype(np.float32),
        "document_json": np.array(json.dumps(document)),
    }
    if mesh.rig is not None:
        arrays["bone_weights"] = mesh.rig.weights
    if mesh.texture is not None:
        arrays["texture_png"] = _file_bytes(mesh.texture, "PNG")
    if mesh.photo is not None:
        arrays["photo_jpeg"] = _file_bytes(mesh.photo, "JPEG", quality=_PHOTO_QUALITY)
    return arrays


def _file_bytes(picture: NDArray[np.uint8], kind: str, **options: Any) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return np.frombuffer(file.getvalue(), np.uint8)
