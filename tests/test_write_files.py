"""Files read back by other people's readers."""

import io
import json

import numpy as np
import pytest
from made_up import made_up_face

from face2mesh.errors import OutputError
from face2mesh.face import project
from face2mesh.head import PARTS
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.write import WRITERS, HeadMesh, document, write, write_json
from face2mesh.write.glb import seam_vertices

trimesh = pytest.importorskip("trimesh", reason="the readers come with the extra [dev]")
pygltflib = pytest.importorskip("pygltflib", reason="the readers come with the extra [dev]")

FACE = made_up_face()
HEAD = FACE.head
MESH = HeadMesh.of(FACE)
COLOURS = np.random.default_rng(5).integers(0, 256, HEAD.vertices.shape, np.uint8)


def _coloured():
    import dataclasses

    return HeadMesh.of(dataclasses.replace(FACE, colours=COLOURS))


def test_obj_by_its_lines(tmp_path):
    path = tmp_path / "head.obj"
    FACE.save(path)
    lines = path.read_text().splitlines()
    groups = [line.split()[1] for line in lines if line.startswith("g ")]
    assert groups == list(PARTS)
    vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    np.testing.assert_allclose(vertices, FACE.vertices, atol=1e-4)
    uv = np.array([line.split()[1:] for line in lines if line.startswith("vt ")], float)
    np.testing.assert_allclose(uv, HEAD.uv, atol=1e-6)
    faces = [[corner.split("/") for corner in line.split()[1:]] for line in lines if line.startswith("f ")]
    corners = np.array(faces, int) - 1
    np.testing.assert_array_equal(corners[..., 0], HEAD.quads)
    np.testing.assert_array_equal(corners[..., 1], HEAD.uv_quads)
    # Each group holds its part's quads.
    start = [i for i, line in enumerate(lines) if line.startswith("g ")]
    counts = [sum(line.startswith("f ") for line in lines[a:b]) for a, b in zip(start, [*start[1:], None], strict=True)]
    assert counts == [last - first for first, last in HEAD.part_quads.values()]


def test_obj_of_another_head_after_the_first(tmp_path):
    small = made_up_face(4)
    for face in (FACE, small, FACE):
        write(HeadMesh.of(face), tmp_path / "head.obj")
        quads = (tmp_path / "head.obj").read_text().count("\nf ")
        assert quads == len(face.quads)


@pytest.mark.parametrize("suffix", ["obj", "ply"])
def test_trimesh_reads_the_same_vertices(tmp_path, suffix):
    path = tmp_path / f"head.{suffix}"
    write(MESH, path)
    mesh = trimesh.load(path, process=False, group_material=False)
    if isinstance(mesh, trimesh.Scene):
        mesh = trimesh.util.concatenate(list(mesh.geometry.values()))
    if suffix == "ply":  # an OBJ's vertices are reordered by this reader, because it splits them at the seams
        np.testing.assert_allclose(mesh.vertices, FACE.vertices, atol=1e-4)
    assert len(mesh.faces) == len(FACE.triangles)
    assert mesh.area == pytest.approx(trimesh.Trimesh(FACE.vertices, FACE.triangles, process=False).area, rel=0.01)


def test_ply_carries_the_colours(tmp_path):
    write(_coloured(), tmp_path / "head.ply")
    mesh = trimesh.load(tmp_path / "head.ply", process=False)
    np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], COLOURS)


def test_stl(tmp_path):
    write(MESH, tmp_path / "head.stl")
    mesh = trimesh.load(tmp_path / "head.stl", process=False)
    np.testing.assert_allclose(mesh.triangles, FACE.vertices[FACE.triangles], atol=1e-4)
    assert (tmp_path / "head.stl").stat().st_size == 84 + 50 * len(FACE.triangles)


def _accessor(gltf, index):
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    kind = {5126: np.float32, 5125: np.uint32}[accessor.componentType]
    columns = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor.type]
    assert view.byteOffset % 4 == 0
    flat = np.frombuffer(gltf.binary_blob(), kind, accessor.count * columns, view.byteOffset)
    return flat.reshape(-1, columns) if columns > 1 else flat


