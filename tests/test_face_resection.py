"""A known head is found again in front of a known camera."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_face

from face2mesh.face import Pose, project
from face2mesh.face.resection import resected

FACE = made_up_face()
POINTS = FACE.landmarks.astype(np.float64)


def turned(seed, degrees, shift):
    generator = np.random.default_rng(seed)
    axis = generator.normal(size=3)
    x, y, z = axis / np.linalg.norm(axis)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    turn = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
    return Pose(turn @ FACE.pose.rotation, FACE.pose.translation_mm + generator.normal(size=3) * shift)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_pose_is_found_again(seed):
    there = turned(seed, 8, 12)
    found = resected(POINTS, project(POINTS, FACE.camera, there), FACE.camera, FACE.pose)
    np.testing.assert_allclose(found.rotation, there.rotation, atol=1e-5)
    np.testing.assert_allclose(found.translation_mm, there.translation_mm, atol=1e-2)


def test_the_best_place_is_kept():
    pixels = project(POINTS, FACE.camera, FACE.pose)
    found = resected(POINTS, pixels, FACE.camera, FACE.pose)
    np.testing.assert_allclose(found.rotation, FACE.pose.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation_mm, FACE.pose.translation_mm, atol=1e-6)


def test_noise_is_a_compromise_and_never_worse_than_the_start():
    pixels = project(POINTS, FACE.camera, FACE.pose) + np.random.default_rng(2).normal(size=(68, 2)) * 3
    found = resected(POINTS, pixels, FACE.camera, FACE.pose)

    def missed(pose):
        return ((project(POINTS, FACE.camera, pose) - pixels) ** 2).sum()

    best = missed(found)
    assert best < missed(FACE.pose)
    for i in range(20):
        nearby = turned(i, 0.1, 0)
        nearby = Pose(nearby.rotation @ FACE.pose.rotation.T @ found.rotation, found.translation_mm)
        assert missed(nearby) > best


@pytest.mark.parametrize("pixels", [np.full((68, 2), np.nan), np.full((68, 2), np.inf)])
def test_points_that_are_nowhere_leave_the_start(pixels):
    assert resected(POINTS, pixels, FACE.camera, FACE.pose) is FACE.pose


def test_points_behind_the_camera_leave_the_start():
    behind = Pose(FACE.pose.rotation, FACE.pose.translation_mm * [1, 1, -1])
    assert resected(POINTS, FACE.landmarks_px, FACE.camera, behind) is behind
