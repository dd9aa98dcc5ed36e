"""Smooth deformations: what a head may do that nobody has sculpted yet.

A Gaussian process of displacements whose covariance between two points falls with their distance (Lüthi et al. 2018,
"Gaussian Process Morphable Models", section 3.1: sums of scalar Gaussian kernels times the identity), in the low rank
that the Nyström method gives (their section 4.2). Heads are nearly symmetric, so that the displacement field is split
into a symmetric and an antisymmetric part, the second with a smaller share of the variance (their section 3.3).

Letters: S skin vertices, n chosen points, r modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.farthest import farthest_points

Floats = NDArray[np.float64]

REACHES_MM = (35.0, 15.0)
"""Distances at which the kernels have fallen to e^(−1/2): the form of a cheek, the form of a nose's tip."""
SHARES = (0.6, 0.4)
"""Of the variance, of each kernel."""
CHOSEN = 160
SYMMETRIC = 0.85
"""Of the variance."""
KEPT = 0.95
"""Of the variance, by the low rank."""


def kernel(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    """(a, b) covariance between points (a, 3) and (b, 3) mm of one coordinate's displacement; 1 at a point itself."""
    squared = (
        (first.astype(np.float64) ** 2).sum(1)[:, None]
        + (second.astype(np.float64) ** 2).sum(1)
        - 2 * first.astype(np.float64) @ second.astype(np.float64).T
    )
    value = np.zeros(squared.shape)
    for reach, share in zip(REACHES_MM, SHARES, strict=True):
        value += share * np.exp(-np.maximum(squared, 0) / (2 * reach**2))
    return value


def smooth_modes(points: NDArray[Any], mirror: NDArray[Any], chosen: int = CHOSEN) -> Floats:
    """Modes (r, S, 3) of smooth displacements, each for one standard deviation; about 1 mm in each direction together.

    Args:
        points: (S, 3) mm, where they apply; the skin of a head.
        mirror: (S,) the vertex on the other side; each vertex itself where none is known: no part is symmetric then.
        chosen: n, points of the Nyström method.
    """
    own = np.array_equal(mirror, np.arange(len(mirror)))
    few = points[farthest_points(points, chosen)]
    if own:
        factor = _factor(kernel(few, few), kernel(points, few))
        return np.concatenate([factor.T[:, :, None] * axis for axis in np.eye(3)])
    flip = np.array([-1.0, 1.0, 1.0])
    among, across = kernel(few, few), kernel(points, few)
    among_flipped, across_flipped = kernel(few, few * flip), kernel(points, few * flip)
    modes = []
    # (u(x) ± F u(Fx)) / 2 of a process u: in y and z the kernel k(x, y) ± k(x, Fy), in x the other sign.
    for sign, share in ((1.0, SYMMETRIC), (-1.0, 1 - SYMMETRIC)):
        for parity in (1.0, -1.0):
            factor = _factor(among + parity * among_flipped, across + parity * across_flipped)
            moved = np.sqrt(share) * factor.T[:, :, None]
            modes += [moved * axis for axis, side in zip(np.eye(3), flip, strict=True) if sign * side == parity]
    return np.concatenate(modes)


def _factor(among: Floats, across: Floats) -> Floats:
    """(S, r) whose product with its transpose is nearly the whole covariance, from that of n points (n, n), (S, n)."""
    values, vectors = np.linalg.eigh(among)
    values, vectors = values[::-1], vectors[:, ::-1]
    sums = np.cumsum(np.maximum(values, 0))
    rank = max(1, int(np.searchsorted(sums, KEPT * sums[-1])))
    usable = np.maximum(values[:rank], 1e-9 * values[0])
    result: Floats = across @ vectors[:, :rank] / np.sqrt(usable)
    return result
