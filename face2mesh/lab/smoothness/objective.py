"""The terms of the sweep's objective: those of `MeshDistance`, and two remedies more.

Letters: B batch, V vertices, T triangles, S scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.lab.evaluate.detail import mean_of_neighbours
from face2mesh.lab.graph.chebyshev import SparseMatrix
from face2mesh.lab.graph.laplacian import Matrix, edges_of_faces
from face2mesh.lab.smoothness.task import Task
from face2mesh.lab.train.configuration import DecoderWeights
from face2mesh.lab.train.mesh_distance import MeshDistance

SCALES = 5
"""S: what one averaging takes away, what the second takes of the rest, then two, four and eight more."""


@dataclass(frozen=True)
class SweepWeights(DecoderWeights):
    """Weights of the terms; one with weight 0 is not computed.

    Attributes:
        edges: as of `DecoderWeights`, but off.
        normals: mean of 1 − cosine between the triangles' normals, the displacements laid on the rest shape; 10 mm.
        scales: the error at each of S scales, as a share of what the training displacements have at that scale; mm.
    """

    edges: float = 0.0
    normals: float = 0.0
    scales: float = 0.0


class SweepObjective:
    """Weighted terms between predicted and true displacements (B, V, 3)."""

    def __init__(self, task: Task, weights: SweepWeights) -> None:
        """Precompute what the task fixes."""
        self.weights = weights
        self.distance = MeshDistance(weights, edges_of_faces(task.patch.faces), np.ones(len(task.rest)))
        if weights.normals:
            self.rest = torch.from_numpy(task.rest)
            self.triangles = torch.from_numpy(task.patch.triangles.astype(np.int64))
        if weights.scales:
            averages, _ = mean_of_neighbours(task.patch.faces, len(task.rest))
            self.average = SparseMatrix(_halfway(averages))
            sample = torch.from_numpy(task.displacements[:: max(len(task.displacements) // 200, 1)])
            self.typical = torch.stack([scale.square().sum(2).mean().sqrt() for scale in self.by_scale(sample)])

    def __call__(self, predicted: Tensor, true: Tensor) -> dict[str, Tensor]:
        """Weighted terms by name."""
        terms = self.distance.terms("mesh", predicted, true)
        if self.weights.normals:
            cosine = (self._normals(predicted) * self._normals(true)).sum(2)
            terms["normals"] = 10 * self.weights.normals * (1 - cosine).mean()
        if self.weights.scales:
            lengths = torch.stack(
                [torch.sqrt(e.square().sum(2) + 1e-8).mean() for e in self.by_scale(predicted - true)]
            )
            terms["scales"] = self.weights.scales * (lengths / self.typical.clamp(min=1e-6)).mean()
        return terms

    def by_scale(self, x: Tensor) -> list[Tensor]:
        """S fields (B, V, 3): what 1, 1, 2, 4, 8 … steps of averaging with the neighbours take away, finest first."""
        parts = []
        for scale in range(SCALES):
            smoother = x
            for _ in range(2 ** max(scale - 1, 0)):
                smoother = self.average(smoother)
            parts.append(x - smoother)
            x = smoother
        return parts

    def _normals(self, displacement: Tensor) -> Tensor:
        """(B, T, 3), unit."""
        a, b, c = (displacement + self.rest)[:, self.triangles].unbind(2)
        return torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=2, eps=1e-6)


def _halfway(averages: Matrix) -> Matrix:
    """½ (I + D⁻¹A): halfway to the mean of the neighbours, so that no pattern is turned over."""
    return sp.csr_array((averages + sp.eye_array(averages.shape[0])) / 2)


def regression(
    codes: NDArray[np.float32], displacements: NDArray[np.float32], damping: float = 1e-3
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The linear map from codes (N, Z) to displacements (N, V, 3) by ridge regression: (3·V, Z) and a constant (3·V,).

    Args:
        codes, displacements: of the training heads.
        damping: relative to each number's own variance over the heads.
    """
    centre = codes.mean(0)
    centred = (codes - centre).astype(np.float64)
    flat = displacements.reshape(len(codes), -1)
    middle = flat.mean(0)
    normal = centred.T @ centred
    normal[np.diag_indices_from(normal)] *= 1 + damping
    weight = np.linalg.solve(normal + 1e-9 * np.eye(len(normal)), centred.T @ (flat - middle)).T
    return weight.astype(np.float32), (middle - weight @ centre).astype(np.float32)
