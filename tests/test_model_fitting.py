"""Codes from meshes and points: against heads whose codes are known."""

import numpy as np
import pytest
from made_up import MODES, made_up_corpus, made_up_head

from face2mesh.errors import Face2MeshError
from face2mesh.head.alignment import Similarity
from face2mesh.head.arkit import ARKIT_NAMES, OPPOSITES
from face2mesh.head.rigid import rotations_of
from face2mesh.model.fitting import bounded_step, boxed
from face2mesh.model.skin_slopes import SkinSlopes

HEAD = made_up_head()
SKIN = HEAD.skin_count
PLACES = [
    Similarity(1.0, np.eye(3), np.zeros(3)),
    Similarity(1.0, rotations_of(np.array([0.4, -2.0, 1.0])), np.array([30.0, -500.0, 7.0])),
    Similarity(0.001, rotations_of(np.array([-1.0, 0.5, 0.2])), np.array([1.0, 2.0, 3.0])),
]


def face_of(model, seed, expression=False):
    generator = np.random.default_rng(seed)
    weights = np.zeros(52)
    if expression:
        weights[[ARKIT_NAMES.index(name) for name in ("jawOpen", "mouthSmileLeft", "browInnerUp")]] = 0.7, 0.4, 1.0
    return model.face(generator.normal(size=MODES), weights)


@pytest.mark.parametrize("place", PLACES)
def test_a_head_of_the_model_is_found_again_wherever_it_lies(model, place):
    face = face_of(model, 1)
    fit = model.fit(place(face.vertices), scale=place.scale != 1, noise_mm=0.01)
    np.testing.assert_allclose(fit.face.identity, face.identity, atol=1e-3)
    np.testing.assert_allclose(fit.face.weights, 0)
    np.testing.assert_allclose(fit.vertices, place(face.vertices), atol=0.02 * place.scale)
    assert fit.placement.scale == pytest.approx(place.scale, rel=1e-4)
    assert fit.mean_mm < 0.01
    assert fit.distances_mm.shape == (SKIN,)


def test_expression_and_identity_are_found_together(model):
    face = face_of(model, 2, expression=True)
    fit = model.fit(face.vertices, expression=True, noise_mm=0.001)
    np.testing.assert_allclose(fit.face.identity, face.identity, atol=0.02)
    np.testing.assert_allclose(fit.face.weights, face.weights, atol=0.03)
    assert fit.mean_mm < 0.01
    # Taken for a neutral head, the same mesh is missed.
    assert model.fit(face.vertices).mean_mm > 0.2


def test_the_skin_alone_is_enough_and_unknown_vertices_do_not_count(model):
    face = face_of(model, 3)
    skin = face.vertices[:SKIN].astype(np.float64)
    whole = model.fit(face.vertices)
    np.testing.assert_array_equal(model.fit(skin).face.identity, whole.face.identity)
    holed = skin.copy()
    holed[::3] = np.nan
    fit = model.fit(holed)
    np.testing.assert_allclose(fit.face.identity, whole.face.identity, atol=0.01)
    assert np.isnan(fit.distances_mm[::3]).all()
    assert np.isfinite(fit.mean_mm)


def test_the_prior_decides_what_little_is_known(model):
    """Four vertices of a far-off head: with a coarse noise the code stays small."""
    face = model.face(np.full(MODES, 3.0))
    skin = np.full((SKIN, 3), np.nan)
    skin[[0, 50, 200, 400]] = face.vertices[[0, 50, 200, 400]]
    assert model.fit(skin, noise_mm=100).code_deviation < 0.1
    assert model.fit(skin, noise_mm=0.1).code_deviation > 0.5


def test_fitting_does_not_change_with_the_place(model):
    """A mesh that is not the model's: the residual is the same wherever it lies."""
    generator = np.random.default_rng(4)
    skin = face_of(model, 5).vertices[:SKIN] + generator.normal(size=(SKIN, 3))
    fits = [model.fit(place(skin), scale=True) for place in PLACES]
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.face.identity, fits[0].face.identity, atol=2e-3)
        assert fit.mean_mm == pytest.approx(fits[0].mean_mm, rel=1e-3)


def test_opposites_never_come_together(model):
    generator = np.random.default_rng(6)
    weights = np.zeros(52)
    for first, second in OPPOSITES:
        weights[[first, second]] = generator.random(2)
    head = model.decode(np.zeros(MODES), weights)
    fitted = model.fit(head, expression=True, noise_mm=0.01).face.weights
    assert all(min(fitted[first], fitted[second]) == 0 for first, second in OPPOSITES)
    assert 0 <= fitted.min() <= fitted.max() <= 1


