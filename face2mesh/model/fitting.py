"""Codes from a mesh: the head of the model that comes nearest to one that was sculpted, scanned or made elsewhere.

Placement and codes are found together by Gauss and Newton's method, with a prior on the codes: what is minimised is

    Σ_i w_i |s · x_i(identity, weights) + t − Rᵀ · y_i|² / σ²  +  |identity|²  +  |weights / τ|²

over the identity code, weights between 0 and 1, rotation R, shift t and, if asked for, scale s: the maximum a
posteriori fit of a morphable model (after Blanz and Vetter 1999) for vertices y_i that are given.

Letters: S skin vertices, N rows of a residual, M identity modes, E = 52 expression weights, U unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.head.alignment import Similarity, align
from face2mesh.head.arkit import ARKIT_NAMES, OPPOSITES
from face2mesh.head.rigid import rotations_of
from face2mesh.model.skin_slopes import SkinSlopes

Array = NDArray[np.float64]

NOISE_MM = 0.3
"""σ: how far a given vertex may be from the model's, before the prior's objections count less."""
WEIGHT_DEVIATION = 0.5
"""τ: of an expression weight from 0."""
LARGEST_CODE = 5.0
"""Deviations beyond which no number of an identity code goes, whatever is fitted."""

_STEPS = 20
_HALVINGS = 5
_SMALLEST_GAIN = 1e-5
_SWEEPS = 400


@dataclass(frozen=True)
class FitSettings:
    """What is unknown, and how much the prior counts.

    Attributes:
        expression: whether the 52 weights are unknown; else they stay at 0.
        scale: whether the unit of the given mesh, or the head's size beyond the model's, is unknown.
        noise_mm: σ, above 0; a smaller one follows the mesh more closely, at the price of less likely codes.
    """

    expression: bool = False
    scale: bool = False
    noise_mm: float = NOISE_MM

    def __post_init__(self) -> None:
        """Check the noise.

        Raises:
            Face2MeshError: it is not above 0.
        """
        if not (np.isfinite(self.noise_mm) and self.noise_mm > 0):
            raise Face2MeshError(f"A fit's noise is {self.noise_mm:g} mm; give more than 0.")


@dataclass(frozen=True)
class FitState:
    """Where a fit is: codes, and the placement y = R · (s · x + t) of the head in the given mesh's axes."""

    identity: Array
    weights: Array
    rotation: Array
    shift: Array
    log_scale: float = 0.0

    @classmethod
    def start(cls, modes: int, placement: Similarity) -> FitState:
        """The average head, somewhere."""
        shift = placement.rotation.T @ placement.translation
        zeros = np.zeros(len(ARKIT_NAMES))
        return cls(np.zeros(modes), zeros, placement.rotation, shift, float(np.log(placement.scale)))

    @property
    def scale(self) -> float:
        """s."""
        return float(np.exp(self.log_scale))

    @property
    def placement(self) -> Similarity:
        """From the head's frame to the given mesh's."""
        return Similarity(self.scale, self.rotation, self.rotation @ self.shift)


@dataclass(frozen=True)
class Rows:
    """What a fit compares: N points of the skin, each a weighted sum of K vertices, with given places.

    Attributes:
        corners: (N, K) int, vertices of the skin: one each, or the three of a triangle.
        shares: (N, K), their weights.
        targets: (N, 3), in the given mesh's axes, mm.
        normals: (N, 3), directions in the head's axes along which distances count, or None for all directions.
        weights: (N,), how much each counts, at least 0.
    """

    corners: NDArray[np.int64]
    shares: Array
    targets: Array
    weights: Array
    normals: Array | None = None

    def points(self, skin: Array) -> Array:
        """(S, 3) to (N, 3)."""
        places: Array = np.einsum("nk,nkc->nc", self.shares, skin[self.corners])
        return places

    def compared(self, values: NDArray[Any]) -> Array:
        """Vectors (…, N, 3) as they count: their parts along the normals (…, N), or all (…, 3N); weighted."""
        root = np.sqrt(self.weights)
        if self.normals is not None:
            along: Array = np.einsum("...nc,nc->...n", values, self.normals * root[:, None])
            return along
        whole: Array = (values * root[:, None]).reshape(*values.shape[:-2], -1)
        return whole


