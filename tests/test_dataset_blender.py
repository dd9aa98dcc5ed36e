"""A sculptor's round trip: init, a change in Blender, exports with Blender's own settings, collect."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up_dataset import made_up_dataset
from test_dataset_template import LANDMARKS, SKIN, VERTICES, mixed_faces, write_obj

from face2mesh.blender import BLENDER_VARIABLE, find_blender, run_in_blender
from face2mesh.blender.scene import AXES
from face2mesh.lab.dataset import Dataset, cycles
from face2mesh.lab.dataset.collect import collect_dataset
from face2mesh.lab.dataset.conservation import differing, triangulated
from face2mesh.lab.dataset.dataset import load_template
from face2mesh.lab.dataset.render import Making, render_dataset
from face2mesh.lab.dataset.sculpts import blend_objects
from face2mesh.lab.dataset.starting import start_dataset

pytestmark = pytest.mark.skipif(
    find_blender() is None,
    reason=f"no Blender: neither bpy in this Python (3.11 or 3.13, NumPy below 2 for 3.11) nor {BLENDER_VARIABLE}",
)

SCULPTOR = Path(__file__).with_name("blender_sculptor.py")
CLOSE_MM = {"anna": 1e-3, "anna-smile": 1e-3, "obj": 2e-3, "ply": 1e-3, "glb": 1e-3}
"""Blender's OBJ has six decimals of a metre."""


@pytest.fixture(scope="module")
def sculpted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blender") / "set"
    assert any(line.endswith("heads.blend: written") for line in start_dataset(folder))
    assert len(collect_dataset(folder).dataset.heads) == 0  # nobody has touched it
    blend = folder / "sculpts" / "heads.blend"
    orders = folder.parent / "orders.json"
    orders.write_text(json.dumps({"blend": str(blend), "folder": str(folder / "sculpts")}))
    run_in_blender(SCULPTOR, orders, folder.parent / "done.npz")
    with np.load(folder.parent / "done.npz") as archive:
        done = dict(archive)
    found = json.loads(str(done.pop("found")))
    return folder, found, done, collect_dataset(folder)


def test_the_blend_is_ready_to_sculpt(sculpted):
    _, found, _, _ = sculpted
    assert found["quads"]
    assert found["materials"] == ["skin", "left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue", "lashes"]
    assert found["sets"] == 7
    assert "face2mesh dataset collect" in found["text"]


@pytest.mark.parametrize("name", CLOSE_MM)
def test_every_way_out_of_blender_keeps_the_vertices(sculpted, name):
    _, _, done, collected = sculpted
    heads = collected.dataset.heads
    assert name in heads.name.tolist(), collected.lines()
    found = heads.vertices[heads.name.tolist().index(name)]
    assert np.abs(found - done[name] @ AXES * 1000).max() < CLOSE_MM[name]


def test_no_other_head_is_there(sculpted):
    collected = sculpted[3]
    assert set(collected.dataset.heads.name.tolist()) == set(CLOSE_MM)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("finer.obj", "1 step of subdivision; export without modifiers"),
        ("merged.obj", "vertices fewer than the base head: Merge by Distance"),
        ("many", "Multiresolution modifier"),
        ("base_head.001", "rename the object"),
        ("Cube", "8 vertices where the base head has 7208"),
    ],
)
def test_what_cannot_be_used_is_told(sculpted, which, said):
    refused = [one.line for one in sculpted[3].refused]
    assert len(refused) == 5
    assert len([line for line in refused if which in line and said in line]) == 1, refused


def test_a_damaged_blend_is_refused(tmp_path):
    start_dataset(tmp_path / "set")
    path = tmp_path / "set" / "sculpts" / "heads.blend"
    path.write_bytes(path.read_bytes()[:1000])
    refused = collect_dataset(tmp_path / "set").refused
    assert len(refused) == 1
    assert refused[0].line.startswith(f"{path}: ")


def test_a_template_with_triangles_goes_through_blender(tmp_path):
    write_obj(tmp_path / "mine.obj", VERTICES, mixed_faces())
    (tmp_path / "marks.json").write_text(json.dumps(LANDMARKS.tolist()))
    start_dataset(tmp_path / "set", tmp_path / "mine.obj", tmp_path / "marks.json")
    blend = tmp_path / "set" / "sculpts" / "heads.blend"
    (rest, name, problem), *others = blend_objects(blend)
    assert (name, problem, others) == ("base_head", None, [])
    assert (rest.faces[:, 3] < 0).sum() == len([face for face in mixed_faces() if len(face) == 3])
    assert rest.vertices.shape == (SKIN, 3)
    assert not differing(triangulated(rest.faces), load_template(tmp_path / "set"), SKIN)


def test_a_second_run_changes_nothing(sculpted, tmp_path):
    folder = sculpted[0]
    own = shutil.copytree(folder, tmp_path / "set")
    before = (own / "dataset.npz").read_bytes()
    assert not collect_dataset(own).written
    assert (own / "dataset.npz").read_bytes() == before


def test_cycles_renders_what_the_truth_says(tmp_path, monkeypatch):
    """The head is where its projection is: the picture without the background covers the landmarks' box, and ends."""
    monkeypatch.setattr(cycles, "SAMPLES", 4)
    drawn = []
    monkeypatch.setattr(cycles, "before_background", lambda *given: drawn.append(given[2]) or given[2][..., :3])
    made_up_dataset(tmp_path / "set", names=("anna", "bob"), pictures=0)
    assert render_dataset(tmp_path / "set", Making("cycles", 0, 64), 1) == (3, 3)
    views = Dataset.load(tmp_path / "set").views
    assert set(views.marked_by.tolist()) == {"cycles"}
    for row, picture in enumerate(drawn):
        cover = picture[..., 3]
        x, y, w, h = views.box[row]
        inside = cover[round(y + 0.2 * h) : round(y + 0.8 * h), round(x + 0.3 * w) : round(x + 0.7 * w)]
        assert inside.min() > 0.9
        assert cover[0, 0] == cover[0, -1] == 0
        assert picture[..., :3].std() > 0.01
    assert render_dataset(tmp_path / "set", Making("cycles", 0, 64), 1) == (0, 3)
