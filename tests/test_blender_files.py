"""Our files opened by Blender: OBJ and GLB, and the .blend and .fbx that it writes for us."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import face2mesh
from face2mesh.blender import BLENDER_VARIABLE, find_blender, run_in_blender
from face2mesh.blender.scene import AXES
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.head import ARKIT_NAMES, PARTS
from face2mesh.photo import read_photo
from face2mesh.write import HeadMesh, write

pytestmark = pytest.mark.skipif(
    find_blender() is None,
    reason=f"no Blender: neither bpy in this Python (3.11 or 3.13, NumPy below 2 for 3.11) nor {BLENDER_VARIABLE}",
)

READER = Path(__file__).with_name("blender_reader.py")
SUFFIXES = ("obj", "glb", "blend", "fbx")
FBX = ("head.fbx", "rigged.fbx")
NEWER = "newer-"
ASTRONAUTS_BOX = (179.0, 82.0, 93.0, 92.0)
PICTURES = {"shut": 0, "open": 1}
TURN_DEGREES = 12.0
CLOSE_MM = 1e-4
FORGOTTEN_BY_FBX_MM = 2e-4
"""Blender's FBX exporter leaves a vertex out of a shape that moves it by a millionth of its coordinates."""


@pytest.fixture(scope="module")
def mesh():
    photo = read_photo(ASTRONAUT)
    face = face2mesh.load().reconstruct(photo, box=ASTRONAUTS_BOX)
    # Another size than the model's, to tell who forgets it; a texture whose upper left corner is red.
    texture = np.full((32, 32, 3), 180, np.uint8)
    texture[:16, :16] = (200, 30, 30)
    return HeadMesh.of(dataclasses.replace(face.scaled(1.1, "ipd"), texture=texture), photo.rgb)


@pytest.fixture(scope="module")
def found(mesh, tmp_path_factory):
    """Everything that Blender finds in all files, read in one go: (documents, arrays, folder)."""
    folder = tmp_path_factory.mktemp("blender")
    for suffix in SUFFIXES:
        write(mesh, folder / f"head.{suffix}")
    rigged = dataclasses.replace(mesh, rigged=True)
    for suffix in ("blend", "fbx"):
        write(rigged, folder / f"rigged.{suffix}")
    names = [f"head.{suffix}" for suffix in SUFFIXES] + ["rigged.blend", "rigged.fbx"]
    orders = {
        "files": {name: str(folder / name.removeprefix(NEWER)) for name in [*names, *map(NEWER.__add__, FBX)]},
        "pictures": {
            str(folder / f"{name}.png"): ["head.blend", {"jawOpen": weight}] for name, weight in PICTURES.items()
        },
        "turns": {"rigged.blend": TURN_DEGREES, "rigged.fbx": TURN_DEGREES},
        "points": (mesh.face.landmarks @ AXES.T / 1000).tolist(),
    }
    (folder / "orders.json").write_text(json.dumps(orders))
    run_in_blender(READER, folder / "orders.json", folder / "found.npz")
    with np.load(folder / "found.npz") as archive:
        arrays = dict(archive)
    return json.loads(str(arrays.pop("documents"))), arrays, folder


def _mm(places):
    """Blender's metres to the head's millimetres."""
    return places @ AXES * 1000


def _shown(mesh):
    """(V, 3) mm: the neutral head and the photo's expression as a sum of shapes."""
    return mesh.neutral + sum(weight * mesh.morphs[name].astype(np.float64) for name, weight in mesh.weights.items())


def test_obj_is_the_head_with_quads_and_parts(mesh, found):
    documents, arrays, _ = found
    assert set(documents["head.obj"]["objects"]) == {"head"}
    head = {key.split("/")[2]: values for key, values in arrays.items() if key.startswith("head.obj/head/")}
    np.testing.assert_allclose(_mm(head["vertices"]), mesh.vertices, atol=CLOSE_MM)
    assert set(head["sizes"]) == {4}
    np.testing.assert_array_equal(head["corners"].reshape(-1, 4), mesh.topology.quads)
    np.testing.assert_allclose(head["uv"], mesh.topology.uv[mesh.topology.uv_quads].reshape(-1, 2), atol=1e-6)
    document = documents["head.obj"]["objects"]["head"]
    assert document["groups"] == list(PARTS)
    for group, (first, last) in zip(head["groups"].T, mesh.topology.part_vertices.values(), strict=True):
        np.testing.assert_array_equal(np.flatnonzero(group), np.arange(first, last))
    np.testing.assert_allclose(_mm(head["vertices"]).max(0), mesh.vertices.max(0), atol=CLOSE_MM)


