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

trimesh = pytest.importorskip("trimesh", reason="the readers come with the extra [dev]")

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
        *("scale", "scale_uncertainty", "box_found", "expression", "identity", "model", "seconds"),
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
