"""Several photos of one person: rendered, measured where the answer is known."""

import argparse
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import made_up_build
import numpy as np
import pytest
from made_up import MadeUpDecoder, made_up_face, made_up_head

from face2mesh.errors import InputFileError, PhotoError
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE
from face2mesh.lab.evaluate import command
from face2mesh.lab.evaluate.fusion import constants, measure_fusion
from face2mesh.lab.evaluate.same_person import measure_london_pairs, measure_rendered
from face2mesh.lab.evaluate.tables import page
from face2mesh.lab.pairs import read_pairs
from face2mesh.lab.pairs.files import write_pairs
from face2mesh.lab.pairs.rendered import World
from face2mesh.lab.pairs.same_person_command import pictures_of_people
from face2mesh.lab.pairs.skin import Skins
from face2mesh.lab.pairs.surroundings import Backdrops
from face2mesh.model.fusion import AGREEMENT, FLOOR, fuse
from face2mesh.photo import Box
from face2mesh.store import provenance

PEOPLE, PICTURES = 3, 2
ROOT = Path(__file__).parents[1]
CORPUS = made_up_build.corpus_of(Path("unused"))
DECODER = MadeUpDecoder(made_up_build.STEPS)


def _world():
    codes, weights = HELD_OUT_PEOPLE.draw(PEOPLE * PICTURES, made_up_build.POPULATION, 1)
    head = made_up_head(made_up_build.STEPS)
    identity = np.repeat(codes[:PEOPLE], PICTURES, axis=0)
    return World(head, CORPUS, Skins.none(head), Backdrops.none(), identity, weights, 5)


def _write(path, rows):
    rows = [dict(row) for row in rows]
    jpegs = [row.pop("jpeg") for row in rows]
    arrays = {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}
    write_pairs(path, "rendered-pairs", arrays, jpegs, provenance())


@pytest.fixture(scope="module")
def rows():
    return list(pictures_of_people(_world(), PICTURES))


class _Knows:
    """A model that knows who is in a picture, up to noise, and says how much noise."""

    base_head = DECODER.base_head
    fuse = staticmethod(fuse)

    def __init__(self, codes, noise=0.0, sigma=None):
        self.codes, self.noise, self.sigma = codes, noise, np.ones(len(codes)) if sigma is None else sigma
        self.generator = np.random.default_rng(0)

    def decode(self, identity):
        return DECODER.decode(np.asarray(identity), np.zeros(52))

    def face(self, number):
        noise = self.noise * self.sigma[number] * self.generator.normal(size=len(self.codes[number]))
        return dataclasses.replace(
            made_up_face(made_up_build.STEPS),
            identity=self.codes[number] + noise,
            box=Box(0, 0, 100, 100),
            landmark_sigma_px=np.full(68, self.sigma[number], np.float32),
        )


class _OfPictures(_Knows):
    def __init__(self, path, **options):
        pairs = read_pairs(path)
        super().__init__(pairs["identity"], **options)
        self.pictures = [picture.tobytes() for picture in pairs["crop"]]

    def reconstruct(self, picture, *, box):
        return self.face(self.pictures.index(picture.tobytes()))


def test_pictures_of_one_person_share_head_and_look(rows):
    assert [int(row["person"]) for row in rows] == [0, 0, 1, 1, 2, 2]
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        np.testing.assert_array_equal(first["identity"], second["identity"])
        assert not np.array_equal(first["rotation"], second["rotation"])
        assert not np.array_equal(first["expression"], second["expression"])
        assert first["jpeg"] != second["jpeg"]


def test_a_model_that_knows_everybody(tmp_path, rows):
    _write(tmp_path / "rendered-same-person.npz", rows)
    found = measure_rendered(
        _OfPictures(tmp_path / "rendered-same-person.npz"), tmp_path / "rendered-same-person.npz", CORPUS
    )
    assert (found["people"], found["pictures_of_each"]) == (PEOPLE, PICTURES)
    assert list(found["by_photos"]) == ["1", "2"]
    assert found["by_photos"]["1"]["rigid"]["error_mm"]["value"] == pytest.approx(0, abs=1e-3)
    # Fusing takes two photos for a little more than one, which stretches what was exact already.
    assert found["by_photos"]["2"]["rigid"]["plain_mean_error_mm"]["value"] == pytest.approx(0, abs=1e-3)
    alike = measure_fusion(_OfPictures(tmp_path / "rendered-same-person.npz"), tmp_path / "rendered-same-person.npz")
    assert alike["agreement"]["value"] == pytest.approx(1, abs=1e-3)
    assert (alike["people"], alike["pictures_of_each"]) == (PEOPLE, PICTURES)


def test_noise_is_averaged_and_told(tmp_path, rows):
    many = [{**row, "person": row["person"] + 3 * turn} for turn in range(20) for row in rows]
    _write(tmp_path / "rendered-same-person.npz", many)
    sigma = np.random.default_rng(3).uniform(1, 6, len(many))
    model = _OfPictures(tmp_path / "rendered-same-person.npz", noise=0.5, sigma=sigma)
    # The same pictures come again and again: take them in turn.
    order = iter(range(len(many)))
    model.reconstruct = lambda picture, *, box: model.face(next(order))
    found = measure_rendered(model, tmp_path / "rendered-same-person.npz", CORPUS)
    assert found["by_photos"]["2"]["similarity"]["less_than_one_mm"]["value"] > 0
    order = iter(range(len(many)))
    found = measure_fusion(model, tmp_path / "rendered-same-person.npz")
    assert found["people"] == 60
    assert found["agreement"]["low"] < found["agreement"]["value"] < min(found["agreement"]["high"], 0.9)
    assert 0 <= found["floor"]["value"] < 0.05  # all the noise grows with σ


