"""Generalisation: how near a model comes to people it never saw, with so many of its numbers (Styner et al. 2003).

G(k) is the mean error of the best heads that k numbers can make: codes along the first k directions in which people's
heads vary most. Heads lie in one frame, so nothing is aligned.

Letters: n people, M identity modes, k directions of codes in use, R vertices of the region measured, S skin vertices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.model.skin_slopes import SkinDecoder

Array = NDArray[np.float64]

_CORRECTIONS = 3
_BATCH = 16


def decoded(decoder: SkinDecoder, codes: NDArray[Any], region: NDArray[Any]) -> NDArray[np.float32]:
    """Neutral skins of codes (n, M), at the region's vertices: (n, R, 3)."""
    rows = np.asarray(codes, np.float32)
    parts = [decoder.neutral(rows[start : start + _BATCH])[:, region] for start in range(0, len(rows), _BATCH)]
    return np.concatenate(parts)


def best_heads(
    decoder: SkinDecoder,
    slopes: NDArray[Any],
    heads: NDArray[Any],
    region: NDArray[Any],
    start: NDArray[Any],
    directions: NDArray[Any],
) -> Array:
    """The decoder's heads nearest to given ones, with codes start + Σ aᵢ · directionᵢ.

    Least squares with the decoder's slopes, corrected by what the decoder then really makes of the codes (a chord
    method: identity decoders are nearly linear).

    Args:
        decoder: of the model.
        slopes: (M, S, 3), its derivatives at the average head.
        heads: (n, R, 3) mm.
        region: (R,) vertices.
        start: (M,) code.
        directions: (k, M).

    Returns:
        (n, R, 3) mm.
    """
    moves = np.asarray(directions, np.float64) @ slopes[:, region].reshape(len(slopes), -1)
    solve = np.linalg.pinv(moves)  # (3R, k)
    codes = np.repeat(np.asarray(start, np.float64)[None], len(heads), 0)
    made = decoded(decoder, codes, region).astype(np.float64)
    for _ in range(_CORRECTIONS):
        missed = (heads - made).reshape(len(heads), -1)
        codes += missed @ solve @ directions
        made = decoded(decoder, codes, region).astype(np.float64)
    return made


def principal_directions(slopes: NDArray[Any], codes: NDArray[Any]) -> Array:
    """(M, M), directions of codes along which heads vary most, the first ones first.

    The principal components of the heads that slopes (M, R, 3) make of the codes (T, M) of people.
    """
    flat = np.asarray(slopes, np.float64).reshape(len(slopes), -1)
    triangular: Array = np.linalg.qr(flat.T)[1]
    _, _, right = np.linalg.svd((codes - codes.mean(0)) @ triangular.T, full_matrices=False)
    directions: Array = np.linalg.solve(triangular, right.T).T
    return directions


def principal_components(mean: NDArray[Any], basis: NDArray[Any], codes: NDArray[Any]) -> tuple[Array, Array]:
    """PCA of the heads that a linear corpus makes of codes, without making them.

    Args:
        mean: (R, 3), the head of code 0.
        basis: (M, R, 3).
        codes: (T, M) of the training heads.

    Returns:
        The training heads' mean (R, 3) and components (M, R, 3), orthonormal, the largest first.
    """
    flat = np.asarray(basis, np.float64).reshape(len(basis), -1)
    orthonormal, triangular = np.linalg.qr(flat.T)  # (3R, M), (M, M): basis = triangularᵀ · orthonormalᵀ
    centred = codes - codes.mean(0)
    _, _, right = np.linalg.svd(centred @ triangular.T / np.sqrt(len(codes)), full_matrices=False)
    components = (right @ orthonormal.T).reshape(len(right), *mean.shape)
    average = mean + np.tensordot(codes.mean(0), basis, 1)
    return average, components


def projected(heads: NDArray[Any], mean: Array, components: Array) -> Array:
    """The nearest heads (n, R, 3) in the span of orthonormal components (k, R, 3) around a mean."""
    flat = components.reshape(len(components), -1)
    apart = (heads - mean).reshape(len(heads), -1)
    nearest: Array = mean + (apart @ flat.T @ flat).reshape(heads.shape)
    return nearest


def errors(made: NDArray[Any], heads: NDArray[Any]) -> Array:
    """(n,) mm, each head's mean distance over its vertices."""
    distances: Array = np.linalg.norm(np.asarray(made, np.float64) - heads, axis=2).mean(1)
    return distances
