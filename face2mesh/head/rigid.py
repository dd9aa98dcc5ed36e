"""Motions of stiff things. Letters: N points."""

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


def smallest_rotations(before: NDArray[Any], after: NDArray[Any]) -> Array:
    """(…, 3, 3), the smallest rotations that turn the directions `before` (…, 3) into `after` (…, 3).

    Rodrigues' formula with the cross product as axis; the directions must not be opposite.
    """
    a = before / np.linalg.norm(before, axis=-1, keepdims=True)
    b = after / np.linalg.norm(after, axis=-1, keepdims=True)
    cosine = (a * b).sum(-1)
    cross = _crossing(np.cross(a, b))
    rotations: Array = np.eye(3) + cross + cross @ cross / (1 + cosine)[..., None, None]
    return rotations


def rotations_of(vectors: NDArray[Any]) -> Array:
    """(…, 3, 3), the rotations of rotation vectors (…, 3): the axis times the angle in radians (Rodrigues' formula)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    cross = _crossing(vectors)
    # sin(a)/a and (1 − cos(a))/a² without a division by zero.
    first, second = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    rotations: Array = np.eye(3) + first * cross + second * (cross @ cross)
    return rotations


def _crossing(vectors: NDArray[Any]) -> Array:
    """(…, 3, 3), the matrices of the cross product with vectors (…, 3) from the left."""
    x, y, z = (vectors[..., axis] for axis in range(3))
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    matrices: Array = np.stack([np.stack(row, -1) for row in rows], -2)
    return matrices