def test_glb_has_the_shapes_and_materials(mesh, found):
    documents, arrays, _ = found
    assert set(documents["head.glb"]["objects"]) == {"head"}
    document = documents["head.glb"]["objects"]["head"]
    assert document["keys"][1:] == list(ARKIT_NAMES)
    np.testing.assert_allclose(document["values"][1:], list(mesh.weights.values()), atol=1e-4)
    assert document["materials"] == list(PARTS)
    assert document["images"]
    keys, corners = arrays["head.glb/head/keys"], arrays["head.glb/head/corners"].reshape(-1, 3)
    rest = _mm(keys[0])
    for number, (part, (first, last)) in enumerate(mesh.topology.part_vertices.items()):
        own = np.unique(corners[arrays["head.glb/head/materials"] == number])
        start, count = own[0], last - first
        # The part's vertices in their order, then those repeated on the seams.
        np.testing.assert_array_equal(own, np.arange(start, start + len(own)))
        np.testing.assert_allclose(rest[start : start + count], mesh.neutral[first:last], atol=CLOSE_MM, err_msg=part)
        for key, morph in zip(keys[1:], mesh.morphs.values(), strict=True):
            np.testing.assert_allclose(
                (_mm(key) - rest)[start : start + count], morph[first:last], atol=CLOSE_MM, err_msg=part
            )
    size = np.ptp(_shown(mesh), axis=0) / 1000
    np.testing.assert_allclose(np.ptp(arrays["head.glb/head/shown"], axis=0), size[[0, 2, 1]], atol=1e-6)


@pytest.mark.parametrize("name", ["head.blend", "rigged.blend", *FBX, *map(NEWER.__add__, FBX)])
def test_parts_are_objects_with_quads_and_shapes(mesh, found, name):
    documents, arrays, _ = found
    if name not in documents:
        pytest.skip("this Blender has one importer of FBX; 4.5 brought the newer one")
    objects = documents[name]["objects"]
    assert set(objects) == set(PARTS)
    shown = _shown(mesh)
    close = FORGOTTEN_BY_FBX_MM if name.endswith("fbx") else CLOSE_MM
    for part, (first, last) in mesh.topology.part_vertices.items():
        document = objects[part]
        own = {key.split("/")[2]: values for key, values in arrays.items() if key.startswith(f"{name}/{part}/")}
        start, end = mesh.topology.part_quads[part]
        assert set(own["sizes"]) == {4}
        np.testing.assert_array_equal(own["corners"].reshape(-1, 4), mesh.topology.quads[start:end] - first)
        uv = mesh.topology.uv[mesh.topology.uv_quads[start:end]].reshape(-1, 2)
        np.testing.assert_allclose(own["uv"], uv, atol=1e-6)
        np.testing.assert_allclose(_mm(own["vertices"]), mesh.neutral[first:last], atol=CLOSE_MM)
        names = document["keys"][1:]
        assert names == [key for key in ARKIT_NAMES if key in names]
        still = set(ARKIT_NAMES) - set(names)
        assert part != "skin" or not still
        for key in still:
            assert np.linalg.norm(mesh.morphs[key][first:last], axis=1).max() <= 1e-3
        for key, places in zip(names, own["keys"][1:] if names else [], strict=True):
            np.testing.assert_allclose(_mm(places - own["keys"][0]), mesh.morphs[key][first:last], atol=close)
        np.testing.assert_allclose(document["values"][1:], [mesh.weights[key] for key in names], atol=1e-4)
        np.testing.assert_allclose(_mm(own["shown"]), shown[first:last], atol=1e-3 * len(still) + 10 * close)
        assert document["materials"] == [part]
        assert document["images"]


