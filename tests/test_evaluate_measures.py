"""The measures on the tiny model, whose truth is known: who tells the truth gains everything, the mean head nothing."""

import argparse
import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_corpus, made_up_head
from PIL import Image
from tiny_model import disk, tiny_followers, tiny_model

from face2mesh.draw.sheet import label_height
from face2mesh.errors import InputFileError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.evaluate import command, detection, fairface, vertex_error
from face2mesh.lab.evaluate.fairface import measure_fairface, nominal_fairface_box
from face2mesh.lab.evaluate.london import measure_london, measure_people
from face2mesh.lab.evaluate.same_face import same_face
from face2mesh.lab.evaluate.vertex_error import measure_vertices, nominal_box
from face2mesh.lab.figures import errors, people
from face2mesh.lab.figures.error_scale import LARGEST_MM, SCALE, error_colours, key_below
from face2mesh.photo import Box, box_of_points, crop_of_box
from face2mesh.store import sha256, write_arrays

RADIUS = 38.0


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
        cell = {name: found["value"] for name, found in truth["all"]["neutral"][alignment].items()}
        assert cell["gain"] == pytest.approx(1, abs=1e-3)
        assert cell["mean_head_mm"] > 0.1
        assert cell["gain"] == pytest.approx(1 - cell["error_mm"] / cell["mean_head_mm"], abs=1e-5)
        # The tiny identity decoder is the corpus's own basis, and the tiny encoder's codes are the true ones.
        assert cell["linear_mm"] == pytest.approx(0, abs=1e-3)
        assert cell["decoders_mm"] == pytest.approx(0, abs=1e-3)
        # Each of the two pictures shows the same codes: what the other one has is the truth.
        assert cell["population_mm"] == pytest.approx(0, abs=1e-3)
    # The tiny expression decoder is not linear: it is stretched by the identity, which the truth is not.
    expressed = {name: found["value"] for name, found in truth["all"]["expressed"]["rigid"].items()}
    assert expressed["linear_mm"] == pytest.approx(0, abs=1e-3)
    assert expressed["error_minus_linear_mm"] == pytest.approx(expressed["error_mm"], abs=1e-3)
    assert expressed["decoders_mm"] == pytest.approx(expressed["error_mm"], abs=1e-3)
    assert expressed["error_mm"] > 0.01

    class MeanHead:
        base_head = model.base_head
        identity_size = 0  # of another corpus: nothing is decoded

        def reconstruct(self, photo, *, box):
            return model.reconstruct(np.zeros_like(photo), box=box).neutral()

    mean = measure_vertices(MeanHead(), tmp_path / "rendered-heldout.npz", _corpus(), limit=1)
    assert mean["pictures"] == 1
    assert mean["all"]["neutral"]["rigid"]["gain"]["value"] == pytest.approx(0, abs=1e-4)
    assert mean["all"]["expressed"]["similarity"]["gain"]["value"] == pytest.approx(0, abs=1e-4)
    assert "linear_mm" not in mean["all"]["neutral"]["rigid"]


def test_held_out_heads_of_another_corpus(model, tmp_path):
    _heldout(tmp_path / "rendered-heldout.npz", np.zeros((2, 4), np.float32), np.zeros((2, 52), np.float32))
    with pytest.raises(InputFileError, match="codes of 4 numbers, the corpus 5"):
        measure_vertices(model, tmp_path / "rendered-heldout.npz", _corpus())
    _heldout(tmp_path / "rendered-heldout.npz", np.zeros((2, 5), np.float32), np.zeros((2, 52), np.float32))
    with pytest.raises(InputFileError, match="another base head"):
        measure_vertices(model, tmp_path / "rendered-heldout.npz", replace(_corpus(), mean=_corpus().mean + 1))


