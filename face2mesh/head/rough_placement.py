"""Where a head is in a cloud of points of which nothing is known: by trying.

Rotations that cover all rotations evenly are each brought closer by closest points; the best few go on with more
points (iterative closest points: Besl and McKay 1992, trimmed: Chetverikov 2005).

Letters: R starts, N points, V vertices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.alignment import Similarity

Array = NDArray[np.float64]

_ROTATIONS = 180
_FEW, _MORE = 160, 900
_KEPT = 12
_TRIMMED = 0.8


def even_rotations(count: int) -> Array:
    """(count, 3, 3), rotations that cover all of them evenly: super-Fibonacci spirals (Alexa 2022)."""
    first, second = np.sqrt(2.0), 1.533751168755204288118041
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / first, 2 * np.pi * s / second
    x, y, z, w = inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    rotations: Array = np.stack([np.stack(row, -1) for row in rows], -2)
    return rotations


def rough_placements(
    head: NDArray[Any], parts: list[NDArray[Any]], points: NDArray[Any], scaling: bool, count: int = 3
) -> list[Similarity]:
    """The best few ways to lay a head over points.

    Args:
        head: (V, 3), places that the points may show, mm.
        parts: (V,) each, of how much surface a place stands for where the points may cover it, else 0: a scan may show
            all of a head, or its face alone.
        points: (N, 3), in any unit if `scaling`, else mm.
        scaling: whether the scale is unknown.
        count: how many to give, the best first.

    Returns:
        From the head's frame to the points'.
    """
    rng = np.random.default_rng(0)
    points = np.asarray(points, np.float64)
    head = np.asarray(head, np.float64)
    few, more = (points[rng.permutation(len(points))[:size]] for size in (_FEW, _MORE))
    rotations = even_rotations(_ROTATIONS)
    starts = []
    for part in parts:
        centre, spread = _ball(head, part)
        there, size = _ball(points, np.ones(len(points)))
        scale = size / spread if scaling else 1.0
        starts += [Similarity(scale, turn, there - scale * turn @ centre) for turn in rotations]
    coarse = head[rng.permutation(len(head))[: 4 * _FEW]]
    # Each start in the head's own frame, so that one list of vertices serves all.
    tried = _nearer(coarse, few, starts, 6)
    best = [start for _, start in sorted(tried, key=lambda pair: pair[0])[:_KEPT]]
    tried = _nearer(head, more, best, 12)
    return [start for _, start in sorted(tried, key=lambda pair: pair[0])[:count]]


def _ball(points: Array, weights: Array) -> tuple[Array, float]:
    """Weighted middle, and the root of the mean square distance from it."""
    shares = weights / weights.sum()
    middle = shares @ points
    return middle, float(np.sqrt(shares @ ((points - middle) ** 2).sum(1)))


def _nearer(head: Array, points: Array, starts: list[Similarity], steps: int) -> list[tuple[float, Similarity]]:
    """Each start after some steps of trimmed closest points; its score: the trimmed mean distance, unit as points."""
    scales = np.array([start.scale for start in starts])
    turns = np.array([start.rotation for start in starts])
    shifts = np.array([start.translation for start in starts])
    kept = max(int(_TRIMMED * len(points)), 3)
    half = ((head**2).sum(1) / 2).astype(np.float32)
    there = head.astype(np.float32)
    scores = np.zeros(len(starts))
    for step in range(steps + 1):
        # y = s R x + t, hence x = Rᵀ (y − t) / s.
        here = np.einsum("rni,rij->rnj", points - shifts[:, None], turns) / scales[:, None, None]
        at = np.stack([(half - row.astype(np.float32) @ there.T).argmin(1) for row in here])
        near = head[at]
        # In the points' unit: in the head's, a head that is far too large would be near everything.
        distance = np.linalg.norm(near - here, axis=2) * scales[:, None]
        order = np.argsort(distance, axis=1)[:, :kept]
        scores = np.take_along_axis(distance, order, 1).mean(1)
        if step == steps:
            break
        a = np.take_along_axis(near, order[..., None], 1)
        b = points[order]
        a_mean, b_mean = a.mean(1), b.mean(1)
        covariance = np.einsum("rni,rnj->rij", b - b_mean[:, None], a - a_mean[:, None])
        u, _, vt = np.linalg.svd(covariance)
        u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
        turns = u @ vt
        shifts = b_mean - scales[:, None] * np.einsum("rij,rj->ri", turns, a_mean)
    return [
        (float(score), Similarity(float(scale), turn, shift))
        for score, scale, turn, shift in zip(scores, scales, turns, shifts, strict=True)
    ]
