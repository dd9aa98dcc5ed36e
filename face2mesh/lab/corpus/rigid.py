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