def test_groups_of_rendered_pictures():
    turned = []
    for yaw in np.radians([0, 25, -50]):
        turned.append(np.diag([1, -1, -1]) @ [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    light = np.zeros((3, 9, 3))
    light[:, 0] = [[1.0], [2.0], [3.0]]
    light[:, 3] = [[0.5], [0.4], [0.3]]  # contrast 0.5, 0.2, 0.1
    pairs = {"rotation": np.array(turned), "light": light, "visible": np.arange(10) < [[10], [7], [5]]}
    years = np.array([2.9, 3.0, 88.0])
    groups = {name: list(member) for name, (member, _) in vertex_error.groups_of(pairs, years).items()}
    assert groups == {
        "by_yaw_degrees": ["0-10", "20-30", "45-90"],
        "by_brightness": ["lowest third", "middle third", "highest third"],
        "by_contrast": ["highest third", "middle third", "lowest third"],
        "by_age": ["0-2", "3-9", "70 and more"],
        "by_seen": ["80 % and more", "60 to 80 %", "below 60 %"],
    }


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
        age=np.array(["20-29", "03-Sep", "20-29"][: len(centres)]),
        gender=np.array(["Female"] * len(centres)),
        race=np.array(["White", "Indian", "White"][: len(centres)]),
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
    # A detector that does not see the faces right of 115.
    def finds(rgb, small=False):
        y, x = np.nonzero(rgb[..., 0] > 128)
        centre = x.mean(), y.mean()
        if centre[0] > 115:
            return []
        return [Box(centre[0] - 45, centre[1] - 20, 90, 90)]

    monkeypatch.setattr(fairface, "find_faces", finds)
    result = measure_fairface(model, data)
    assert result["photos"] == 2
    assert result["detected"]["all"]["photos"] == 1
    assert result["detected"]["not_detected"] == 1
    assert result["fixed_box"]["all"]["photos"] == 2
    assert result["fixed_box_where_detected"]["photos"] == 1
    for start in ("fixed_box", "detected"):
        assert result[start]["all"]["nme_68_percent"]["value"] < 2
        assert result[start]["all"]["nme_51_percent"]["value"] < 2
        assert result[start]["all"]["nme_51_percent"]["low"] is None  # of two people nothing more can be said
    assert list(result["fixed_box"]["by_yaw_degrees"]) == ["0-10"]
    assert list(result["fixed_box"]["by_age"]) == ["3-9", "20-29"]  # in the order of years
    assert list(result["fixed_box"]["by_race"]) == ["Indian", "White"]
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
    monkeypatch.setattr("face2mesh.model.looking.find_faces", _finds_disks)
    monkeypatch.setattr(detection, "find_faces", _finds_disks)
    assert measure_people(tmp_path) == ["003", "005", "007", "011"]
    result = measure_london(model, tmp_path)
    # People placed every point by the same offset, which costs nothing.
    assert result["people"] == 4
    assert result["not_detected"] == 0
    assert result["model_percent"]["value"] < 0.5
    beside = result["model_minus_mean_shape_percent"]["value"]
    assert beside == pytest.approx(result["model_percent"]["value"] - result["mean_shape_percent"]["value"], abs=1e-4)
    portraits = detection.measure_portraits(detection.london_photos(tmp_path))
    assert portraits == {"photos": 4, "found": 4, "missed": [], "more_than_one": []}


def _finds_disks(rgb, small=False):
    y, x = np.nonzero(rgb[..., 0] > 128)
    return [Box(x.mean() - 40, y.mean() - 40, 80, 80)]


def test_results_file_tells_how_it_was_made(tmp_path, model, monkeypatch, capsys):
    _write_london(tmp_path, model, ["003", "005", "007", "011"])
    folder = tiny_model(tmp_path / "tiny")
    monkeypatch.setattr("face2mesh.model.looking.find_faces", _finds_disks)
    parent = argparse.ArgumentParser()
    command.add_parser(parent.add_subparsers())
    output = tmp_path / "results" / "one.json"
    arguments = parent.parse_args(["evaluate", "--model", str(folder), "-o", str(output), "--only", "london"])
    arguments.data, arguments.build = tmp_path, tmp_path
    assert arguments.run(arguments) == 0
    results = json.loads(output.read_text())
    assert json.loads(capsys.readouterr().out) == results
    assert results["format"] == "face2mesh/results"
    assert (results["model"]["name"], results["model"]["version"]) == ("tiny", "0.0.1")
    assert list(results["measures"]) == ["london"]
    made_of = results["provenance"]["inputs"]
    assert set(made_of) == {"model", "london"}
    assert results["provenance"]["configuration"]["resamples"] == 2000
    assert results["model"]["files"]["encoder.onnx"] == sha256(folder / "encoder.onnx")
    assert made_of["model"]["sha256"] == sha256(folder / "manifest.json")


def test_sheet_of_people(tmp_path, model, monkeypatch):
    _write_london(tmp_path, model, ["003", "005"])
    _write_fairface(tmp_path, "train", model, [(112, 112)])
    _write_fairface(tmp_path, "val", model, [(112, 112), (120, 105)])
    monkeypatch.setattr(people, "TILE", 48)
    monkeypatch.setattr(people, "PEOPLE", 4)
    monkeypatch.setattr(people, "ACROSS", 2)
    monkeypatch.setattr("face2mesh.model.looking.find_faces", lambda rgb, small=False: [])
    nobody = people.draw(model, tmp_path, seed=1)
    row, column = 48 + 4 + label_height(48), 4 * 48 + 4  # of tiles with their gaps and labels
    assert nobody.shape == (2 * row + 4, 2 * column + 4, 3)
    # A face that is not found leaves the photo alone: the three tiles beside it stay white.
    assert (nobody[4 : 4 + 48, 4 + 48 : 4 + 4 * 48] == 255).all()
    monkeypatch.setattr("face2mesh.model.looking.find_faces", _finds_disks)
    sheet = people.draw(model, tmp_path, seed=1)
    np.testing.assert_array_equal(sheet, people.draw(model, tmp_path, seed=1))
    tiles = [sheet[4 : 4 + 48, 4 + k * column + i * 48 :][:, :48] for k in range(2) for i in range(4)]
    assert all(tile.std() > 5 for tile in tiles)


def test_sheet_of_errors(tmp_path, model, monkeypatch):
    monkeypatch.setattr(errors, "REGION", "face")
    monkeypatch.setattr(errors, "TILE", 64)
    face = model.reconstruct(disk(160, 160, (80, 80), 40), box=nominal_box(160))
    _heldout(tmp_path / "rendered-heldout.npz", np.stack([face.identity] * 2), np.zeros((2, 52), np.float32))
    corpus = replace(_corpus(), expression=np.zeros_like(_corpus().expression))
    sheet = errors.draw(_WithoutExpression(model), tmp_path / "rendered-heldout.npz", corpus)
    block = sheet[4 : 4 + 64, 4 : 4 + 4 * 64].astype(int)
    photo, predicted, true, error = (block[:, i * 64 : (i + 1) * 64] for i in range(4))
    assert photo.std() > 50
    # The tiny encoder's codes are the true ones: the heads are the same and no error has a colour of its own.
    # But for the eyes, which the model's followers place and the corpus's modes move.
    assert np.abs(predicted - true).mean() < 3
    assert (error.max(2) - error.min(2)).max() < 40
    assert sheet.shape[0] == 64 + 8 + label_height(64) + key_below(400, "told").shape[0]


class _WithoutExpression:
    """The tiny model, whose faces show no expression."""

    def __init__(self, model):
        self.model, self.base_head = model, model.base_head

    def reconstruct(self, photo, *, box):
        return self.model.reconstruct(photo, box=box).neutral()


def test_colours_of_errors():
    np.testing.assert_allclose(error_colours(np.array([0.0, LARGEST_MM, 99.0])), SCALE[[0, -1, -1]])
    np.testing.assert_allclose(error_colours(np.array(LARGEST_MM / 4)), SCALE[1])
    brightness = error_colours(np.linspace(0, LARGEST_MM, 50)).sum(-1)
    assert (np.diff(brightness) < 0).all()  # larger errors are darker, in grey prints too


def test_london_without_its_files(tmp_path):
    with pytest.raises(InputFileError, match=r"split\.json"):
        measure_people(tmp_path)
