"""Fits of heads to landmarks: known truth, mirror symmetry, outliers, bounds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from face2mesh.lab.pairs.calibration import estimate_reliability, estimate_shift
from face2mesh.lab.pairs.fit import BOX_SIDE, Fits, FitSettings, Prior, Reliability, project, yaw_degrees
from face2mesh.lab.pairs.point_model import PointModel
from face2mesh.lab.pairs.solver import fit

MODES, EXPRESSIONS, HALF = 6, 8, 60
MIRROR_MODES = np.array([1, -1, 1, -1, 1, -1], np.float32)  # even modes are symmetric, odd ones antisymmetric
MIRROR_EXPRESSIONS = np.array([1, 0, 3, 2, 5, 4, 6, 7])


def face_model() -> PointModel:
    """Mirrored pairs of points on a curved face; modes of both symmetries, expressions in mirrored pairs."""
    generator = np.random.default_rng(3)
    left = np.stack([generator.uniform(3, 70, HALF), generator.uniform(-100, 60, HALF)], 1)
    right = left * [-1, 1]
    plane = np.concatenate([left, right])
    depth = 25 - (plane[:, 0] / 70) ** 2 * 55 - (plane[:, 1] / 100) ** 2 * 30
    depth += 18 * np.exp(-(plane**2).sum(1) / 300)
    rest = np.concatenate([plane, depth[:, None]], 1)
    mirror = np.concatenate([np.arange(HALF) + HALF, np.arange(HALF)])
    flip = np.array([-1, 1, 1])

    def waves(count: int, size: float) -> np.ndarray:
        along, phase = generator.normal(size=(count, 3, 3)) / 35, generator.uniform(0, 6, (count, 1, 3))
        return size * np.sin(np.einsum("nc,kcd->knd", rest, along) + phase)

    raw = waves(MODES, 4.0)
    identity = (raw + MIRROR_MODES[:, None, None] * raw[:, mirror] * flip) / 2
    expression = waves(EXPRESSIONS, 8.0)
    for first, second in ((0, 1), (2, 3), (4, 5)):
        expression[second] = expression[first][mirror] * flip
    for own in (6, 7):
        expression[own] = (expression[own] + expression[own][mirror] * flip) / 2
    return PointModel(*(a.astype(np.float32) for a in (rest, identity, expression)), mirror.astype(np.int32))


def rotations(count: int, generator: np.random.Generator) -> np.ndarray:
    yaw, pitch = generator.uniform(-0.5, 0.5, (2, count))
    zero, one = np.zeros(count), np.ones(count)
    turn = np.stack([np.cos(yaw), zero, np.sin(yaw), zero, one, zero, -np.sin(yaw), zero, np.cos(yaw)], 1)
    nod = np.stack([one, zero, zero, zero, np.cos(pitch), -np.sin(pitch), zero, np.sin(pitch), np.cos(pitch)], 1)
    product = nod.reshape(-1, 3, 3) @ turn.reshape(-1, 3, 3)
    return (np.diag([1, -1, -1]) @ product).astype(np.float32)


def people(count: int = 12) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(5)
    weights = generator.uniform(0, 1, (count, EXPRESSIONS)) * (generator.uniform(size=(count, EXPRESSIONS)) < 0.3)
    return {
        "identity": generator.normal(size=(count, MODES)).astype(np.float32),
        "expression": weights.astype(np.float32),
        "rotation": rotations(count, generator),
        "offset": generator.normal(0, 0.05, (count, 2)).astype(np.float32),
        "log_scale": generator.normal(-1, 0.1, count).astype(np.float32),
    }


def seen(model: PointModel, truth: dict[str, np.ndarray]) -> np.ndarray:
    points = model.points(truth["identity"], truth["expression"])
    return project(points, truth["rotation"], truth["offset"], truth["log_scale"])


def sure(model: PointModel) -> tuple[Reliability, FitSettings]:
    """Exact points, so hardly any prior."""
    return Reliability.equal(len(model.rest), 0.002), FitSettings(strength=1.0, expression_sparsity=0.0, steps=25)


def test_known_codes_come_back_from_perfect_points() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    fits = fit(model, points, np.ones(points.shape[:2], bool), *sure(model))
    assert np.abs(fits.error).max() < 0.002
    np.testing.assert_allclose(fits.identity, truth["identity"], atol=0.15)
    np.testing.assert_allclose(fits.expression, truth["expression"], atol=0.06)
    cosine = (np.einsum("bij,bij->b", fits.rotation, truth["rotation"]) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.7
    np.testing.assert_allclose(fits.log_scale, truth["log_scale"], atol=0.01)


def test_a_mirrored_face_has_mirrored_codes() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)
    mirrored_points = points[:, model.mirror] * np.float32([-1, 1])
    fits = fit(model, points, given, *sure(model))
    mirrored = fit(model, mirrored_points, given, *sure(model))
    np.testing.assert_allclose(mirrored.identity, fits.identity * MIRROR_MODES, atol=0.02)
    np.testing.assert_allclose(mirrored.expression, fits.expression[:, MIRROR_EXPRESSIONS], atol=0.02)
    np.testing.assert_allclose(yaw_degrees(mirrored.rotation), -yaw_degrees(fits.rotation), atol=0.2)
    np.testing.assert_allclose(mirrored.offset, fits.offset * [-1, 1], atol=1e-3)


def test_outliers_are_recognised_and_change_little() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    wrong = np.random.default_rng(1).choice(len(model.rest), 12, replace=False)
    disturbed = points.copy()
    disturbed[:, wrong] += 0.2
    fits = fit(model, disturbed, np.ones(points.shape[:2], bool), *sure(model))
    assert fits.weight[:, wrong].max() < 0.05
    others = np.setdiff1d(np.arange(len(model.rest)), wrong)
    assert np.median(np.abs(fits.error[:, others])) < 0.002


def test_points_not_given_do_not_count() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)
    given[:, :10] = False
    fits = fit(model, points, given, *sure(model))
    points[:, :10] = 7.0
    again = fit(model, points, given, *sure(model))
    np.testing.assert_array_equal(again.identity, fits.identity)
    assert (again.weight[:, :10] == 0).all()


def test_a_block_does_not_change_a_photo() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)
    together = fit(model, points, given)
    single = fit(model, points, given, block=1)
    np.testing.assert_allclose(together.identity, single.identity, atol=2e-3)
    np.testing.assert_allclose(together.expression, single.expression, atol=2e-3)


def test_weights_stay_in_bounds_and_opposites_exclude_each_other() -> None:
    model = face_model()
    expression = model.expression.copy()
    expression[1] = -expression[0]
    model = PointModel(model.rest, model.identity, expression, model.mirror)
    truth = people()
    truth["expression"] = np.zeros_like(truth["expression"])
    truth["expression"][:, 1] = 1.4
    points = seen(model, truth)
    settings = FitSettings(strength=1.0, opposites=((0, 1),))
    fits = fit(model, points, np.ones(points.shape[:2], bool), Reliability.equal(len(model.rest), 0.002), settings)
    assert fits.expression.min() >= 0
    assert fits.expression.max() <= 1
    assert np.minimum(fits.expression[:, 0], fits.expression[:, 1]).max() == 0
    assert fits.expression[:, 1].min() > 0.9


def noisy_fits(model: PointModel, error: np.ndarray) -> Fits:
    truth = people(len(error))
    return Fits(**truth, error=error.astype(np.float32), weight=np.ones(error.shape[:2], np.float32))


def test_reliability_is_the_deviation_of_the_residuals_and_symmetric() -> None:
    model = face_model()
    sigma = np.linspace(0.005, 0.03, HALF)
    sigma = np.concatenate([sigma, sigma])
    error = np.random.default_rng(2).normal(size=(600, len(sigma), 2)) * sigma[:, None]
    found = estimate_reliability(model, noisy_fits(model, error)).sigma
    np.testing.assert_allclose(found[3], sigma, rtol=0.25)
    np.testing.assert_array_equal(found[3][model.mirror], found[3])
    np.testing.assert_array_equal(found[1][model.mirror], found[5])


def test_a_constant_shift_of_a_point_is_found_in_three_dimensions() -> None:
    model = face_model()
    count = 400
    truth = people(count)
    shift = np.zeros_like(model.rest)
    shift[7] = [1.5, -2.0, 1.0]
    shift[model.mirror[7]] = [-1.5, -2.0, 1.0]
    moved = model.moved(shift.astype(np.float32))
    error = (seen(moved, truth) - seen(model, truth)) / BOX_SIDE
    fits = Fits(**truth, error=error, weight=np.ones(error.shape[:2], np.float32))
    np.testing.assert_allclose(estimate_shift(model, fits), shift, atol=0.4)


@pytest.mark.parametrize("side", [-1, 1])
def test_yaw_is_positive_towards_the_right_of_the_picture(side: int) -> None:
    angle = np.radians(20 * side)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    rotation = np.diag([1.0, -1, -1]) @ turn
    nose = rotation @ [0, 0, 100]
    assert np.sign(nose[0]) == side
    np.testing.assert_allclose(yaw_degrees(rotation[None].astype(np.float32)), 20 * side, rtol=1e-5)


def test_two_workers_give_the_same_fits() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)
    one = fit(model, points, given, block=4)
    two = fit(model, points, given, block=4, workers=2)
    np.testing.assert_array_equal(one.identity, two.identity)
    np.testing.assert_array_equal(one.expression, two.expression)


def prior_of_each(mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Prior:
    """Each person's own means and standard deviations."""
    precision = np.eye(mean.shape[1], dtype=np.float32) * (deviation**-2)[:, None]
    return Prior(mean, precision, np.arange(len(mean)))


