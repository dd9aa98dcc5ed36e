"""Yaw from landmarks: turned heads tell their turn, with the right sign."""

import numpy as np
import pytest
from made_up import made_up_head

from face2mesh.lab.evaluate.yaw import bin_of_yaw, yaw_of_landmarks

REST = made_up_head().landmarks(made_up_head().vertices).astype(np.float64)


def _turned(yaw, pitch):
    """Seen by scaled orthography; positive yaw turns the nose to the right of the picture."""
    a, b = np.radians([yaw, pitch])
    # The subject's left is the right of the picture: turning there is a positive turn about +Y.
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    points = REST @ (about_x @ about_y).T
    return points[:, :2] * (1.7, -1.7) + (100, 80)


@pytest.mark.parametrize("yaw", [-50, -20, 0, 10, 40])
def test_yaw_of_a_turned_head(yaw):
    assert yaw_of_landmarks(REST, _turned(yaw, 0)) == pytest.approx(yaw, abs=1e-6)
    # A nose right of the other landmarks is a positive yaw.
    shift = _turned(yaw, 0)[30, 0] - _turned(yaw, 0)[[36, 45], 0].mean()
    assert np.sign(round(shift, 3)) == np.sign(yaw)


def test_pitch_is_no_yaw():
    assert yaw_of_landmarks(REST, _turned(0, 25)) == pytest.approx(0, abs=1e-6)


def test_mirrored_landmarks_look_the_other_way():
    pixels = _turned(30, 10) + np.random.default_rng(0).normal(size=(68, 2))
    mirrored_rest = REST * [-1, 1, 1]
    assert yaw_of_landmarks(mirrored_rest, pixels * [-1, 1]) == pytest.approx(-yaw_of_landmarks(REST, pixels))


@pytest.mark.parametrize(
    ("yaw", "name"), [(0, "0-10"), (-9.9, "0-10"), (10, "10-20"), (-44.9, "30-45"), (45, "45-90"), (95, "45-90")]
)
def test_bins(yaw, name):
    assert bin_of_yaw(yaw) == name
