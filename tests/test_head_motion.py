"""Followers that turn: rotation vectors, jaws about condyles, lashes about eyeballs, and their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import Followers
from face2mesh.head.motion import FollowerMotion
from face2mesh.head.rigid import rotations_of
from face2mesh.store import provenance

# One lower tooth at (0, −60, 20), one hair at (1, 0, 15) of a left eye about (1, 0, 0), on a skin of four vertices.
SKIN = np.array([[0, -30, -40], [0, -30, -40], [0, 0, 14], [2, 0, 14]], np.float32)


def motion() -> FollowerMotion:
    rotation, slide = np.zeros((52, 3), np.float32), np.zeros((52, 3), np.float32)
    rotation[0], slide[1] = [np.pi / 2, 0, 0], [0, 0, 8]
    return FollowerMotion(
        jaw_centre=np.array([0, -20, -40], np.float32),
        jaw_anchors=np.array([0, 1], np.int32),
        jaw_anchor_rest=SKIN[:2],
        jaw_rotation=rotation,
        jaw_slide=slide,
        jaw_rows=np.array([0, 1], np.int32),
        tongue_rows=np.array([0, 0], np.int32),
        tongue_path=np.zeros((2, 0, 3), np.float32),
        lash_rows=np.array([1, 2], np.int32),
        lash_roots=np.array([[2, 3]], np.int32),
        lash_shares=np.array([0.5], np.float32),
    )


def test_rotation_vectors_are_rotations() -> None:
    vectors = np.concatenate([np.random.default_rng(0).normal(size=(20, 3)), np.zeros((1, 3)), np.full((1, 3), 1e-9)])
    np.testing.assert_allclose(rotations_of(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)
    assert rotations_of(vectors[None, :4]).shape == (1, 4, 3, 3)


def test_a_tooth_turns_about_the_person_s_own_condyles() -> None:
    """The person's anchors are 10 mm lower, so the condyles are at (0, −30, −40); a quarter turn, then a slide."""
    followers = np.array([[[0, -60, 20], [1, 0, 15]]], np.float32)
    person = SKIN - np.array([0, 10, 0], np.float32)
    row = np.zeros((1, 52), np.float32)
    row[0, :2] = 1
    motion().move_jaw(followers, person[None], row)
    np.testing.assert_allclose(followers[0], [[0, -90, -62], [1, 0, 15]], atol=1e-4)


def test_the_tongue_goes_along_its_path() -> None:
    """Up by 4 mm to a half, then 6 mm ahead: straight between the steps."""
    path = np.array([[[0, 4, 0]], [[0, 4, 6]]], np.float32)
    moving = replace(motion(), tongue_rows=np.array([0, 1], np.int32), tongue_path=path)
    followers = np.tile(np.array([[0, -60, 20], [1, 0, 15]], np.float32), (5, 1, 1))
    rows = np.zeros((5, 52), np.float32)
    rows[:, ARKIT_NAMES.index("tongueOut")] = [0, 0.25, 0.5, 0.75, 1]
    moving.move_jaw(followers, np.tile(SKIN, (5, 1, 1)), rows)
    np.testing.assert_allclose(followers[:, 0], [[0, -60, 20], [0, -58, 20], [0, -56, 20], [0, -56, 23], [0, -56, 26]])
    np.testing.assert_array_equal(followers[:, 1], np.tile([1, 0, 15], (5, 1)))


def test_a_hair_rolls_about_the_eyeball_with_its_root() -> None:
    """The root goes from straight ahead to straight below the centre: the hair's rest of 1 mm ahead points down."""
    followers = np.array([[0, -60, 20], [1, 0, 15]], np.float32)
    moved = SKIN.copy()
    moved[2:] = [[0, -14, 0], [2, -14, 0]]
    motion().roll_lashes(followers, SKIN, moved, np.array([[1, 0, 0]], np.float32))
    np.testing.assert_allclose(followers[1], [1, -15, 0], atol=1e-5)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="tongue_path"):
        replace(motion(), tongue_rows=np.array([0, 1], np.int32))
    with pytest.raises(ValueError, match="lash_shares"):
        replace(motion(), lash_shares=np.zeros(3, np.float32))


def test_motion_is_kept_in_the_file(tmp_path: Path) -> None:
    rest = np.array([[0, -60, 20], [1, 0, 15]], np.float32)
    followers = Followers(
        rest=rest,
        controls=np.array([0], np.int32),
        control_rest=SKIN[:1],
        weights=np.zeros((2, 1), np.float32),
        expression=np.zeros((52, 2, 3), np.float32),
        gaze_degrees=np.zeros((52, 2, 2), np.float32),
        eyes=np.zeros((2, 2), np.int32),
        eye_centres=np.array([[1, 0, 0], [-1, 0, 0]], np.float32),
        motion=motion(),
    )
    path = tmp_path / "followers.npz"
    followers.save(path, provenance())
    again = Followers.load(path)
    assert again.motion is not None
    np.testing.assert_array_equal(again.motion.jaw_rotation, motion().jaw_rotation)
    replace(followers, motion=None).save(path, provenance())
    assert Followers.load(path).motion is None
