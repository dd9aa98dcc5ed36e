"""A data set from its beginning to its pairs; what is refused, and that a second run changes nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up_head
from made_up_dataset import NAMES, STEPS, made_up_dataset, made_up_heads, write_sculpt
from PIL import Image

import face2mesh
from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.cli.options import needing_laboratory
from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.collect import collect_dataset
from face2mesh.lab.dataset.dataset import Heads, Views
from face2mesh.lab.dataset.names import held_out_people, person_and_expression, sculpt_of
from face2mesh.lab.dataset.packaged import BASE_HEAD
from face2mesh.lab.dataset.starting import start_dataset
from face2mesh.store import read_arrays, write_arrays
from face2mesh.write.obj import write_vertices

ASTRONAUTS_BOX = (179.0, 82.0, 93.0, 92.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "family"
    made_up_dataset(folder, pictures=0)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "family")


def lines_of(folder, **options):
    return collect_dataset(folder, **options).lines()


def test_sculpts_become_heads(made):
    dataset = Dataset.load(made)
    assert dataset.people == NAMES
    assert dataset.heads.name.tolist() == ["anna", "anna-smile", "bob", "cleo", "dan"]
    assert dataset.heads.expression.tolist() == ["", "smile", "", "", ""]
    assert dataset.heads.neutral.tolist() == [True, False, True, True, True]
    assert np.abs(dataset.heads.vertices[[0, 2, 3, 4]] - made_up_heads(4)).max() < 1e-4
    assert len(dataset.held_out) == 1
    assert dataset.head_held_out().sum() in (1, 2)
    document = json.loads((made / "dataset.json").read_text())
    assert [person["name"] for person in document["people"]] == list(NAMES)


def test_a_second_run_changes_nothing(folder, capsys):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}
    assert main(["dataset", "collect", str(folder)]) == 0
    assert "unchanged" in capsys.readouterr().out
    assert before == {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()
    }
    assert collect_dataset(folder).new == 0


def test_only_what_changed_is_read(folder):
    changed = made_up_heads(2)[1] + np.float32(0.5)
    write_sculpt(folder / "sculpts" / "bob.obj", changed)
    collected = collect_dataset(folder)
    assert collected.new == 1
    assert collected.written
    heads = Dataset.load(folder).heads
    assert np.abs(heads.vertices[heads.name.tolist().index("bob")] - changed).max() < 1e-4


def test_a_deleted_sculpt_goes(folder):
    (folder / "sculpts" / "bob.obj").unlink()
    assert "bob" not in collect_dataset(folder).dataset.people


def test_who_was_held_out_stays_held_out(folder):
    held = Dataset.load(folder).held_out
    for name, vertices in zip("efgh", made_up_heads(8)[4:], strict=True):
        write_sculpt(folder / "sculpts" / f"{name}.obj", vertices)
    now = collect_dataset(folder).dataset
    assert set(held) < set(now.held_out)
    assert len(now.held_out) == 2
    # Nobody who was trained on came in.
    assert not (set(now.held_out) - set(held)) & set(NAMES)
    assert collect_dataset(folder, ["bob", "cleo"]).dataset.held_out == ("bob", "cleo")
    assert collect_dataset(folder).dataset.held_out == ("bob", "cleo")


def test_held_out_people_by_rule():
    assert held_out_people(list("abc"), {}, None) == []
    assert len(held_out_people([str(i) for i in range(20)], {}, None)) == 5
    with pytest.raises(Face2MeshError, match=r"nobody is called zoe; people here: a, b"):
        held_out_people(["a", "b"], {}, ["zoe"])
    with pytest.raises(Face2MeshError, match="leave some people"):
        held_out_people(["a", "b"], {}, ["a", "b"])


@pytest.mark.parametrize(
    ("photo", "name"),
    [
        ("anna.jpg", "anna"),
        ("Anna.JPG", "anna"),
        ("anna_2.png", "anna"),
        ("anna (3).jpg", "anna"),
        ("anna.4.jpg", "anna"),
        ("anna-5.jpg", "anna"),
        ("anna-smile.jpg", "anna-smile"),
        ("anna-smile_2.jpg", "anna-smile"),
        ("anna/DSC_0001.jpg", "anna"),
        ("trip/anna/x.jpg", "anna"),
        ("annabel.jpg", None),
        ("bob.jpg", None),
    ],
)
def test_photos_find_their_sculpts_by_name(photo, name):
    assert sculpt_of(Path(photo), ["anna", "anna-smile"]) == name


def test_names_of_people():
    assert person_and_expression("anna", "x") == ("anna", "")
    assert person_and_expression("Zoë 2-big smile", "x") == ("Zoë 2", "big smile")
    for wrong in ("", "-smile", "anna-", "a-b-c", "_x"):
        with pytest.raises(InputFileError, match="rename it"):
            person_and_expression(wrong, "x")


def refused(folder, path):
    """The one line about a file, and that the rest was collected all the same."""
    collected = collect_dataset(folder)
    lines = [one.line for one in collected.refused]
    assert len(lines) == 1
    assert lines[0].startswith(str(path))
    assert set(NAMES) <= set(collected.dataset.people) | {path.stem}
    # It is said again until it is mended, and no second time in the file.
    assert [one.line for one in collect_dataset(folder).refused] == lines
    return lines[0]


def test_what_keeps_no_order_is_refused(folder):
    path = folder / "sculpts" / "eve.stl"
    path.write_bytes(b"solid x\nendsolid x\n")
    assert "export as OBJ" in refused(folder, path)


def test_other_programs_files_are_refused(folder):
    path = folder / "sculpts" / "eve.fbx"
    path.write_bytes(b"")
    assert "is not read" in refused(folder, path)


def test_a_damaged_file_is_refused(folder):
    path = folder / "sculpts" / "eve.obj"
    path.write_text("v 0 0 0\nf 1 2 3\n")
    refused(folder, path)


def test_a_changed_mesh_is_refused(folder):
    path = folder / "sculpts" / "eve.obj"
    lines = (folder / "sculpts" / "anna.obj").read_text().splitlines()
    faces = [line for line in lines if line.startswith("f ")]
    path.write_text("\n".join(line for line in lines if line != faces[7]))
    assert "1 of the faces differ" in refused(folder, path)


def test_two_of_one_name_are_refused(folder):
    path = folder / "sculpts" / "more" / "bob.obj"
    path.parent.mkdir()
    shutil.copy(folder / "sculpts" / "bob.obj", path)
    assert "already; rename one" in refused(folder, path)


def test_a_photo_without_a_sculpt_is_refused(folder, capsys):
    path = folder / "photos" / "nobody.jpg"
    shutil.copy(ASTRONAUT, path)
    assert "no sculpt of this name; name it as its sculpt, anna.jpg" in refused(folder, path)
    assert main(["dataset", "collect", str(folder)]) == 1


def test_a_blend_file_without_blender_is_told(folder, monkeypatch):
    monkeypatch.setattr("face2mesh.lab.dataset.sculpts.find_blender", lambda: None)
    path = folder / "sculpts" / "all.blend"
    path.write_bytes(b"BLENDER")
    assert "face2mesh[blender]" in refused(folder, path)


def test_a_data_set_of_another_version_is_refused_and_collected_anew(folder):
    path = folder / "dataset.npz"
    arrays, manifest = read_arrays(path, "dataset", 1, "")
    write_arrays(path, "dataset", 0, arrays, {"command": manifest["command"]})
    with pytest.raises(InputFileError, match=r"format version 0, .* make it again with `face2mesh dataset collect"):
        Dataset.load(folder)
    assert collect_dataset(folder).written
    assert len(Dataset.load(folder).heads) == 5


def test_another_template_is_noticed(folder):
    made_up_head(4).save(folder / "template.npz", {"command": "another"})
    with pytest.raises(InputFileError, match=r"another template\.npz"):
        Dataset.load(folder)


def test_a_folder_that_nobody_began_is_refused(tmp_path, capsys):
    assert main(["dataset", "collect", str(tmp_path)]) == 1
    assert "face2mesh dataset init" in capsys.readouterr().err


def test_tables_check_their_shapes():
    with pytest.raises(ValueError, match="name is"):
        Heads(np.zeros((2, 5, 3), np.float32), *[np.array(["a"])] * 5)
    row = {"photo": "x", "photo_sha256": "", "head": 0, "size": (1, 1), "box": (0, 0, 1, 1), "camera": (1, 1, 1, 1)}
    row |= {"focal_source": "", "rotation": np.eye(3), "translation": (0, 0, 1), "points": np.zeros((468, 2))}
    row |= {"light": np.zeros((9, 3)), "marked_by": "", "residual": 0, "exact": True}
    views = Views.of_rows([row])
    with pytest.raises(ValueError, match="outside the heads"):
        Dataset(BASE_HEAD, made_up_head(STEPS), Heads.none(len(made_up_head(STEPS).vertices)), views)


@pytest.fixture(scope="module")
def photographed(tmp_path_factory):
    """The astronaut's photo, and as her sculpt what the packaged model makes of it."""
    folder = tmp_path_factory.mktemp("photo") / "set"
    start_dataset(folder)
    shutil.copy(ASTRONAUT, folder / "photos" / "eileen.jpg")
    face = face2mesh.load().reconstruct(ASTRONAUT, box=ASTRONAUTS_BOX)
    face.save(folder / "sculpts" / "eileen.obj")
    return folder, face, collect_dataset(folder)


