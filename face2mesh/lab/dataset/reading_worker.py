"""Inside Blender: the sculpts of a .blend file. `python reading_worker.py -- ORDERS.json FOUND.npz`.

The orders: `{"file": path}`. Found: `document_json`, a list with an entry for each mesh object (`name`, `keys`,
`modifiers`), and for the object numbered i `vertices_i` (V, 3) and `keys_i` (K, V, 3) float64 as the object shows them,
without its place and without modifiers, in units of the scene times `unit_mm`; `corners_i` and `sizes_i`, the faces.
Nothing of Face2Mesh is imported here: the Python may be another one.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

bpy: Any = importlib.import_module("bpy")


def _flat(collection: Any, attribute: str, kind: Any, columns: int = 1) -> Any:
    values = np.empty(len(collection) * columns, kind)
    collection.foreach_get(attribute, values)
    return values.reshape(-1, columns) if columns > 1 else values


def look_at(thing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A mesh object: its names, and its vertices, shape keys and faces."""
    mesh = thing.data
    turn = np.array(thing.matrix_world)[:3, :3]
    keys = list(mesh.shape_keys.key_blocks) if mesh.shape_keys else []
    vertices = _flat(mesh.vertices, "co", np.float32, 3)
    if keys:
        vertices = _flat(keys[0].data, "co", np.float32, 3)
    arrays = {
        "vertices": vertices.astype(np.float64) @ turn.T,
        "corners": _flat(mesh.loops, "vertex_index", np.int32),
        "sizes": _flat(mesh.polygons, "loop_total", np.int32),
        "keys": np.array([_flat(key.data, "co", np.float32, 3).astype(np.float64) @ turn.T for key in keys[1:]]),
    }
    found = {
        "name": thing.name,
        "keys": [key.name for key in keys[1:]],
        "modifiers": [modifier.type for modifier in thing.modifiers],
    }
    return found, arrays


def main(arguments: list[str]) -> None:
    """Read the orders, open the file, write what is in it."""
    given, output = (Path(word) for word in arguments[arguments.index("--") + 1 :])
    bpy.ops.wm.open_mainfile(filepath=json.loads(given.read_text())["file"], load_ui=False, use_scripts=False)
    bpy.context.view_layer.update()
    unit = float(bpy.context.scene.unit_settings.scale_length) * 1000
    document: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    # Objects that lie in no scene were deleted; the file keeps them until it is saved twice.
    things = [thing for thing in bpy.data.objects if thing.type == "MESH" and thing.users_scene]
    for number, thing in enumerate(sorted(things, key=lambda thing: str(thing.name))):
        found, own = look_at(thing)
        document.append(found)
        arrays |= {f"{name}_{number}": values for name, values in own.items()}
    np.savez(output, document_json=np.array(json.dumps(document)), unit_mm=np.array(unit), **arrays)


if __name__ == "__main__":
    main(sys.argv)
