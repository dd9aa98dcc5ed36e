"""Light and statistical skin, fitted to what was made with known ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_head

import face2mesh
from face2mesh.draw.light import harmonics
from face2mesh.store import provenance, read_arrays
from face2mesh.texture.light import BRIGHTEST, DARKEST, fit_light, shading
from face2mesh.texture.skin import KIND, PACKAGED, SIDE, VERSION, StatisticalSkin, skin_of, texture_hash

LIGHT = np.array([1, 0.3, -0.2, -0.3, 0.05, 0, 0.05, 0.1, 0])


def hemisphere(count, seed=0):
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    normals[:, 2] = -np.abs(normals[:, 2])
    return (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def skin():
    return skin_of(face2mesh.load().base_head)


def seen_normals(skin, count):
    """Normals that vary smoothly over the face, as a head's do."""
    x, y = skin.places % SIDE / SIDE - 0.5, skin.places // SIDE / SIDE - 0.35
    normals = np.stack([2.2 * x, 2.2 * y, -np.ones(count)], 1)
    return (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)


def test_light_comes_back():
    normals, tint = hemisphere(3000), np.array([1.2, 1.0, 0.8])
    truth = LIGHT[:, None] * tint
    albedo = np.random.default_rng(1).uniform(0.2, 0.5, (3000, 3)).astype(np.float32)
    lit = (albedo * (harmonics(normals) @ truth)).astype(np.float32)
    found = fit_light(lit, albedo, normals, np.ones(3000, np.float32), None)
    mean = (harmonics(normals) @ truth).mean(0)
    shade = harmonics(normals) @ truth / mean
    assert np.abs(harmonics(normals) @ found - shade).mean() < 0.1 * np.abs(shade - 1).mean()
    np.testing.assert_allclose((harmonics(normals) @ found).mean(0), 1, atol=1e-3)


def test_a_few_texels_do_not_bend_the_light():
    normals = hemisphere(5)
    found = fit_light(np.ones((5, 3)), np.random.default_rng(2).random((5, 3)), normals, np.ones(5, np.float32), None)
    assert np.abs(found[1:]).max() < 0.15


def test_the_networks_light_decides_where_the_photo_says_little():
    normals = hemisphere(20)
    even = np.full((20, 3), 0.3, np.float32)
    light = np.tile(LIGHT[:, None], 3).astype(np.float32)
    told = fit_light(even, even, normals, np.ones(20, np.float32) * 0.1, light)
    assert told[1].mean() > 0.05 > fit_light(even, even, normals, np.ones(20, np.float32) * 0.1, None)[1].mean() + 0.03


def test_shading_stays_in_its_range():
    strong = np.zeros((9, 3), np.float32)
    strong[0], strong[1] = 1, 5
    values = shading(strong, hemisphere(500))
    assert values.min() == np.float32(DARKEST)
    assert values.max() == np.float32(BRIGHTEST)


def test_a_person_of_the_model_is_found(skin):
    codes = np.zeros(len(skin.modes), np.float32)
    codes[:3] = 0.7, -0.5, 0.6
    person = skin.mean + np.tensordot(codes, skin.modes, 1)
    normals = seen_normals(skin, len(skin.places))
    lit = np.exp(person) * shading(np.tile(LIGHT[:, None], 3).astype(np.float32), normals)
    fitted = skin.fit(lit.astype(np.float32), np.ones(len(person), np.float32), normals, None)
    error = np.abs(fitted.skin + fitted.exposure - person)
    spread = np.abs(skin.mean - person)
    # What is left is the light's level, which the photo alone cannot tell from the skin's.
    assert (error - np.median(error)).std() < 0.5 * spread.std() + 0.03
    assert fitted.belief.mean() > 0.9


def test_hair_is_not_believed(skin):
    normals = seen_normals(skin, len(skin.places))
    log = skin.mean.copy()
    fringe = skin.places // SIDE < np.quantile(skin.places // SIDE, 0.12)
    log[fringe] -= 1.5
    fitted = skin.fit(np.exp(log), np.ones(len(log), np.float32), normals, None)
    assert fitted.belief[fringe].mean() < 0.1
    assert fitted.belief[~fringe].mean() > 0.8
    assert np.abs(fitted.skin - skin.mean)[fringe].mean() < 0.35


def test_nothing_seen_is_the_mean_person(skin):
    nothing = np.zeros(len(skin.places), np.float32)
    fitted = skin.fit(np.full((len(nothing), 3), 0.004, np.float32), nothing, seen_normals(skin, len(nothing)), None)
    np.testing.assert_allclose(fitted.skin, skin.mean, atol=1e-4)
    np.testing.assert_allclose(fitted.exposure, 0, atol=1e-5)


def test_the_packaged_skin_is_small_symmetric_and_says_whence_it_comes(skin):
    assert PACKAGED.stat().st_size < 200_000
    square, known = skin.picture(np.concatenate([skin.mean, skin.modes[0]], 1))
    np.testing.assert_array_equal(square, square[:, ::-1])
    np.testing.assert_array_equal(known, known[:, ::-1])
    assert len(skin.modes) >= 8
    arrays, manifest = read_arrays(PACKAGED, KIND, VERSION, "")
    assert "FairFace" in json.dumps(manifest, ensure_ascii=False)
    assert "lab skin" in manifest["command"]
    assert str(arrays["uv_sha256"]) == texture_hash(face2mesh.load().base_head)


def test_a_skin_comes_back_from_its_file(skin, tmp_path):
    head = face2mesh.load().base_head
    skin.save(tmp_path / "skin.npz", head, provenance())
    again, known = StatisticalSkin.load(tmp_path / "skin.npz")
    assert known == texture_hash(head)
    np.testing.assert_array_equal(np.sort(again.places), np.sort(skin.places))
    np.testing.assert_allclose(again.picture(again.mean)[0], skin.picture(skin.mean)[0], atol=2e-3)
    np.testing.assert_allclose(again.picture(again.modes[0])[0], skin.picture(skin.modes[0])[0], atol=8e-3)


def test_a_missing_skin_names_its_command(tmp_path):
    with pytest.raises(face2mesh.InputFileError, match="face2mesh lab skin"):
        StatisticalSkin.load(tmp_path / "skin.npz")


def test_another_head_gets_a_plain_skin():
    head = made_up_head()
    plain = skin_of(head)
    assert len(plain.modes) == 0
    assert np.ptp(plain.mean, axis=0).max() == 0
    moved = replace(head, uv=head.uv * np.float32(0.99))
    assert texture_hash(moved) != texture_hash(head)
