"""Inside Blender: renders pictures of a .blend file of ours. `python blender_worker.py -- ORDERS.json DONE.txt`.

The orders: `file`, `threads`, and `shots`, each with the fields of `blender.Shot` and `picture`, the PNG to write.
Writes Blender's version. Cycles on the processor: no graphics card is needed.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

bpy: Any = importlib.import_module("bpy")
mathutils: Any = importlib.import_module("mathutils")

SAMPLES = 16
WIRE_METRES = 0.00022
INK = (0.02, 0.02, 0.03, 1.0)


def prepare(threads: int) -> None:
    """Choose the renderer and its settings."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.seed = SAMPLES, True, 0
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1
    scene.render.image_settings.file_format = "PNG"


def shoot(shot: Any) -> None:
    """Render one picture."""
    scene = bpy.context.scene
    keys = bpy.data.objects["skin"].data.shape_keys.key_blocks
    for key in keys[1:]:
        key.value = shot["weights"].get(key.name, 0)
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            if modifier.type == "SUBSURF":
                modifier.render_levels = shot["finer"]
    camera = scene.camera
    place, target = mathutils.Vector(shot["place"]), mathutils.Vector(shot["target"])
    camera.location = place
    camera.rotation_euler = (target - place).to_track_quat("-Z", "Y").to_euler()
    camera.data.lens, camera.data.shift_x, camera.data.shift_y = shot["lens"], 0, 0
    scene.render.resolution_x, scene.render.resolution_y = shot["size"]
    scene.render.filepath = shot["picture"]
    wires = _wires() if shot["wire"] else []
    bpy.ops.render.render(write_still=True)
    for thing in wires:
        bpy.data.objects.remove(thing)


def _wires() -> list[Any]:
    """Tubes along the edges of skin and eyes."""
    made = []
    for name in ("skin", "left_eye", "right_eye"):
        thing = bpy.data.objects[name].copy()  # its mesh is shared, its modifiers are its own
        thing.modifiers.clear()
        modifier = thing.modifiers.new("wire", "WIREFRAME")
        modifier.thickness, modifier.offset, modifier.use_even_offset = WIRE_METRES, 0, False
        slot = thing.material_slots[0]
        slot.link = "OBJECT"
        slot.material = _plain("ink", INK)
        bpy.context.scene.collection.objects.link(thing)
        made.append(thing)
    return made


def _plain(name: str, colour: Any) -> Any:
    material = bpy.data.materials.get(name) or bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = colour
    shader.inputs["Roughness"].default_value = 1.0
    return material


def main(arguments: list[str]) -> None:
    """Read the orders, render, tell the version."""
    given, output = (Path(word) for word in arguments[arguments.index("--") + 1 :])
    orders = json.loads(given.read_text())
    bpy.ops.wm.open_mainfile(filepath=orders["file"])
    prepare(orders["threads"])
    for shot in orders["shots"]:
        shoot(shot)
    output.write_text(bpy.app.version_string)


if __name__ == "__main__":
    main(sys.argv)