def test_without_points_that_tell_the_prior_decides() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)
    mean = np.full((len(points), MODES), 0.8, np.float32)
    settings = FitSettings(strength=1e-5)
    fits = fit(model, points, given, None, settings, prior_of_each(mean, np.ones_like(mean)))
    np.testing.assert_allclose(fits.identity, mean, atol=0.02)
    # A tight prior holds against the points, a wide one gives way.
    tight = fit(model, points, given, *sure(model), prior_of_each(mean, np.full_like(mean, 1e-3)))
    np.testing.assert_allclose(tight.identity, mean, atol=0.02)
    wide = fit(model, points, given, *sure(model), prior_of_each(mean, np.full_like(mean, 3.0)))
    np.testing.assert_allclose(wide.identity, truth["identity"], atol=0.2)


def test_a_covariance_is_a_change_of_the_modes() -> None:
    model, truth = face_model(), people()
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)
    generator = np.random.default_rng(6)
    factor = np.eye(MODES) + 0.4 * np.tril(generator.normal(size=(MODES, MODES)), -1)
    precision = np.linalg.inv(factor @ factor.T).astype(np.float32)
    mean = generator.normal(size=MODES).astype(np.float32)
    prior = Prior(
        np.stack([0 * mean, mean]),
        np.stack([np.eye(MODES, dtype=np.float32), precision]),
        np.ones(len(points), np.intp),
    )
    settings = FitSettings(strength=0.01, steps=60)
    fits = fit(model, points, given, None, settings, prior)
    turned = PointModel(
        model.rest + np.tensordot(mean, model.identity, 1),
        np.tensordot(factor.T, model.identity, 1).astype(np.float32),
        model.expression,
        model.mirror,
    )
    plain = fit(turned, points, given, None, settings)
    np.testing.assert_allclose(fits.identity, mean + plain.identity @ factor.T, atol=0.01)
    np.testing.assert_allclose(fits.expression, plain.expression, atol=0.01)


def test_a_rare_unit_needs_more_evidence() -> None:
    model, truth = face_model(), people()
    truth["expression"][:] = 0
    truth["expression"][:, 6] = 0.5
    points = seen(model, truth)
    given = np.ones(points.shape[:2], bool)

    def weight(slope: float) -> float:
        slopes = tuple(slope if unit == 6 else 0.5 for unit in range(EXPRESSIONS))
        return float(
            fit(model, points, given, settings=FitSettings(expression_sparsity=slopes)).expression[:, 6].mean()
        )

    assert weight(60.0) < 0.5 * weight(0.5)
