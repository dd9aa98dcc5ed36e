"""Weights by which the followers' identity is read off the skin.

Letters: C controls, F followers, M identity modes, K = 3M channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.symmetry import mirrored_fields

Array = NDArray[np.float64]
# Millimetres of unrelated noise at each control for which the weights are prepared: a decoder's skin is not in the
# modes' span.
NOISE_MM = 0.25


def choose_controls(
    base: BaseHead, allowed: NDArray[np.bool_], count: int, always: NDArray[np.integer[Any]]
) -> NDArray[np.int32]:
    """Spread control vertices over the skin by farthest-point sampling, the same on both sides.

    Args:
        base: the base head.
        allowed: (S,), skin that may serve.
        count: C, about; a pair of mirrored vertices is taken at once.
        always: vertices that are controls in any case, with their mirror images.

    Returns:
        (C,) int32, sorted.
    """
    mirror = base.mirror[: base.skin_count]
    candidates = np.flatnonzero(allowed & allowed[mirror] & (base.vertices[: base.skin_count, 0] >= -1e-4))
    points = base.vertices[candidates].astype(np.float64)
    chosen = {int(vertex) for vertex in always} | {int(mirror[vertex]) for vertex in always}
    start = base.vertices[sorted(chosen)].astype(np.float64) if chosen else points[points[:, 2].argmax()][None]
    distance = np.linalg.norm(points[:, None] - start, axis=2).min(1)
    while len(chosen) < count and distance.max() > 0:
        newest = int(distance.argmax())
        chosen |= {int(candidates[newest]), int(mirror[candidates[newest]])}
        distance = np.minimum(distance, np.linalg.norm(points - points[newest], axis=1))
    return np.array(sorted(chosen), np.int32)


def affine_ridge(
    control_rest: NDArray[Any],
    control_modes: NDArray[Any],
    rest: NDArray[Any],
    modes: NDArray[Any],
    noise: float = NOISE_MM,
) -> Array:
    """Weights that predict the followers' displacements from the controls', and reproduce affine motions exactly.

    Ridge regression over the modes with W [1 x] = [1 x'] as linear constraints, solved by Lagrange multipliers:
    minimise ‖Y − X Wᵀ‖² + λ‖W‖² with λ = 3 · noise², so that independent noise at the controls is not amplified.

    Args:
        control_rest: (C, 3).
        control_modes: (M, C, 3).
        rest: (F, 3).
        modes: (M, F, 3).
        noise: mm.

    Returns:
        (F, C).
    """
    controls = control_rest.shape[0]
    inputs = np.asarray(control_modes, np.float64).transpose(0, 2, 1).reshape(-1, controls)  # (K, C)
    outputs = np.asarray(modes, np.float64).transpose(0, 2, 1).reshape(len(inputs), -1)  # (K, F)
    constraint = np.column_stack([np.ones(controls), control_rest])  # (C, 4)
    wanted = np.column_stack([np.ones(len(rest)), rest])  # (F, 4)
    # The head is hundreds of millimetres large: scale the constraints so that the system is well conditioned.
    size = np.abs(constraint).max(0)
    constraint, wanted = constraint / size, wanted / size
    gram = inputs.T @ inputs + 3 * noise**2 * np.eye(controls)
    system = np.block([[gram, constraint], [constraint.T, np.zeros((4, 4))]])
    right = np.vstack([inputs.T @ outputs, wanted.T])
    weights: Array = np.linalg.solve(system, right)[:controls].T
    return weights


def follower_weights(base: BaseHead, identity: NDArray[Any], controls: NDArray[np.int32]) -> NDArray[np.float32]:
    """(F, C), symmetric, one row for all vertices of an eyeball.

    Args:
        base: the base head.
        identity: (M, V, 3), the modes on all parts.
        controls: (C,), from `choose_controls`.
    """
    skin_count = base.skin_count
    # Mirrored people are people too; with them the regression itself is symmetric.
    identity = np.concatenate([identity, mirrored_fields(identity, base.mirror)])
    control_rest, control_modes = base.vertices[controls], identity[:, controls]
    weights = affine_ridge(control_rest, control_modes, base.vertices[skin_count:], identity[:, skin_count:])
    for side, part in enumerate(("left_eye", "right_eye")):
        first, last = base.part_vertices[part]
        centre = base.eye_centres[side : side + 1]
        weights[first - skin_count : last - skin_count] = affine_ridge(
            control_rest, control_modes, centre, identity[:, first : first + 1]
        )
    place = {int(vertex): column for column, vertex in enumerate(controls)}
    other_control = [place[int(vertex)] for vertex in base.mirror[controls]]
    other_follower = base.mirror[skin_count:] - skin_count
    symmetric: NDArray[np.float32] = ((weights + weights[other_follower][:, other_control]) / 2).astype(np.float32)
    return symmetric
