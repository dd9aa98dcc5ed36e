"""Inside Blender: a person at work, for the tests. `python blender_sculptor.py -- ORDERS.json DONE.npz`.

The orders: `blend`, the file that `face2mesh dataset init` wrote, which is changed in place; `folder`, for exports.
Done: the vertices that each sculpt should have, metres, Blender's axes, by name.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

bpy = importlib.import_module("bpy")


def coordinates(mesh):
    values = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def duplicate(name):
    thing = bpy.data.objects["base_head"].copy()
    thing.data = thing.data.copy()
    thing.name = name
    bpy.context.scene.collection.objects.link(thing)
    return thing


def sculpted(name, wave):
    """A copy of the base head, bent by a wave."""
    thing = duplicate(name)
    rest = coordinates(thing.data)
    places = rest + (0.003 * np.sin(rest * wave + 1)).astype(np.float32)
    thing.data.vertices.foreach_set("co", places.ravel())
    thing.data.update()
    return thing, places


def alone(thing):
    bpy.ops.object.select_all(action="DESELECT")
    thing.select_set(True)
    bpy.context.view_layer.objects.active = thing


def main(arguments):
    given, output = arguments[arguments.index("--") + 1 :]
    orders = json.loads(Path(given).read_text())
    folder = Path(orders["folder"])
    bpy.ops.wm.open_mainfile(filepath=orders["blend"])
    done = {}
    base = bpy.data.objects["base_head"].data
    found = {
        "text": bpy.data.texts["READ ME"].as_string(),
        "materials": [material.name for material in base.materials],
        "sets": len({item.value for item in base.attributes[".sculpt_face_set"].data}),
        "quads": all(len(polygon.vertices) == 4 for polygon in base.polygons),
    }
    # As people do: moved aside, with a modifier that only shows finer.
    anna, done["anna"] = sculpted("anna", 40)
    anna.location = (0.4, 0, 0)
    anna.modifiers.new("finer", "SUBSURF")
    anna.shape_key_add(name="Basis")
    smile = anna.shape_key_add(name="smile")
    done["anna-smile"] = done["anna"] + np.float32([0, 0, 0.002])
    smile.data.foreach_set("co", done["anna-smile"].ravel())
    sculpted("many", 45)[0].modifiers.new("finer", "MULTIRES")
    duplicate("base_head.001")
    bpy.ops.mesh.primitive_cube_add()
    # Exported with the exporters' own settings, then taken out of the scene.
    for name, wave in (("obj", 30), ("ply", 35), ("glb", 25), ("finer", 20), ("merged", 22)):
        thing, done[name] = sculpted(name, wave)
        alone(thing)
        if name in ("obj", "finer"):
            if name == "finer":
                thing.modifiers.new("finer", "SUBSURF")
            bpy.ops.wm.obj_export(filepath=str(folder / f"{name}.obj"), export_selected_objects=True)
        elif name == "ply":
            bpy.ops.wm.ply_export(filepath=str(folder / "ply.ply"), export_selected_objects=True)
        elif name == "glb":
            bpy.ops.export_scene.gltf(filepath=str(folder / "glb.glb"), use_selection=True)
        else:
            bpy.ops.object.mode_set(mode="EDIT")
            bpy.ops.mesh.select_all(action="SELECT")
            bpy.ops.mesh.remove_doubles(threshold=0.0003)
            bpy.ops.object.mode_set(mode="OBJECT")
            bpy.ops.wm.obj_export(filepath=str(folder / "merged.obj"), export_selected_objects=True)
        bpy.data.objects.remove(thing)
    bpy.ops.wm.save_as_mainfile(filepath=orders["blend"])
    np.savez(output, found=np.array(json.dumps(found)), **done)


if __name__ == "__main__":
    main(sys.argv)
