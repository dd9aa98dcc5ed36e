"""Heads fitted to dense landmarks: pose, identity and expression under the corpus's own prior, many photos at once.

The camera looks at the head's origin from 1000 mm: with R = R_net, p = R · P,

    u = offset + 10 · exp(log_scale) · (p_x, p_y) / (1000 + p_z)          in sides of the canonical crop,

so that 100 mm at the origin's depth are exp(log_scale) sides (docs/architecture.md, "The crop and the network's pose").
Minimised per photo, by Levenberg and Marquardt with bounds and iteratively reweighted squares (Geman and McClure 1987):

    strength · Σ_n ρ(|r_n|² / σ_n²) + (identity − mean)ᵀ precision (identity − mean)
        + Σ (expression / scale)² + 2 · Σ sparsity · expression

with r_n in face boxes, σ_n the reliability of point n at the photo's yaw, estimated over the whole set. The landmarks'
errors are alike over whole regions, so 468 of them weigh as much as about 468 · strength independent ones.

Letters: B photos, N points (468 and two irises), M identity modes, E expressions, K = 6 + M + E unknowns, Y yaw bins,
G groups of people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.pairs.point_model import FloatArray

DISTANCE_MM = 1000.0
BOX_SIDE = 1 / 1.7
"""√(w·h) of the 68 landmarks' box in sides of the canonical crop."""
YAW_EDGES = (-45.0, -30.0, -15.0, 15.0, 30.0, 45.0)


@dataclass(frozen=True)
class FitSettings:
    """What the fit may be asked to do otherwise.

    Attributes:
        strength: weight of the landmarks against the prior (see the module).
        expression_scale: standard deviation of the half-normal prior of the weights.
        expression_sparsity: slope of their exponential prior, one for all or one for each: the rarer a unit, the more
            evidence it needs.
        robust_scale: residual, in σ, at which a point's weight has fallen to a quarter.
        pose_steps: of the first phase, mean head.
        steps: of the second phase, everything.
        opposites: (pairs, 2) expressions that exclude each other.
    """

    strength: float = 0.1
    expression_scale: float = 0.6
    expression_sparsity: float | tuple[float, ...] = 0.5
    robust_scale: float = 8.0
    pose_steps: int = 8
    steps: int = 24
    opposites: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Reliability:
    """How far landmarks stray.

    Attributes:
        sigma: (Y, N) standard deviation of one coordinate in face boxes, by yaw bin; infinite leaves a point out.
    """

    sigma: FloatArray

    @classmethod
    def equal(cls, count: int, sigma: float = 0.015) -> Reliability:
        """The same for all."""
        return cls(np.full((len(YAW_EDGES) + 1, count), sigma, np.float32))


@dataclass(frozen=True)
class Prior:
    """What is known of each person before a look at the landmarks, say from their age: normal codes, by group.

    Attributes:
        mean: (G, M) expected identity codes.
        precision: (G, M, M) inverse covariances, symmetric and positive definite.
        group: (B,) each person's group, 0 to G − 1.
    """

    mean: FloatArray
    precision: FloatArray
    group: NDArray[np.intp]

    @classmethod
    def of_anybody(cls, count: int, modes: int) -> Prior:
        """The corpus's own: whitened codes."""
        identity = np.eye(modes, dtype=np.float32)
        return cls(np.zeros((1, modes), np.float32), identity[None], np.zeros(count, np.intp))

    def __getitem__(self, rows: slice) -> Prior:
        """The same for some of the people."""
        return Prior(self.mean, self.precision, self.group[rows])


@dataclass(frozen=True)
class Fits:
    """Fitted photos.

    Attributes:
        identity: (B, M) whitened codes.
        expression: (B, E) weights in 0 to 1.
        rotation: (B, 3, 3) R_net.
        offset: (B, 2) of the head's origin from the crop's centre, in sides of the canonical crop.
        log_scale: (B,) logarithm of 100 mm in sides of the canonical crop.
        error: (B, N, 2) given minus fitted points, in face boxes.
        weight: (B, N) robust weight in 0 to 1; 0 where the point was not given.
    """

    identity: FloatArray
    expression: FloatArray
    rotation: FloatArray
    offset: FloatArray
    log_scale: FloatArray
    error: FloatArray
    weight: FloatArray


def yaw_degrees(rotation: FloatArray) -> FloatArray:
    """Yaw of R_net (…, 3, 3): positive when the face looks towards the picture's right side (the subject's left)."""
    result: FloatArray = np.degrees(np.arctan2(rotation[..., 0, 2], -rotation[..., 2, 2]))
    return result


def yaw_bin(rotation: FloatArray) -> NDArray[np.intp]:
    """Index of the yaw bin, 0 to Y − 1."""
    return np.digitize(yaw_degrees(rotation), YAW_EDGES)


def project(points: FloatArray, rotation: FloatArray, offset: FloatArray, log_scale: FloatArray) -> FloatArray:
    """Points of heads (B, N, 3) in sides of the canonical crop from its centre, (B, N, 2)."""
    turned = np.einsum("bij,bnj->bni", rotation, points)
    scale = 10 * np.exp(log_scale)[:, None, None]
    result: FloatArray = offset[:, None] + scale * turned[..., :2] / (DISTANCE_MM + turned[..., 2:])
    return result