def test_glb_by_its_accessors(tmp_path):
    path = tmp_path / "head.glb"
    write(_coloured(), path)
    gltf = pygltflib.GLTF2().load(str(path))
    assert [gltf.nodes[i].name for i in gltf.nodes[0].children] == list(PARTS)
    for mesh in gltf.meshes:
        first, last = HEAD.part_vertices[mesh.name]
        start, end = HEAD.part_quads[mesh.name]
        primitive = mesh.primitives[0]
        attributes = {
            name: _accessor(gltf, index) for name, index in vars(primitive.attributes).items() if index is not None
        }
        count = len(attributes["POSITION"])
        assert {len(values) for values in attributes.values()} == {count}
        # Metres, and the head's own order first.
        np.testing.assert_allclose(attributes["POSITION"][: last - first] * 1000, FACE.vertices[first:last], atol=1e-4)
        bounds = gltf.accessors[primitive.attributes.POSITION]
        np.testing.assert_allclose(bounds.min, attributes["POSITION"].min(0), atol=1e-9)
        np.testing.assert_allclose(bounds.max, attributes["POSITION"].max(0), atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(attributes["NORMAL"], axis=1), 1, atol=1e-5)
        corners = _accessor(gltf, primitive.indices).reshape(-1, 3)
        assert corners.max() < count
        wanted = FACE.vertices[FACE.triangles[2 * start : 2 * end]]
        np.testing.assert_allclose(attributes["POSITION"][corners] * 1000, wanted, atol=1e-4)
        # sRGB's middle grey is 0.2140 in linear light.
        srgb = COLOURS[first:last] / 255
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        np.testing.assert_allclose(attributes["COLOR_0"][: last - first, :3], linear, atol=1e-5)


def test_glb_is_laid_out_as_the_specification_says(tmp_path):
    write(MESH, tmp_path / "head.glb")
    content = (tmp_path / "head.glb").read_bytes()
    magic, version, length, json_length, kind = np.frombuffer(content, "<u4", 5)
    assert (magic, version, length, kind) == (0x46546C67, 2, len(content), 0x4E4F534A)
    assert json_length % 4 == 0
    binary_length, kind = np.frombuffer(content, "<u4", 2, 20 + json_length)
    assert kind == 0x004E4942
    assert 28 + json_length + binary_length == length
    text = json.loads(content[20 : 20 + json_length])
    assert text["buffers"][0]["byteLength"] <= binary_length
    for view in text["bufferViews"]:
        assert view["byteOffset"] + view["byteLength"] <= text["buffers"][0]["byteLength"]


def test_trimesh_reads_the_glb_in_metres(tmp_path):
    write(MESH, tmp_path / "head.glb")
    scene = trimesh.load(tmp_path / "head.glb")
    assert set(scene.geometry) == set(PARTS)
    np.testing.assert_allclose(scene.bounds * 1000, [FACE.vertices.min(0), FACE.vertices.max(0)], atol=1e-3)


@pytest.mark.parametrize("part", PARTS)
def test_every_seam_vertex_has_its_texture_point(part):
    vertices, uvs, triangles = seam_vertices(HEAD.topology, part)
    first, last = HEAD.part_vertices[part]
    np.testing.assert_array_equal(vertices[: last - first], np.arange(first, last))
    start, end = HEAD.part_quads[part]
    np.testing.assert_array_equal(vertices[triangles], HEAD.triangles[2 * start : 2 * end])
    pairs = set(zip(HEAD.quads[start:end].ravel().tolist(), HEAD.uv_quads[start:end].ravel().tolist(), strict=True))
    assert set(zip(vertices[triangles].ravel().tolist(), uvs[triangles].ravel().tolist(), strict=True)) == pairs


