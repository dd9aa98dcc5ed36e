"""Generalisation: how near a model comes to people it never saw, with so many of its numbers (Styner et al. 2003).

G(k) is the mean error of the best heads that the first k modes can make. Modes are taken in the order of how much they
move. Heads lie in one frame, so nothing is aligned.

Letters: n people, M identity modes, k of them in use, R vertices of the region measured, S skin vertices.
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


def order_of_modes(slopes: NDArray[Any]) -> NDArray[np.int64]:
    """Modes by how far they move the vertices, (M,), the farthest first; slopes (M, R, 3)."""
    order: NDArray[np.int64] = np.argsort(-(np.asarray(slopes, np.float64) ** 2).sum((1, 2)), kind="stable")
    return order


def best_heads(
    decoder: SkinDecoder, slopes: NDArray[Any], heads: NDArray[Any], region: NDArray[Any], modes: NDArray[Any]
) -> Array:
    """The decoder's heads nearest to given ones with codes that differ from 0 in some modes only.

    Least squares with the decoder's slopes, corrected by what the decoder then really makes of the codes (a chord
    method: identity decoders are nearly linear).

    Args:
        decoder: of the model.
        slopes: (M, S, 3), its derivatives at the average head.
        heads: (n, R, 3) mm.
        region: (R,) vertices.
        modes: (k,) numbers of the code in use.

    Returns:
        (n, R, 3) mm.
    """
    used = slopes[modes][:, region].reshape(len(modes), -1).astype(np.float64)
    solve = np.linalg.pinv(used.T)
    codes = np.zeros((len(heads), decoder.identity_size))
    made = decoded(decoder, codes, region).astype(np.float64)
    for _ in range(_CORRECTIONS):
        missed = (heads - made).reshape(len(heads), -1)
        codes[:, modes] += missed @ solve.T
        made = decoded(decoder, codes, region).astype(np.float64)
    return made


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
