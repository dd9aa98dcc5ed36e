"""The measures on the tiny model, whose truth is known: who tells the truth gains everything, the mean head nothing."""

import argparse
import io
import json
import tarfile

import numpy as np
import pytest
from made_up import made_up_corpus, made_up_head
from PIL import Image
from tiny_model import disk, tiny_followers, tiny_model

import face2mesh
from face2mesh.errors import InputFileError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.evaluate import command, vertex_error
from face2mesh.lab.evaluate import photos as photos_module
from face2mesh.lab.evaluate.photos import (
    measure_detection,
    measure_fairface,
    measure_london,
    measure_people,
    nominal_fairface_box,
    same_face,
)
from face2mesh.lab.evaluate.vertex_error import measure_vertices, nominal_box
from face2mesh.lab.figures import people
from face2mesh.photo import Box, box_of_points, crop_of_box
from face2mesh.store import sha256, write_arrays

RADIUS = 38.0


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return face2mesh.load(tiny_model(tmp_path_factory.mktemp("tiny")))


def _corpus():
    head, followers = made_up_head(), tiny_followers()
    people, actions = (array.astype(np.float32) for array in made_up_corpus())
    return Corpus.on(head, people, actions, followers.gaze_degrees, followers.controls, followers.weights)


def test_nominal_box_has_the_middle_of_the_crop():
    crop = crop_of_box(nominal_box(160))
    assert crop.side == pytest.approx(128)
    assert crop.centre == pytest.approx((80, 80))


def _heldout(path, codes, weights):
    count = len(codes)
    pictures = np.repeat(disk(160, 160, (80, 80), 40)[None], count, 0)
    arrays = {
        "crop": pictures,
        "points": np.zeros((count, 468, 2), np.float32),
        "inside": np.ones((count, 468), bool),
        "identity": codes,
        "expression": weights,
        "rotation": np.zeros((count, 3, 3), np.float32),
        "offset": np.zeros((count, 2), np.float32),
        "log_scale": np.zeros(count, np.float32),
        "distance": np.full(count, 1000, np.float32),
        "light": np.zeros((count, 9, 3), np.float32),
        "person": np.arange(count),
    }
    write_arrays(path, "rendered-pairs", 1, arrays, {})


def test_gain_of_the_truth_and_of_the_mean_head(model, tmp_path, monkeypatch):
    monkeypatch.setattr(vertex_error, "REGION", "face")
    face = model.reconstruct(disk(160, 160, (80, 80), 40), box=nominal_box(160))
    weights = np.array(list(face.expression.values()), np.float32)
    _heldout(tmp_path / "rendered-heldout.npz", np.stack([face.identity] * 2), np.stack([weights] * 2))
    truth = measure_vertices(model, tmp_path / "rendered-heldout.npz", _corpus())
    assert truth["pictures"] == truth["people"] == 2
    for alignment in ("similarity", "rigid"):
        assert truth["neutral"][alignment]["gain"] == pytest.approx(1, abs=1e-3)
        assert truth["neutral"][alignment]["mean_head_error_mm"] > 0.1

    class MeanHead:
        base_head = model.base_head

        def reconstruct(self, photo, *, box):
            return model.reconstruct(np.zeros_like(photo), box=box).neutral()

    mean = measure_vertices(MeanHead(), tmp_path / "rendered-heldout.npz", _corpus(), limit=1)
    assert mean["pictures"] == 1
    assert mean["neutral"]["rigid"]["gain"] == pytest.approx(0, abs=1e-4)
    assert mean["expressed"]["similarity"]["gain"] == pytest.approx(0, abs=1e-4)


def test_same_face_by_hand():
    # Half of each is shared: 1/2 over 3/2.
    assert same_face(Box(0, 0, 10, 10), Box(5, 0, 10, 10))
    assert not same_face(Box(0, 0, 10, 10), Box(6, 0, 10, 10))
    assert not same_face(Box(0, 0, 10, 10), Box(20, 20, 10, 10))


def _jpeg(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=98)
    return file.getvalue()


def _write_fairface(folder, split, model, centres):
    """Photos of disks, labelled with what the model itself says, so that its error is known."""
    labels = np.zeros((len(centres), 478, 3), np.int16)
    pictures = [disk(224, 224, centre, RADIUS) for centre in centres]
    for row, (picture, centre) in enumerate(zip(pictures, centres, strict=True)):
        box = Box(centre[0] - 40, centre[1] - 40, 80, 80)
        labels[row, list(IBUG_68), :2] = np.round(64 * model.reconstruct(picture, box=box).landmarks_px)
    np.savez(
        folder / f"fairface-{split}.npz",
        ids=np.arange(1, len(centres) + 1, dtype=np.int32),
        landmarks_64=labels,
        age=np.array(["20-29"] * len(centres)),
    )
    with tarfile.open(folder / f"fairface-{split}-00.tar", "w") as archive:
        for number, picture in enumerate(pictures, 1):
            member = tarfile.TarInfo(f"{number}.jpg")
            member.size = len(_jpeg(picture))
            archive.addfile(member, io.BytesIO(_jpeg(picture)))
    return labels[:, list(IBUG_68), :2] / 64


