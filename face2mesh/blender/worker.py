"""Inside Blender: builds a scene of what `scene.scene_arrays` gave and saves it.

`python worker.py -- SCENE.npz FILE` by a Python that has `bpy`, or `blender --background --python worker.py --
SCENE.npz FILE`; FILE ends in .blend or .fbx. Nothing of Face2Mesh is imported here: the Python may be another one.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

bpy: Any = importlib.import_module("bpy")

SCATTERING = {"Subsurface Weight": 0.15, "Subsurface Scale": 0.004}
"""Of the skin, in metres; what a version of Blender does not have is left out."""


def build(arrays: Any, folder: Path) -> None:
    """Make the scene, in place of whatever is open.

    Args:
        arrays: of `scene.scene_arrays`.
        folder: for pictures on their way into the scene.
    """
    document = json.loads(str(arrays["document_json"]))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = "head"
    units = scene.unit_settings
    units.system, units.scale_length, units.length_unit = "METRIC", document["unit"], "MILLIMETERS"
    # The default makes photos pale; the texture should look as the photo does.
    scene.view_settings.view_transform = "Standard"
    root = bpy.data.objects.new("head", None)
    root.empty_display_size = 0.02 / document["unit"]
    root["made_by"] = document["made_by"]
    scene.collection.objects.link(root)
    texture = _picture(arrays, "texture_png", folder)
    rig = _armature(document["bones"], root) if document["bones"] else None
    skin = None
    for part in document["parts"]:
        thing = _part(arrays, document, part, texture)
        thing.parent = root if rig is None else rig
        scene.collection.objects.link(thing)
        if rig is not None:
            _bind(thing, rig, document["bones"], arrays["bone_weights"][slice(*part["vertices"])])
        if part["finer"]:
            _subdivide(thing)
        if part["name"] == "skin":
            skin = thing
        elif part["keys"]:
            _follow(thing, skin)


def _part(arrays: Any, document: Any, part: Any, texture: Any) -> Any:
    """An object of one part: its quads in the head's order, texture points, colours, shape keys, material."""
    name, (first, last), (start, end) = part["name"], part["vertices"], part["quads"]
    mesh = bpy.data.meshes.new(name)
    quads, corners = arrays["quads"][start:end] - first, arrays["uv_quads"][start:end]
    # Of a triangle the last corner is there twice.
    given = np.ones(quads.shape, bool)
    given[:, 3] = quads[:, 2] != quads[:, 3]
    faces = [row[:count] for row, count in zip(quads.tolist(), given.sum(1).tolist(), strict=True)]
    mesh.from_pydata(arrays["positions"][first:last].tolist(), [], faces)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(quads), bool))
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", arrays["uv"][corners[given]].ravel())
    colours = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
    colours.data.foreach_set("color_srgb", arrays["colours"][first:last].ravel())
    mesh.materials.append(_material(arrays, part, texture))
    if mesh.validate(verbose=True):
        raise SystemExit(f"{name}: the quads are not a mesh that Blender accepts")
    thing = bpy.data.objects.new(name, mesh)
    _add_shape_keys(thing, arrays, document, part)
    return thing


def _add_shape_keys(thing: Any, arrays: Any, document: Any, part: Any) -> None:
    """The expressions that move this part, at the photo's weights."""
    if not part["keys"]:
        return
    first, last = part["vertices"]
    rest = arrays["positions"][first:last]
    thing.shape_key_add(name="Basis", from_mix=False)
    for number, (name, weight) in enumerate(zip(document["keys"], document["weights"], strict=True)):
        if name in part["keys"]:
            key = thing.shape_key_add(name=name, from_mix=False)
            key.data.foreach_set("co", (rest + arrays["morphs"][number, first:last]).ravel())
            key.value = weight


def _follow(thing: Any, skin: Any) -> None:
    """Let a part's shape keys take the values of the skin's, so that there is one slider for each."""
    for key in thing.data.shape_keys.key_blocks[1:]:
        driver = key.driver_add("value").driver
        driver.type = "AVERAGE"  # of one value: no Python expression, which Blender would ask the user to allow
        variable = driver.variables.new()
        variable.type = "SINGLE_PROP"
        target = variable.targets[0]
        target.id_type, target.id = "KEY", skin.data.shape_keys
        target.data_path = f'key_blocks["{key.name}"].value'


def _armature(bones: Any, root: Any) -> Any:
    """Bones at rest, hung on the root."""
    thing = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    thing.parent = root
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    made: list[Any] = []
    for bone in bones:
        edited = thing.data.edit_bones.new(bone["name"])
        edited.head, edited.tail = bone["head"], bone["tail"]
        edited.align_roll(bone["down"])
        edited.parent = None if bone["parent"] < 0 else made[bone["parent"]]
        made.append(edited)
    bpy.ops.object.mode_set(mode="OBJECT")
    return thing


def _bind(thing: Any, rig: Any, bones: Any, weights: Any) -> None:
    """Let a part go with the bones by weights (n, J)."""
    for number, bone in enumerate(bones):
        rows = np.flatnonzero(weights[:, number])
        if len(rows):
            group = thing.vertex_groups.new(name=bone["name"])
            for row in rows.tolist():
                group.add([row], float(weights[row, number]), "REPLACE")
    thing.modifiers.new("rig", "ARMATURE").object = rig


