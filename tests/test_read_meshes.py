"""Meshes of others, read back from files that others (or trimesh) wrote."""

import json
import struct

import numpy as np
import pytest
import trimesh

from face2mesh.errors import InputFileError
from face2mesh.read import read_mesh

BOX = trimesh.creation.box((1, 2, 3))


def _lines(*lines: str) -> bytes:
    return "\n".join(lines).encode() + b"\n"


OBJ = _lines(
    "# two quads and a triangle, an unused vertex, a colour, a relative and a broken line",
    "v 0 0 0 0.5 0.5 0.5",
    "v 1 0 0",
    "v 1 1 0",
    "v 0 1 0",
    "vt 0 0",
    "vt 1 0",
    "vt 1 1",
    "vt 0 1",
    "v 9 9 9",
    "g face",
    "f 1/1/1 2/2 3/3 4/4",
    "v 2 0 0",
    "f 2 6 \\",
    "3",
    "f -1 -5 -4 # counted back",
)


def test_obj_keeps_every_vertex_and_every_face(tmp_path):
    (tmp_path / "a.obj").write_bytes(OBJ)
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.vertices.shape == (6, 3)
    assert mesh.faces.tolist() == [[0, 1, 2, 3], [1, 5, 2, -1], [5, 1, 2, -1]]
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [1, 5, 2], [5, 1, 2]]
    assert mesh.corner_uv[0].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert np.isnan(mesh.corner_uv[1:]).all()
    assert mesh.millimetres_per_unit is None


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".glb", ".obj"])
def test_what_trimesh_writes(tmp_path, suffix):
    BOX.export(tmp_path / f"box{suffix}")
    mesh = read_mesh(tmp_path / f"box{suffix}")
    back = trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False)
    assert back.is_watertight
    assert np.isclose(back.volume, 6, rtol=1e-5)  # also: counter-clockwise from outside
    if suffix != ".stl":
        assert np.allclose(mesh.vertices, BOX.vertices, atol=1e-6)
        assert np.array_equal(mesh.triangles, BOX.faces)


def test_text_formats(tmp_path):
    BOX.export(tmp_path / "text.ply", encoding="ascii")
    BOX.export(tmp_path / "text.stl", file_type="stl_ascii")
    for name in ("text.ply", "text.stl"):
        mesh = read_mesh(tmp_path / name)
        assert len(mesh.vertices) == 8
        assert np.isclose(trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False).volume, 6, rtol=1e-5)


@pytest.mark.parametrize("order", ["little", "big"])
def test_ply_with_faces_of_several_sizes(tmp_path, order):
    sign = "<" if order == "little" else ">"
    header = _lines(
        "ply",
        f"format binary_{order}_endian 1.0",
        "element vertex 5",
        *(f"property float {axis}" for axis in "xyz"),
        "property float s",
        "property float t",
        "element face 2",
        "property uchar flag",
        "property list uchar int vertex_indices",
        "end_header",
    )
    rows = np.arange(25).reshape(5, 5)
    body = rows.astype(f"{sign}f4").tobytes()
    body += struct.pack(f"{sign}BB4i", 7, 4, 0, 1, 2, 3) + struct.pack(f"{sign}BB3i", 7, 3, 2, 1, 4)
    (tmp_path / "a.ply").write_bytes(header + body)
    mesh = read_mesh(tmp_path / "a.ply")
    assert np.array_equal(mesh.vertices, rows[:, :3])
    assert mesh.faces.tolist() == [[0, 1, 2, 3], [2, 1, 4, -1]]
    assert mesh.corner_uv[1, 2].tolist() == [23, 24]


def _glb(document: dict, binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<2I", len(text), 0x4E4F534A) + text + struct.pack("<2I", len(binary), 0x004E4942) + binary
    return struct.pack("<4s2I", b"glTF", 2, 12 + len(body)) + body


def _triangle() -> tuple[dict, bytes]:
    places = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(places)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(places)}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}, {"attributes": {"POSITION": 0}}]}],
        "nodes": [
            {"children": [1], "translation": [0, 0, 5]},
            {"mesh": 0, "scale": [2, 2, 2], "rotation": [0, 0, 2**-0.5, 2**-0.5]},
        ],
        "scenes": [{"nodes": [0]}],
    }
    return document, places


def test_glb_nodes_place_their_meshes(tmp_path):
    (tmp_path / "a.glb").write_bytes(_glb(*_triangle()))
    mesh = read_mesh(tmp_path / "a.glb")
    # Scaled by two, turned by a quarter about z, then lifted; both primitives have the same three vertices.
    assert np.allclose(mesh.vertices, [[0, 0, 5], [0, 2, 5], [-2, 0, 5]], atol=1e-6)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert mesh.millimetres_per_unit == 1000


def test_a_mirroring_node_keeps_the_outside_outside(tmp_path):
    document, places = _triangle()
    document["nodes"] = [{"mesh": 0, "scale": [-1, 1, 1]}]
    (tmp_path / "a.glb").write_bytes(_glb(document, places))
    assert read_mesh(tmp_path / "a.glb").triangles[0].tolist() == [2, 1, 0]


def _broken_glb(**changes: object) -> bytes:
    document, places = _triangle()
    return _glb(document | changes, places)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xyz", b"", r"name a file that ends in \.obj, \.ply, \.stl, \.glb"),
        ("a.obj", b"f 1 2 x\n", "line 1 is no face"),
        ("a.obj", b"v 1 2\n", "not made of numbers"),
        ("a.obj", b"v 1 2 3\nf 1 1 9\n", "names vertex 9 of 1"),
        ("a.obj", b"v 1 2 3\nvt 0 0\nf 1/1 1/1 1/4\n", "texture point that is not there"),
        ("a.obj", b"v nan 2 3\n", "1 vertices are no numbers"),
        ("a.obj", b"# nothing\n", "holds no vertices"),
        ("a.ply", b"plum", "no PLY file"),
        (
            "a.ply",
            b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nend_header\n1\n",
            "damaged or cut short",
        ),
        ("a.ply", b"ply\nformat odd 1.0\nend_header\n", "damaged or cut short"),
        ("a.stl", b"\0" * 100, "cut short or no STL"),
        ("a.stl", b"solid\nvertex 1 2 x", "three numbers"),
        ("a.glb", b"glTF", "no GLB file"),
        ("a.glb", struct.pack("<4s4I", b"glTF", 1, 20, 0, 0), "version 1"),
        ("a.glb", struct.pack("<4s4I", b"glTF", 2, 99, 0, 0), "cut short"),
        ("a.glb", _broken_glb(extensionsRequired=["KHR_draco_mesh_compression"]), "needs KHR_draco_mesh_compression"),
        ("a.glb", _broken_glb(buffers=[{"uri": "a.bin"}]), "leans on the file a.bin"),
        ("a.glb", _broken_glb(accessors=[]), "damaged"),
        ("a.glb", _broken_glb(bufferViews=[{"buffer": 0, "byteOffset": 30, "byteLength": 9}]), "damaged"),
    ],
)
def test_refusals(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=said) as caught:
        read_mesh(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file(tmp_path):
    with pytest.raises(InputFileError, match="not found"):
        read_mesh(tmp_path / "none.obj")
