"""Edges and Laplacians against graphs worked out by hand."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="graphs need scipy, of the extra [train]")

from face2mesh.lab.graph.laplacian import (
    adjacency,
    edges_of_faces,
    normalised_laplacian,
    random_walk_laplacian,
    scaled_laplacian,
)

# A square 0 1 2 3 with a triangle 2 1 4 on its side.
MIXED = np.array([[0, 1, 2, 3], [2, 1, 4, -1]])
PATH = np.array([[0, 1], [1, 2]])


def test_sides_of_quads_and_triangles_without_diagonals():
    assert edges_of_faces(MIXED).tolist() == [[0, 1], [0, 3], [1, 2], [1, 4], [2, 3], [2, 4]]
    assert edges_of_faces(np.array([[0, 1, 2], [0, 2, 3]])).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]


def test_a_quad_that_repeats_a_corner_is_a_triangle():
    assert edges_of_faces(np.array([[0, 1, 2, 2]])).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_laplacians_of_a_path_of_three():
    adjacent = adjacency(PATH, 3)
    root = np.sqrt(0.5)
    assert np.allclose(normalised_laplacian(adjacent).toarray(), [[1, -root, 0], [-root, 1, -root], [0, -root, 1]])
    assert np.allclose(random_walk_laplacian(adjacent).toarray(), [[1, -1, 0], [-0.5, 1, -0.5], [0, -1, 1]])


def test_a_vertex_without_neighbours_is_left_alone():
    adjacent = adjacency(PATH, 4)
    assert scaled_laplacian(normalised_laplacian(adjacent)).toarray()[3].tolist() == [0, 0, 0, 0]
    assert random_walk_laplacian(adjacent).toarray()[3].tolist() == [0, 0, 0, 0]


def test_scaled_laplacian_has_no_diagonal_and_its_spectrum_within_one():
    scaled = scaled_laplacian(normalised_laplacian(adjacency(edges_of_faces(MIXED), 5)))
    assert np.all(scaled.diagonal() == 0)
    assert scaled.nnz == 12
    values = np.linalg.eigvalsh(scaled.toarray())
    assert values[0] == pytest.approx(-1)
    assert values[-1] < 1


def test_the_whole_interval_is_used_with_the_true_eigenvalue():
    laplacian = normalised_laplacian(adjacency(edges_of_faces(MIXED), 5))
    exact = float(np.linalg.eigvalsh(laplacian.toarray())[-1])
    assert np.linalg.eigvalsh(scaled_laplacian(laplacian, exact).toarray())[-1] == pytest.approx(1)


def test_lambda_max_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        scaled_laplacian(normalised_laplacian(adjacency(PATH, 3)), 0.0)


def test_random_walk_laplacian_ignores_a_shift():
    adjacent = adjacency(edges_of_faces(MIXED), 5)
    assert np.allclose(random_walk_laplacian(adjacent) @ np.full((5, 3), 7.0), 0)
