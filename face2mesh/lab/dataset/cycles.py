"""Pictures of a data set's heads by Blender's Cycles: light that bounces, skin that scatters; seconds a picture.

What is in a picture is the same as with the rasteriser: a head with skin, eyes, hair and clothes, lamps, a background,
and what a camera does. Blender renders the head before nothing; the rest is done here.

Letters: V vertices and T triangles of a piece, h the picture's side.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.blender import run_in_blender
from face2mesh.draw.light import to_linear
from face2mesh.draw.parts import part_opacity
from face2mesh.head import BaseHead
from face2mesh.head.corners import corner_uv
from face2mesh.head.normals import vertex_normals
from face2mesh.head.topology import with_area
from face2mesh.lab.dataset.shots import Shot, picture_path
from face2mesh.lab.pairs.rendered import Dressed, Setting, before_background, dressed
from face2mesh.lab.pairs.surroundings import photographed
from face2mesh.lab.render.kernels import HAIR
from face2mesh.lab.render.picture import Light, Piece
from face2mesh.store import write_atomically

WORKER = Path(__file__).with_name("cycles_worker.py")
SAMPLES = 16
"""A pixel; the denoiser does the rest."""
HAIR_OFF_MM = 0.5
"""How far hair is lifted: where it lies in the skin, a ray that goes through one of its holes misses the skin too."""
THREADS_VARIABLE = "FACE2MESH_THREADS"
"""Environment variable: threads for Cycles; all by default."""

_TO_BLENDER = np.array([1.0, -1.0, -1.0], np.float32) * np.float32(0.001)
"""Camera axes (+Y down, +Z forward) in mm to Blender's camera axes (+Y up, −Z forward) in metres."""
_MATERIALS = {"skin": 0, "left_eye": 1, "right_eye": 1, "upper_teeth": 2, "lower_teeth": 2, "tongue": 2, "lashes": 3}
_HAIR, _CLOTH = 4, 3


def take(setting: Setting, some: list[tuple[NDArray[np.float32], Shot]], folder: Path) -> None:
    """Render pictures in one Blender and write them as JPEG.

    Args:
        setting: of the data set.
        some: the heads (V, 3) mm, and the pictures to take of them.
        folder: the data set's.

    Raises:
        OutputError: there is no Blender, or the folder cannot be written.
    """
    scenes = [dressed(setting, vertices, shot.generator, shot.look) for vertices, shot in some]
    with tempfile.TemporaryDirectory() as name:
        given, output = Path(name) / "scenes.npz", Path(name) / "done.txt"
        paths = [Path(name) / f"{number}.png" for number in range(len(some))]
        arrays: dict[str, NDArray[Any]] = {}
        document: dict[str, Any] = {
            "samples": SAMPLES,
            "threads": int(os.environ.get(THREADS_VARIABLE, "0")),
            "scenes": [],
        }
        for number, ((_, shot), scene) in enumerate(zip(some, scenes, strict=True)):
            told, own = _scene(setting.head, scene, shot)
            document["scenes"].append(told | {"picture": str(paths[number])})
            arrays |= {f"{number}/{key}": values for key, values in own.items()}
        np.savez(given, allow_pickle=False, document_json=np.array(json.dumps(document)), **arrays)
        run_in_blender(WORKER, given, output)
        for (_, shot), scene, path in zip(some, scenes, paths, strict=True):
            with Image.open(path) as image:
                straight = np.asarray(image.convert("RGBA"), np.float32) / 255
            cover = straight[..., 3:]
            drawn = np.concatenate([to_linear(straight[..., :3]) * cover, cover], -1).astype(np.float32)
            pixels = shot.view.pixels(shot.view.placed(scene.vertices))
            picture = before_background(setting, scene, drawn, pixels, shot.generator)
            jpeg = photographed(np.asarray(picture, np.float32), shot.generator)
            target = picture_path(folder, shot.name)
            write_atomically(target, lambda file, content=jpeg: file.write(content))  # type: ignore[misc]


def _scene(head: BaseHead, scene: Dressed, shot: Shot) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What the worker builds one picture of: names and numbers, and arrays."""
    pieces = [_piece(head if number == 0 else None, piece, shot) for number, piece in enumerate(scene.pieces)]
    arrays = {f"{number}/{key}": values for number, piece in enumerate(pieces) for key, values in piece.items()}
    arrays["strands"] = scene.textures.strands
    camera = shot.camera
    told = {
        "pieces": len(pieces),
        "size": camera.width,
        "field": camera.width / camera.fx,
        "lamps": _lamps(shot.light),
        "even": _even(shot.light),
        "strand_contrast": scene.textures.strand_contrast,
    }
    return told, arrays


def _piece(head: BaseHead | None, piece: Piece, shot: Shot) -> dict[str, NDArray[Any]]:
    """A piece in the camera's axes; the head itself has materials by part."""
    colours = np.ones((len(piece.vertices), 4), np.float32)
    colours[:, :3] = piece.colours
    triangles, uv, vertices = piece.triangles, piece.corner_uv, piece.vertices
    if head is not None:
        triangles, uv = head.triangles, corner_uv(head)  # the other sides of the lashes are the rasteriser's affair
        colours[:, 3] = part_opacity(head)
        material = np.zeros(len(triangles), np.int32)
        for part, (first, last) in head.part_quads.items():
            material[2 * first : 2 * last] = _MATERIALS[part]
        real = with_area(triangles)
        triangles, uv, material = triangles[real], uv[real], material[real]
    else:
        kind = np.broadcast_to(np.asarray(piece.material), (len(triangles),))
        eyes = np.asarray(piece.gloss, np.float32)
        shiny = eyes.ndim == 2 and float(eyes[:, 1].min()) > 60
        material = np.where(kind == HAIR, _HAIR, 1 if shiny else _CLOTH).astype(np.int32)
        if (kind == HAIR).all():
            vertices = vertices + vertex_normals(vertices, triangles) * np.float32(HAIR_OFF_MM)
        if piece.cover is not None:
            colours[:, 3] = piece.cover
    return {
        "vertices": shot.view.placed(vertices) * _TO_BLENDER,
        "triangles": np.asarray(triangles, np.int32),
        "colours": colours,
        "uv": np.array(np.broadcast_to(np.float32(0) if uv is None else uv, (len(triangles), 3, 2)), np.float32),
        "material": material,
    }


def _lamps(light: Light) -> list[dict[str, Any]]:
    """Distant lamps in Blender's axes: where they shine from, colour times π, and how wide they are, radians."""
    lamps = []
    for lamp in light.lamps:
        towards = np.asarray(lamp.direction, np.float64) * [1, -1, -1]
        # exp(s · (cos θ − 1)) falls to exp(−1/2) at θ = 1/√s.
        wide = 2 / np.sqrt(lamp.sharpness)
        lamps.append(
            {"towards": towards.tolist(), "colour": (np.pi * np.asarray(lamp.colour)).tolist(), "wide": float(wide)}
        )
    return lamps


def _even(light: Light) -> list[list[float]]:
    """The sky's radiance, (3 channels, 4): constant, and slopes along Blender's axes.

    A radiance a + b · d gives a matt surface a + 2/3 b · n (Ramamoorthi and Hanrahan 2001): the slopes are 3/2 of the
    harmonics' own.
    """
    constant, along = light.even[0], 1.5 * light.even[1:4] * np.array([[1], [-1], [-1]], np.float32)
    table: list[list[float]] = np.concatenate([constant[:, None], along.T], 1).astype(float).tolist()
    return table
