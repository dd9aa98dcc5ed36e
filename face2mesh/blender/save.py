""".blend and .fbx of a head."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from face2mesh.blender.program import run_in_blender
from face2mesh.blender.scene import scene_arrays
from face2mesh.write.mesh import HeadMesh

WORKER = Path(__file__).with_name("worker.py")

CENTIMETRE = 0.01
"""In metres; FBX's own unit, and that of most programs which read it."""


def write_blend(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write a scene in metres: parts with quads, materials and shape keys, lights, the photo's camera.

    Raises:
        OutputError: there is no Blender, or it failed.
    """
    _write(mesh, file, "blend", 1.0)


def write_fbx(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write the parts with quads, materials and shape keys, in centimetres and with +Y up.

    Raises:
        OutputError: there is no Blender, or it failed.
    """
    _write(mesh, file, "fbx", CENTIMETRE)


def _write(mesh: HeadMesh, file: IO[bytes], suffix: str, unit: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene, written = Path(folder) / "scene.npz", Path(folder) / f"head.{suffix}"
        np.savez(scene, allow_pickle=False, **scene_arrays(mesh, unit))
        run_in_blender(WORKER, scene, written)
        file.write(written.read_bytes())
