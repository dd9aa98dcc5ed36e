"""Rigid, affine and rolling motions; mirror images; smooth continuation; follower weights."""

from __future__ import annotations

import numpy as np
from made_up import made_up_corpus, made_up_head

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.rigid import best_rigid, smallest_rotations
from face2mesh.lab.corpus.correspondence import fill_smoothly, graph_laplacian
from face2mesh.lab.corpus.eyes import GAZE_DEGREES, gaze_table
from face2mesh.lab.corpus.follower_weights import affine_ridge, choose_controls, follower_weights
from face2mesh.lab.corpus.rigid import carry_affinely
from face2mesh.lab.corpus.symmetry import counterpart, force_mirrored, mirrored_fields
from face2mesh.lab.corpus.tongue import CLEARANCE_MM, FADE_MM, LIFT_MM, lift_over


def turn_about_x(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def test_a_rigid_motion_is_found_again() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    rotation, shift = turn_about_x(25), np.array([1.0, -2, 3])
    motion = best_rigid(points, points @ rotation.T + shift - points)
    np.testing.assert_allclose(motion.rotation, rotation, atol=1e-12)
    np.testing.assert_allclose(motion.displacement(points + 5), (points + 5) @ rotation.T + shift - points - 5)


def test_an_affine_field_is_carried_exactly() -> None:
    rng = np.random.default_rng(1)
    points, onto = rng.normal(size=(20, 3)), rng.normal(size=(7, 3)) + 4
    matrix, shift = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 1, 3))
    carried = carry_affinely(points, points @ matrix + shift, onto)
    np.testing.assert_allclose(carried, onto @ matrix + shift, atol=1e-9)


def test_smallest_rotations_turn_one_direction_into_the_other() -> None:
    before, after = np.random.default_rng(2).normal(size=(2, 50, 3))
    rotations = smallest_rotations(before, after)
    turned = np.einsum("nij,nj->ni", rotations, before / np.linalg.norm(before, axis=1, keepdims=True))
    np.testing.assert_allclose(turned, after / np.linalg.norm(after, axis=1, keepdims=True), atol=1e-9)
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (50, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(smallest_rotations(before, before), np.tile(np.eye(3), (50, 1, 1)), atol=1e-9)


def test_counterparts() -> None:
    assert counterpart("jawLeft") == "jawRight"
    assert counterpart("mouthSmileRight") == "mouthSmileLeft"
    assert counterpart("jawOpen") == "jawOpen"
    assert {counterpart(name) for name in ARKIT_NAMES} == set(ARKIT_NAMES)


def test_forced_pairs_are_exact_mirror_images_and_mirrored_ones_stay() -> None:
    head = made_up_head()
    expression = made_up_corpus()[1].astype(np.float32)
    forced = force_mirrored(expression, head.mirror)
    for row, name in enumerate(ARKIT_NAMES):
        other = ARKIT_NAMES.index(counterpart(name))
        np.testing.assert_array_equal(forced[other], mirrored_fields(forced[row], head.mirror))
    np.testing.assert_allclose(force_mirrored(forced, head.mirror), forced)


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat square grid of side² vertices, and its quads."""
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    quads = np.stack([corner, corner + 1, corner + side + 1, corner + side], 1)
    return np.stack([x.ravel(), y.ravel()], 1).astype(float), quads


def test_a_slope_is_continued_into_a_hole() -> None:
    points, quads = grid(11)
    trusted = np.linalg.norm(points - 5, axis=1) > 2.5
    slope = points @ np.array([[1.0, 2], [3, -1]])
    broken = np.where(trusted[:, None], slope, 99.0)
    filled = fill_smoothly(broken, trusted, graph_laplacian(quads, len(points)))
    np.testing.assert_allclose(filled, slope, atol=1e-5)


def test_weights_reproduce_affine_motions_exactly() -> None:
    rng = np.random.default_rng(4)
    controls, rest = 60 * rng.normal(size=(30, 3)), 60 * rng.normal(size=(12, 3))
    weights = affine_ridge(controls, rng.normal(size=(5, 30, 3)), rest, rng.normal(size=(5, 12, 3)))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-9)
    np.testing.assert_allclose(weights @ controls, rest, atol=1e-6)


def test_follower_weights_predict_the_modes_and_are_symmetric() -> None:
    head = made_up_head()
    identity = made_up_corpus()[0].copy()
    for part in ("left_eye", "right_eye"):
        first, last = head.part_vertices[part]
        identity[:, first:last] = identity[:, first:last].mean(1, keepdims=True)
    allowed = np.ones(head.skin_count, bool)
    controls = choose_controls(head, allowed, 60, np.array([0, 5]))
    assert 60 <= len(controls) <= 62
    assert set(head.mirror[controls].tolist()) == set(controls.tolist())
    weights = follower_weights(head, identity, controls)
    place = {int(vertex): column for column, vertex in enumerate(controls)}
    swapped = weights[head.mirror[head.skin_count :] - head.skin_count][
        :, [place[int(v)] for v in head.mirror[controls]]
    ]
    np.testing.assert_allclose(weights, swapped, atol=1e-6)
    predicted = np.einsum("fc,mck->mfk", weights, identity[:, controls])
    error = np.linalg.norm(predicted - identity[:, head.skin_count :], axis=2).mean()
    assert error < 0.35 * np.linalg.norm(identity[:, head.skin_count :], axis=2).mean()


def test_eyes_look_where_their_names_say() -> None:
    table = gaze_table()
    yaw_in_left = table[ARKIT_NAMES.index("eyeLookInLeft"), 0, 0]
    yaw_in_right = table[ARKIT_NAMES.index("eyeLookInRight"), 1, 0]
    assert yaw_in_left == -GAZE_DEGREES["In"], "the left eye looks in to the subject's right, −x"
    assert yaw_in_right == GAZE_DEGREES["In"]
    assert table[ARKIT_NAMES.index("eyeLookUpLeft"), 0, 1] < 0, "negative pitch looks up"
    for row, name in enumerate(ARKIT_NAMES):
        other = ARKIT_NAMES.index(counterpart(name))
        np.testing.assert_array_equal(table[other], table[row, ::-1] * [-1, 1])
    assert not table[[not name.startswith("eyeLook") for name in ARKIT_NAMES]].any()


def test_the_tongue_is_raised_over_the_lip_and_no_further() -> None:
    along = np.linspace(0, 40, 81)
    tongue = np.stack([0 * along, 0 * along, along], 1)
    lip = np.stack([np.zeros(9), np.full(9, 1.0), np.linspace(20, 26, 9)], 1)
    lift = lift_over(tongue, lip)
    np.testing.assert_allclose(lift[along >= 22], 1 + CLEARANCE_MM, atol=1e-9)
    np.testing.assert_allclose(lift[along < 20 - FADE_MM], 0)
    assert np.all(np.diff(lift) >= -1e-12)
    np.testing.assert_allclose(lift_over(tongue, lip + np.array([0, 50, 0])).max(), LIFT_MM)
    np.testing.assert_array_equal(lift_over(tongue, lip - np.array([0, 50, 0])), 0)
