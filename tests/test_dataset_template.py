"""A base mesh of the user's own: landmarks, what is carried over, levels, collecting, writing."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import trimesh
from made_up import landmark_places, made_up_corpus, made_up_head

import face2mesh
from face2mesh.cli import main
from face2mesh.draw import preview
from face2mesh.errors import InputFileError
from face2mesh.face import Camera, Face, Pose
from face2mesh.head import ARKIT_NAMES, BaseHead
from face2mesh.head.subdivision import subdivision
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.collect import collect_dataset
from face2mesh.lab.dataset.dataset import load_template
from face2mesh.lab.dataset.render import Making, render_dataset
from face2mesh.lab.dataset.starting import start_dataset
from face2mesh.lab.dataset.template import mirror_of, read_landmarks
from face2mesh.lab.graph.command import hierarchy_of_head
from face2mesh.write import HeadMesh, write
from face2mesh.write.rig import make_rig

STEPS = 14
MADE_UP = made_up_head(STEPS)
SKIN = MADE_UP.skin_count
VERTICES = MADE_UP.vertices[:SKIN].astype(np.float64)
QUADS = MADE_UP.skin_quads.astype(np.int64)


def write_obj(path, vertices, faces, uv=None, corners=None):
    lines = [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in vertices]
    lines += [] if uv is None else [f"vt {u:.7f} {v:.7f}" for u, v in uv]
    for row, face in enumerate(faces):
        points = [""] * len(face) if uv is None else [f"/{point + 1}" for point in corners[row]]
        lines.append("f " + " ".join(f"{corner + 1}{point}" for corner, point in zip(face, points, strict=True)))
    path.write_text("\n".join(lines) + "\n")


def mixed_faces():
    """Every third quad cut into triangles."""
    faces = []
    for row, quad in enumerate(QUADS.tolist()):
        faces += [quad[:3], [quad[0], *quad[2:]]] if row % 3 == 0 else [quad]
    return faces


def turned(vertices):
    """In centimetres with Z up, and somewhere else."""
    x, y, z = vertices.T
    return np.stack([x, -z, y], 1) / 10 + [0, 0, 160]


LANDMARKS = MADE_UP.landmarks(MADE_UP.vertices).astype(np.float64)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A data set on the made-up skin, quads and triangles, from a file in centimetres with Z up."""
    folder = tmp_path_factory.mktemp("template")
    write_obj(folder / "my_head.obj", turned(VERTICES), mixed_faces())
    (folder / "marks.json").write_text(json.dumps({"landmarks": turned(LANDMARKS).tolist()}))
    lines = start_dataset(folder / "set", folder / "my_head.obj", folder / "marks.json")
    return folder / "set", lines


def test_the_template_is_a_head_of_one_part(begun):
    folder, lines = begun
    head = load_template(folder)
    assert head.skin_count == len(head.vertices) == SKIN
    assert all(first == last for part, (first, last) in head.part_vertices.items() if part != "skin")
    assert any("in cm" in line for line in lines)
    assert any("+Z up" in line for line in lines)
    # Every third quad is cut, on one side of the face or on the other.
    assert any(": not symmetric; levels of" in line for line in lines)
    triangles = head.quads[:, 2] == head.quads[:, 3]
    assert triangles.sum() == 2 * len(range(0, len(QUADS), 3))
    # Order, shape and size are the file's; the eyes' points are where ours are.
    moved = head.vertices - VERTICES
    assert np.ptp(moved, axis=0).max() < 1e-3
    assert np.linalg.norm(head.landmarks(head.vertices) - LANDMARKS - moved[0], axis=1).max() < 0.1


def test_what_our_head_knows_is_carried_over(begun):
    head = load_template(begun[0])
    for name in ("face", "nose", "chin", "scalp", "neck", "lip_upper"):
        assert head.regions[name].any(), name
    centre = {
        name: head.vertices[head.regions[name]].mean(0) for name in ("nose", "chin", "scalp", "brow_left", "brow_right")
    }
    assert centre["scalp"][1] > centre["nose"][1] > centre["chin"][1]
    assert centre["brow_left"][0] > 5 > -5 > centre["brow_right"][0]
    dense = head.dense(head.vertices)
    assert len(dense) == 468
    assert head.dense.weights.min() >= 0
    ours = face2mesh.load().base_head
    # Sides: where our dense points are left, so are the template's.
    x = ours.dense(ours.vertices)[:, 0]
    assert (np.sign(dense[np.abs(x) > 12, 0]) == np.sign(x[np.abs(x) > 12])).mean() > 0.99


