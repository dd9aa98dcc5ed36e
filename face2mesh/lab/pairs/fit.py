"""Heads fitted to dense landmarks: pose, identity and expression under the corpus's own prior, many photos at once.

The camera looks at the head's origin from 1000 mm: with R = R_net, p = R · P,

    u = offset + 10 · exp(log_scale) · (p_x, p_y) / (1000 + p_z)          in sides of the canonical crop,

so that 100 mm at the origin's depth are exp(log_scale) sides (docs/architecture.md, "The crop and the network's pose").
Minimised per photo, by Levenberg and Marquardt with bounds and iteratively reweighted squares (Geman and McClure 1987):

    strength · Σ_n ρ(|r_n|² / σ_n²) + Σ identity² + Σ (expression / scale)² + 2 · sparsity · Σ expression

with r_n in face boxes, σ_n the reliability of point n at the photo's yaw, estimated over the whole set. The landmarks'
errors are alike over whole regions, so 468 of them weigh as much as about 468 · strength independent ones.

Letters: B photos, N points (468 and two irises), M identity modes, E expressions, K = 6 + M + E unknowns, Y yaw bins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.lab.pairs.point_model import FloatArray, PointModel

DISTANCE_MM = 1000.0
BOX_SIDE = 1 / 1.7
"""√(w·h) of the 68 landmarks' box in sides of the canonical crop."""
YAW_EDGES = (-45.0, -30.0, -15.0, 15.0, 30.0, 45.0)
_POSE = 6


@dataclass(frozen=True)
class FitSettings:
    """What the fit may be asked to do otherwise.

    Attributes:
        strength: weight of the landmarks against the prior (see the module).
        expression_scale: standard deviation of the half-normal prior of the weights.
        expression_sparsity: slope of their exponential prior.
        robust_scale: residual, in σ, at which a point's weight has fallen to a quarter.
        pose_steps: of the first phase, mean head.
        steps: of the second phase, everything.
        opposites: (pairs, 2) expressions that exclude each other.
    """

    strength: float = 0.25
    expression_scale: float = 0.6
    expression_sparsity: float = 0.5
    robust_scale: float = 8.0
    pose_steps: int = 8
    steps: int = 14
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


def fit(
    model: PointModel,
    points: FloatArray,
    given: NDArray[np.bool_],
    reliability: Reliability | None = None,
    settings: FitSettings | None = None,
    block: int = 32,
    progress: Callable[[int], None] | None = None,
) -> Fits:
    """Fit heads to landmarks.

    Args:
        model: the corpus's points.
        points: (B, N, 2) in sides of the canonical crop from its centre, x right, y down.
        given: (B, N) which of them count.
        reliability: of each point; equal by default.
        settings: see `FitSettings`.
        block: photos solved together; limits memory, does not change results beyond rounding.
        progress: called with the number of photos done.
    """
    reliability = reliability or Reliability.equal(len(model.rest))
    solver = _Solver(model, reliability, settings or FitSettings())
    parts = []
    for first in range(0, len(points), block):
        rows = slice(first, first + block)
        parts.append(solver(torch.from_numpy(points[rows]), torch.from_numpy(given[rows])))
        if progress:
            progress(min(first + block, len(points)))
    return Fits(*(np.concatenate([getattr(part, name) for part in parts]) for name in Fits.__dataclass_fields__))


def estimate_reliability(model: PointModel, fits: Fits, floor: float = 0.006) -> Reliability:
    """σ of every point in every yaw bin, from the residuals' median; sides are pooled with their mirror images.

    For a normal error in the plane the median of |r|² is 2 ln 2 · σ². A bin with fewer than 30 values borrows its
    neighbour nearer the front.
    """
    bins = yaw_bin(fits.rotation)
    count = len(YAW_EDGES) + 1
    squared = (fits.error**2).sum(-1)
    squared[fits.weight == 0] = np.nan
    sigma = np.full((count, len(model.rest)), np.nan, np.float32)
    middle = count // 2
    for distance in range(middle + 1):
        for side in {middle - distance, middle + distance}:
            values = np.concatenate([squared[bins == side], squared[bins == count - 1 - side][:, model.mirror]])
            enough = (~np.isnan(values)).sum(0) >= 30
            inward = side + int(np.sign(middle - side))
            sigma[side] = sigma[inward]
            if enough.any():
                median = np.nanmedian(values[:, enough], axis=0)
                sigma[side, enough] = np.sqrt(median / (2 * np.log(2)))
    sigma = np.where(np.isnan(sigma), np.float32(0.02), sigma)
    return Reliability(np.maximum(sigma, floor).astype(np.float32))


