"""Levenberg and Marquardt for many photos at once: the heads of `fit.py` found from their landmarks.

What costs is JᵀWJ: 940 rows times some 160 unknowns, squared, for each photo. It hardly changes from step to step, so
it is made anew only at the steps named by `REFRESHED`; in between, the steps take the fresh gradient, which is cheap,
with the last matrix (a chord method). The cost decides about every step: a stale matrix can slow a fit, not spoil it.

Letters: B photos, N points, M identity modes, E expressions, K = 6 + M + E unknowns.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.lab.pairs.fit import BOX_SIDE, DISTANCE_MM, Fits, FitSettings, Prior, Reliability, yaw_bin
from face2mesh.lab.pairs.point_model import FloatArray, PointModel

REFRESHED = frozenset((0, 1, 3, 6, 10, 15, 21))
_POSE = 6


def fit(
    model: PointModel,
    points: FloatArray,
    given: NDArray[np.bool_],
    reliability: Reliability | None = None,
    settings: FitSettings | None = None,
    prior: Prior | None = None,
    block: int = 32,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Fits:
    """Fit heads to landmarks.

    Args:
        model: the corpus's points.
        points: (B, N, 2) in sides of the canonical crop from its centre, x right, y down.
        given: (B, N) which of them count.
        reliability: of each point; equal by default.
        settings: see `FitSettings`.
        prior: of each person's identity; the corpus's own by default.
        block: photos solved together; limits memory, does not change results beyond rounding.
        workers: threads, each with a block of its own; does not change results.
        progress: called with the number of photos done.
    """
    reliability = reliability or Reliability.equal(len(model.rest))
    prior = prior or Prior.of_anybody(len(points), len(model.identity))
    solver = _Solver(model, reliability, settings or FitSettings())

    def solve(first: int) -> Fits:
        rows = slice(first, first + block)
        return solver(torch.from_numpy(points[rows]), torch.from_numpy(given[rows]), prior[rows])

    parts = []
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(solve, range(0, len(points), block)):
            parts.append(part)
            if progress:
                progress(min(len(parts) * block, len(points)))
    return Fits(*(np.concatenate([getattr(part, name) for part in parts]) for name in Fits.__dataclass_fields__))


@dataclass(frozen=True)
class _State:
    """Unknowns of a block: codes (B, M + E), rotation (B, 3, 3), offset (B, 2), log_scale (B,)."""

    codes: Tensor
    rotation: Tensor
    offset: Tensor
    log_scale: Tensor


@dataclass(frozen=True)
class _Seen:
    """What is known of a block: points (B, N, 2), given (B, N), the codes' mean (B, K') and precision (B, K', K'),
    K' = M + E."""

    points: Tensor
    given: Tensor
    mean: Tensor
    precision: Tensor


