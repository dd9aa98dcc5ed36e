"""Specificity: how near the heads that a model makes by itself are to those it was made of (Styner et al. 2003).

S is the mean distance of samples to the nearest training head. People whom the model never saw have such a distance
too: a model is specific when its samples are no farther from the training heads than these.

Letters: n samples, T training heads, M modes of the corpus, R vertices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def nearest_training_head(
    heads: NDArray[Any], mean: NDArray[Any], basis: NDArray[Any], codes: NDArray[Any]
) -> tuple[NDArray[np.int64], Array]:
    """For each head the training head nearest in the root of the mean square distance, and the mean distance from it.

    Training heads are mean + codes · basis; they are compared without being made.

    Args:
        heads: (n, R, 3) mm.
        mean: (R, 3).
        basis: (M, R, 3).
        codes: (T, M).

    Returns:
        (n,) rows of the training heads, and (n,) mm.
    """
    flat = np.asarray(basis, np.float64).reshape(len(basis), -1)
    apart = (np.asarray(heads, np.float64) - mean).reshape(len(heads), -1)
    # |h − t|² without |h|², which is the same for all t: |t|² − 2 h·t.
    gram = flat @ flat.T
    squares = np.einsum("tm,mk,tk->t", codes, gram, codes)
    nearest = (squares - 2 * (apart @ flat.T) @ codes.T).argmin(1)
    distances = np.empty(len(heads))
    for row, code in enumerate(codes[nearest]):
        gap = (apart[row] - code @ flat).reshape(-1, 3)
        distances[row] = np.linalg.norm(gap, axis=1).mean()
    return nearest, distances