def estimate_shift(model: PointModel, fits: Fits, prior_mm: float = 10.0) -> FloatArray:
    """The constant 3D error of every point, (N, 3) mm in the head's frame, symmetric.

    The least squares shift of each point over all photos, seen from their different sides: what the landmarks' own
    style differs from the embedding, beyond what identities explain. `prior_mm` keeps unseen directions near zero.
    """
    direction = _image_axes(model, fits)  # (B, N, 2, 3) sides per mm
    weight = fits.weight[..., None, None]
    normal = np.einsum("bnij,bnik->njk", weight * direction, direction)
    right = np.einsum("bnij,bni->nj", weight * direction, fits.error * BOX_SIDE)
    # One photo's worth of information at the residuals' usual size makes the prior's strength.
    noise = np.float32(np.sqrt(np.mean(fits.error[fits.weight > 0] ** 2)) * BOX_SIDE)
    normal += np.eye(3, dtype=np.float32) * (noise / prior_mm) ** 2 * 30
    shift = np.linalg.solve(normal, right[..., None])[..., 0]
    mirrored = shift[model.mirror] * np.array([-1, 1, 1], np.float32)
    result: FloatArray = ((shift + mirrored) / 2).astype(np.float32)
    return result


def _image_axes(model: PointModel, fits: Fits) -> FloatArray:
    """(B, N, 2, 3) derivative of the projected points by the points in the head's frame."""
    points = model.points(fits.identity, fits.expression)
    turned = np.einsum("bij,bnj->bni", fits.rotation, points)
    depth = DISTANCE_MM + turned[..., 2]
    scale = 10 * np.exp(fits.log_scale)[:, None] / depth
    x_row = fits.rotation[:, None, 0] - (turned[..., 0] / depth)[..., None] * fits.rotation[:, None, 2]
    y_row = fits.rotation[:, None, 1] - (turned[..., 1] / depth)[..., None] * fits.rotation[:, None, 2]
    result: FloatArray = np.stack([x_row, y_row], axis=2) * scale[..., None, None]
    return result


@dataclass(frozen=True)
class _State:
    """Unknowns of a block: codes (B, M + E), rotation (B, 3, 3), offset (B, 2), log_scale (B,)."""

    codes: Tensor
    rotation: Tensor
    offset: Tensor
    log_scale: Tensor


_STATE = ("codes", "rotation", "offset", "log_scale")


