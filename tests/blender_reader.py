"""Inside Blender: what it finds in files, for the tests. `python blender_reader.py -- ORDERS.json FOUND.npz`.

The orders: `{"files": {name: path}, "pictures": {png: [name, {shape key: value}]}, "points": [[x, y, z], ...]}`.
Lengths are metres, in Blender's own axes; `"turns": {name: degrees}` turns each bone but the root about its own X and
looks at the head at rest. A name with `newer-` before it asks for Blender's newer importer of FBX.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

bpy = importlib.import_module("bpy")


def open_file(path, newer=False):
    """Open a file in place of what is open; an FBX by Blender's newer importer, another program than its exporter."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".obj":
        # The file is in millimetres.
        bpy.ops.wm.obj_import(filepath=str(path), global_scale=0.001, import_vertex_groups=True)
    elif path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif newer:
        bpy.ops.wm.fbx_import(filepath=str(path))
    elif path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        bpy.ops.wm.open_mainfile(filepath=str(path))


def flat(collection, attribute, kind, columns=1):
    values = np.empty(len(collection) * columns, kind)
    collection.foreach_get(attribute, values)
    return values.reshape(-1, columns) if columns > 1 else values


def placed(points, thing, unit):
    matrix = np.array(thing.matrix_world)
    return (points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]) * unit


def look_at(thing):
    """A mesh object as (document, arrays)."""
    unit = bpy.context.scene.unit_settings.scale_length
    mesh = thing.data
    for modifier in thing.modifiers:
        modifier.show_viewport = modifier.type != "SUBSURF"
    keys = list(mesh.shape_keys.key_blocks) if mesh.shape_keys else []
    arrays = {
        "vertices": placed(flat(mesh.vertices, "co", np.float32, 3), thing, unit),
        "corners": flat(mesh.loops, "vertex_index", np.int32),
        "sizes": flat(mesh.polygons, "loop_total", np.int32),
        "materials": flat(mesh.polygons, "material_index", np.int32),
        "uv": flat(mesh.uv_layers[0].data, "uv", np.float32, 2),
    }
    if keys:
        shapes = [placed(flat(key.data, "co", np.float32, 3), thing, unit) for key in keys]
        arrays["keys"] = np.stack(shapes)
    groups = np.zeros((len(mesh.vertices), len(thing.vertex_groups)), np.float32)
    for vertex in mesh.vertices:
        for group in vertex.groups:
            groups[vertex.index, group.group] = group.weight
    arrays["groups"] = groups
    bpy.context.view_layer.update()
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    arrays["shown"] = placed(flat(evaluated.data.vertices, "co", np.float32, 3), thing, unit)
    found = {
        "keys": [key.name for key in keys],
        "values": [key.value for key in keys],
        "materials": [material.name for material in mesh.materials if material],
        "images": sorted(
            {
                node.image.name
                for material in mesh.materials
                if material and material.node_tree
                for node in material.node_tree.nodes
                if node.type == "TEX_IMAGE" and node.image and min(node.image.size) > 1
            }
        ),
        "groups": [group.name for group in thing.vertex_groups],
        "scale": list(thing.matrix_world.to_scale()),
        "size": [length * unit for length in thing.dimensions],
    }
    return found, arrays


def turned(degrees):
    """Vertices of each part without expression, all bones but the root turned about their own X axis."""
    unit = bpy.context.scene.unit_settings.scale_length
    for bone in next(thing for thing in bpy.data.objects if thing.type == "ARMATURE").pose.bones:
        if bone.parent:
            bone.rotation_mode, bone.rotation_euler = "XYZ", (np.radians(degrees), 0, 0)
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH"]
    for thing in meshes:
        thing.active_shape_key_index, thing.show_only_shape_key = 0, True
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    return {
        f"{thing.name}/turned": placed(flat(thing.evaluated_get(graph).data.vertices, "co", np.float32, 3), thing, unit)
        for thing in meshes
    }


def look_at_scene():
    scene = bpy.context.scene
    found = {"objects": {}, "bones": {}, "camera": None, "unit": scene.unit_settings.scale_length}
    for thing in bpy.data.objects:
        if thing.type == "ARMATURE":
            for bone in thing.data.bones:
                matrix = np.array(thing.matrix_world) @ np.array(bone.matrix_local)
                found["bones"][bone.name] = {
                    "parent": bone.parent.name if bone.parent else None,
                    "matrix": matrix.tolist(),
                }
    camera = scene.camera
    if camera is not None:
        backgrounds = [picture.image.size[:] for picture in camera.data.background_images if picture.image]
        window = [scene.render.resolution_x, scene.render.resolution_y]
        found["camera"] = {"backgrounds": backgrounds, "window": window}
    return found


def project(points):
    """Pixels from the upper left corner of what Blender's camera shows of points in metres."""
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    graph = bpy.context.evaluated_depsgraph_get()
    width, height = scene.render.resolution_x, scene.render.resolution_y
    aspects = {"scale_x": scene.render.pixel_aspect_x, "scale_y": scene.render.pixel_aspect_y}
    window = np.array(camera.calc_matrix_camera(graph, x=width, y=height, **aspects))
    ahead = np.linalg.inv(np.array(camera.matrix_world))
    clip = np.c_[points / scene.unit_settings.scale_length, np.ones(len(points))] @ (window @ ahead).T
    centred = clip[:, :2] / clip[:, 3:]
    return (centred * [0.5, -0.5] + 0.5) * [width, height]


def draw(path, weights):
    """A small picture of the head from the front, by Cycles, which needs no graphics card."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 4
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    camera = scene.camera
    camera.location, camera.rotation_euler = (0, -0.6, -0.02), (np.pi / 2, 0, 0)
    camera.data.lens, camera.data.shift_x, camera.data.shift_y = 70, 0, 0
    for key in bpy.data.objects["skin"].data.shape_keys.key_blocks[1:]:
        key.value = weights.get(key.name, 0)
    bpy.ops.render.render(write_still=True)


def main(arguments):
    orders, output = arguments[arguments.index("--") + 1 :]
    orders = json.loads(Path(orders).read_text())
    documents, arrays = {}, {}
    for name, path in orders["files"].items():
        newer = name.startswith("newer-")
        if newer and "fbx_import" not in dir(bpy.ops.wm):
            continue
        open_file(Path(path), newer)
        bpy.context.view_layer.update()
        documents[name] = look_at_scene()
        for thing in [thing for thing in bpy.data.objects if thing.type == "MESH"]:
            found, own = look_at(thing)
            documents[name]["objects"][thing.name] = found
            arrays |= {f"{name}/{thing.name}/{key}": values for key, values in own.items()}
        if documents[name]["camera"] is not None:
            arrays[f"{name}/projected"] = project(np.array(orders["points"]))
        if name in orders["turns"]:
            arrays |= {f"{name}/{key}": places for key, places in turned(orders["turns"][name]).items()}
    for path, (name, weights) in orders["pictures"].items():
        open_file(Path(orders["files"][name]))
        draw(path, weights)
    arrays["documents"] = np.array(json.dumps(documents))
    arrays["version"] = np.array(bpy.app.version_string)
    np.savez(output, **arrays)


if __name__ == "__main__":
    main(sys.argv)
