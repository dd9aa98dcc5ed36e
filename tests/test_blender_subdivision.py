"""Our subdivision against Blender's, which is OpenSubdiv's."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

import face2mesh
from face2mesh.blender import BLENDER_VARIABLE, find_blender, run_in_blender
from face2mesh.head.subdivision import subdivision

pytestmark = pytest.mark.skipif(
    find_blender() is None,
    reason=f"no Blender: neither bpy in this Python (3.11 or 3.13, NumPy below 2 for 3.11) nor {BLENDER_VARIABLE}",
)

CLOSE_MM = 1e-4
UV_MM = 100.0
"""What a whole texture counts as beside millimetres: points are then compared to a millionth."""


def test_same_places_and_texture_points(tmp_path):
    head = face2mesh.load().base_head
    arrays = {"vertices": head.vertices, "quads": head.quads, "uv": head.uv, "uv_quads": head.uv_quads}
    np.savez(tmp_path / "head.npz", **arrays)
    run_in_blender(Path(__file__).with_name("blender_subdivision.py"), tmp_path / "head.npz", tmp_path / "fine.npz")
    topology, places = head.topology, head.vertices
    with np.load(tmp_path / "fine.npz") as found:
        for level in (1, 2):
            step = subdivision(topology)
            topology, places = step.fine, step(places)
            theirs = found[f"places_{level}"]
            assert len(theirs) == topology.vertex_count
            # The order is each program's own.
            assert cKDTree(theirs).query(places)[0].max() < CLOSE_MM
            corners = np.concatenate([places[topology.quads], topology.uv[topology.uv_quads]], 2).reshape(-1, 5)
            scale = np.array([1, 1, 1, UV_MM, UV_MM])
            theirs = found[f"corners_{level}"] * scale
            assert len(theirs) == len(corners)
            assert cKDTree(theirs).query(corners * scale)[0].max() < CLOSE_MM