def _subdivide(thing: Any) -> None:
    """Catmull and Clark's, as a modifier: the quads below it stay what they are."""
    modifier = thing.modifiers.new("subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 1, 2


def _material(arrays: Any, part: Any, texture: Any) -> Any:
    """A Principled shader; its colour is the texture's where there is one, the vertices' otherwise."""
    first, last = part["vertices"]
    material = bpy.data.materials.new(part["name"])
    _use_nodes(material)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    scattering = SCATTERING if part["name"] == "skin" else {}
    for name, value in {**part["surface"], **scattering}.items():
        if name in shader.inputs:
            shader.inputs[name].default_value = value
    vertices = nodes.new("ShaderNodeVertexColor")
    vertices.layer_name = "Color"
    vertices.location = (-400, 0)
    if texture is None:
        links.new(vertices.outputs["Color"], shader.inputs["Base Color"])
    else:
        image = nodes.new("ShaderNodeTexImage")
        image.image = texture
        image.location = (-400, 300)
        links.new(image.outputs["Color"], shader.inputs["Base Color"])
    if arrays["colours"][first:last, 3].min() < 1:
        links.new(vertices.outputs["Alpha"], shader.inputs["Alpha"])
    # What programs see that read no nodes.
    srgb = np.median(arrays["colours"][first:last, :3], axis=0)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    material.diffuse_color = (*linear, 1.0)
    shader.inputs["Base Color"].default_value = (*linear, 1.0)
    return material


def _use_nodes(thing: Any) -> None:
    """Give a material or a world its nodes; Blender 5 gives them by itself and warns of whoever asks."""
    if thing.node_tree is None:
        thing.use_nodes = True


def _picture(arrays: Any, name: str, folder: Path) -> Any:
    """A picture inside the scene, or None where there is none."""
    if name not in arrays:
        return None
    stem, suffix = name.split("_")
    path = folder / f"{stem}.{suffix}"
    path.write_bytes(arrays[name].tobytes())
    image = bpy.data.images.load(str(path))
    image.name = stem
    image.pack()
    return image


def add_camera(arrays: Any, folder: Path) -> None:
    """The photo's camera, with the photo behind the head; the scene's picture is of the photo's size."""
    document = json.loads(str(arrays["document_json"]))
    given, unit, scene = document["camera"], document["unit"], bpy.context.scene
    camera = bpy.data.cameras.new("photo")
    camera.sensor_fit, camera.sensor_width, camera.lens = "HORIZONTAL", given["sensor"], given["lens"]
    camera.shift_x, camera.shift_y = given["shift_x"], given["shift_y"]
    camera.clip_start, camera.clip_end = 0.01 / unit, 100 / unit
    camera.display_size = 0.05 / unit
    thing = bpy.data.objects.new("photo", camera)
    thing.matrix_world = [list(row) for row in zip(*given["matrix"], strict=True)]
    scene.collection.objects.link(thing)
    scene.camera = thing
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = given["width"], given["height"], 100
    render.pixel_aspect_x, render.pixel_aspect_y = given["aspect_x"], given["aspect_y"]
    photo = _picture(arrays, "photo_jpeg", folder)
    if photo is not None:
        camera.show_background_images = True
        background = camera.background_images.new()
        background.image, background.alpha, background.display_depth = photo, 1.0, "BACK"


def add_lights(unit: float) -> None:
    """Three large lamps and a grey sky, so that a first rendering shows something."""
    scene = bpy.context.scene
    world = bpy.data.worlds.new("sky")
    _use_nodes(world)
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.5, 0.5, 0.5, 1.0)
    background.inputs["Strength"].default_value = 0.5
    scene.world = world
    for name, place, watts, side in (
        ("key", (-0.5, -0.9, 0.5), 12.0, 0.5),
        ("fill", (0.8, -0.7, 0.1), 4.0, 0.8),
        ("rim", (0.4, 0.8, 0.6), 4.0, 0.4),
    ):
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.energy, lamp.size = watts / unit**2, side / unit
        thing = bpy.data.objects.new(name, lamp)
        thing.location = np.array(place) / unit
        thing.rotation_euler = _towards_origin(np.array(place))
        scene.collection.objects.link(thing)


def _towards_origin(place: Any) -> Any:
    """Euler angles of something at `place` that looks along its −Z to the origin, upright."""
    vector = importlib.import_module("mathutils").Vector(tuple(-place))
    return vector.to_track_quat("-Z", "Y").to_euler()


def save(path: Path) -> None:
    """Save the scene in the format of the suffix."""
    if path.suffix == ".blend":
        bpy.context.preferences.filepaths.save_version = 0
        bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, check_existing=False)
    else:
        bpy.ops.export_scene.fbx(
            filepath=str(path),
            check_existing=False,
            object_types={"EMPTY", "MESH", "ARMATURE"},
            apply_scale_options="FBX_SCALE_NONE",  # the scene is in FBX's own centimetres already
            axis_forward="-Z",
            axis_up="Y",
            bake_space_transform=True,  # the vertices are turned, not the objects: no rotation by 90° in engines
            use_mesh_modifiers=False,
            mesh_smooth_type="OFF",
            colors_type="SRGB",
            add_leaf_bones=False,
            bake_anim=False,
            path_mode="COPY",
            embed_textures=True,
        )


def main(arguments: list[str]) -> None:
    """Read the arrays, write the file."""
    given, output = (Path(word) for word in arguments[arguments.index("--") + 1 :])
    with np.load(given, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    build(arrays, given.parent)
    if output.suffix == ".blend":
        unit = json.loads(str(arrays["document_json"]))["unit"]
        add_lights(unit)
        add_camera(arrays, given.parent)
    save(output)


if __name__ == "__main__":
    main(sys.argv)
