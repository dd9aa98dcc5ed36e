"""Inside Blender: its own subdivision of a mesh, for the tests. `python blender_subdivision.py -- IN.npz OUT.npz`."""

import importlib
import sys
from pathlib import Path

import numpy as np

bpy = importlib.import_module("bpy")


def main(given, output):
    """Subdivide once and twice; for every corner of every quad its place and its texture point, (n, 5)."""
    with np.load(given) as arrays:
        vertices, quads, uv, uv_quads = (arrays[name] for name in ("vertices", "quads", "uv", "uv_quads"))
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata(vertices.tolist(), [], quads.tolist())
    layer = mesh.uv_layers.new()
    layer.data.foreach_set("uv", uv[uv_quads].astype(np.float32).ravel())
    thing = bpy.data.objects.new("thing", mesh)
    bpy.context.collection.objects.link(thing)
    modifier = thing.modifiers.new("subdivision", "SUBSURF")
    modifier.use_limit_surface = False
    modifier.boundary_smooth, modifier.uv_smooth = "ALL", "NONE"
    found = {}
    for level in (1, 2):
        modifier.levels = level
        fine = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        places, points = np.empty(3 * len(fine.vertices), np.float32), np.empty(2 * len(fine.loops), np.float32)
        corners = np.empty(len(fine.loops), np.int32)
        fine.vertices.foreach_get("co", places)
        fine.uv_layers[0].data.foreach_get("uv", points)
        fine.loops.foreach_get("vertex_index", corners)
        found[f"places_{level}"] = places.reshape(-1, 3)
        found[f"corners_{level}"] = np.concatenate([places.reshape(-1, 3)[corners], points.reshape(-1, 2)], 1)
    with open(output, "wb") as file:
        np.savez(file, **found)


main(*map(Path, sys.argv[sys.argv.index("--") + 1 :]))
