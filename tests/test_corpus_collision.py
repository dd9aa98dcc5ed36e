"""Points in solids that are open on one side, and how they get out, against solids worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face2mesh.lab.corpus.collision import closest_distance, depths

# A box 4 × 4 × 4 mm about the origin without its top (y = 2).
CORNERS = np.array([[x, y, z] for x in (-2, 2) for y in (-2, 2) for z in (-2, 2)], float)
SIDES = [(0, 1, 5, 4), (0, 1, 3, 2), (4, 5, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
CUP = np.array([(a, b, c) for a, b, c, _ in SIDES] + [(a, c, d) for a, _, c, d in SIDES])
inside = st.floats(-1.9, 1.9)


@given(inside, inside, inside)
@settings(max_examples=60, deadline=None)
def test_depth_in_a_cup_is_the_distance_to_its_nearest_wall(x: float, y: float, z: float) -> None:
    wall = min(2 - abs(x), 2 - abs(z), 2 + y)
    assert depths(np.array([[x, y, z]]), CORNERS, CUP, upwards=False)[0] == pytest.approx(wall, abs=1e-9)
    turned = depths(np.array([[x, -y, z]]), CORNERS * [1, -1, 1], CUP, upwards=True)
    assert turned[0] == pytest.approx(wall, abs=1e-9)


def test_points_beside_above_and_below_are_outside() -> None:
    beside = np.array([[3, 0, 0], [0, -2.5, 0], [-2.5, 1, 1], [0, 0, 9], [1, -7, 1]], float)
    np.testing.assert_array_equal(depths(beside, CORNERS, CUP, upwards=False), 0)


def test_a_point_over_an_edge_of_two_triangles_counts_once() -> None:
    """The floor's diagonal runs under the origin: counted twice, the point would be outside."""
    assert depths(np.zeros((1, 3)), CORNERS, CUP, upwards=False)[0] == pytest.approx(2)


def test_what_is_too_deep_is_left_alone() -> None:
    assert depths(np.zeros((1, 3)), CORNERS, CUP, upwards=False, deepest=1.5)[0] == 0


def test_closest_distance_to_face_edge_and_corner() -> None:
    triangle = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0]], float)
    points = np.array([[1, 1, 2], [1, -2, 0], [-3, -4, 0], [3, 3, 0], [0.5, 0.5, 0]], float)
    expected = [2, 2, 5, 3 / np.sqrt(2), 0]
    np.testing.assert_allclose(closest_distance(points, triangle, np.array([[0, 1, 2]])), expected, atol=1e-12)
