"""Loops of quad meshes against meshes worked out by hand."""

import numpy as np
import pytest

from face2mesh.lab.base.loops import QuadMesh


def grid(columns: int, rows: int) -> np.ndarray:
    """Quads of a flat grid of (columns + 1) × (rows + 1) vertices, row by row, counter-clockwise."""
    corner = np.arange(columns) + (columns + 1) * np.arange(rows)[:, None]
    corner = corner.ravel()
    return np.stack([corner, corner + 1, corner + columns + 2, corner + columns + 1], 1)


def tube(around: int, rings: int) -> np.ndarray:
    """Quads of a tube: ring r holds vertices r·around to (r + 1)·around."""
    here = np.arange(around)
    there = (here + 1) % around
    return np.concatenate(
        [np.stack([r * around + here, r * around + there, (r + 1) * around + there, (r + 1) * around + here], 1)
         for r in range(rings - 1)]
    )  # fmt: skip


def test_a_tube_s_rings_are_its_loops():
    mesh = QuadMesh(tube(6, 4))
    assert mesh.loop(6, 7).tolist() == [6, 7, 8, 9, 10, 11]
    assert mesh.loop(7, 6).tolist() == [7, 6, 11, 10, 9, 8]
    assert mesh.onward(6, 7) == 8
    assert mesh.onward(1, 7) == 13


def test_a_loop_parts_a_tube():
    quads = tube(6, 4)
    mesh = QuadMesh(quads)
    inside = mesh.inside(mesh.loop(6, 7), 0)
    assert inside.tolist() == [True] * 6 + [False] * 12
    assert np.array_equal(mesh.inside(mesh.loop(6, 7), 23), ~inside)


def test_refusals_of_loops():
    mesh = QuadMesh(grid(3, 3))
    with pytest.raises(ValueError, match="no edge from 0 to 5"):
        mesh.loop(0, 5)
    with pytest.raises(ValueError, match="do not close"):
        mesh.loop(4, 5)


def test_border_of_a_grid_runs_counter_clockwise():
    assert QuadMesh(grid(2, 1)).border().tolist() == [0, 1, 2, 5, 4, 3]


def test_refusals_of_borders():
    with pytest.raises(ValueError, match="several borders"):
        QuadMesh(tube(6, 3)).border()
    closed = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    with pytest.raises(ValueError, match="no border"):
        QuadMesh(closed).border()
