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