class _Solver:
    """Solves blocks of photos; holds what all blocks share."""

    def __init__(self, model: PointModel, reliability: Reliability, settings: FitSettings) -> None:
        self.settings = settings
        self.modes = len(model.identity)
        self.rest = torch.from_numpy(model.rest)
        basis = np.concatenate([model.identity, model.expression])
        self.basis = torch.from_numpy(np.ascontiguousarray(basis.transpose(1, 2, 0)))  # (N, 3, M + E)
        self.sigma = torch.from_numpy(reliability.sigma) * BOX_SIDE
        self.units = len(model.expression)
        slope = torch.as_tensor(settings.expression_sparsity, dtype=torch.float32).expand(self.units)
        self.slope = torch.cat([torch.zeros(self.modes), slope])

    def __call__(self, points: Tensor, given: Tensor, prior: Prior) -> Fits:
        seen = _Seen(points, given, *self._codes_prior(prior))
        state = self._initial(seen)
        state = self._descend(state, seen, self.settings.pose_steps, shape=False)
        state = self._descend(state, seen, self.settings.steps, shape=True)
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

    def _codes_prior(self, prior: Prior) -> tuple[Tensor, Tensor]:
        """Mean (B, M + E) and precision (B, M + E, M + E) of all codes."""
        modes, size = self.modes, self.modes + self.units
        mean = torch.zeros(len(prior.group), size)
        mean[:, :modes] = torch.from_numpy(prior.mean[prior.group])
        precision = torch.zeros(len(prior.group), size, size)
        precision[:, :modes, :modes] = torch.from_numpy(prior.precision[prior.group])
        precision.diagonal(dim1=1, dim2=2)[:, modes:] = self.settings.expression_scale**-2
        return mean, precision

    def _initial(self, seen: _Seen) -> _State:
        """Scaled orthographic pose of the mean head in closed form; codes at the prior's mean."""
        points, weight = seen.points, seen.given.float()[..., None]
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
        return _State(seen.mean, rotation, offset, torch.log(100 * scale))

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

    def _cost(self, state: _State, residual: Tensor, sigma: Tensor, seen: _Seen) -> Tensor:
        off = state.codes - seen.mean
        prior = (_times(seen.precision, off) * off + 2 * self.slope * state.codes).sum(1)
        return self._robust(residual, sigma, seen.given)[1] + prior

    def _descend(self, state: _State, seen: _Seen, steps: int, shape: bool) -> _State:
        points, given = seen.points, seen.given
        damping = torch.full((len(points),), 1e-2)
        for step in range(steps):
            if step % 4 == 0:  # the reliability of a photo changes with its yaw, and so does the cost
                sigma = self._sigma(state)
                projected, turned = self._project(state)
                cost = self._cost(state, points - projected, sigma, seen)
            residual = points - projected
            weight = self._robust(residual, sigma, given)[0] * self.settings.strength / sigma**2
            linear = _Linear.at(state, turned)
            if not shape or step in REFRESHED:
                normal = self._normal_matrix(linear, state, torch.sqrt(weight), shape)
            gradient = self._gradient(linear, state, weight, residual, shape)
            trial = self._step(state, normal, gradient, damping, seen)
            trial_projected, trial_turned = self._project(trial)
            trial_cost = self._cost(trial, points - trial_projected, sigma, seen)
            better = trial_cost < cost
            damping = torch.where(better, damping / 4, damping * 6).clamp(1e-6, 1e6)
            state = _State(
                *(_choose(better, getattr(trial, name), getattr(state, name)) for name in _State.__dataclass_fields__)
            )
            projected = _choose(better, trial_projected, projected)
            turned = _choose(better, trial_turned, turned)
            cost = torch.where(better, trial_cost, cost)
        return state

    def _normal_matrix(self, linear: _Linear, state: _State, root: Tensor, shape: bool) -> Tensor:
        """JᵀWJ of a turn about the camera's axes, offset, log_scale, then the codes; without the prior.

        Args:
            linear, state: where we are.
            root: (B, N) square roots of the weights.
            shape: whether the codes are unknowns; else only the pose.

        Returns:
            (B, 6 or K, 6 or K).
        """
        batch, count = root.shape
        pose = (linear.pose * root[..., None, None]).reshape(batch, 2 * count, _POSE)
        normal = pose.transpose(1, 2) @ pose
        if not shape:
            return normal
        # The layout (N, 2, B, ·) lets one product per point make all rows, and the next one read them without a copy.
        in_head = torch.einsum("bnij,bjk->nibk", linear.axes * root[..., None, None], state.rotation)
        codes = (in_head.reshape(count, 2 * batch, 3) @ self.basis).reshape(2 * count, batch, -1).transpose(0, 1)
        size = _POSE + codes.shape[2]
        whole = torch.empty(batch, size, size)
        whole[:, :_POSE, :_POSE] = normal
        whole[:, :_POSE, _POSE:] = pose.transpose(1, 2) @ codes
        whole[:, _POSE:, :_POSE] = whole[:, :_POSE, _POSE:].transpose(1, 2)
        torch.bmm(codes.transpose(1, 2), codes, out=whole[:, _POSE:, _POSE:])
        return whole

    def _gradient(self, linear: _Linear, state: _State, weight: Tensor, residual: Tensor, shape: bool) -> Tensor:
        """JᵀWr, (B, 6 or K), without the prior."""
        pulled = weight[..., None] * residual
        gradient = torch.einsum("bnij,bni->bj", linear.pose, pulled)
        if not shape:
            return gradient
        force = torch.einsum("bnij,bni->bnj", linear.axes, pulled) @ state.rotation
        return torch.cat([gradient, force.reshape(len(force), -1) @ self.basis.reshape(force[0].numel(), -1)], 1)

    def _step(self, state: _State, normal: Tensor, gradient: Tensor, damping: Tensor, seen: _Seen) -> _State:
        """One damped Gauss–Newton step within the bounds; leaves its arguments as they are."""
        batch, size = gradient.shape
        shape = size > _POSE
        normal = normal.clone()
        diagonal = normal.diagonal(dim1=1, dim2=2)
        if shape:
            gradient[:, _POSE:] -= _times(seen.precision, state.codes - seen.mean) + self.slope
            normal[:, _POSE:, _POSE:] += seen.precision
        diagonal += damping[:, None] * diagonal + 1e-6
        if shape:
            # Weights at a bound that want to leave it are held (active set).
            weights = state.codes[:, self.modes :]
            push = gradient[:, _POSE + self.modes :]
            held = ((weights <= 0) & (push < 0)) | ((weights >= 1) & (push > 0))
            free = torch.cat([torch.ones(batch, _POSE + self.modes), (~held).float()], dim=1)
            normal *= free[:, :, None]
            normal *= free[:, None, :]
            diagonal += 1 - free
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


@dataclass(frozen=True)
class _Linear:
    """The projection's derivatives.

    Attributes:
        axes: (B, N, 2, 3) by the turned points.
        pose: (B, N, 2, 6) by a turn about the camera's axes, offset and log_scale.
    """

    axes: Tensor
    pose: Tensor

    @classmethod
    def at(cls, state: _State, turned: Tensor) -> _Linear:
        """Where the turned points (B, N, 3) are."""
        depth = DISTANCE_MM + turned[..., 2]
        scale = 10 * torch.exp(state.log_scale)[:, None] / depth
        ratio = turned[..., :2] / depth[..., None]
        axes = turned.new_zeros(*depth.shape, 2, 3)
        axes[..., 0, 0] = axes[..., 1, 1] = scale
        axes[..., 2] = -ratio * scale[..., None]
        x, y, z = turned.unbind(-1)
        pose = turned.new_zeros(*depth.shape, 2, _POSE)
        # axes · [0 z −y; −z 0 x; y −x 0], the cross product's matrix.
        pose[..., 0] = axes[..., 2] * y[..., None]
        pose[..., 1] = -axes[..., 2] * x[..., None]
        pose[..., 0, 1] += scale * z
        pose[..., 1, 0] -= scale * z
        pose[..., 0, 2] = -scale * y
        pose[..., 1, 2] = scale * x
        pose[..., 0, 3] = pose[..., 1, 4] = 1
        pose[..., 5] = scale[..., None] * turned[..., :2]
        return cls(axes, pose)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    """(B, K, K) and (B, K) to (B, K)."""
    return (matrix @ vector[..., None])[..., 0]


def _choose(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(better.reshape(-1, *[1] * (new.dim() - 1)), new, old)


def _cross(turn: Tensor) -> Tensor:
    """(B, 3) to the skew matrices (B, 3, 3) of the cross product."""
    x, y, z = turn.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
