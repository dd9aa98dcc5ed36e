"""Motions of stiff things: rigid and affine fits of displacement fields.

Letters: N points, K fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RigidMotion:
    """x → R · x + t: `rotation` (3, 3), `translation` (3,)."""

    rotation: Array
    translation: Array

    def displacement(self, points: NDArray[Any]) -> Array:
        """(N, 3) → how far each point moves, (N, 3)."""
        moved: Array = points @ self.rotation.T + self.translation - points
        return moved


def best_rigid(points: NDArray[Any], displacement: NDArray[Any]) -> RigidMotion:
    """The rigid motion nearest to a displacement field, in least squares (Kabsch 1976).

    Args:
        points: (N, 3).
        displacement: (N, 3).
    """
    before = np.asarray(points, np.float64)
    after = before + displacement
    centre_before, centre_after = before.mean(0), after.mean(0)
    u, _, vt = np.linalg.svd((before - centre_before).T @ (after - centre_after))
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u @ handed @ vt).T
    return RigidMotion(rotation, centre_after - rotation @ centre_before)


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
