"""Pieces of the registration against truth."""

import numpy as np
from test_base_loops import grid

from face2mesh.lab.base.register import (
    Fixed,
    along,
    carry_cavities,
    graph_laplacian,
    shares_of,
    symmetric,
)


def test_laplacian_ignores_a_shift_and_is_positive():
    quads = grid(3, 2)
    vertices = np.random.default_rng(1).normal(size=(12, 3))
    laplacian = graph_laplacian(vertices, quads).toarray()
    assert np.allclose(laplacian, laplacian.T)
    assert np.allclose(laplacian.sum(axis=1), 0)
    assert np.linalg.eigvalsh(laplacian)[0] > -1e-12
    assert np.count_nonzero(laplacian[0]) == 4  # a corner's two edges, its diagonal and itself


def test_places_along_a_line():
    line = np.array([[0.0, 0, 0], [1, 0, 0], [1, 3, 0]])
    assert shares_of(line).tolist() == [0, 0.25, 1]
    assert along(line, np.array([0.0, 0.25, 0.625, 1.0])).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1.5, 0], [1, 3, 0]]


def test_fixed_places_are_doubled_but_in_the_middle():
    mirror = np.array([0, 2, 1])
    fixed = Fixed(np.array([0, 1]), np.array([[0.0, 1, 2], [3, 4, 5]])).both_sides(mirror)
    assert fixed.vertices.tolist() == [0, 1, 2]
    assert fixed.targets.tolist() == [[0, 1, 2], [3, 4, 5], [-3, 4, 5]]
    count, sums = Fixed(np.array([1, 1]), np.ones((2, 3))).gathered(3)
    assert count.tolist() == [0, 2, 0]
    assert sums[1].tolist() == [2, 2, 2]


def test_cavities_follow_a_shift_rigidly():
    quads = grid(4, 4)
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0))
    before = np.stack([x.ravel() - 2, y.ravel(), 0 * x.ravel()], 1)
    mirror = np.arange(25).reshape(5, 5)[:, ::-1].ravel()
    free = np.zeros(25, bool)
    free[[6, 7, 8, 11, 12, 13]] = True
    shift = np.array([0.0, 2, 1])
    after = before + shift
    after[free] = 0  # where they were is of no account
    carried = carry_cavities(before, after, free, graph_laplacian(before, quads), mirror)
    assert np.allclose(carried, before + shift)


def test_symmetric_to_the_last_bit():
    vertices = np.random.default_rng(2).normal(size=(10, 3))
    mirror = np.arange(10)[::-1]
    result = symmetric(vertices, mirror)
    assert np.array_equal(result[mirror], result * (-1, 1, 1))
