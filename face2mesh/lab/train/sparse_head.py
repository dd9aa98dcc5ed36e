"""The corpus at the dense points and in its own metric, and the crop's camera: the geometry of the encoder's objective.

Letters: B batch, N dense points, M identity modes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.head import BaseHead
from face2mesh.head.arkit import mirror_names
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.mediapipe import mirror_of_points
from face2mesh.lab.train.augmentation import Mirror


class SparseHead(torch.nn.Module):
    """The corpus at the dense points, and its metric over face and ears.

    Buffers: `mean` (N, 3), `identity` (M, N·3), `expression` (52, N·3), all mm; `neutral_metric` (M, M) and
    `expression_metric` (52, 52), which turn a difference of codes d into a mean squared distance dᵀGd in mm²; that of
    the neutral heads does not count place, direction and size, which a photo does not tell.
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor
    neutral_metric: Tensor
    expression_metric: Tensor
    landmarks: Tensor

    def __init__(self, base: BaseHead, corpus: Corpus) -> None:
        super().__init__()
        region = base.regions["face_and_ears"]
        faces = without_similarity(corpus.identity[:, region], base.vertices[region])
        motions = corpus.expression[:, region].reshape(len(corpus.expression), -1)
        count = int(region.sum())
        self.register_buffer("mean", torch.from_numpy(base.dense(base.vertices)).float())
        self.register_buffer("identity", _flat(base.dense(corpus.identity)))
        self.register_buffer("expression", _flat(base.dense(corpus.expression)))
        self.register_buffer("neutral_metric", torch.from_numpy(faces @ faces.T / count).float())
        self.register_buffer("expression_metric", torch.from_numpy(motions @ motions.T / count).float())
        self.register_buffer("landmarks", torch.tensor(IBUG_68))

    def points(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(B, M) and (B, 52) to (B, N, 3) mm in the head's frame."""
        return self.mean + (identity @ self.identity + expression @ self.expression).view(len(identity), -1, 3)

    def seen(self, labels: Mapping[str, Tensor]) -> Tensor:
        """(B, N, 2) where a pair's codes and pose put the dense points, in the canonical crop's plane.

        For rendered heads this is the truth by this base head's dense points, whatever the one was that they were
        rendered with.
        """
        points = self.points(labels["identity"], labels["expression"])
        return projected(points, labels["rotation"], labels["offset"], labels["log_scale"], labels["distance"])


def without_similarity(fields: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Displacements without the part that small moves, turns and growths of the whole explain.

    Args:
        fields: (M, N, 3) displacements.
        points: (N, 3) where they apply.

    Returns:
        (M, 3N), orthogonal to the seven fields of an infinitesimal similarity.
    """
    centred = points.astype(np.float64) - points.mean(0)
    moves = [np.broadcast_to(axis, centred.shape) for axis in np.eye(3)]
    turns = [np.cross(axis, centred) for axis in np.eye(3)]
    basis = np.linalg.qr(np.stack([*moves, *turns, centred]).reshape(7, -1).T)[0]
    flat = fields.reshape(len(fields), -1).astype(np.float64)
    result: NDArray[np.float64] = flat - (flat @ basis) @ basis.T
    return result


def _flat(points: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(points.reshape(len(points), -1))).float()


def rotation_matrix(rotation6d: Tensor) -> Tensor:
    """(B, 6) to R_net (B, 3, 3): Gram–Schmidt on two columns (Zhou et al. 2019), then diag(1, −1, −1)."""
    first = torch.nn.functional.normalize(rotation6d[:, :3], dim=1)
    second = rotation6d[:, 3:] - (first * rotation6d[:, 3:]).sum(1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=1)
    columns = torch.stack([first, second, torch.linalg.cross(first, second)], dim=2)
    return columns * columns.new_tensor([1.0, -1.0, -1.0]).view(3, 1)


def projected(points: Tensor, rotation: Tensor, offset: Tensor, log_scale: Tensor, distance: Tensor) -> Tensor:
    """Head points (B, N, 3) to the crop's plane (B, N, 2), by the perspective of a camera turned to the head."""
    seen = points @ rotation.mT
    scale = torch.exp(log_scale).view(-1, 1, 1) / 100
    return offset[:, None] + scale * seen[..., :2] / (1 + seen[..., 2:] / distance.view(-1, 1, 1))


def mirror_of(base: BaseHead, corpus: Corpus) -> Mirror:
    """How labels change when a picture is mirrored.

    The scans' modes are not closed under mirroring; the codes of a mirrored head are its least-squares fit over face
    and ears.
    """
    region = base.regions["face_and_ears"]
    modes = corpus.identity[:, region].reshape(len(corpus.identity), -1).astype(np.float64)
    other = (corpus.identity[:, base.mirror] * np.array([-1, 1, 1]))[:, region].reshape(modes.shape)
    gram = modes @ modes.T
    codes = np.linalg.solve(gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram)), modes @ other.T).T
    return Mirror(
        points=torch.from_numpy(mirror_of_points(base.dense(base.vertices)).astype(np.int64)),
        identity=torch.from_numpy(codes).float(),
        expression=torch.from_numpy(np.asarray(mirror_names(), np.int64)),
    )
