"""Pictures of a data set's heads: the truth beside them, resuming, seeds."""

import json
import shutil

import numpy as np
import pytest
from made_up_dataset import STEPS, begin, made_up_dataset, made_up_heads, write_sculpt
from PIL import Image

from face2mesh.cli import main
from face2mesh.errors import InputFileError
from face2mesh.face import project
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.collect import collect_dataset
from face2mesh.lab.dataset.render import Making, render_dataset
from face2mesh.lab.dataset.shots import shot_of

PICTURES, SIZE = 2, 96
MAKING = Making("raster", 0, SIZE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "family"
    made_up_dataset(folder, pictures=PICTURES, size=SIZE)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "family")


def test_every_head_has_its_pictures_and_their_truth(made):
    dataset = Dataset.load(made)
    views = dataset.views
    assert len(views) == PICTURES * len(dataset.heads)
    assert views.exact.all()
    assert (views.residual == 0).all()
    assert set(views.marked_by.tolist()) == {"raster"}
    for row in range(len(views)):
        with Image.open(made / str(views.photo[row])) as picture:
            assert picture.size == (SIZE, SIZE)
        truth = json.loads((made / str(views.photo[row])).with_suffix(".json").read_text())
        vertices = dataset.heads.vertices[views.head[row]]
        landmarks = project(dataset.template.landmarks(vertices), views.camera_of(row), views.pose_of(row))
        assert np.abs(np.array(truth["landmarks_px"]) - landmarks).max() < 1e-3
        assert (landmarks > 0).all()
        assert (landmarks < SIZE).all()
        assert truth["head"] == dataset.heads.name[views.head[row]]
        x, y, w, h = views.box[row]
        assert np.allclose([x, y, x + w, y + h], [*landmarks.min(0), *landmarks.max(0)], atol=1e-3)


def test_pairs_say_the_same_as_the_views(made):
    dataset = Dataset.load(made)
    pairs = dataset.pairs()
    vertices = dataset.heads.vertices[pairs["head"]]
    turned = np.einsum("bij,bnj->bni", pairs["rotation"], dataset.template.dense(vertices))
    # docs/architecture.md, "The crop and the network's pose", for a head near the camera's axis.
    depth = pairs["distance"][:, None] * np.ones((1, 468))
    scale = np.exp(pairs["log_scale"])[:, None, None] / 100 * depth[..., None]
    plane = pairs["offset"][:, None] + scale * turned[..., :2] / (depth + turned[..., 2])[..., None]
    off = np.linalg.norm(plane * 128 + 80 - pairs["points"], axis=2)
    assert off.mean() < 0.6
    assert pairs["inside"].all()
    held = dataset.pairs(dataset.view_held_out())
    assert len(held["crop"]) == dataset.view_held_out().sum() > 0


def test_the_picture_shows_the_head_where_the_truth_says(made):
    """A head is unlike what is behind it: the middle of the face differs from the picture's upper corners."""
    dataset = Dataset.load(made)
    pairs = dataset.pairs()
    differences = []
    for crop in pairs["crop"].astype(float):
        middle, corner = crop[70:90, 70:90].reshape(-1, 3).mean(0), crop[:10, :10].reshape(-1, 3).mean(0)
        differences.append(np.abs(middle - corner).max())
    assert np.median(differences) > 15


def test_a_second_run_makes_nothing_and_a_stopped_one_goes_on(folder):
    before = (folder / "rendered.npz").read_bytes()
    assert render_dataset(folder, MAKING, PICTURES) == (0, 10)
    assert (folder / "rendered.npz").read_bytes() == before
    lost = folder / "rendered" / "bob-0001.jpg"
    picture = lost.read_bytes()
    lost.unlink()
    assert render_dataset(folder, MAKING, PICTURES) == (1, 10)
    assert lost.read_bytes() == picture
    assert render_dataset(folder, MAKING, PICTURES + 1, time_limit=0.0) == (0, 10)
    assert render_dataset(folder, MAKING, PICTURES + 1) == (5, 15)


def test_an_interrupted_run_keeps_what_it_made(folder):
    shutil.rmtree(folder / "rendered")
    (folder / "rendered.npz").unlink()

    def interrupt(done):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_dataset(folder, MAKING, PICTURES, lambda total: interrupt)
    assert len(Dataset.load(folder).views) == 3
    assert render_dataset(folder, MAKING, PICTURES) == (7, 10)


def test_the_same_seed_gives_the_same_pictures_whoever_else_is_there(made, tmp_path):
    begin(tmp_path / "alone")
    heads = made_up_heads(4)
    write_sculpt(tmp_path / "alone" / "sculpts" / "bob.obj", heads[1])
    collect_dataset(tmp_path / "alone")
    render_dataset(tmp_path / "alone", MAKING, 1)
    one, other = (
        json.loads((folder / "rendered" / "bob-0000.json").read_text()) for folder in (made, tmp_path / "alone")
    )
    assert one["camera"] == other["camera"]
    assert one["pose"] == other["pose"]
    assert one["light"] == other["light"]


def test_another_seed_gives_another_view():
    from made_up import made_up_head

    head = made_up_head(STEPS)
    one, other = (shot_of(head, head.vertices, "anna", "anna", 0, seed, SIZE) for seed in (0, 1))
    assert one.name == other.name == "anna-0000"
    assert not np.allclose(one.pose.rotation, other.pose.rotation)


def test_renderings_of_a_changed_head_are_forgotten(folder):
    write_sculpt(folder / "sculpts" / "bob.obj", made_up_heads(4)[1] + np.float32(1))
    collect_dataset(folder)
    assert len(Dataset.load(folder).views) == 8
    assert render_dataset(folder, MAKING, PICTURES) == (2, 10)


def test_a_changed_picture_is_refused(folder):
    dataset = Dataset.load(folder)
    (folder / "rendered" / "bob-0000.jpg").write_bytes((folder / "rendered" / "bob-0001.jpg").read_bytes())
    with pytest.raises(InputFileError, match=r"bob-0000\.jpg: has changed; run `face2mesh render"):
        dataset.pairs()
    (folder / "rendered" / "bob-0000.jpg").unlink()
    with pytest.raises(InputFileError, match=r"bob-0000\.jpg: not found"):
        dataset.pairs()


def test_damaged_truth_is_refused(folder):
    (folder / "rendered" / "bob-0000.json").write_text("{}")
    (folder / "rendered" / "cleo-0000.jpg").unlink()
    with pytest.raises(InputFileError, match=r"bob-0000\.json: damaged"):
        render_dataset(folder, MAKING, PICTURES - 1, time_limit=0.0)


def test_nothing_to_render_is_told(tmp_path, capsys):
    begin(tmp_path / "empty")
    assert main(["render", str(tmp_path / "empty"), "--engine", "raster"]) == 1
    assert "face2mesh dataset collect" in capsys.readouterr().err
    collect_dataset(tmp_path / "empty")
    assert main(["render", str(tmp_path / "empty"), "--engine", "raster"]) == 1
    assert "has no heads yet" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["render", str(tmp_path / "empty"), "--size", "3"])
    assert ended.value.code == 2