def _of_noise(constant, slope, people=300, pictures=4):
    """Faces of one-coordinate people whose errors have the variance constant + slope · σ²."""
    generator = np.random.default_rng(8)
    face = made_up_face(made_up_build.STEPS)
    rest = face.vertices[:1] * 0
    faces = []
    for _ in range(people):
        person, own = 3 * generator.normal(size=(1, 3)), []
        for _ in range(pictures):
            sigma = generator.uniform(0.01, 0.08)
            deviation = np.sqrt((constant + slope * sigma**2) / 3)
            vertices = person + deviation * generator.normal(size=(1, 3))
            box = SimpleNamespace(side=100.0)
            own.append(SimpleNamespace(vertices=vertices, face_box=box, landmark_sigma_px=np.full(68, 100 * sigma)))
        faces.append(own)
    return faces, rest


def test_the_constants_are_found_again():
    faces, rest = _of_noise(constant=1.0, slope=900.0)
    found = constants(faces, rest, np.ones(1, bool))
    floor, agreement = found["floor"], found["agreement"]
    assert floor.low < np.sqrt(1 / 900) < floor.high
    # Three coordinates of variance 9 each, and an own variance of 1 + 900 · 0.0243 with σ even from 0.01 to 0.08.
    own = 1 + 900 * (0.08**3 - 0.01**3) / (3 * 0.07)
    assert agreement.low < 27 / (27 + own) < agreement.high


def test_a_floor_that_photos_do_not_tell():
    faces, rest = _of_noise(constant=9.0, slope=-1000.0)
    floor = constants(faces, rest, np.ones(1, bool))["floor"]
    assert np.isnan(floor.value)
    assert floor.to_json() == {"value": None, "low": None, "high": None, "people": 300}


def test_the_runtime_s_constants_are_the_measured_ones():
    measured = json.loads((ROOT / "results" / "fusion.json").read_text())["measures"]["fusion"]
    assert pytest.approx(measured["floor"]["value"], abs=0.0005) == FLOOR
    assert pytest.approx(measured["agreement"]["value"], abs=0.005) == AGREEMENT


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [{**row, "identity": np.zeros(3)} for row in rows],
        lambda rows: [*rows[:-1], {**rows[-1], "person": 9}],
        lambda rows: rows[::-1],
    ],
    ids=["codes of another corpus", "a person with one picture", "people in disorder"],
)
def test_files_that_do_not_fit(tmp_path, rows, change):
    path = tmp_path / "rendered-same-person.npz"
    _write(path, change(rows))
    with pytest.raises(InputFileError, match="lab pairs same-person"):
        measure_rendered(_Knows(np.zeros((1, 5))), path, CORPUS)


def test_fusion_without_its_pictures(tmp_path):
    with pytest.raises(InputFileError, match="not found"):
        measure_fusion(_Knows(np.zeros((1, 5))), tmp_path / "rendered-same-person-validation.npz")


class _OfPeople(_Knows):
    def __init__(self, names, **options):
        super().__init__(np.random.default_rng(1).normal(size=(len(names), made_up_build.MODES)), **options)
        self.names = names

    def reconstruct(self, path):
        person, kind = path.stem.split("-")
        if kind == "smiling" and person == "013":
            raise PhotoError(f"{path}: no face found")
        return self.face(self.names.index(person))


def test_london_pairs(tmp_path):
    names = ["001", "003", "005", "007", "013"]
    model = _OfPeople(names, noise=0.05)
    london = tmp_path / "london"
    london.mkdir()
    core = list(range(17, 60))
    mapping = {str(i): i for i in core} | {"8": 8, "_inner_core": core, "_jaw_polyline": [0, 4, 12, 16]}
    mapping["_weak"] = {"27": [27], "28": [28], "29": [29], "30": [30]}
    placed = {f"{name}-neutral": model.face(i).landmarks_px.tolist() for i, name in enumerate(names)}
    (london / "map68.json").write_text(json.dumps(mapping))
    (london / "points189.json").write_text(json.dumps(placed))
    (london / "split.json").write_text(json.dumps({"measure": names}))
    found = measure_london_pairs(model, tmp_path)
    assert found["people"] == 4  # one is not found on the second photo
    assert found["recognised"]["value"] == 1
    assert found["same_person_mm"]["value"] < 0.2 * found["different_people_mm"]["value"]
    assert found["code_correlation"]["value"] > 0.9
    assert found["fused_percent"]["value"] < 1


def test_without_its_pictures(tmp_path):
    parent = argparse.ArgumentParser()
    parent.add_argument("--build", type=Path, default=tmp_path)
    parent.add_argument("--data", type=Path, default=tmp_path)
    command.add_parser(parent.add_subparsers())
    arguments = parent.parse_args(["evaluate", "-o", str(tmp_path / "r.json"), "--only", "same-person"])
    (tmp_path / "corpus.npz").touch()
    with pytest.raises(InputFileError, match=r"rendered-same-person\.npz: not found"):
        arguments.run(arguments)
    assert not (tmp_path / "r.json").exists()


def test_table_of_results():
    names = ("results/same-person.json", "results/fusion.json")
    text = page({name: json.loads((ROOT / name).read_text()) for name in names})
    assert "## Several photos of one person" in text
    assert "| 8 |" in text
    assert "## How one person's photos differ" in text