def test_a_photo_gets_its_camera_and_pose(photographed):
    folder, face, collected = photographed
    assert collected.refused == []
    views = collected.dataset.views
    assert len(views) == 1
    assert views.photo[0] == "photos/eileen.jpg"
    assert views.size[0].tolist() == [512, 512]
    assert views.residual[0] < 0.02
    camera, pose = views.camera_of(0), views.pose_of(0)
    front = face.vertices[face.head.regions["face"]]
    assert np.abs(camera.project(pose.apply(front)) - face.project(front)).max() < 0.03 * face.face_box.side
    assert collect_dataset(folder).new == 0


def test_a_photo_s_pair_says_what_the_view_says(photographed):
    _, _, collected = photographed
    pairs, views = collected.dataset.pairs(), collected.dataset.views
    assert pairs["crop"].shape == (1, 160, 160, 3)
    assert pairs["inside"].mean() > 0.95
    vertices = collected.dataset.heads.vertices[pairs["head"][0]]
    points = collected.dataset.template.dense(vertices) @ pairs["rotation"][0].T
    # docs/architecture.md: sides of the canonical crop, whose side is 128 of the 160 pixels.
    flat = pairs["offset"][0] + np.exp(pairs["log_scale"][0]) / 100 * pairs["distance"][0] * points[:, :2] / (
        pairs["distance"][0] + points[:, 2:]
    )
    missed = np.linalg.norm(flat * 128 + 80 - pairs["points"][0], axis=1).mean() / (128 / 1.7)
    assert missed < 2 * views.residual[0] + 0.01


