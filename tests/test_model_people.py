"""Random codes are those of people."""

import json

import numpy as np
import pytest
from made_up import MODES
from tiny_model import tiny_model

import face2mesh
from face2mesh.errors import InputFileError
from face2mesh.model.manifest import PEOPLE_FILE
from face2mesh.model.people import PeopleTable

# Grown-ups and children: two numbers that always have opposite signs.
GROWN = np.random.default_rng(0).random(40) < 0.7
CODES = np.where(GROWN[:, None], [0.6, -0.6], [-1.4, 1.4]).astype(np.float32)
TABLE = PeopleTable(MODES - 2, np.where(GROWN, 1, 0.5).astype(np.float32), CODES)


def drawn(count):
    generator = np.random.default_rng(1)
    return np.stack([TABLE.draw(generator) for _ in range(count)])


def test_what_goes_together_in_people_goes_together_in_draws():
    codes = drawn(2000)
    assert codes.shape == (2000, MODES)
    np.testing.assert_allclose(codes[:, -2:].mean(0), CODES.mean(0), atol=0.05)
    np.testing.assert_allclose(codes[:, -2:].std(0), CODES.std(0), rtol=0.05)
    assert np.corrcoef(codes[:, -2:].T)[0, 1] < -0.95
    children = codes[:, -2] < -0.5
    assert 0.4 < codes[children, : MODES - 2].std() < 0.6
    assert 0.9 < codes[~children, : MODES - 2].std() < 1.1
    assert len(np.unique(codes[:, -1])) == 2000  # nobody of the table twice


def test_file(tmp_path):
    TABLE.save(tmp_path / "people.npz", {})
    read = PeopleTable.load(tmp_path / "people.npz")
    assert read.normal_modes == MODES - 2
    np.testing.assert_allclose(read.codes, CODES, atol=1e-3)
    with pytest.raises(InputFileError, match="not found; make it with `face2mesh lab package`"):
        PeopleTable.load(tmp_path / "absent.npz")


def test_wrong_shapes():
    with pytest.raises(ValueError, match="people: codes are"):
        PeopleTable(3, np.ones(4, np.float32), CODES)
    with pytest.raises(ValueError, match="people: codes are"):
        PeopleTable(3, np.ones(0, np.float32), CODES[:0])


def test_a_model_samples_from_its_people(tmp_path):
    TABLE.save(tmp_path / PEOPLE_FILE, {})
    folder = tiny_model(tmp_path, **{PEOPLE_FILE: (tmp_path / PEOPLE_FILE).read_bytes()})
    assert PEOPLE_FILE in json.loads((folder / "manifest.json").read_text())["files"]
    model = face2mesh.load(folder)
    codes = np.stack([model.sample(seed).identity for seed in range(100)])
    assert np.corrcoef(codes[:, -2:].T)[0, 1] < -0.9