class _Solver:
    """Levenberg and Marquardt for a block of photos; holds what all blocks share."""

    def __init__(self, model: PointModel, reliability: Reliability, settings: FitSettings) -> None:
        self.settings = settings
        self.modes = len(model.identity)
        self.rest = torch.from_numpy(model.rest)
        basis = np.concatenate([model.identity, model.expression])
        self.basis = torch.from_numpy(np.ascontiguousarray(basis.transpose(1, 2, 0)))  # (N, 3, M + E)
        self.sigma = torch.from_numpy(reliability.sigma) * BOX_SIDE
        units, scale = len(model.expression), settings.expression_scale
        self.precision = torch.cat([torch.ones(self.modes), torch.full((units,), scale**-2)])
        self.slope = torch.cat([torch.zeros(self.modes), torch.full((units,), settings.expression_sparsity)])

    def __call__(self, points: Tensor, given: Tensor) -> Fits:
        state = self._initial(points, given)
        state = self._descend(state, points, given, self.settings.pose_steps, shape=False)
        state = self._descend(state, points, given, self.settings.steps, shape=True)
        residual = points - self._project(state)[0]
        return Fits(
            identity=state.codes[:, : self.modes].numpy(),
            expression=state.codes[:, self.modes :].numpy(),
            rotation=state.rotation.numpy(),
            offset=state.offset.numpy(),
            log_scale=state.log_scale.numpy(),
            error=(residual / BOX_SIDE).numpy(),
            weight=self._robust(residual, self._sigma(state), given)[0].numpy(),
        )

    def _initial(self, points: Tensor, given: Tensor) -> _State:
        """Scaled orthographic pose of the mean head in closed form."""
        weight = given.float()[..., None]
        total = weight.sum(1)
        mean2 = (weight * points).sum(1) / total
        mean3 = (weight * self.rest).sum(1) / total
        centred = weight * (self.rest - mean3[:, None])
        normal = centred.transpose(1, 2) @ centred
        affine = torch.linalg.solve(normal, centred.transpose(1, 2) @ (points - mean2[:, None])).transpose(1, 2)
        left, stretch, right = torch.linalg.svd(affine, full_matrices=False)
        rows = left @ right  # (B, 2, 3), the nearest orthonormal pair
        rotation = torch.stack([rows[:, 0], rows[:, 1], torch.linalg.cross(rows[:, 0], rows[:, 1])], dim=1)
        scale = stretch.mean(1)
        offset = mean2 - scale[:, None] * torch.einsum("bij,bj->bi", rows, mean3)
        codes = torch.zeros(len(points), len(self.precision))
        return _State(codes, rotation, offset, torch.log(100 * scale))

    def _heads(self, codes: Tensor) -> Tensor:
        """(B, M + E) to (B, N, 3)."""
        count = len(self.rest)
        return self.rest + (codes @ self.basis.reshape(3 * count, -1).T).reshape(-1, count, 3)

    def _project(self, state: _State) -> tuple[Tensor, Tensor]:
        """Projected points (B, N, 2) and turned points (B, N, 3)."""
        turned = self._heads(state.codes) @ state.rotation.transpose(1, 2)
        scale = 10 * torch.exp(state.log_scale)[:, None, None]
        return state.offset[:, None] + scale * turned[..., :2] / (DISTANCE_MM + turned[..., 2:]), turned

    def _sigma(self, state: _State) -> Tensor:
        """(B, N), each photo's row of the reliability."""
        return self.sigma[torch.from_numpy(yaw_bin(state.rotation.numpy()))]

    def _robust(self, residual: Tensor, sigma: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (B, N) in 0 to 1, and the points' summed cost (B,)."""
        squared = (residual**2).sum(-1) / sigma**2
        limit = self.settings.robust_scale**2
        share = limit / (limit + squared) * given
        cost = (squared * share).sum(1) * self.settings.strength
        return share**2, cost

    def _cost(self, state: _State, residual: Tensor, sigma: Tensor, given: Tensor) -> Tensor:
        prior = (self.precision * state.codes**2 + 2 * self.slope * state.codes).sum(1)
        return self._robust(residual, sigma, given)[1] + prior

    def _descend(self, state: _State, points: Tensor, given: Tensor, steps: int, shape: bool) -> _State:
        damping = torch.full((len(points),), 1e-2)
        for step in range(steps):
            if step % 4 == 0:  # the reliability of a photo changes with its yaw, and so does the cost
                sigma = self._sigma(state)
                projected, turned = self._project(state)
                cost = self._cost(state, points - projected, sigma, given)
            weight = self._robust(points - projected, sigma, given)[0] * self.settings.strength / sigma**2
            root = torch.sqrt(weight)
            normal, gradient = self._normal_equations(state, turned, points - projected, root, shape)
            trial = self._step(state, normal, gradient, damping)
            trial_projected, trial_turned = self._project(trial)
            trial_cost = self._cost(trial, points - trial_projected, sigma, given)
            better = trial_cost < cost
            damping = torch.where(better, damping / 4, damping * 6).clamp(1e-6, 1e6)
            state = _State(
                *(_choose(better, getattr(trial, name), getattr(state, name)) for name in _State.__dataclass_fields__)
            )
            projected = _choose(better, trial_projected, projected)
            turned = _choose(better, trial_turned, turned)
            cost = torch.where(better, trial_cost, cost)
        return state

    def _normal_equations(
        self, state: _State, turned: Tensor, residual: Tensor, root: Tensor, shape: bool
    ) -> tuple[Tensor, Tensor]:
        """JᵀWJ and JᵀWr of a turn about the camera's axes, offset, log_scale, then the codes.

        Args:
            state, turned, residual: where we are, (B, N, 3) points in the camera's axes, (B, N, 2) given − fitted.
            root: (B, N) square roots of the weights.
            shape: whether the codes are unknowns; else only the pose.

        Returns:
            (B, 6 or K, 6 or K) and (B, 6 or K).
        """
        batch, count = turned.shape[:2]
        depth = DISTANCE_MM + turned[..., 2]
        scale = 10 * torch.exp(state.log_scale)[:, None] / depth * root
        ratio = turned[..., :2] / depth[..., None]
        axes = torch.zeros(batch, count, 2, 3)  # derivative by the turned points, weighted
        axes[..., 0, 0] = axes[..., 1, 1] = 1
        axes[..., 2] = -ratio
        axes *= scale[..., None, None]
        x, y, z = turned.unbind(-1)
        zero = torch.zeros_like(x)
        spin = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], -1).reshape(batch, count, 3, 3)
        shift = root[..., None, None] * torch.eye(2)
        growth = (scale[..., None] * turned[..., :2])[..., None]
        pose = torch.cat([axes @ spin, shift, growth], dim=-1).reshape(batch, 2 * count, _POSE)
        error = (root[..., None] * residual).reshape(batch, 2 * count, 1)
        normal = pose.transpose(1, 2) @ pose
        gradient = (pose.transpose(1, 2) @ error)[..., 0]
        if not shape:
            return normal, gradient
        # The layout (N, 2, B, ·) lets one product per point make all rows, and the next one read them without a copy.
        in_head = torch.einsum("bnij,bjk->nibk", axes, state.rotation).reshape(count, 2 * batch, 3)
        codes = (in_head @ self.basis).reshape(2 * count, batch, -1).transpose(0, 1)
        mixed = pose.transpose(1, 2) @ codes
        normal = torch.cat(
            [torch.cat([normal, mixed], 2), torch.cat([mixed.transpose(1, 2), codes.transpose(1, 2) @ codes], 2)], 1
        )
        return normal, torch.cat([gradient, (codes.transpose(1, 2) @ error)[..., 0]], 1)

    def _step(self, state: _State, normal: Tensor, gradient: Tensor, damping: Tensor) -> _State:
        """One damped Gauss–Newton step within the bounds."""
        batch, size = gradient.shape
        shape = size > _POSE
        if shape:
            gradient[:, _POSE:] -= self.precision * state.codes + self.slope
            normal.diagonal(dim1=1, dim2=2)[:, _POSE:] += self.precision
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal += damping[:, None] * diagonal + 1e-6
        if shape:
            # Weights at a bound that want to leave it are held (active set).
            weights = state.codes[:, self.modes :]
            push = gradient[:, _POSE + self.modes :]
            held = ((weights <= 0) & (push < 0)) | ((weights >= 1) & (push > 0))
            free = torch.cat([torch.ones(batch, _POSE + self.modes), (~held).float()], dim=1)
            normal = normal * free[:, :, None] * free[:, None, :] + torch.diag_embed(1 - free)
            gradient = gradient * free
        factor = torch.linalg.cholesky_ex(normal)[0]
        change = torch.cholesky_solve(gradient[..., None], factor)[..., 0]
        change = torch.nan_to_num(change, 0.0, 0.0, 0.0)
        codes = state.codes
        if shape:
            codes = codes + change[:, _POSE:]
            codes = torch.cat([codes[:, : self.modes], self._exclusive(codes[:, self.modes :].clamp(0, 1))], dim=1)
        turn = torch.linalg.matrix_exp(_cross(change[:, :3].clamp(-0.5, 0.5)))
        return _State(
            codes=codes,
            rotation=turn @ state.rotation,
            offset=state.offset + change[:, 3:5],
            log_scale=state.log_scale + change[:, 5].clamp(-0.3, 0.3),
        )

    def _exclusive(self, weights: Tensor) -> Tensor:
        """Of two opposites only the stronger stays, less the other: their sum of motions hardly changes."""
        for first, second in self.settings.opposites:
            both = torch.minimum(weights[:, first], weights[:, second])
            weights[:, first] -= both
            weights[:, second] -= both
        return weights


def _choose(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(better.reshape(-1, *[1] * (new.dim() - 1)), new, old)


def _cross(turn: Tensor) -> Tensor:
    """(B, 3) to the skew matrices (B, 3, 3) of the cross product."""
    x, y, z = turn.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
