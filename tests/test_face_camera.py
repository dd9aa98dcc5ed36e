"""Camera, pose and the network's pose: by hand, round trips, mirror."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face2mesh.face import (
    Camera,
    CropPose,
    Pose,
    default_focal,
    project,
    rotation_from_6d,
    rotation_to_6d,
    rotation_to_ray,
)

FRONTAL = np.diag([1.0, -1.0, -1.0])
CAMERA = Camera(900.0, 900.0, 310.0, 250.0, 640, 480)


def _turn(axis, angle):
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def test_projection_by_hand():
    camera = Camera(100.0, 200.0, 10.0, 20.0, 64, 48)
    np.testing.assert_allclose(camera.project(np.array([3.0, -4.0, 50.0])), [16.0, 4.0])
    # A frontal head a metre away: the subject's left (+X) is right in the picture, up (+Y) is up, the nose is nearer.
    pose = Pose(FRONTAL, np.array([0.0, 0.0, 1000.0]))
    np.testing.assert_allclose(project(np.array([10.0, 5.0, 20.0]), camera, pose), [10 + 1000 / 980, 20 - 1000 / 980])


def test_behind_the_camera_there_is_no_picture():
    assert np.isnan(CAMERA.project(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, -5.0]]))).all()


def test_ray_rotation_by_hand():
    # To the ray 45° to the right the smallest rotation is a quarter of a half-turn about +Y of the camera.
    half = math.sqrt(0.5)
    np.testing.assert_allclose(rotation_to_ray(np.array([2.0, 0, 2.0])), [[half, 0, half], [0, 1, 0], [-half, 0, half]])
    np.testing.assert_allclose(rotation_to_ray(np.array([0, 3.0, 3.0])), [[1, 0, 0], [0, half, half], [0, -half, half]])
    np.testing.assert_allclose(rotation_to_ray(np.array([0, 0, 7.0])), np.eye(3))


@given(st.tuples(*[st.floats(-2, 2)] * 2))
def test_ray_rotation_is_the_smallest_that_reaches_the_ray(slopes):
    ray = np.array([*slopes, 1.0])
    ray /= np.linalg.norm(ray)
    rotation = rotation_to_ray(ray)
    np.testing.assert_allclose(rotation @ [0, 0, 1], ray, atol=1e-12)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    # Its angle is that between axis and ray, no more.
    assert (np.trace(rotation) - 1) / 2 == pytest.approx(ray[2], abs=1e-12)


def test_six_numbers_of_a_frontal_head():
    np.testing.assert_allclose(rotation_from_6d(np.array([2.0, 0, 0, 5.0, 3.0, 0])), FRONTAL, atol=1e-15)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.floats(-3, 3))
def test_six_numbers_round_trip(axis, angle):
    if np.linalg.norm(axis) < 0.1:
        axis = [0, 1, 0]
    rotation = _turn(axis, angle) @ FRONTAL
    np.testing.assert_allclose(rotation_from_6d(rotation_to_6d(rotation)), rotation, atol=1e-12)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-1.5, 0.5), st.floats(-1, 1))
def test_crop_pose_round_trip(right, down, log_scale, angle):
    said = CropPose(_turn([0.2, 1, 0.1], angle) @ FRONTAL, np.array([right, down]), log_scale)
    pose = said.pose(CAMERA, (200.0, 260.0), 180.0)
    again = CropPose.of(pose, CAMERA, (200.0, 260.0), 180.0)
    np.testing.assert_allclose(again.rotation, said.rotation, atol=1e-12)
    np.testing.assert_allclose(again.offset, said.offset, atol=1e-12)
    assert again.log_scale == pytest.approx(log_scale, abs=1e-12)


def test_crop_pose_by_hand():
    said = CropPose(FRONTAL, np.array([0.25, -0.1]), math.log(0.5))
    pose = said.pose(CAMERA, (310.0, 250.0), 200.0)
    # 100 mm are 100 pixels long, so the head is at 900 mm; its origin is 50 pixels right of the axis and 20 above.
    np.testing.assert_allclose(pose.translation_mm, [50.0, -20.0, 900.0])
    np.testing.assert_allclose(project(np.zeros(3), CAMERA, pose), [360.0, 230.0])
    assert said.hundred_mm_px(200.0) == pytest.approx(100.0)


def test_mirrored_head_in_a_mirrored_picture():
    camera = Camera.centred(900.0, 640, 480)
    flip = np.diag([-1.0, 1, 1])
    rotation = _turn([0.3, 1, -0.2], 0.5) @ FRONTAL
    pose = CropPose(rotation, np.array([0.2, 0.1]), -0.7).pose(camera, (250.0, 200.0), 220.0)
    mirrored = CropPose(flip @ rotation @ flip, np.array([-0.2, 0.1]), -0.7).pose(camera, (390.0, 200.0), 220.0)
    points = np.random.default_rng(0).normal(size=(20, 3)) * 60
    pixels = project(points, camera, pose)
    np.testing.assert_allclose(project(points * [-1, 1, 1], camera, mirrored), [640, 0] + pixels * [-1, 1], atol=1e-9)


def test_default_focal():
    assert default_focal(800, 600, 10.0) == 960  # a small face in a large picture
    assert default_focal(200, 220, 100.0) == pytest.approx(800)  # a tight crop: 100 mm are 100 pixels at 800 mm


@pytest.mark.parametrize("numbers", [(0, 1, 0, 0, 5, 5), (1, math.nan, 0, 0, 5, 5), (1, 1, math.inf, 0, 5, 5)])
def test_camera_refuses(numbers):
    with pytest.raises(ValueError, match="camera"):
        Camera(*numbers)


@pytest.mark.parametrize("rotation", [np.eye(3) * 2, np.diag([1.0, 1, -1]), np.eye(2), np.full((3, 3), np.nan)])
def test_pose_refuses(rotation):
    with pytest.raises(ValueError, match="pose"):
        Pose(rotation, np.zeros(3))
