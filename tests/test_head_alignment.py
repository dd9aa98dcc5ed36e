"""Alignment against cases worked by hand, and identities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face2mesh.head.alignment import align, aligned_distances

CORNERS = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 3], [0, 0, -3]])
QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
EVERYWHERE = np.ones(len(CORNERS), bool)


def test_by_hand_a_quarter_turn_doubled_and_shifted():
    found = align(CORNERS, 2 * CORNERS @ QUARTER.T + [5, 6, 7], scaling=True)
    assert found.scale == pytest.approx(2)
    np.testing.assert_allclose(found.rotation, QUARTER, atol=1e-12)
    np.testing.assert_allclose(found.translation, [5, 6, 7], atol=1e-12)


def test_by_hand_rigid_leaves_the_size():
    # Twice as large about the same centre: rigid alignment cannot help, so every point is off by its own distance.
    np.testing.assert_allclose(
        aligned_distances(CORNERS, 2 * CORNERS, EVERYWHERE, scaling=False), [1, 1, 2, 2, 3, 3], atol=1e-12
    )
    np.testing.assert_allclose(aligned_distances(CORNERS, 2 * CORNERS, EVERYWHERE, scaling=True), 0, atol=1e-12)


def test_by_hand_umeyama_example():
    # Umeyama (1991), section IV, in three dimensions: a mirrored triangle, so S undoes a reflection.
    source = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0]])
    target = np.array([[0.0, 0, 0], [-1, 0, 0], [0, 2, 0]])
    # A flat triangle can be turned over in space: no error, no reflection.
    found = align(source, target, scaling=True)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    np.testing.assert_allclose(found(source), target, atol=1e-12)


def test_never_a_reflection():
    points = CORNERS + np.eye(6, 3)
    found = align(points, points * [-1, 1, 1], scaling=False)
    assert np.linalg.det(found.rotation) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_no_other_motion_is_better(seed):
    generator = np.random.default_rng(seed)
    source, target = generator.normal(size=(2, 9, 3))
    everywhere = np.ones(9, bool)
    rigid = (aligned_distances(source, target, everywhere, scaling=False) ** 2).sum()
    similar = (aligned_distances(source, target, everywhere, scaling=True) ** 2).sum()
    assert similar <= rigid + 1e-12
    found = align(source, target, scaling=False)
    for _ in range(10):
        nudge = generator.normal(size=3) * 0.05
        assert rigid <= ((found(source) + nudge - target) ** 2).sum()
        turned = align(source + generator.normal(size=(9, 3)) * 0.1, target, scaling=False)
        assert rigid <= ((turned(source) - target) ** 2).sum() + 1e-9


def test_only_the_region_counts():
    true = CORNERS.copy()
    predicted = CORNERS @ QUARTER.T
    region = EVERYWHERE.copy()
    region[5] = False
    predicted[5] += 100
    np.testing.assert_allclose(aligned_distances(predicted, true, region, scaling=False), np.zeros(5), atol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="same shape"):
        align(CORNERS, CORNERS[:3], scaling=True)
    with pytest.raises(ValueError, match="differ"):
        align(np.ones((4, 3)), CORNERS[:4], scaling=True)
