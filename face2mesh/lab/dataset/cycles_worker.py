"""Inside Blender: heads rendered by Cycles. `python cycles_worker.py -- SCENES.npz DONE.txt`.

The scenes are what `cycles.take` wrote: pieces of triangles in the camera's own axes, metres, with linear colours at
vertices; distant lamps; a sky. Pictures are PNG with the head before nothing. Nothing of Face2Mesh is imported here.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

bpy: Any = importlib.import_module("bpy")
mathutils: Any = importlib.import_module("mathutils")

SKIN, EYE, WET, MATT, HAIR = range(5)
LOOKS = {
    SKIN: {"Roughness": 0.48, "IOR": 1.4, "Subsurface Weight": 0.12, "Subsurface Scale": 0.003},
    EYE: {"Roughness": 0.06, "IOR": 1.376},
    WET: {"Roughness": 0.2, "IOR": 1.5},
    MATT: {"Roughness": 0.85, "IOR": 1.4},
    HAIR: {"Roughness": 0.45, "IOR": 1.55},
}
PORES_A_METRE, PORES = 900.0, 0.00012


def prepare(document: Any) -> None:
    """An empty scene and the renderer's settings."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.cycles.samples, scene.cycles.seed = document["samples"], 0
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces, scene.cycles.transparent_max_bounces = 2, 32
    if document["threads"]:
        scene.render.threads_mode, scene.render.threads = "FIXED", document["threads"]
    scene.render.film_transparent = True
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.view_settings.view_transform = "Standard"


def shoot(arrays: Any, number: int, told: Any) -> None:
    """Build one scene, render it, take it apart."""
    scene = bpy.context.scene
    things = [_camera(told), *(_lamp(lamp) for lamp in told["lamps"])]
    strands = _picture(arrays[f"{number}/strands"])
    materials = [_material(kind, strands, told["strand_contrast"]) for kind in range(5)]
    things += [_piece(arrays, f"{number}/{piece}", materials) for piece in range(told["pieces"])]
    scene.world = _sky(told["even"])
    scene.camera = things[0]
    scene.render.resolution_x = scene.render.resolution_y = told["size"]
    scene.render.filepath = told["picture"]
    bpy.ops.render.render(write_still=True)
    bpy.data.batch_remove([*things, *materials, strands, scene.world])
    bpy.data.orphans_purge(do_recursive=True)


def _link(name: str, data: Any) -> Any:
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _camera(told: Any) -> Any:
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width = "HORIZONTAL", 36.0
    camera.lens = 36.0 / told["field"]
    camera.clip_start, camera.clip_end = 0.01, 100
    return _link("camera", camera)


def _lamp(told: Any) -> Any:
    lamp = bpy.data.lights.new("lamp", "SUN")
    strength = max(told["colour"])
    lamp.energy, lamp.angle = strength, told["wide"]
    lamp.color = [value / max(strength, 1e-6) for value in told["colour"]]
    thing = _link("lamp", lamp)
    # A sun shines along its own −Z.
    thing.rotation_euler = mathutils.Vector(told["towards"]).to_track_quat("Z", "Y").to_euler()
    return thing


def _nodes_of(thing: Any) -> Any:
    """The nodes of a material or a world; Blender 5 gives them by itself and warns of whoever asks."""
    if thing.node_tree is None:
        thing.use_nodes = True
    return thing.node_tree


def _sky(even: Any) -> Any:
    """A world whose radiance in direction d is a + b · d in each channel, at least 0."""
    world = bpy.data.worlds.new("sky")
    tree = _nodes_of(world)
    background = next(node for node in tree.nodes if node.type == "BACKGROUND")
    place = tree.nodes.new("ShaderNodeTexCoord")
    together = tree.nodes.new("ShaderNodeCombineColor")
    for channel, (constant, *slope) in enumerate(even):
        along = tree.nodes.new("ShaderNodeVectorMath")
        along.operation = "DOT_PRODUCT"
        along.inputs[1].default_value = slope
        tree.links.new(place.outputs["Generated"], along.inputs[0])
        raised = tree.nodes.new("ShaderNodeMath")
        raised.operation = "ADD"
        raised.inputs[1].default_value = constant
        tree.links.new(along.outputs["Value"], raised.inputs[0])
        least = tree.nodes.new("ShaderNodeMath")
        least.operation = "MAXIMUM"
        least.inputs[1].default_value = 0.0
        tree.links.new(raised.outputs[0], least.inputs[0])
        tree.links.new(least.outputs[0], together.inputs[channel])
    tree.links.new(together.outputs[0], background.inputs["Color"])
    return world


