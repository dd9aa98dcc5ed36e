"""The linear landmark basis of two decoders, by least squares over random people."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face2mesh.head.arkit import ARKIT_NAMES, exclusive
from face2mesh.head.embedding import Embedding
from face2mesh.model.landmarks import LandmarkBasis

SEED = 0
SAMPLES_PER_NUMBER = 4
"""Random heads for each number of a code."""
ACTIVE = 6
"""Expression units that a random face shows on average."""
BATCH = 16
RIDGE = 1e-3


def fit_landmark_basis(
    identity_decoder: nn.Module, expression_decoder: nn.Module, landmarks: Embedding, modes: int
) -> tuple[LandmarkBasis, float]:
    """Fit landmarks = mean + identity · basis + expression · basis to what the decoders make of random codes.

    Args:
        identity_decoder: (B, M) to skins (B, S, 3) mm.
        expression_decoder: (B, M) and (B, 52) to displacements (B, S, 3) mm.
        landmarks: the 68, on the skin.
        modes: M.

    Returns:
        The basis, and the mean distance in mm between its landmarks and the decoders' on other random codes.
    """
    generator = np.random.default_rng(SEED)
    fitted, units = SAMPLES_PER_NUMBER * (modes + 1), len(ARKIT_NAMES)
    count = fitted + fitted // 4
    people = generator.standard_normal((count, modes)).astype(np.float32)
    shown = generator.random((count, units)) < ACTIVE / units
    weights = exclusive(np.where(shown, generator.random((count, units)), 0)).astype(np.float32)
    neutral, moved = [], []
    with torch.no_grad():
        for start in range(0, count, BATCH):
            codes = torch.from_numpy(people[start : start + BATCH])
            faces = torch.from_numpy(weights[start : start + BATCH])
            neutral.append(_landmarks(identity_decoder(codes), landmarks))
            moved.append(_landmarks(expression_decoder(codes, faces), landmarks))
    rest, motion = np.concatenate(neutral), np.concatenate(moved)
    known = np.concatenate([np.ones((count, 1)), people], axis=1)
    shape = _least_squares(known[:fitted], rest[:fitted])
    action = _least_squares(weights[:fitted].astype(np.float64), motion[:fitted])
    basis = LandmarkBasis(shape[0], shape[1:], action)
    missed = basis(people[fitted:], weights[fitted:]) - (rest + motion)[fitted:]
    return basis, float(np.linalg.norm(missed, axis=-1).mean())


def _landmarks(skins: Tensor, landmarks: Embedding) -> NDArray[np.float64]:
    points: NDArray[np.float64] = landmarks(skins.numpy()).astype(np.float64)
    return points


def _least_squares(codes: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N, C) codes and (N, 68, 3) points to (C, 68, 3), with a small ridge for units that are never shown."""
    normal = codes.T @ codes + RIDGE * np.eye(codes.shape[1])
    solution = np.linalg.solve(normal, codes.T @ points.reshape(len(points), -1))
    basis: NDArray[np.float32] = solution.reshape(-1, *points.shape[1:]).astype(np.float32)
    return basis