def test_a_stranger_s_photo_is_refused(photographed, tmp_path):
    folder, face, _ = photographed
    own = shutil.copytree(folder, tmp_path / "set")
    (own / "sculpts" / "eileen.obj").unlink()
    (own / "photos" / "eileen.jpg").rename(own / "photos" / "giant.jpg")
    wide = face.vertices * np.float32([1.9, 1, 1])
    with open(own / "sculpts" / "giant.obj", "wb") as file:
        write_vertices(wide, face.head.topology, "x", file)
    collected = collect_dataset(own)
    assert "misses the sculpt" in collected.refused[0].line


def test_a_photo_without_a_face_is_refused(photographed, tmp_path):
    folder, _, _ = photographed
    own = shutil.copytree(folder, tmp_path / "set")
    Image.new("RGB", (200, 200), (90, 120, 90)).save(own / "photos" / "eileen_2.jpg")
    collected = collect_dataset(own)
    assert "no face found" in collected.refused[0].line
    assert len(collected.dataset.views) == 1


def test_an_untouched_eye_follows_the_skin(photographed, tmp_path):
    _, face, _ = photographed
    start_dataset(tmp_path / "set")
    head = face.head
    skin = head.skin_count
    vertices = head.vertices.copy()
    vertices[:skin] = face.neutral().vertices[:skin]
    with open(tmp_path / "set" / "sculpts" / "eve.obj", "wb") as file:
        write_vertices(vertices, head.topology, "x", file)
    found = collect_dataset(tmp_path / "set").dataset.heads.vertices[0]
    assert np.abs(found[:skin] - vertices[:skin]).max() < 1e-3
    assert np.abs(found[skin:] - vertices[skin:]).max() > 0.1
    eye = slice(*head.part_vertices["left_eye"])
    assert np.abs(found[eye] - face.neutral().vertices[eye]).max() < 1


def test_init_replaces_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("face2mesh.lab.dataset.starting.find_blender", lambda: None)
    folder = tmp_path / "set"
    lines = start_dataset(folder)
    assert any("not written, because there is no Blender" in line and "head.obj" in line for line in lines)
    (folder / "head.obj").write_text("mine")
    lines = start_dataset(folder)
    assert (folder / "head.obj").read_text() == "mine"
    assert sum(line.endswith(": kept") for line in lines) == 3
    assert (folder / "template.npz").read_bytes() == BASE_HEAD.read_bytes()


def test_init_without_a_template_wants_no_landmarks(tmp_path, capsys):
    assert main(["dataset", "init", str(tmp_path / "x"), "--landmarks", "y.json"]) == 1
    assert "belongs to --template" in capsys.readouterr().err


def test_the_laboratory_s_absence_is_told():
    def missing(arguments):
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    with pytest.raises(Face2MeshError, match=r"`face2mesh dataset collect` needs the laboratory \(scipy is missing\)"):
        needing_laboratory("dataset collect", missing)(None)
