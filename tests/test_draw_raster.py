"""The rasteriser against triangles worked by hand, a plain loop over pixels, and surfaces without holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_head

from face2mesh.draw.raster import Fragments, rasterise

ONE = np.array([[0, 1, 2]])


def _by_loop(points, triangles, width, height, perspective=True):
    """Half-plane tests and weights for every triangle at every pixel centre, none on an edge."""
    triangle = np.full((height, width), -1)
    depth = np.full((height, width), np.inf)
    weights = np.zeros((height, width, 3))
    y, x = np.mgrid[:height, :width] + 0.5
    for index, corners in enumerate(points[triangles]):
        (xa, ya, za), (xb, yb, zb), (xc, yc, zc) = corners
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0:
            continue
        first = ((xb - x) * (yc - y) - (xc - x) * (yb - y)) / area
        second = ((xc - x) * (ya - y) - (xa - x) * (yc - y)) / area
        third = 1 - first - second
        inside = (first > 0) & (second > 0) & (third > 0)
        shares = np.stack([first, second, third], -1)
        if perspective:
            shares = shares / [za, zb, zc]
            shares = shares / shares.sum(-1, keepdims=True)
        here = shares @ [za, zb, zc]
        wins = inside & (here < depth)
        triangle[wins], depth[wins], weights[wins] = index, here[wins], shares[wins]
    return triangle, weights, depth


def test_a_square_of_two_triangles_by_hand():
    # Corners on pixel corners: exactly the 3 × 2 centres between (1, 1) and (4, 3), each once.
    points = np.array([[1.0, 1, 5], [4, 1, 5], [4, 3, 5], [1, 3, 5]])
    fragments = rasterise(points, np.array([[0, 1, 2], [0, 2, 3]]), 6, 5)
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(fragments.covered, expected)
    np.testing.assert_allclose(fragments.depth[expected], 5, rtol=1e-6)
    assert np.isinf(fragments.depth[~expected]).all()
    assert not fragments.barycentric[~expected].any()


def test_pixel_centres_are_at_a_half():
    points = np.array([[0.4, 0.4, 1.0], [0.6, 0.4, 1], [0.5, 0.6, 1]])
    assert rasterise(points, ONE, 1, 1).covered.all()
    assert not rasterise(points + np.array([0.11, 0, 0]), ONE, 1, 1).covered.any()


def test_depth_and_weights_in_perspective_by_hand():
    # Halfway in the picture between depths 1 and 3 a surface is at 1.5, three quarters of the way to the near corner.
    points = np.array([[0.0, -10, 1], [2.0, 0.5, 3], [0, 11, 1]])
    fragments = rasterise(points, ONE, 2, 1)
    assert fragments.depth[0, 0] == pytest.approx(1 / (0.75 + 0.25 / 3), rel=1e-6)
    flat = rasterise(points, ONE, 2, 1, perspective=False)
    assert flat.depth[0, 0] == pytest.approx(0.75 * 1 + 0.25 * 3, rel=1e-6)
    assert flat.barycentric[0, 0, 1] == pytest.approx(0.25, rel=1e-6)


def test_nearest_wins_whatever_the_order():
    points = np.array([[0.0, 0, 2], [9, 0, 2], [0, 9, 2], [0, 0, 1], [9, 0, 1], [0, 9, 1]])
    for triangles in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        fragments = rasterise(points, np.array(triangles), 8, 8)
        assert set(fragments.depth[fragments.covered]) == {1.0}


def test_culling_keeps_what_looks_counter_clockwise():
    # y points down: right, then up in the picture, is counter-clockwise as one looks at it.
    points = np.array([[1.0, 7, 1], [7, 7, 1], [7, 1, 1]])
    assert rasterise(points, ONE, 8, 8, cull="back").covered.any()
    assert not rasterise(points, ONE[:, ::-1], 8, 8, cull="back").covered.any()
    assert rasterise(points, ONE[:, ::-1], 8, 8).covered.any()


def test_what_cannot_be_drawn_is_left_out():
    points = np.array([[0.0, 0, 1], [9, 0, 1], [0, 9, 1], [np.nan, 0, 1], [0, 9, -1], [4, 4, 0], [9, 0, 1]])
    triangles = np.array([[0, 1, 3], [0, 1, 4], [0, 1, 5], [1, 6, 2], [0, 0, 1]])
    assert not rasterise(points, triangles, 8, 8).covered.any()
    assert not rasterise(points, np.zeros((0, 3), int), 8, 8).covered.any()
    far_outside = points[:3] + np.array([1e7, -1e7, 0])
    assert not rasterise(far_outside, ONE, 8, 8).covered.any()


def test_a_triangle_far_larger_than_the_picture():
    points = np.array([[-1e6, -1e6, 3], [1e6, -1e6, 3], [0, 2e6, 3.0]])
    assert rasterise(points, ONE, 50, 40).covered.all()


def _random_points(seed, count, size):
    generator = np.random.default_rng(seed)
    points = generator.uniform(-0.2 * size, 1.2 * size, (count, 3))
    points[:, 2] = generator.uniform(0.5, 5, count)
    return points, generator.integers(0, count, (count * 2, 3))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 25), st.integers(1, 24), st.booleans())
def test_equals_a_loop_over_pixels(seed, count, size, perspective):
    points, triangles = _random_points(seed, count, size)
    fragments = rasterise(points, triangles, size, size + 3, perspective=perspective)
    triangle, weights, depth = _by_loop(points, triangles, size, size + 3, perspective)
    np.testing.assert_array_equal(fragments.covered, triangle >= 0)
    seen = fragments.covered
    np.testing.assert_allclose(fragments.depth[seen], depth[seen], rtol=1e-5)
    # Two equal triangles may both be nearest; then their corners are the same.
    same = fragments.triangle[seen] == triangle[seen]
    np.testing.assert_allclose(fragments.barycentric[seen][same], weights[seen][same], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 4.0, 64.0]))
def test_a_net_of_triangles_has_no_holes_and_no_double_hits(seed, grid):
    # Corners on a coarse grid put many edges and corners exactly on pixel centres.
    generator = np.random.default_rng(seed)
    size, steps = 16, 5
    ticks = np.linspace(0, size, steps)
    plane = np.stack(np.meshgrid(ticks, ticks), -1)
    plane[1:-1, 1:-1] += generator.uniform(-0.7, 0.7, (steps - 2, steps - 2, 2))
    plane = (np.round(plane * 2 * grid) / (2 * grid)).reshape(-1, 2)
    corner = np.arange(steps * (steps - 1)).reshape(steps - 1, steps)[:, :-1].ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + steps], 1),
            np.stack([corner + 1, corner + steps + 1, corner + steps], 1),
        ]
    )
    points = np.concatenate([plane, np.ones((len(plane), 1))], 1)
    times = sum(rasterise(points, row[None], size, size).covered.astype(int) for row in triangles)
    assert (times == 1).all()


@pytest.mark.parametrize("turn", [0.0, 0.4, 1.3, 2.9])
def test_a_closed_surface_is_watertight_and_two_layers_deep(turn):
    head = made_up_head(8)
    first, last = head.part_quads["left_eye"]
    triangles = head.triangles[2 * first : 2 * last]
    around = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    placed = (head.vertices - head.eye_centres[0]).astype(float) @ around.T
    points = placed * [2.3, 2.1, 1] + [32, 32, 100]
    front = rasterise(points, triangles, 64, 64, cull="back", perspective=False)
    times = sum(rasterise(points, row[None], 64, 64, perspective=False).covered.astype(int) for row in triangles)
    assert set(np.unique(times)) == {0, 2}  # convex: once in front, once behind, nowhere else
    np.testing.assert_array_equal(front.covered, times == 2)


def test_interpolation_is_exact_for_linear_functions_in_space():
    head = made_up_head()
    placed = head.vertices * [1.0, -1, -1] + [5, -20, 600]
    points = np.concatenate([placed[:, :2] / placed[:, 2:] * 300 + 60, placed[:, 2:]], 1)
    fragments = rasterise(points, head.triangles, 120, 120)
    y, x = np.mgrid[:120, :120] + 0.5
    seen = fragments.covered
    back = fragments.interpolate(placed, head.triangles)[seen]
    depth = fragments.depth[seen]
    expected = np.stack([(x[seen] - 60) / 300 * depth, (y[seen] - 60) / 300 * depth, depth], 1)
    np.testing.assert_allclose(back, expected, atol=2e-3)
    np.testing.assert_allclose(fragments.barycentric[seen].sum(1), 1, atol=1e-5)
    assert (fragments.interpolate(placed, head.triangles, background=7.0)[~seen] == 7).all()


def test_a_mirrored_head_gives_a_mirrored_picture():
    head = made_up_head()
    placed = head.vertices * [1.0, -1, -1] + [13, 0, 600]
    points = np.concatenate([placed[:, :2] / placed[:, 2:] * 250 + 50.013, placed[:, 2:]], 1)
    mirrored = points * [-1, 1, 1] + [101, 0, 0]
    one = rasterise(points, head.triangles, 101, 101)
    other = rasterise(mirrored, head.triangles[:, ::-1], 101, 101)
    np.testing.assert_array_equal(one.covered, other.covered[:, ::-1])
    np.testing.assert_allclose(one.depth, other.depth[:, ::-1], rtol=1e-5)


def test_many_pixels_at_once_or_few(monkeypatch):
    points, triangles = _random_points(4, 40, 60)
    whole = rasterise(points, triangles, 60, 60)
    monkeypatch.setattr("face2mesh.draw.raster._PIXELS_AT_ONCE", 17)
    pieces = rasterise(points, triangles, 60, 60)
    for name in ("triangle", "barycentric", "depth"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


def test_types():
    fragments = rasterise(np.float32([[0, 0, 1], [9, 0, 1], [0, 9, 1]]), ONE.astype(np.int32), 8, 4)
    assert isinstance(fragments, Fragments)
    assert (fragments.triangle.dtype, fragments.triangle.shape) == (np.int32, (4, 8))
    assert (fragments.barycentric.dtype, fragments.barycentric.shape) == (np.float32, (4, 8, 3))
    assert (fragments.depth.dtype, fragments.depth.shape) == (np.float32, (4, 8))