def test_fbx_is_in_centimetres_without_turned_objects(found):
    """Blender turns and shrinks what is in centimetres and +Y up, by the same for all; nothing is left over."""
    documents, _, _ = found
    for document in documents["head.fbx"]["objects"].values():
        np.testing.assert_allclose(document["scale"], 0.01, rtol=1e-6)


def test_blend_is_in_metres(mesh, found):
    documents, _, _ = found
    size = np.ptp(_shown(mesh)[: mesh.topology.part_vertices["skin"][1]], axis=0) / 1000
    for name in ("head.blend", "head.fbx"):
        assert documents[name]["unit"] == 1
        assert sorted(documents[name]["objects"]["skin"]["size"]) == pytest.approx(sorted(size), rel=0.02)


@pytest.mark.parametrize("name", ["rigged.blend", "rigged.fbx"])
def test_bones_are_at_the_joints(mesh, found, name):
    documents, arrays, _ = found
    rig = dataclasses.replace(mesh, rigged=True).rig
    assert list(documents[name]["bones"]) == [joint.name for joint in rig.joints]
    for joint in rig.joints:
        bone = documents[name]["bones"][joint.name]
        matrix = np.array(bone["matrix"])
        np.testing.assert_allclose(_mm(matrix[:3, 3]), joint.place, atol=1e-3)
        assert bone["parent"] == (None if joint.parent < 0 else rig.joints[joint.parent].name)
        # Its own X axis is the head's.
        np.testing.assert_allclose(matrix[:3, 0] / np.linalg.norm(matrix[:3, 0]), [1, 0, 0], atol=1e-5)
    for part, (first, last) in mesh.topology.part_vertices.items():
        groups = arrays[f"{name}/{part}/groups"]
        for number, group in enumerate(documents[name]["objects"][part]["groups"]):
            column = [joint.name for joint in rig.joints].index(group)
            np.testing.assert_allclose(groups[:, number], rig.weights[first:last, column], atol=1e-6)
        np.testing.assert_allclose(groups.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["rigged.blend", "rigged.fbx"])
def test_turned_bones_open_the_jaw_and_lower_the_look(mesh, found, name):
    _, arrays, _ = found
    rig = dataclasses.replace(mesh, rigged=True).rig
    cosine, sine = np.cos(np.radians(TURN_DEGREES)), np.sin(np.radians(TURN_DEGREES))
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    # Linear blend skinning by hand, in the head's frame: a positive turn about +X takes what is ahead down.
    moved = np.zeros_like(mesh.neutral, float)
    for joint, weights in zip(rig.joints, rig.weights.T, strict=True):
        places = mesh.neutral if joint.parent < 0 else (mesh.neutral - joint.place) @ turn.T + joint.place
        moved += weights[:, None] * places
    for part, (first, last) in mesh.topology.part_vertices.items():
        np.testing.assert_allclose(_mm(arrays[f"{name}/{part}/turned"]), moved[first:last], atol=1e-3, err_msg=part)
    teeth = slice(*mesh.topology.part_vertices["lower_teeth"])
    assert (moved - mesh.neutral)[teeth, 1].mean() < -5


def test_photos_camera_shows_the_landmarks_where_the_photo_has_them(mesh, found):
    documents, arrays, _ = found
    np.testing.assert_allclose(arrays["head.blend/projected"], mesh.face.landmarks_px, atol=0.02)
    camera = documents["head.blend"]["camera"]
    size = [mesh.face.camera.width, mesh.face.camera.height]
    assert camera == {"backgrounds": [size], "window": size}


def test_a_moved_shape_is_seen(found):
    _, _, folder = found
    shut, opened = (np.asarray(Image.open(folder / f"{name}.png").convert("RGB"), int) for name in ("shut", "open"))
    assert shut.std() > 10
    changed = np.abs(shut - opened).max(2) > 40
    # Around the mouth, in the lower half; the brow stays.
    assert changed[36:52, 24:40].mean() > 0.2
    assert changed[:20].mean() < 0.05
