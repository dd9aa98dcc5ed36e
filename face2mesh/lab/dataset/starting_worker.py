"""Inside Blender: the scene that a data set's sculpts begin from. `python starting_worker.py -- SCENE.npz FILE.blend`.

The scene: `positions` (V, 3) metres in Blender's axes, `faces` (Q, 4), the last two alike for a triangle, `uv` (U, 2),
`uv_faces` (Q, 4), `colours` (V, 4) sRGB and opacity, `part_of_face` (Q,), `document_json`: `name` of the object,
`parts` with their materials, `instructions`. Nothing of Face2Mesh is imported here: the Python may be another one.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

bpy: Any = importlib.import_module("bpy")


def build(arrays: Any) -> None:
    """Make the scene: one object to duplicate, a light, instructions."""
    document = json.loads(str(arrays["document_json"]))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    units = scene.unit_settings
    units.system, units.length_unit = "METRIC", "MILLIMETERS"
    scene.view_settings.view_transform = "Standard"
    faces, corners = arrays["faces"], arrays["uv_faces"]
    # Of a triangle the last corner is there twice.
    given = np.ones(faces.shape, bool)
    given[:, 3] = faces[:, 2] != faces[:, 3]
    mesh = bpy.data.meshes.new(document["name"])
    polygons = [row[:count] for row, count in zip(faces.tolist(), given.sum(1).tolist(), strict=True)]
    mesh.from_pydata(arrays["positions"].tolist(), [], polygons)
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", arrays["uv"][corners[given]].ravel())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    mesh.polygons.foreach_set("material_index", arrays["part_of_face"])
    colours = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
    colours.data.foreach_set("color_srgb", arrays["colours"].ravel())
    for part in document["parts"]:
        mesh.materials.append(_material(part))
    # Each part a face set: Ctrl+W and H in sculpt mode hide and show them.
    sets = mesh.attributes.new(".sculpt_face_set", "INT", "FACE")
    sets.data.foreach_set("value", (arrays["part_of_face"] + 1).astype(np.int32))
    if mesh.validate(verbose=True):
        raise SystemExit("the base head is not a mesh that Blender accepts")
    thing = bpy.data.objects.new(document["name"], mesh)
    scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    _protect_parts()
    text = bpy.data.texts.new("READ ME")
    text.write(document["instructions"])
    text.cursor_set(0)


def _protect_parts() -> None:
    """Let brushes move only what hangs together: a cheek takes no tooth along."""
    bpy.ops.object.mode_set(mode="SCULPT")
    sculpt = bpy.context.scene.tool_settings.sculpt
    if sculpt is not None and hasattr(sculpt, "use_automasking_topology"):
        sculpt.use_automasking_topology = True
    if sculpt is not None and hasattr(sculpt, "use_symmetry_x"):
        sculpt.use_symmetry_x = False  # people are not symmetric
    bpy.ops.object.mode_set(mode="OBJECT")


def _material(part: Any) -> Any:
    """A Principled shader in the vertices' colours."""
    material = bpy.data.materials.new(part["name"])
    if material.node_tree is None:
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = part["roughness"]
    colours = nodes.new("ShaderNodeVertexColor")
    colours.layer_name, colours.location = "Color", (-400, 0)
    links.new(colours.outputs["Color"], shader.inputs["Base Color"])
    if part["sheer"]:
        links.new(colours.outputs["Alpha"], shader.inputs["Alpha"])
    material.diffuse_color = (*part["linear"], 1.0)
    return material


def main(arguments: list[str]) -> None:
    """Read the arrays, write the file."""
    given, output = (Path(word) for word in arguments[arguments.index("--") + 1 :])
    with np.load(given, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    build(arrays)
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(output), compress=True, check_existing=False)


if __name__ == "__main__":
    main(sys.argv)
