"""Detail kept and noise added, against eigenvectors and against what can be said by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from face2mesh.lab.evaluate.detail import (
    EDGE,
    Detail,
    band_coefficients,
    mean_of_neighbours,
    moments,
    normal_errors,
    spectrum,
)
from face2mesh.lab.graph.laplacian import adjacency, edges_of_faces, normalised_laplacian

FloatArray = NDArray[np.float64]
SIDE = 9


def quads(side: int = SIDE) -> NDArray[np.int64]:
    corner = np.arange(side * (side - 1)).reshape(side - 1, side)[:, :-1].ravel()
    return np.stack([corner, corner + 1, corner + side + 1, corner + side], 1)


def triangles(side: int = SIDE) -> NDArray[np.int64]:
    four = quads(side)
    return np.concatenate([four[:, :3], four[:, [0, 2, 3]]])


def grid(side: int = SIDE) -> FloatArray:
    y, x = np.mgrid[:side, :side].astype(float)
    return np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)


def eigenbasis(faces: NDArray[np.int64], count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Eigenvalues of L = I − D⁻¹A, its eigenvectors (columns), and d_v / V in whose product they are orthonormal."""
    graph = adjacency(edges_of_faces(faces), count)
    weights = np.asarray(graph.sum(1)).ravel() / count
    values, vectors = np.linalg.eigh(normalised_laplacian(graph).toarray())
    return values, vectors / np.sqrt(weights)[:, None], weights


def field(coefficients: FloatArray, vectors: FloatArray) -> FloatArray:
    """(1, V, 3) of coefficients (V, 3)."""
    return (vectors @ coefficients)[None]


@pytest.mark.parametrize("gain", [0.0, 0.4, 1.0, -0.5])
def test_gain_and_noise_by_hand(gain: float) -> None:
    values, vectors, _ = eigenbasis(quads(), SIDE**2)
    upper = np.flatnonzero(values > 1 + 5 * EDGE)
    true, other = np.zeros((SIDE**2, 3)), np.zeros((SIDE**2, 3))
    true[upper[3]], true[upper[-1]] = [3, 0, -1], [0, 2, 0]
    other[upper[7]] = [0.5, 0.1, 0]
    found = moments(field(gain * true + other, vectors), field(true, vectors), quads()).detail()
    assert found.gain == pytest.approx(gain, abs=1e-7)
    assert found.noise == pytest.approx(np.linalg.norm(other) / np.linalg.norm(true), abs=1e-7)


def test_the_mean_head_keeps_nothing_and_adds_nothing() -> None:
    true = np.random.default_rng(0).normal(size=(3, SIDE**2, 3))
    assert moments(np.zeros_like(true), true, quads()).detail() == Detail(0.0, 0.0)
    perfect = moments(true, true, quads()).detail()
    assert (perfect.gain, perfect.noise) == pytest.approx((1, 0), abs=1e-7)


def test_what_lies_in_the_lower_half_does_not_count() -> None:
    values, vectors, _ = eigenbasis(quads(), SIDE**2)
    rng = np.random.default_rng(1)
    true = np.where((values > 1.3)[:, None], rng.normal(size=(SIDE**2, 3)), 0)
    smooth = np.where((values < 0.7)[:, None], 1000 * rng.normal(size=(SIDE**2, 3)), 0)
    shift = np.array([5.0, -7.0, 1e3])
    found = moments(field(true + smooth, vectors) + shift, field(true, vectors), quads()).detail()
    assert (found.gain, found.noise) == pytest.approx((1, 0), abs=1e-3)


@pytest.mark.parametrize("faces", [quads(), triangles()])
def test_energies_are_those_of_the_eigenbasis(faces: NDArray[np.int64]) -> None:
    rng = np.random.default_rng(2)
    values, vectors, weights = eigenbasis(faces, SIDE**2)
    p, t = rng.normal(size=(2, 4, SIDE**2, 3))
    window = np.polynomial.chebyshev.chebval(values - 1, band_coefficients(0.5, 1.0))
    in_basis = [np.einsum("vk,v,nvc->nkc", vectors, weights, x) for x in (p, t)]
    found = moments(p, t, faces).energies(0.5, 1.0)
    for energy, (a, b) in zip(found, ((0, 0), (0, 1), (1, 1)), strict=True):
        np.testing.assert_allclose(energy, np.einsum("k,nkc,nkc->n", window, in_basis[a], in_basis[b]), atol=1e-8)
    far = np.abs(values - 0.5) > 5 * EDGE
    far &= np.abs(values - 1) > 5 * EDGE
    np.testing.assert_allclose(window[far], ((values > 0.5) & (values < 1))[far], atol=1e-8)


def test_energies_of_all_bands_add_up() -> None:
    rng = np.random.default_rng(3)
    p, t = rng.normal(size=(2, 2, SIDE**2, 3))
    bands = spectrum(moments(p, t, triangles()), 16)
    _, weights = mean_of_neighbours(triangles(), SIDE**2)
    for name, x in (("true", t), ("predicted", p), ("error", p - t)):
        assert sum(bands[name]) == pytest.approx(np.einsum("v,nvc->", weights, x**2) / 2, rel=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.integers(0, 100))
def test_an_amplified_prediction(factor: float, seed: int) -> None:
    p, t = np.random.default_rng(seed).normal(size=(2, 2, 25, 3))
    before, after = (moments(x, t, quads(5)).detail() for x in (p, factor * p))
    assert after.gain == pytest.approx(factor * before.gain, abs=1e-9)
    assert after.noise == pytest.approx(abs(factor) * before.noise, abs=1e-7)


def test_a_batch_is_its_heads() -> None:
    p, t = np.random.default_rng(4).normal(size=(2, 40, 25, 3))
    gains, noises = moments(p, t, quads(5)).details()
    for row in (0, 17, 39):
        alone = moments(p[row : row + 1], t[row : row + 1], quads(5)).detail()
        assert (gains[row], noises[row]) == pytest.approx((alone.gain, alone.noise))
    some = moments(p, t, quads(5)).of(np.array([17, 17])).detail()
    assert some.gain == pytest.approx(gains[17])


def test_a_head_without_detail_has_no_gain() -> None:
    t = np.zeros((2, 25, 3))
    t[1] = np.random.default_rng(5).normal(size=(25, 3))
    gains, _ = moments(t, t, quads(5)).details()
    assert np.isnan(gains[0])
    assert gains[1] == pytest.approx(1)
    with pytest.raises(ValueError, match="nothing in this band"):
        moments(t[:1], t[:1], quads(5)).detail()
    with pytest.raises(ValueError, match="both are"):
        moments(t[0], t[0], quads(5))


def test_normals_of_a_tilted_plane() -> None:
    angle = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    flat = np.stack([grid(), grid()])
    tilted = np.stack([grid() @ turn.T, grid()])
    errors = normal_errors(tilted, flat, triangles())
    np.testing.assert_allclose(errors[0], 20, atol=1e-4)
    np.testing.assert_allclose(errors[1], 0, atol=1e-4)
