"""Points inside sheets that are open on one side: against solids worked out by hand and the laboratory's search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from face2mesh.contact.collision import Sheet
from face2mesh.head.closest import closest_on_triangles
from face2mesh.lab.corpus.collision import closest_distance, depths

# A box 4 × 4 × 4 mm about the origin without its top (y = 2).
CORNERS = np.array([[x, y, z] for x in (-2, 2) for y in (-2, 2) for z in (-2, 2)], float)
SIDES = [(0, 1, 5, 4), (0, 1, 3, 2), (4, 5, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
CUP = np.array([(a, b, c) for a, b, c, _ in SIDES] + [(a, c, d) for a, _, c, d in SIDES], np.int32)
within = st.floats(-1.9, 1.9)
places = st.floats(-3, 3)


@given(within, within, within)
@example(
    2.220446049250313e-16, 0.0, 0.0
)  # so near the floor's diagonal that rounding could lose it between both triangles
@settings(max_examples=60, deadline=None)
def test_a_cup_holds_what_is_between_its_walls_and_the_way_out_is_the_nearest_wall(
    x: float, y: float, z: float
) -> None:
    point, sheet = np.array([[x, y, z]]), Sheet(CUP, upwards=False)
    assert sheet.holds(CORNERS.T, point.T)[0]
    corners, weights, distance = sheet.nearest(CORNERS[None], np.zeros(1, int), point)
    assert distance[0] == pytest.approx(min(2 - abs(x), 2 - abs(z), 2 + y), abs=1e-6)
    assert np.linalg.norm(weights[0] @ CORNERS[corners[0]] - point[0]) == pytest.approx(distance[0], abs=1e-9)
    turned = Sheet(CUP, upwards=True)
    assert turned.holds(CORNERS.T * [[1], [-1], [1]], (point * [1, -1, 1]).T)[0]


def test_points_beside_above_and_below_are_outside() -> None:
    beside = np.array([[3, 0, 0], [0, -2.5, 0], [-2.5, 1, 1], [0, 0, 9], [1, -7, 1]], float)
    assert not Sheet(CUP, upwards=False).holds(CORNERS.T, beside.T).any()


def test_a_point_over_an_edge_of_two_triangles_counts_once() -> None:
    """The floor's diagonal runs under the origin: counted twice, the point would be outside."""
    assert Sheet(CUP, upwards=False).holds(CORNERS.T, np.zeros((3, 1)))[0]


@given(st.lists(places, min_size=9, max_size=9), st.lists(places, min_size=3, max_size=3))
@settings(max_examples=80, deadline=None)
def test_the_nearest_place_of_a_triangle_is_the_compiled_search_s(triangle: list[float], point: list[float]) -> None:
    corners, p = np.array(triangle).reshape(3, 3), np.array(point)
    area = np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0]))
    if area < 1e-2:
        return
    weights, square = closest_on_triangles(p, *corners)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() > -1e-9
    assert np.sqrt(square) == pytest.approx(closest_distance(p[None], corners, np.array([[0, 1, 2]]))[0], abs=1e-6)


def test_a_bowl_of_many_triangles_holds_what_the_compiled_search_finds_inside() -> None:
    rng = np.random.default_rng(0)
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 24, endpoint=False), np.linspace(0, 1, 7), indexing="ij")
    radius = 4 * np.sqrt(height)
    vertices = np.stack([radius * np.cos(angle), 5 * height, radius * np.sin(angle)], -1).reshape(-1, 3)
    row = np.arange(24 * 7).reshape(24, 7)
    ahead = np.roll(row, -1, 0)
    quads = np.stack([row[:, :-1], row[:, 1:], ahead[:, 1:], ahead[:, :-1]], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    points = rng.uniform(-5, 5, (300, 3))
    sheet = Sheet(triangles, upwards=False)
    depth = depths(points, vertices, triangles, upwards=False)
    held = sheet.holds(np.ascontiguousarray(vertices.T), points.T)
    np.testing.assert_array_equal(held, depth > 0)
    assert 20 < held.sum() < 200
    distance = sheet.nearest(vertices[None], np.zeros(held.sum(), int), points[held])[2]
    np.testing.assert_allclose(distance, depth[held], atol=0.05)


def test_no_points_have_no_nearest_places() -> None:
    corners, weights, distance = Sheet(CUP, upwards=False).nearest(CORNERS[None], np.zeros(0, int), np.zeros((0, 3)))
    assert corners.shape == weights.shape == (0, 3)
    assert distance.shape == (0,)