@pytest.fixture(scope="module")
def data(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("data")
    _write_fairface(folder, "train", model, [(100, 100), (110, 110), (190, 190)])
    _write_fairface(folder, "val", model, [(112, 112), (120, 105)])
    return folder


def test_nominal_box_is_the_median(data, model):
    # Of three faces the middle one.
    picture = disk(224, 224, (110, 110), RADIUS)
    points = model.reconstruct(picture, box=Box(70, 70, 80, 80)).landmarks_px
    expected = box_of_points(points)
    found = nominal_fairface_box(data)
    assert (found.x, found.y, found.w, found.h) == pytest.approx(
        (expected.x, expected.y, expected.w, expected.h), abs=0.6
    )


def test_fairface(data, model, monkeypatch):
    # A detector that sees the faces right of 115 only in the padded picture.
    def finds(rgb, small=False):
        y, x = np.nonzero(rgb[..., 0] > 128)
        centre = x.mean(), y.mean()
        if rgb.shape[0] == 224 and centre[0] > 115:
            return []
        return [Box(centre[0] - 45, centre[1] - 20, 90, 90)]

    monkeypatch.setattr(photos_module, "find_faces", finds)
    result = measure_fairface(model, data)
    assert result["photos"] == 2
    assert result["detected"]["photos"] == 1
    assert result["detected"]["not_detected"] == 1
    assert result["found_with_border"] == 2
    assert result["nominal"]["photos"] == 2
    for start in ("nominal", "detected"):
        assert result[start]["nme_68_percent"] < 2
        assert result[start]["nme_51_percent"] < 2
    assert list(result["nominal"]["by_yaw_degrees"]) == ["0-10"]
    assert measure_fairface(model, data, limit=1)["photos"] == 1


def _write_london(folder, model, names):
    london = folder / "london"
    london.mkdir()
    core = list(range(17, 60))
    mapping = {str(i): i for i in core} | {"8": 8, "_inner_core": core, "_jaw_polyline": [0, 4, 12, 16]}
    mapping["_weak"] = {"27": [27], "28": [28], "29": [29], "30": [30]}
    placed = {}
    for i, person in enumerate(names):
        centre = (110.0 + 5 * i, 120.0)
        picture = disk(240, 240, centre, RADIUS)
        (london / f"{person}-neutral.jpg").write_bytes(_jpeg(picture))
        box = Box(centre[0] - 40, centre[1] - 40, 80, 80)
        placed[f"{person}-neutral"] = (model.reconstruct(picture, box=box).landmarks_px + np.array([3, -2])).tolist()
    (london / "map68.json").write_text(json.dumps(mapping))
    (london / "points189.json").write_text(json.dumps(placed))
    (london / "split.json").write_text(json.dumps({"measure": names, "textures": []}))


def test_london(tmp_path, model, monkeypatch):
    _write_london(tmp_path, model, ["007", "003", "005", "011"])
    monkeypatch.setattr(face2mesh.model.model, "find_faces", _finds_disks)
    monkeypatch.setattr(photos_module, "find_faces", _finds_disks)
    assert measure_people(tmp_path) == ["003", "005", "007", "011"]
    result = measure_london(model, tmp_path)
    # People placed every point by the same offset, which costs nothing.
    assert result["people"] == 4
    assert result["not_detected"] == 0
    assert result["human_nme_percent"] < 0.5
    detection = measure_detection(tmp_path)
    assert detection["london"] == {"photos": 4, "found": 4, "missed": []}


def _finds_disks(rgb, small=False):
    y, x = np.nonzero(rgb[..., 0] > 128)
    return [Box(x.mean() - 40, y.mean() - 40, 80, 80)]


def test_results_file_tells_how_it_was_made(tmp_path, model, monkeypatch, capsys):
    _write_london(tmp_path, model, ["003", "005", "007", "011"])
    folder = tiny_model(tmp_path / "tiny")
    monkeypatch.setattr(face2mesh.model.model, "find_faces", _finds_disks)
    parent = argparse.ArgumentParser()
    command.add_parser(parent.add_subparsers())
    output = tmp_path / "results" / "one.json"
    arguments = parent.parse_args(["evaluate", "--model", str(folder), "-o", str(output), "--only", "london"])
    arguments.data, arguments.build = tmp_path, tmp_path
    assert arguments.run(arguments) == 0
    results = json.loads(output.read_text())
    assert json.loads(capsys.readouterr().out) == results
    assert results["format"] == "face2mesh/results"
    assert results["model"] == {"name": "tiny", "version": "0.0.1"}
    assert list(results["measures"]) == ["london"]
    made_of = results["provenance"]["inputs"]
    assert set(made_of) == {"model", "london"}
    assert made_of["model"]["sha256"] == sha256(folder / "manifest.json")


def test_sheet_of_people(tmp_path, model, monkeypatch):
    _write_london(tmp_path, model, ["003", "005"])
    _write_fairface(tmp_path, "train", model, [(112, 112)])
    _write_fairface(tmp_path, "val", model, [(112, 112), (120, 105)])
    monkeypatch.setattr(people, "TILE", 48)
    monkeypatch.setattr(people, "PEOPLE", 4)
    monkeypatch.setattr(people, "ACROSS", 2)
    monkeypatch.setattr(face2mesh.model.model, "find_faces", lambda rgb, small=False: [])
    nobody = people.draw(model, tmp_path, seed=1)
    assert nobody.shape == (2 * 48, 2 * 4 * 48, 3)
    # A face that is not found leaves the photo alone: the three tiles beside it stay white.
    assert (nobody[:48, 48 : 4 * 48] == 255).all()
    monkeypatch.setattr(face2mesh.model.model, "find_faces", _finds_disks)
    sheet = people.draw(model, tmp_path, seed=1)
    np.testing.assert_array_equal(sheet, people.draw(model, tmp_path, seed=1))
    assert all(sheet[:48, i * 48 : (i + 1) * 48].std() > 5 for i in range(8))


def test_london_without_its_files(tmp_path):
    with pytest.raises(InputFileError, match=r"split\.json"):
        measure_people(tmp_path)