def points_of(vertices, count, seed=0, noise=0.0):
    """Points (count, 3) all over the skin, evenly by area, and the normals there."""
    generator = np.random.default_rng(seed)
    corners = np.asarray(vertices, np.float64)[HEAD.skin_triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    chosen = generator.choice(len(corners), count, p=area / area.sum())
    points = np.einsum("nk,nkc->nc", generator.dirichlet(np.ones(3), count), corners[chosen])
    return points + noise * generator.normal(size=points.shape), normals[chosen]


def test_points_of_a_head_near_a_start(model):
    face = face_of(model, 7)
    points, normals = points_of(face.vertices, 4000, noise=0.05)
    start = Similarity(1.0, rotations_of(np.array([0.05, -0.1, 0.05])), np.array([3.0, -2.0, 4.0]))
    fit = model.fit_points(points, normals=normals, start=start, noise_mm=0.2)
    assert fit.mean_mm < 0.25
    assert fit.distances_mm.shape == (4000,)
    # The made-up head is an ellipsoid, round about its axes: its surface is found, not each of its points.
    assert np.linalg.norm(fit.face.vertices - face.vertices, axis=1)[:SKIN].mean() < 3


def test_a_fit_goes_on_from_the_code_that_it_found(model):
    face = face_of(model, 8)
    points, _ = points_of(face.vertices, 600)
    start = Similarity(1.0, np.eye(3), np.zeros(3))
    once = model.fit_points(points, start=start)
    again = model.fit_points(points, start=once.placement, code=once.face.identity)
    assert again.mean_mm <= once.mean_mm * 1.01


def test_slopes_are_those_of_a_linear_model(model):
    people, actions = made_up_corpus()
    slopes = SkinSlopes(model._networks)
    np.testing.assert_allclose(slopes.of_identity, people[:, :SKIN], atol=2e-3)
    identity = np.array([2.0, 0, 0, 0, 0])
    # The identity's first number stretches the tiny model's expressions by a tenth.
    got = slopes.of_weights(identity, np.linspace(0, 1, 52))
    np.testing.assert_allclose(got, 1.2 * actions[:, :SKIN], atol=0.02)


def test_boxed_minimum_by_hand():
    """(d₀ − 3)² + (d₁ + 1)² in the unit box is least at (1, 0); without bounds at (3, −1)."""
    matrix, gradient = 2 * np.eye(2), np.array([-6.0, 2.0])
    np.testing.assert_allclose(boxed(matrix, gradient, np.zeros(2), np.ones(2)), [1, 0])
    np.testing.assert_allclose(boxed(matrix, gradient, np.full(2, -9.0), np.full(2, 9.0)), [3, -1])


def test_bounded_step_meets_the_conditions_of_karush_kuhn_and_tucker():
    generator = np.random.default_rng(8)
    root = generator.normal(size=(12, 12))
    matrix, gradient = root @ root.T + np.eye(12), 5 * generator.normal(size=12)
    bounded = np.array([3, 4, 7, 9, 11])
    least, most = np.full(5, -0.1), np.full(5, 0.2)
    step = bounded_step(matrix, gradient, bounded, least, most)
    slope = matrix @ step + gradient
    np.testing.assert_allclose(slope[np.setdiff1d(np.arange(12), bounded)], 0, atol=1e-9)
    for value, pull, low, high in zip(step[bounded], slope[bounded], least, most, strict=True):
        assert low <= value <= high
        assert abs(pull) < 1e-4 or (value == low and pull > 0) or (value == high and pull < 0)
    assert (step[bounded] == least).any()
    assert (step[bounded] == most).any()


def test_refusals(model):
    head = model.decode(np.zeros(MODES))
    with pytest.raises(Face2MeshError, match="use fit_points for a mesh of another topology"):
        model.fit(head[:-1])
    with pytest.raises(Face2MeshError, match="four known vertices that are not all on one line"):
        model.fit(np.full_like(head, np.nan))
    with pytest.raises(Face2MeshError, match="four known vertices that are not all on one line"):
        model.fit(np.zeros_like(head))
    with pytest.raises(Face2MeshError, match="give more than 0"):
        model.fit(head, noise_mm=0)
    with pytest.raises(Face2MeshError, match="numbers"):
        model.fit_points(np.full((100, 3), np.nan))
    with pytest.raises(Face2MeshError, match="100 points and 99 normals"):
        model.fit_points(np.zeros((100, 3)), normals=np.zeros((99, 3)))
    with pytest.raises(Face2MeshError, match=f"begin with has {model.identity_size} numbers"):
        model.fit_points(np.zeros((100, 3)), code=np.zeros(3))
    with pytest.raises(Face2MeshError, match="51 points are too few"):
        model.fit_points(np.random.default_rng(0).normal(size=(51, 3)))
