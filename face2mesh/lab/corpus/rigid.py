"""Affine fits of displacement fields, and smallest rotations.

Letters: N points, K fields. For rigid fits see `face2mesh.head.rigid`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def carry_affinely(points: NDArray[Any], displacement: NDArray[Any], onto: NDArray[Any]) -> Array:
    """Continue displacement fields to other points by the affine field that fits each best.

    Args:
        points: (N, 3).
        displacement: (K, N, 3).
        onto: (P, 3).

    Returns:
        (K, P, 3).
    """
    centre = points.mean(0)
    before = np.column_stack([points - centre, np.ones(len(points))])
    after = np.column_stack([onto - centre, np.ones(len(onto))])
    carrier = after @ np.linalg.pinv(before)  # (P, N)
    carried: Array = np.einsum("pn,knc->kpc", carrier, displacement, optimize=True)
    return carried


def smallest_rotations(before: NDArray[Any], after: NDArray[Any]) -> Array:
    """(N, 3, 3), the smallest rotations that turn the directions `before` (N, 3) into `after` (N, 3).

    Rodrigues' formula with the cross product as axis; the directions must not be opposite.
    """
    a = before / np.linalg.norm(before, axis=1, keepdims=True)
    b = after / np.linalg.norm(after, axis=1, keepdims=True)
    axis = np.cross(a, b)
    cosine = (a * b).sum(1)
    zero = np.zeros(len(a))
    cross = np.stack(
        [
            np.stack([zero, -axis[:, 2], axis[:, 1]], -1),
            np.stack([axis[:, 2], zero, -axis[:, 0]], -1),
            np.stack([-axis[:, 1], axis[:, 0], zero], -1),
        ],
        axis=1,
    )
    rotations: Array = np.eye(3) + cross + cross @ cross / (1 + cosine)[:, None, None]
    return rotations
