"""Which vertices of the next coarser level a vertex may be made of, beyond the corners of its triangle.

Letters: n vertices of the fine level, m of the coarse one, K neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.graph.laplacian import Matrix, adjacency

_FARTHEST = 16  # steps along edges


def widened_unpooling(hierarchy: Hierarchy, level: int, neighbours: int) -> Matrix:
    """The barycentric unpooling onto `level`, with room for more vertices: stored zeros where weights may be learnt.

    A row's places are the corners of its barycentric triangle, then the coarse vertices fewest steps away along the
    fine level's edges (those reached by most paths first), so that a lip's vertex is not made of the other lip.

    Args:
        hierarchy: the levels.
        level: the fine level; level + 1 is the coarse one.
        neighbours: K, at least 3; rows are shorter where the coarse level, or the vertex's piece of it, has fewer.

    Returns:
        (n, m) CSR with at most K stored entries in each row, sorted by column; symmetric where the hierarchy is, for
        which rows of the midline may have more.
    """
    fine, coarse = hierarchy.levels[level], hierarchy.levels[level + 1]
    steps = sp.csr_array(adjacency(fine.edges, fine.count) + sp.eye_array(fine.count))
    selected = (np.ones(coarse.count), (hierarchy.pool[level], np.arange(coarse.count)))
    reached = sp.csr_array(selected, shape=(fine.count, coarse.count))
    barycentric = hierarchy.unpooling(level)
    # Corners first; then each step away counts less than all that came before it.
    score = _pattern(barycentric) * 4.0
    closeness = 1.0
    for _ in range(_FARTHEST):
        if np.diff(score.indptr).min() >= neighbours:
            break
        paths = reached.copy()
        paths.data = closeness * (0.5 + 0.5 * paths.data / paths.data.max())
        score = sp.csr_array(score + paths - paths.multiply(_pattern(score)))
        score.eliminate_zeros()
        closeness *= 0.25
        reached = sp.csr_array(steps @ reached)
    rows, columns = _best(score, neighbours)
    # Equals are told apart by their numbers, so one side is kept, and mirrored onto the other.
    own = rows <= fine.mirror[rows]
    rows, columns = rows[own], columns[own]
    rows, columns = np.append(rows, fine.mirror[rows]), np.append(columns, coarse.mirror[columns])
    places = _pattern(sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=score.shape))
    widened = sp.csr_array(places + barycentric)
    widened.data -= 1
    widened.sort_indices()
    return widened


def _pattern(matrix: Matrix) -> Matrix:
    """The same places, all 1."""
    ones = sp.csr_array(matrix)
    ones = ones.copy()
    ones.data = np.ones(ones.nnz)
    return ones


def _best(score: Matrix, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns of the `count` largest entries of each row, the lower column first among equals."""
    rows = np.repeat(np.arange(score.shape[0]), np.diff(score.indptr))
    order = np.lexsort([score.indices, -score.data, rows])
    rank = np.arange(score.nnz) - np.repeat(score.indptr[:-1], np.diff(score.indptr))
    chosen = order[rank < count]
    return rows[chosen], score.indices[chosen]
