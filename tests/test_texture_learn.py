"""The statistical skin learnt from photos that were made of known skins."""

import os
from pathlib import Path

import numpy as np
import pytest

import face2mesh
from face2mesh.cli import main
from face2mesh.draw.light import to_srgb
from face2mesh.texture.light import shading
from face2mesh.texture.skin import SIDE

pytest.importorskip("torch", reason="the laboratory is not installed")

from face2mesh.lab.texture.gather import modelled_places
from face2mesh.lab.texture.learn import PhotosOnSkin, learn_skin, under_hair

PHOTOS = 80


@pytest.fixture(scope="module")
def head():
    return face2mesh.load().base_head


@pytest.fixture(scope="module")
def places(head):
    every = modelled_places(head)
    half = len(every) // 2
    some = np.arange(0, half, 3)
    return every[np.concatenate([some, some + half])]


def made_up_photos(places):
    """Photos of a mean with one symmetric mode, under random light, a third of them with a dark fringe."""
    generator = np.random.default_rng(3)
    x, y = places % SIDE / SIDE - 0.5, places // SIDE / SIDE - 0.35
    mean = np.log([0.45, 0.27, 0.19]) + 0.15 * np.cos(18 * y)[:, None]
    mode = (0.3 * np.cos(12 * x) * np.sin(10 * y))[:, None] * [1, 1.1, 1.2]
    normals = np.stack([2.2 * x, 2.2 * y, -np.ones(len(places))], 1)
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    codes = generator.normal(size=PHOTOS)
    skins = mean + codes[:, None, None] * mode
    lit, lights = [], []
    for number, skin in enumerate(skins):
        light = np.zeros((9, 3), np.float32)
        light[0], light[1:4] = 1, generator.normal(0, 0.15, (3, 1))
        colours = np.exp(skin) * shading(light, normals)
        if number % 3 == 0:
            colours[y < np.quantile(y, 0.15)] = 0.015
        lit.append((to_srgb(colours) * 255 + 0.5).astype(np.uint8))
        lights.append(light)
    trust = np.full((PHOTOS, len(places)), 255, np.uint8)
    photos = PhotosOnSkin(
        np.stack(lit), trust, np.tile(np.rint(normals * 127).astype(np.int8), (PHOTOS, 1, 1)), np.stack(lights)
    )
    return photos, mean, mode


def centred(values):
    return values - values.mean(0)


def test_mean_and_mode_come_back(head, places):
    photos, mean, mode = made_up_photos(places)
    hair = under_hair(head, places)
    assert 0.1 < hair.mean() < 0.7
    told = []
    skin = learn_skin(photos, places, hair, 3, told.append)
    assert len(told) == 3
    row = np.searchsorted(np.sort(places), skin.places)
    kept = np.argsort(places)[row]
    away = centred(skin.mean) - centred(mean[kept])
    assert np.abs(away).mean() < 0.35 * np.abs(centred(mean[kept])).mean()
    # The known mode lies in the span of those found, but for what passes for light.
    basis = skin.modes.reshape(3, -1).T
    left = mode[kept].ravel() - basis @ np.linalg.lstsq(basis, mode[kept].ravel(), rcond=None)[0]
    assert np.linalg.norm(left) < 0.45 * np.linalg.norm(mode[kept])


def test_modelled_places_are_symmetric(head):
    places = modelled_places(head)
    half = len(places) // 2
    np.testing.assert_array_equal(places[half:], places[:half] // SIDE * SIDE + SIDE - 1 - places[:half] % SIDE)
    assert len(np.unique(places)) == len(places)
    assert (places[:half] % SIDE < SIDE // 2).all()


def test_more_modes_than_photos_are_refused(tmp_path, capsys):
    assert main(["lab", "--data", str(tmp_path), "skin", "--photos", "10", "--modes", "10"]) == 1
    assert "take more photos" in capsys.readouterr().err


def test_missing_photos_are_refused(tmp_path, capsys):
    assert main(["lab", "--data", str(tmp_path), "skin"]) == 1
    assert "fairface-train.npz: not found" in capsys.readouterr().err


@pytest.mark.data
def test_a_skin_of_a_few_photos(tmp_path):
    if "FACE2MESH_DATA" not in os.environ:
        pytest.skip("FACE2MESH_DATA does not name the training data's folder")
    out = tmp_path / "skin.npz"
    arguments = ["--photos", "12", "--modes", "2", "-o", str(out)]
    assert main(["lab", "--data", os.environ["FACE2MESH_DATA"], "skin", *arguments]) == 0
    from face2mesh.texture.skin import StatisticalSkin

    skin, _ = StatisticalSkin.load(Path(out))
    assert len(skin.modes) == 2
    red, green, blue = np.exp(skin.mean).mean(0)
    assert red > green > blue > 0.02