@dataclass(frozen=True)
class Problem:
    """A fit with fixed comparisons, solved by `solved`.

    Attributes:
        slopes: of the model.
        rows: what is compared.
        settings: what is unknown.
        most: (52,) upper bounds of the weights.
        codes: whether the codes are unknown; else the placement alone.
    """

    slopes: SkinSlopes
    rows: Rows
    settings: FitSettings
    most: Array = field(default_factory=lambda: np.ones(len(ARKIT_NAMES)))
    codes: bool = True

    def cost(self, state: FitState, skin: Array) -> float:
        """What is minimised."""
        missed = self.rows.compared(self._gap(state, skin)) / self.settings.noise_mm
        prior = (state.identity**2).sum() + ((state.weights / WEIGHT_DEVIATION) ** 2).sum()
        return float((missed**2).sum() + prior)

    def _gap(self, state: FitState, skin: Array) -> Array:
        """(N, 3), from the given places to the head's, in the head's axes."""
        gap: Array = state.scale * self.rows.points(skin) + state.shift - self.rows.targets @ state.rotation
        return gap

    def step(self, state: FitState, skin: Array) -> Array:
        """(U,), the best change of turn, shift, log scale, identity and weights as far as slopes tell."""
        rows, settings = self.rows, self.settings
        points, turned = rows.points(skin), rows.targets @ state.rotation
        units = np.eye(3)
        columns = [rows.compared(np.cross(units[:, None], turned)), rows.compared(units[:, None] + 0 * points)]
        columns.append(rows.compared(state.scale * points)[None] * settings.scale)
        if self.codes:
            columns.append(self._code_columns(self.slopes.of_identity) * state.scale)
            if settings.expression:
                columns.append(self._code_columns(self.slopes.of_weights(state.identity, state.weights)) * state.scale)
        slopes = np.concatenate(columns) / settings.noise_mm
        missed = rows.compared(self._gap(state, skin)) / settings.noise_mm
        matrix, gradient = slopes @ slopes.T, slopes @ missed
        # A scale that is known has no column: any number on the diagonal keeps it where it is.
        matrix[6, 6] += not settings.scale
        modes = self.slopes.modes if self.codes else 0
        own = np.arange(7, 7 + modes)
        matrix[own, own] += 1
        gradient[own] += state.identity[:modes]
        bounded = np.arange(7 + modes, len(gradient))
        matrix[bounded, bounded] += WEIGHT_DEVIATION**-2
        gradient[bounded] += state.weights[: len(bounded)] * WEIGHT_DEVIATION**-2
        now = state.weights[: len(bounded)]
        return bounded_step(matrix, gradient, bounded, -now, self.most[: len(bounded)] - now)

    def _code_columns(self, slopes: NDArray[np.float32]) -> Array:
        """Slopes of the skin (K, S, 3) as columns (K, rows)."""
        points = np.einsum("nk,mnkc->mnc", self.rows.shares.astype(np.float32), slopes[:, self.rows.corners])
        return self.rows.compared(points)

    def moved(self, state: FitState, step: Array, share: float) -> FitState:
        """The state a share of a step further."""
        part = share * step
        identity, weights = state.identity, state.weights
        if self.codes:
            identity = np.clip(identity + part[7 : 7 + len(identity)], -LARGEST_CODE, LARGEST_CODE)
            if self.settings.expression:
                weights = np.clip(weights + part[7 + len(identity) :], 0, self.most)
        return FitState(
            identity,
            weights,
            state.rotation @ rotations_of(part[:3]),
            state.shift + part[3:6],
            state.log_scale + float(part[6]) * self.settings.scale,
        )


def bounded_step(matrix: Array, gradient: Array, bounded: NDArray[np.int64], least: Array, most: Array) -> Array:
    """argmin ½ d·A·d + g·d, with bounds on some of the unknowns.

    The free unknowns are eliminated (their Schur complement stays); the bounded ones follow by descent along one
    coordinate after the other, which finds the minimum of a convex quadratic function in a box (Hildreth 1957).

    Args:
        matrix: (U, U), A, positive definite.
        gradient: (U,), g.
        bounded: (K,) indices, ascending.
        least, most: (K,), bounds of d.

    Returns:
        (U,).
    """
    free = np.setdiff1d(np.arange(len(gradient)), bounded)
    step = np.zeros(len(gradient))
    coupled = matrix[np.ix_(free, bounded)]
    solved = np.linalg.solve(matrix[np.ix_(free, free)], np.column_stack([coupled, gradient[free]]))
    if len(bounded):
        inner = matrix[np.ix_(bounded, bounded)] - coupled.T @ solved[:, :-1]
        pull = gradient[bounded] - coupled.T @ solved[:, -1]
        step[bounded] = boxed(inner, pull, least, most)
    step[free] = -solved[:, -1] - solved[:, :-1] @ step[bounded]
    return step


