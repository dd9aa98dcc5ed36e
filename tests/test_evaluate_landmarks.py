"""Landmark errors worked by hand, and the human error's invariances."""

import json

import numpy as np
import pytest

from face2mesh.errors import InputFileError
from face2mesh.lab.evaluate.human_error import (
    HumanPoints,
    error_without_offsets,
    levelled_residuals,
    read_human_points,
)
from face2mesh.lab.evaluate.landmark_error import box_size, mean_errors, normalised_errors, points_inside


def test_box_by_hand():
    assert box_size(np.array([[0.0, 0], [4, 3], [2, 9]])) == pytest.approx(6)  # 4 wide, 9 high


def test_errors_by_hand():
    true = np.zeros((68, 2))
    true[1:] = [[4, 9]]
    predicted = true.copy()
    predicted[:17] += [3, 4]  # the jaw is off by 5 pixels, the box's side is 6
    errors = normalised_errors(predicted, true)
    np.testing.assert_allclose(errors, [5 / 6] * 17 + [0] * 51)
    everything = np.ones(68, bool)
    assert mean_errors(errors, everything) == pytest.approx((5 / 6 * 17 / 68, 0))
    only_one = np.zeros(68, bool)
    only_one[0] = True
    nme_68, nme_51 = mean_errors(errors, only_one)
    assert nme_68 == pytest.approx(5 / 6)
    assert np.isnan(nme_51)


def test_points_inside_the_picture():
    points = np.array([[0.0, 0], [224, 224], [-0.1, 5], [5, 224.1]])
    assert points_inside(points, 224, 224).tolist() == [True, True, False, False]


def _human(count, seed=0):
    generator = np.random.default_rng(seed)
    core = tuple(range(17, 60))
    points = generator.uniform(100, 500, (count, len(core), 2))
    corners = np.stack([points[:, core.index(36)], points[:, core.index(45)]], 1)
    return HumanPoints(tuple("abcdefgh"[:count]), core, points, corners, np.full(count, 200.0))


def _predict(human, residual):
    """Points whose levelled residuals are as given (N, K, 2)."""
    along = human.corners[:, 1] - human.corners[:, 0]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    predicted = np.zeros((len(human.people), 68, 2))
    moved = residual[..., :1] * along[:, None] + residual[..., 1:] * across[:, None]
    predicted[:, human.core] = human.points + 200 * moved
    return predicted


def test_levelled_residuals_are_in_the_faces_frame():
    human = _human(4)
    residual = np.random.default_rng(1).normal(size=(4, 43, 2)) * 0.01
    np.testing.assert_allclose(levelled_residuals(_predict(human, residual), human), residual, atol=1e-12)


def test_a_level_face_is_not_turned():
    human = _human(1)
    human = HumanPoints(human.people, human.core, human.points, np.array([[[0.0, 5], [9, 5]]]), human.box)
    predicted = np.zeros((1, 68, 2))
    predicted[:, human.core] = human.points + np.array([20, -40])
    np.testing.assert_allclose(levelled_residuals(predicted, human), np.broadcast_to([0.1, -0.2], (1, 43, 2)))


def test_constant_offsets_cost_nothing():
    offsets = np.random.default_rng(2).normal(size=(43, 2))
    np.testing.assert_allclose(error_without_offsets(np.repeat(offsets[None], 6, 0)), 0, atol=1e-12)


def test_offsets_come_from_the_other_half():
    # Even rows are off by (0.3, 0.4), odd rows by nothing: each half is corrected by the other's offset.
    residuals = np.zeros((4, 43, 2))
    residuals[::2] = [0.3, 0.4]
    np.testing.assert_allclose(error_without_offsets(residuals), 0.5)


def test_reading(tmp_path):
    core = list(range(17, 60))
    mapping = {str(i): i for i in core} | {"8": 8, "_inner_core": core}
    mapping["_weak"] = {"27": [60, 61], "28": [62, 63], "29": [64, 65], "30": [66, 67]}
    mapping["_jaw_polyline"] = [70, 71]
    points = np.random.default_rng(0).uniform(10, 20, (80, 2))
    points[70], points[71], points[72] = (0, 0), (40, 90), (1000, 1000)  # the last one is not part of the box
    (tmp_path / "map68.json").write_text(json.dumps(mapping))
    placed = dict.fromkeys(("007-neutral", "003-neutral"), points.tolist())
    (tmp_path / "points189.json").write_text(json.dumps(placed))
    human = read_human_points(tmp_path, ["007", "003"])
    assert human.people == ("003", "007")
    np.testing.assert_allclose(human.points[0], points[core])
    np.testing.assert_allclose(human.corners[1], points[[36, 45]])
    np.testing.assert_allclose(human.box, 60)
    with pytest.raises(InputFileError, match="London"):
        read_human_points(tmp_path, ["004"])
    with pytest.raises(InputFileError, match="London"):
        read_human_points(tmp_path / "nowhere", ["003"])