def test_npz(tmp_path):
    write(_coloured(), tmp_path / "head.npz")
    with np.load(tmp_path / "head.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["vertices"], FACE.vertices)
        np.testing.assert_array_equal(arrays["colours"], COLOURS)
        np.testing.assert_array_equal(arrays["expression"], FACE.weights)
        assert arrays["expression_names"].tolist() == list(ARKIT_NAMES)
        assert json.loads(str(arrays["document_json"]))["format"] == "face2mesh/face"


def test_json_holds_what_it_should(tmp_path):
    path = tmp_path / "head.json"
    write_json(FACE, path, seconds=0.25)
    read = json.loads(path.read_text())
    assert set(read) == {
        *("format", "version", "image", "face_box", "landmarks_px", "landmarks_3d", "camera", "pose", "scale_source"),
        *("scale_uncertainty", "expression", "identity", "model", "seconds"),
    }
    assert read["format"] == "face2mesh/face"
    assert read["image"] == {"width": 640, "height": 480}
    assert read["model"] == {"name": "made-up", "version": "0"}
    assert read["seconds"] == 0.25
    assert tuple(read["expression"]) == ARKIT_NAMES
    np.testing.assert_allclose(read["identity"], FACE.identity)
    # Whoever has only the file can repeat the projection.
    camera, pose = read["camera"], read["pose"]
    placed = np.array(read["landmarks_3d"]) @ np.array(pose["rotation"]).T + pose["translation_mm"]
    u = camera["fx"] * placed[:, 0] / placed[:, 2] + camera["cx"]
    v = camera["fy"] * placed[:, 1] / placed[:, 2] + camera["cy"]
    np.testing.assert_allclose(read["landmarks_px"], np.stack([u, v], 1), atol=1e-9)
    np.testing.assert_allclose(read["landmarks_px"], project(FACE.landmarks, FACE.camera, FACE.pose), atol=1e-9)


def test_a_point_behind_the_camera_is_null():
    import dataclasses

    from face2mesh.face import Pose
    from face2mesh.photo.box import Box

    behind = Pose(FACE.pose.rotation, np.array([0.0, 0.0, -500.0]))
    face = dataclasses.replace(FACE, pose=behind, box=Box(1, 2, 3, 4))
    assert document(face)["landmarks_px"][0] == [None, None]


@pytest.mark.parametrize("suffix", [*WRITERS, "json"])
def test_same_face_same_bytes(tmp_path, suffix):
    write(MESH, tmp_path / f"a.{suffix}")
    write(MESH, tmp_path / f"b.{suffix.upper()}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix.upper()}").read_bytes()


@pytest.mark.parametrize("name", ["head.max", "head", "obj"])
def test_unknown_format(tmp_path, name):
    with pytest.raises(OutputError, match=r"no such format; end the name in one of \.obj, \.glb"):
        write(MESH, tmp_path / name)


@pytest.mark.parametrize("suffix", [*WRITERS, "json"])
def test_folder_that_is_none(tmp_path, suffix):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        write(MESH, tmp_path / "file" / f"head.{suffix}")


@pytest.mark.parametrize("suffix", WRITERS)
def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"head.{suffix}"
    path.write_bytes(b"old")

    def full(mesh, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, suffix, full)
    with pytest.raises(OutputError, match="No space left"):
        write(MESH, path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", WRITERS)
def test_writers_write_what_they_wrote_before(suffix):
    first, second = io.BytesIO(), io.BytesIO()
    WRITERS[suffix](MESH, first)
    WRITERS[suffix](HeadMesh.of(FACE.with_expression(FACE.expression)), second)
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize("suffix", ["obj", "glb", "ply", "stl", "npz"])
def test_every_format_takes_a_subdivided_head(tmp_path, suffix):
    path = tmp_path / f"head.{suffix}"
    FACE.save(path, subdivide=1)
    fine = MESH.subdivided()
    if suffix == "npz":
        with np.load(path) as arrays:
            np.testing.assert_array_equal(arrays["vertices"], fine.vertices)
            np.testing.assert_array_equal(arrays["quads"], fine.topology.quads)
        return
    mesh = trimesh.load(path, process=False, **({"group_material": False} if suffix == "obj" else {}))
    if isinstance(mesh, trimesh.Scene):
        mesh = mesh.to_geometry()
    assert len(mesh.faces) == 4 * len(FACE.triangles)
    size = 1000 if suffix == "glb" else 1
    wanted = fine.neutral if suffix == "glb" else fine.vertices
    np.testing.assert_allclose(mesh.bounds * size, [wanted.min(0), wanted.max(0)], atol=1e-3)
