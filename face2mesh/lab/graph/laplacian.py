"""Graphs of meshes and their Laplacians.

A vertex's neighbours are those it shares a side of a face with: the sides of quads (not their diagonals) where a mesh
has quads, the sides of triangles elsewhere. Any manifold mesh will do, with or without border, of any number of pieces.

Letters: V vertices, F faces, E undirected edges.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Matrix: TypeAlias = "sp.csr_array[Any, tuple[int, int]]"

LAMBDA_MAX = 2.0
"""Upper bound of the normalised Laplacian's spectrum (Chung 1997, lemma 1.7).

Used in place of the largest eigenvalue: our quads have no odd cycles and reach it; triangles reach about 1.5 and lose a
quarter of the polynomials' interval, which the weights make up for. In return there is no eigensolver, every topology
is treated alike, the scaled Laplacian's diagonal is zero (a fifth of the products saved), and PyTorch Geometric's
default is the same.
"""


def edges_of_faces(faces: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """The sides of the faces, each once.

    Args:
        faces: (F, 3) or (F, 4) vertex indices; in a row of four, −1 in the last place marks a triangle.

    Returns:
        (E, 2), the smaller index first, sorted.
    """
    following = np.roll(faces, -1, axis=1)
    if faces.shape[1] == 4:
        is_triangle = faces[:, 3] < 0
        following[is_triangle, 2] = faces[is_triangle, 0]
    sides = np.stack([faces, following], axis=-1).reshape(-1, 2)
    sides = sides[(sides[:, 0] != sides[:, 1]) & (sides.min(axis=1) >= 0)]
    return np.unique(np.sort(sides, axis=1), axis=0).astype(np.int32)


def adjacency(edges: NDArray[np.integer[Any]], vertex_count: int) -> Matrix:
    """Symmetric 0/1 matrix A (V, V) of the undirected `edges` (E, 2)."""
    both = np.concatenate([edges, edges[:, ::-1]])
    return sp.csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(vertex_count, vertex_count))


def normalised_laplacian(adjacent: Matrix) -> Matrix:
    """L = I − D^(−1/2) A D^(−1/2), symmetric, spectrum 0 to 2; for convolution and eigenbases."""
    degree = _degree(adjacent)
    root = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    scale = sp.diags_array(root)
    return sp.csr_array(sp.eye_array(len(degree)) - scale @ adjacent @ scale)


def random_walk_laplacian(adjacent: Matrix) -> Matrix:
    """L = I − D⁻¹ A: a vertex minus the mean of its neighbours. Ignores a shift; for measures and objective terms."""
    degree = _degree(adjacent)
    inverse = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
    identity = sp.diags_array((degree > 0).astype(np.float64))
    return sp.csr_array(identity - sp.diags_array(inverse) @ adjacent)


def scaled_laplacian(laplacian: Matrix, lambda_max: float = LAMBDA_MAX) -> Matrix:
    """L̃ = 2L/λ_max − I, spectrum −1 to 1, without stored zeros (Defferrard 2016, section 2.1).

    Raises:
        ValueError: `lambda_max` is not positive.
    """
    if lambda_max <= 0:
        raise ValueError(f"lambda_max must be positive, got {lambda_max}")
    scaled = sp.csr_array(laplacian * (2.0 / lambda_max) - sp.eye_array(laplacian.shape[0]))
    scaled.eliminate_zeros()
    scaled.sort_indices()
    return scaled


def _degree(adjacent: Matrix) -> NDArray[np.float64]:
    return np.asarray(adjacent.sum(axis=1), np.float64).ravel()