def test_networks_work_on_it(begun):
    levels = hierarchy_of_head(load_template(begun[0]), poolings=2)
    assert levels.counts[0] == SKIN
    assert SKIN / 5 < levels.counts[1] < SKIN / 3.5
    assert levels.levels[0].scaled_laplacian().shape == (SKIN, SKIN)


def test_a_symmetric_template_has_symmetric_levels(tmp_path):
    write_obj(tmp_path / "head.obj", VERTICES, QUADS.tolist(), MADE_UP.uv, MADE_UP.uv_quads[: len(QUADS)])
    (tmp_path / "marks.txt").write_text("\n".join(" ".join(map(str, point)) for point in LANDMARKS.tolist()))
    lines = start_dataset(tmp_path / "set", tmp_path / "head.obj", tmp_path / "marks.txt")
    assert any(": symmetric; levels of" in line for line in lines)
    head = load_template(tmp_path / "set")
    assert np.array_equal(head.mirror, MADE_UP.mirror[:SKIN])
    assert np.allclose(head.uv[head.uv_quads], MADE_UP.uv[MADE_UP.uv_quads[: len(QUADS)]], atol=1e-6)
    for level in hierarchy_of_head(head, poolings=2).levels:
        assert np.array_equal(level.mirror[level.mirror], np.arange(level.count))
        assert (level.mirror != np.arange(level.count)).any()


def test_the_mirror_table_is_found_and_refused():
    faces = MADE_UP.skin_quads
    assert np.array_equal(mirror_of(VERTICES, faces), MADE_UP.mirror[:SKIN])
    bent = VERTICES + np.where(np.arange(SKIN)[:, None] == 3, 1.0, 0.0)
    assert np.array_equal(mirror_of(bent, faces), np.arange(SKIN))


def test_sculpts_are_collected_in_either_frame(begun, tmp_path):
    folder, _ = begun
    people, _ = made_up_corpus(STEPS)
    head = load_template(folder)
    shape = VERTICES + people[0][:SKIN]
    write_obj(folder / "sculpts" / "theirs.obj", turned(shape), mixed_faces())
    write_obj(folder / "sculpts" / "ours.obj", head.vertices + people[0][:SKIN], mixed_faces())
    collected = collect_dataset(folder)
    assert collected.refused == []
    assert collected.notes == []
    heads = collected.dataset.heads
    assert np.abs(heads.vertices - (head.vertices + people[0][:SKIN].astype(np.float32))).max() < 2e-3
    assert render_dataset(folder, Making("raster", 0, 80), 1) == (2, 2)
    pairs = Dataset.load(folder).pairs()
    assert pairs["crop"].std() > 10
    assert pairs["inside"].all()


@dataclass(frozen=True)
class Linear:
    """A decoder on a template."""

    base_head: BaseHead
    name: str = "mine"
    version: str = "1"
    identity_size: int = 1

    def decode(self, identity, expression):
        expression = np.asarray(expression, np.float32)
        wave = np.sin(self.base_head.vertices / 20).astype(np.float32)
        return self.base_head.vertices + expression[..., :1, None] * wave


@pytest.fixture(scope="module")
def face(begun):
    camera = Camera.centred(600.0, 320, 320)
    pose = Pose(np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, 700.0]))
    return Face(Linear(load_template(begun[0])), np.zeros(1, np.float32), np.zeros(len(ARKIT_NAMES)), camera, pose)


