"""Pyramids on textures."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from face2mesh.texture.blend import doubled, filled, halved, smoothed, smoothed_where


def test_doubling_keeps_a_ramp_and_halving_undoes_it():
    ramp = np.tile(np.arange(16, dtype=np.float32)[None, :, None], (16, 1, 1))
    fine = doubled(ramp)
    expected = (np.arange(32) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(fine[5, 1:-1, 0], expected[1:-1], atol=1e-6)
    np.testing.assert_allclose(halved(fine)[:, 1:-1], ramp[:, 1:-1], atol=1e-6)


def test_smoothing_keeps_the_mean_and_loses_what_is_fine():
    noise = np.random.default_rng(0).normal(size=(64, 64, 2)).astype(np.float32)
    smooth = smoothed(noise, 3)
    np.testing.assert_allclose(smooth.mean((0, 1)), noise.mean((0, 1)), atol=2e-2)
    assert smooth.std() < 0.2 * noise.std()


def test_what_is_unknown_does_not_leak_into_smoothing():
    picture = np.full((32, 32, 1), 3, np.float32)
    weight = np.ones((32, 32), np.float32)
    picture[:, 20:], weight[:, 20:] = 1000, 0
    np.testing.assert_allclose(smoothed_where(picture, weight, 2)[:, :20], 3, rtol=1e-5)


def test_filling_keeps_what_is_known():
    generator = np.random.default_rng(1)
    values = generator.normal(size=(32, 32, 3)).astype(np.float32)
    known = (generator.random((32, 32)) < 0.3).astype(np.float32)
    whole = filled(np.where(known[..., None] > 0, values, np.nan), known)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole[known > 0], values[known > 0])


def test_filling_from_one_texel():
    known = np.zeros((16, 16), np.float32)
    known[3, 12] = 1
    np.testing.assert_allclose(filled(np.full((16, 16, 1), 7, np.float32), known), 7, rtol=1e-6)


def test_nothing_known_is_zero():
    assert not filled(np.ones((8, 8, 1), np.float32), np.zeros((8, 8), np.float32)).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_what_is_filled_stays_between_what_is_known(seed):
    generator = np.random.default_rng(seed)
    values = generator.uniform(-3, 5, (16, 16, 1)).astype(np.float32)
    weight = (generator.random((16, 16)) * (generator.random((16, 16)) < 0.2)).astype(np.float32)
    if not weight.any():
        return
    whole, sure = filled(values, weight), values[weight > 0]
    assert whole.min() >= sure.min() - 1e-4
    assert whole.max() <= sure.max() + 1e-4
