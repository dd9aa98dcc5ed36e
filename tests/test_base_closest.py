"""Closest points on triangles and surfaces, against truth worked by hand and against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from face2mesh.head.closest import closest_on_triangles
from face2mesh.lab.base.closest import Surface

A, B, C = np.array([0.0, 0, 0]), np.array([4.0, 0, 0]), np.array([0.0, 3, 0])


@pytest.mark.parametrize(
    ("point", "nearest"),
    [
        ((1, 1, 5), (1, 1, 0)),  # above the inside
        ((-2, -2, 1), (0, 0, 0)),  # beyond the first corner
        ((2, -3, 0), (2, 0, 0)),  # beyond an edge
        ((9, -1, 0), (4, 0, 0)),  # beyond the second corner
        ((3.2, 3.1, 0), (2, 1.5, 0)),  # beyond the long edge's middle: along (3, 4) / 5
    ],
)
def test_worked_by_hand(point: tuple[float, ...], nearest: tuple[float, ...]) -> None:
    weights, square = closest_on_triangles(np.array(point, float), A, B, C)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(), 1)
    np.testing.assert_allclose(weights @ np.stack([A, B, C]), nearest, atol=1e-9)
    np.testing.assert_allclose(square, ((np.array(point) - nearest) ** 2).sum())


def test_against_brute_force() -> None:
    rng = np.random.default_rng(1)
    a, b, c, point = rng.normal(size=(4, 200, 3))
    found = np.einsum("nk,nkc->nc", closest_on_triangles(point, a, b, c)[0], np.stack([a, b, c], 1))
    steps = np.linspace(0, 1, 61)
    v, w = (grid.ravel() for grid in np.meshgrid(steps, steps))
    v, w = v[v + w <= 1], w[v + w <= 1]
    grid = np.stack([1 - v - w, v, w], 1)
    tried = np.einsum("gk,nkc->ngc", grid, np.stack([a, b, c], 1))
    brute = np.linalg.norm(tried - point[:, None], axis=2).min(1)
    distance = np.linalg.norm(found - point, axis=1)
    assert np.all(distance <= brute + 1e-9)
    assert np.all(distance >= brute - 0.1)


def test_a_triangle_without_area_is_a_segment() -> None:
    weights, _ = closest_on_triangles(np.array([1.0, 1, 0]), A, B, B)
    np.testing.assert_allclose(weights @ np.stack([A, B, B]), [1, 0, 0], atol=1e-9)


def test_corners_on_one_line_are_a_segment_whatever_rounding_makes_of_them() -> None:
    generator = np.random.default_rng(2)
    a, b, points = generator.normal(size=(3, 2000, 3))
    share = generator.normal(size=(2000, 1)) * 2
    corners = np.stack([a, b, a + share * (b - a)], 1)
    _, square = closest_on_triangles(points, *corners.swapaxes(0, 1))
    # The segment goes from the lowest to the highest of the shares 0, 1 and that of the third corner.
    along = ((points - a) * (b - a)).sum(1, keepdims=True) / ((b - a) ** 2).sum(1, keepdims=True)
    nearest = a + np.clip(along, np.minimum(share, 0), np.maximum(share, 1)) * (b - a)
    np.testing.assert_allclose(np.sqrt(square), np.linalg.norm(points - nearest, axis=1), atol=1e-9)


def two_sheets() -> tuple[np.ndarray, np.ndarray]:
    """Two parallel squares 1 mm apart: the lower one (z = 0) faces up, the upper one (z = 1) down, like closed lips."""
    square = np.array([[-5, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]], float)
    vertices = np.concatenate([square, square + np.array([0, 0, 1])])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6]])
    return vertices, triangles


def test_normals_keep_lips_apart() -> None:
    vertices, triangles = two_sheets()
    point, facing_up = np.array([[0.5, 0.2, 0.9]]), np.array([[0.0, 0, 1]])
    found = Surface(vertices, triangles, normal_weight=4.0).closest(point, facing_up)
    assert found.corners.max() < 4, "the sheet that faces the same way, although the other is nearer"
    np.testing.assert_allclose(found.agreement, 1)
    found = Surface(vertices, triangles).closest(point)
    assert found.corners.min() >= 4
    np.testing.assert_allclose(found.distance, 0.1)


def test_normals_are_demanded() -> None:
    with pytest.raises(ValueError, match="normals"):
        Surface(*two_sheets(), normal_weight=4.0).closest(np.zeros((1, 3)))


def test_the_matrix_interpolates() -> None:
    vertices, triangles = two_sheets()
    points = np.array([[1.0, 2, -3], [0, 0, 4]])
    found = Surface(vertices, triangles).closest(points)
    np.testing.assert_allclose(found.matrix(8) @ vertices, [[1, 2, 0], [0, 0, 1]], atol=1e-12)