@pytest.mark.parametrize("suffix", ["obj", "ply", "stl", "glb", "npz", "html"])
def test_its_faces_are_written_as_others(face, suffix, tmp_path):
    path = tmp_path / f"head.{suffix}"
    write(HeadMesh.of(face), path)
    assert path.stat().st_size > 1000
    if suffix in ("npz", "html"):
        return
    mesh = trimesh.load(path, process=False, force="mesh")
    faces = np.asarray(mesh.faces)
    area = np.linalg.norm(np.cross(*(mesh.vertices[faces[:, i]] - mesh.vertices[faces[:, 0]] for i in (1, 2))), axis=1)
    assert len(faces) == 2 * len(QUADS)
    assert (area > 0).all()


def test_it_is_drawn_and_measured_without_eyes_of_its_own(face):
    picture = preview(face, np.full((320, 320, 3), 90, np.uint8))
    assert picture.std() > 10
    lids = face.landmarks
    assert face.eye_distance_mm == pytest.approx(np.linalg.norm(lids[42:48].mean(0) - lids[36:42].mean(0)), rel=1e-6)
    with pytest.raises(face2mesh.OutputError, match="write it without bones"):
        make_rig(face.vertices, {}, face.head.topology, face.head.neck_border)


def test_a_head_with_triangles_is_not_subdivided(face):
    with pytest.raises(face2mesh.Face2MeshError, match="triangles"):
        subdivision(face.head.topology)


def test_landmarks_are_read_in_all_ways(tmp_path):
    numbers = np.arange(68) * 3
    points = VERTICES[numbers]
    for name, text in (
        ("a.json", json.dumps(numbers.tolist())),
        ("b.json", json.dumps({"landmarks": points.tolist()})),
        ("c.txt", "# mine\n" + "\n".join(f"{number}  # {i}" for i, number in enumerate(numbers))),
        ("d.csv", "\n".join(",".join(map(repr, point.tolist())) for point in points)),
    ):
        (tmp_path / name).write_text(text)
        assert np.allclose(read_landmarks(tmp_path / name, VERTICES), points)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2, 3]", "holds 3 landmarks"),
        ("{}", "not a list of landmarks"),
        ("nonsense", "not a list of landmarks"),
        (json.dumps([99999] * 68), "vertex numbers go from 0"),
        (json.dumps([1.5] * 68), "vertex numbers go from 0"),
        (json.dumps([[1, 2]] * 68), "holds 68 landmarks"),
        (json.dumps([0] * 68), "all at one place"),
        (json.dumps([[x, 0, 0] for x in range(68)]), "make no face"),
    ],
)
def test_landmarks_that_are_none_are_refused(text, said, tmp_path, capsys):
    write_obj(tmp_path / "head.obj", VERTICES, QUADS.tolist())
    (tmp_path / "marks.json").write_text(text)
    arguments = ["dataset", "init", str(tmp_path / "set"), "--template", str(tmp_path / "head.obj")]
    assert main([*arguments, "--landmarks", str(tmp_path / "marks.json")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "set" / "template.npz").exists()


@pytest.mark.parametrize(
    ("faces", "said"),
    [
        ([[0, 1, 2, 3, 4]], "five corners"),
        ([], "no faces"),
        ([[0, 1, 2]], "belong to no face"),
        ([*QUADS.tolist(), [*QUADS[0][:3].tolist()]], "Non Manifold"),
    ],
)
def test_meshes_that_networks_cannot_work_on_are_refused(faces, said, tmp_path):
    write_obj(tmp_path / "head.obj", VERTICES, faces)
    (tmp_path / "marks.json").write_text(json.dumps(LANDMARKS.tolist()))
    with pytest.raises(InputFileError, match=said):
        start_dataset(tmp_path / "set", tmp_path / "head.obj", tmp_path / "marks.json")


def test_a_template_comes_into_a_new_folder_only(begun, tmp_path):
    write_obj(tmp_path / "head.obj", VERTICES, QUADS.tolist())
    with pytest.raises(InputFileError, match=r"is there already; begin with head\.obj in a new folder"):
        start_dataset(begun[0], tmp_path / "head.obj")


def test_landmarks_lie_on_the_made_up_face():
    # The made-up places are the truth of this file's first test.
    assert np.abs(LANDMARKS[:, :2] - landmark_places()).max() < 1
