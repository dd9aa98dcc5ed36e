"""The distance between predicted and true meshes of one topology, term by term, each in millimetres.

Letters: B batch, S vertices, E edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.head import BaseHead
from face2mesh.lab.graph.chebyshev import SparseMatrix
from face2mesh.lab.graph.laplacian import adjacency, edges_of_faces, random_walk_laplacian
from face2mesh.lab.train.configuration import DecoderWeights

ELSEWHERE = 0.3  # weight of a vertex that is neither of the face nor of the ears


class MeshDistance:
    """The terms between predicted and true meshes (B, S, 3)."""

    def __init__(
        self,
        weights: DecoderWeights,
        edges: NDArray[np.integer[Any]],
        importance: NDArray[Any],
        device: torch.device | str = "cpu",
    ) -> None:
        """Precompute what the topology fixes.

        Args:
            weights: of the terms.
            edges: (E, 2).
            importance: (S,), weight of each vertex in `vertices`, whatever their mean.
            device: where the meshes will be.
        """
        self.weights = weights
        self.importance = torch.from_numpy(importance / importance.mean()).float().to(device)
        self.edges = torch.from_numpy(edges.astype(np.int64)).to(device)
        self.laplacian = SparseMatrix(random_walk_laplacian(adjacency(edges, len(importance))))

    @classmethod
    def on(cls, base: BaseHead, weights: DecoderWeights, device: torch.device) -> MeshDistance:
        """Of a base head's skin, whose face and ears count more."""
        importance = np.where(base.regions["face_and_ears"][: base.skin_count], 1.0, ELSEWHERE)
        return cls(weights, edges_of_faces(base.skin_quads), importance, device)

    def terms(self, prefix: str, predicted: Tensor, true: Tensor) -> dict[str, Tensor]:
        """Weighted terms by name, those with weight 0 left out."""
        error = predicted - true
        terms: dict[str, Callable[[], Tensor]] = {}
        terms["vertices"] = lambda: (_length(error) * self.importance).mean()
        terms["edges"] = lambda: _length(error[:, self.edges[:, 0]] - error[:, self.edges[:, 1]]).mean()
        terms["smoothness"] = lambda: self._roughness(predicted)
        terms["laplacian_match"] = lambda: self._roughness(error)
        weights = asdict(self.weights)
        return {f"{prefix}_{name}": weights[name] * term() for name, term in terms.items() if weights[name]}

    def _roughness(self, values: Tensor) -> Tensor:
        """Mean ‖L·x‖² in mm², L = I − D⁻¹A."""
        columns = values.permute(1, 0, 2).reshape(values.shape[1], -1)
        return (self.laplacian.like(columns) @ columns).square().sum() * 3 / columns.numel()


def _length(vectors: Tensor) -> Tensor:
    return torch.sqrt(vectors.square().sum(-1) + 1e-8)