def boxed(matrix: Array, gradient: Array, least: Array, most: Array) -> Array:
    """argmin ½ d·A·d + g·d over least ≤ d ≤ most, (K,), by descent along the coordinates."""
    step = np.clip(np.zeros(len(gradient)), least, most)
    slope = gradient + matrix @ step
    for _ in range(_SWEEPS):
        largest = 0.0
        for i in range(len(step)):
            value = min(max(step[i] - slope[i] / matrix[i, i], least[i]), most[i])
            change = value - step[i]
            if change:
                step[i] = value
                slope += matrix[:, i] * change
                largest = max(largest, abs(change))
        if largest < 1e-7:
            break
    return step


def solved(problem: Problem, state: FitState, steps: int = _STEPS) -> FitState:
    """The state at which a problem's cost stops falling.

    A step that does not lower the cost is halved; what still does not is not taken.
    """
    skin = problem.slopes.skin(state.identity, state.weights)
    cost = problem.cost(state, skin)
    for _ in range(steps):
        step, share, before = problem.step(state, skin), 1.0, cost
        for _ in range(_HALVINGS):
            trial = problem.moved(state, step, share)
            trial_skin = problem.slopes.skin(trial.identity, trial.weights)
            trial_cost = problem.cost(trial, trial_skin)
            if trial_cost < cost:
                state, skin, cost = trial, trial_skin, trial_cost
                break
            share /= 2
        if before - cost <= _SMALLEST_GAIN * before:
            break
    return state


def without_opposites(problem: Problem, state: FitState, steps: int = 3) -> FitState:
    """The same fit where no two opposite weights are both above 0: the weaker is held at 0 and the rest goes on."""
    most = problem.most.copy()
    for first, second in OPPOSITES:
        if state.weights[first] > 0 and state.weights[second] > 0:
            most[first if state.weights[first] < state.weights[second] else second] = 0
    if (most == problem.most).all():
        return state
    held = replace(state, weights=np.minimum(state.weights, most))
    return solved(replace(problem, most=most), held, steps)


def fit_vertices(
    slopes: SkinSlopes, skin: NDArray[Any], settings: FitSettings, weights: NDArray[Any] | None = None
) -> FitState:
    """Fit codes to a mesh of the model's own topology.

    Args:
        slopes: of the model.
        skin: (S, 3), in the head's order; rows with a NaN are unknown.
        settings: what is unknown.
        weights: (S,), how much each vertex counts; None: all alike.

    Returns:
        The state; its placement leads to the given mesh's place and unit.

    Raises:
        Face2MeshError: fewer than four vertices are known, or all are on one line.
    """
    rest = slopes.skin(np.zeros(slopes.modes), np.zeros(len(ARKIT_NAMES)))
    targets = np.asarray(skin, np.float64)
    known = np.flatnonzero(np.isfinite(targets).all(1))
    if len(known) < 4 or np.linalg.matrix_rank(targets[known] - targets[known].mean(0)) < 2:
        raise Face2MeshError("A mesh to fit needs at least four known vertices that are not all on one line.")
    placement = align(rest[known], targets[known], settings.scale)
    # In units of the head, so that distances are millimetres whatever the mesh's unit is.
    unit = placement.scale
    rows = Rows(
        known[:, None],
        np.ones((len(known), 1)),
        targets[known] / unit,
        np.ones(len(known)) if weights is None else np.asarray(weights, np.float64)[known],
    )
    start = FitState.start(slopes.modes, Similarity(1.0, placement.rotation, placement.translation / unit))
    problem = Problem(slopes, rows, settings)
    return in_unit(without_opposites(problem, solved(problem, start)), unit)


def in_unit(state: FitState, unit: float) -> FitState:
    """A state found with lengths divided by `unit`, as it is with the lengths themselves."""
    return replace(state, shift=state.shift * unit, log_scale=state.log_scale + float(np.log(unit)))