def _material(kind: int, strands: Any, contrast: float) -> Any:
    """A Principled shader in the vertices' colours; the skin has pores, hair has strands with holes between them."""
    material = bpy.data.materials.new(f"material {kind}")
    tree = _nodes_of(material)
    nodes, links = tree.nodes, tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    for name, value in LOOKS[kind].items():
        if name in shader.inputs:
            shader.inputs[name].default_value = value
    colours = nodes.new("ShaderNodeVertexColor")
    colours.layer_name = "Color"
    if kind == HAIR:
        strand = nodes.new("ShaderNodeTexImage")
        strand.image = strands
        # 1 + contrast · (1/2 − strand) is the tone; where the cover is thinner than the strand is a hole.
        tone = _math(tree, "MULTIPLY_ADD", strand.outputs["Color"], -contrast, 1 + contrast / 2)
        mixed = nodes.new("ShaderNodeVectorMath")
        mixed.operation = "SCALE"
        links.new(colours.outputs["Color"], mixed.inputs[0])
        links.new(tone.outputs[0], mixed.inputs["Scale"])
        links.new(mixed.outputs[0], shader.inputs["Base Color"])
        hole = nodes.new("ShaderNodeMath")
        hole.operation = "LESS_THAN"
        links.new(strand.outputs["Color"], hole.inputs[0])
        links.new(colours.outputs["Alpha"], hole.inputs[1])
        links.new(hole.outputs[0], shader.inputs["Alpha"])
    else:
        links.new(colours.outputs["Color"], shader.inputs["Base Color"])
        if kind == MATT:
            links.new(colours.outputs["Alpha"], shader.inputs["Alpha"])
    if kind == SKIN:
        noise = nodes.new("ShaderNodeTexNoise")
        noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = PORES_A_METRE, 3.0
        place = nodes.new("ShaderNodeTexCoord")
        links.new(place.outputs["Object"], noise.inputs["Vector"])
        bump = nodes.new("ShaderNodeBump")
        bump.inputs["Distance"].default_value = PORES
        links.new(noise.outputs[0], bump.inputs["Height"])
        links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def _math(tree: Any, operation: str, given: Any, *values: float) -> Any:
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    tree.links.new(given, node.inputs[0])
    for number, value in enumerate(values, 1):
        node.inputs[number].default_value = value
    return node


def _picture(values: Any) -> Any:
    """Strands (R, R) as a picture that is repeated, its first row at the top."""
    side = len(values)
    image = bpy.data.images.new("strands", side, side, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    pixels = np.ones((side, side, 4), np.float32)
    pixels[..., :3] = values[::-1, :, None]
    image.pixels.foreach_set(pixels.ravel())
    return image


def _piece(arrays: Any, name: str, materials: list[Any]) -> Any:
    vertices, triangles = arrays[f"{name}/vertices"], arrays[f"{name}/triangles"]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], triangles.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(triangles), bool))
    mesh.polygons.foreach_set("material_index", arrays[f"{name}/material"])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", arrays[f"{name}/uv"].reshape(-1))
    colours = mesh.color_attributes.new("Color", "FLOAT_COLOR", "POINT")
    colours.data.foreach_set("color", arrays[f"{name}/colours"].ravel())
    for material in materials:
        mesh.materials.append(material)
    mesh.update()
    thing = _link(name, mesh)
    # A sheet of hair stands a little off the skin: its shadow there would be black where the sheet has holes.
    thing.visible_shadow = not bool((arrays[f"{name}/material"] == HAIR).all())
    return thing


def main(arguments: list[str]) -> None:
    """Read the scenes, render them, tell the version."""
    given, output = (Path(word) for word in arguments[arguments.index("--") + 1 :])
    with np.load(given, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    document = json.loads(str(arrays["document_json"]))
    prepare(document)
    for number, told in enumerate(document["scenes"]):
        shoot(arrays, number, told)
    output.write_text(bpy.app.version_string)


if __name__ == "__main__":
    main(sys.argv)
