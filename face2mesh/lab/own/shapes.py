"""A morphable model from few sculpts: their mean, what they differ in, and what nobody has sculpted yet.

A normal distribution of skins whose covariance is the sum of three (Lüthi et al. 2018, "Gaussian Process Morphable
Models", section 3.3, combine kernels so): that of the sculpts themselves, as many directions as there are sculpts less
one; that of the packaged model's people; and smooth deformations. The shares are those under which each sculpt is
likeliest given the others (leave-one-out), so few sculpts lean on the prior and many do not. The sum is written in low
rank, as whitened modes.

Letters: n sculpts, S skin vertices, W of them that count, M packaged modes, r smooth modes, K modes of the result.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head.alignment import align

Floats = NDArray[np.float64]
FloatArray = NDArray[np.float32]

LEAST = 3
"""Sculpts that a model can be made of."""
MEAN = (0.0, 0.25, 0.5, 0.75, 1.0)
OWN = (0.0, 0.25, 0.5, 0.75, 1.0)
KNOWN = (0.0, 0.1, 0.25, 0.5, 1.0)
SMOOTH_MM = (0.0, 0.25, 0.5, 1.0, 2.0)
NOISE_MM = 0.4
"""What no mode has to explain, one standard deviation of a coordinate."""
ELSEWHERE = 0.3
"""Weight of a vertex that is neither of the face nor of the ears, where modes are chosen."""
MOST_MODES = 160
KEPT = 0.998
"""Of the variance, by the modes of the result."""
COUNTED = 500
"""Vertices on which the leave-one-out likelihood is taken."""


@dataclass(frozen=True)
class Shares:
    """How the covariance is put together.

    Attributes:
        mean: how far the mean goes from the packaged one to the sculpts' own, of `_shrunk`: relatives have a mean of
            their own, strangers have none.
        own: factor on the sculpts' own covariance.
        known: factor on that of the packaged model's people.
        smooth_mm: standard deviation of smooth deformations, mm.
    """

    mean: float
    own: float
    known: float
    smooth_mm: float


@dataclass(frozen=True)
class LeftOut:
    """What the others tell of a sculpt that was left out, on average over the sculpts.

    Attributes:
        mean: share of its squared distance from the packaged model's mean that the mean of the others explains.
        own: share of its squared distance from that mean which the modes of the others explain.
        left_mm: mean distance over the face that all modes together leave of it, at their prior.
        own_modes: how many modes the others have.
        modes: how many there are together.
    """

    mean: float
    own: float
    left_mm: float
    own_modes: int
    modes: int


@dataclass(frozen=True)
class ShapeModel:
    """Skins as mean + Σ codes · modes, the codes standard normal.

    Attributes:
        mean: (S, 3) mm.
        modes: (K, S, 3) mm, of falling variance.
        shares: how they came to be.
        left_out: what the sculpts tell of one another; None where there are too few to tell.
        sculpts: n.
    """

    mean: FloatArray
    modes: FloatArray
    shares: Shares
    left_out: LeftOut | None
    sculpts: int

    def skins(self, codes: NDArray[Any]) -> FloatArray:
        """(B, K) to (B, S, 3) mm."""
        flat = np.asarray(codes, np.float32) @ self.modes.reshape(len(self.modes), -1)
        skins: FloatArray = self.mean + flat.reshape(len(flat), *self.mean.shape)
        return skins

    def codes(self, skins: NDArray[Any], weight: NDArray[Any], noise_mm: float = NOISE_MM) -> FloatArray:
        """(B, K), the likeliest codes of skins (B, S, 3) whose vertices count by `weight` (S,) (ridge regression)."""
        weighted = (self.modes * weight[:, None]).reshape(len(self.modes), -1).astype(np.float64)
        system = weighted @ self.modes.reshape(len(self.modes), -1).T + noise_mm**2 * np.eye(len(self.modes))
        away = (np.asarray(skins, np.float64) - self.mean).reshape(len(skins), -1)
        codes: FloatArray = np.linalg.solve(system, weighted @ away.T).T.astype(np.float32)
        return codes

    def told(self) -> str:
        """What so few sculpts can and cannot give, in two sentences."""
        count = self.sculpts
        first = f"{count} sculpts give {count - 1} directions of their own"
        if self.left_out is None:
            return f"{first}; with fewer than four nobody can be left out to tell what they say of others."
        left = self.left_out
        return (
            f"{first}. Of what sets a sculpt that is left out apart from the packaged mean head, the others' mean "
            f"explains {'nothing' if self.shares.mean == 0 else f'{left.mean:.0%}'}; of what sets it apart from "
            f"{'there' if self.shares.mean == 0 else 'that mean'}, their own {left.own_modes} modes explain "
            f"{left.own:.0%}. With the packaged people's modes and smooth ones, {left.modes} in all, each of them can "
            f"be followed to {left.left_mm:.1f} mm; how they go together in a new face so few sculpts cannot tell, "
            "and a photo only in part."
        )


def aligned_sculpts(skins: NDArray[Any], mean: NDArray[Any], region: NDArray[np.bool_]) -> FloatArray:
    """Skins (n, S, 3) turned and moved, not scaled, onto a mean skin (S, 3) over a region (S,)."""
    return np.stack([align(skin[region], mean[region], scaling=False)(skin) for skin in skins]).astype(np.float32)


def learn_shapes(
    sculpts: NDArray[Any],
    mean: NDArray[Any],
    known: NDArray[Any],
    smooth: NDArray[Any],
    region: NDArray[np.bool_],
    most_modes: int = MOST_MODES,
) -> ShapeModel:
    """A shape model of aligned sculpts.

    Args:
        sculpts: (n, S, 3) mm.
        mean: (S, 3) of the packaged model.
        known: (M, S, 3) its modes; M may be 0.
        smooth: (r, S, 3), see `smooth_modes`, for 1 mm.
        region: (S,) what counts most: face and ears.
        most_modes: the most that the result may have.

    Raises:
        InputFileError: fewer than three sculpts.
    """
    count = len(sculpts)
    if count < LEAST:
        raise InputFileError(f"{count} neutral sculpts: a model of people takes {LEAST}; sculpt more of them.")
    away = (np.asarray(sculpts, np.float64) - mean).reshape(count, -1)
    shares, left_out = _chosen_shares(away, known, smooth, region)
    shift = shares.mean * _shrunk(count) * away.mean(0)
    factors = np.concatenate(
        [
            np.sqrt(shares.own / (count - 1)) * (away - away.mean(0)),
            np.sqrt(shares.known) * known.reshape(len(known), -1),
            shares.smooth_mm * smooth.reshape(len(smooth), -1),
        ]
    )
    factors = factors[np.abs(factors).max(1) > 0]
    weight = np.repeat(np.where(region, 1.0, ELSEWHERE), 3)
    values, vectors = np.linalg.eigh((factors * weight) @ factors.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    enough = int(np.searchsorted(np.cumsum(values), KEPT * values.sum())) + 1
    modes = vectors[:, : min(enough, most_modes, len(values))].T @ factors
    return ShapeModel(
        (mean + shift.reshape(-1, 3)).astype(np.float32),
        modes.reshape(len(modes), -1, 3).astype(np.float32),
        shares,
        left_out,
        count,
    )


def _shrunk(count: int) -> float:
    """How far the mean of n goes from the packaged mean: a family differs from people as much as its members do."""
    return count / (count + 1)


def _chosen_shares(
    away: Floats, known: NDArray[Any], smooth: NDArray[Any], region: NDArray[np.bool_]
) -> tuple[Shares, LeftOut | None]:
    """The shares of largest leave-one-out likelihood over some vertices of the region, and what is told by them.

    The density of a left-out sculpt is that of a normal distribution of low rank plus noise; Woodbury's identity takes
    it to products of the sculpts under the inverse covariance that they have in common.
    """
    count = len(away)
    if count < LEAST + 1:
        return Shares(MEAN[2], OWN[2], KNOWN[-1], SMOOTH_MM[2]), None
    rows = np.flatnonzero(region)
    rows = rows[:: max(1, len(rows) // COUNTED)]
    columns = (3 * rows[:, None] + np.arange(3)).ravel()
    sculpts, people, bends = (
        part.reshape(len(part), -1)[:, columns].astype(np.float64) for part in (away, known, smooth)
    )
    folds = {mean: [_fold(count, out, mean) for out in range(count)] for mean in MEAN}
    best, score = None, -np.inf
    for share, deviation in itertools.product(KNOWN if len(known) else (0.0,), SMOOTH_MM):
        if share == deviation == 0:
            continue
        prior = np.concatenate([np.sqrt(share) * people[: len(people) * bool(share)], deviation * bends])
        products, volume = _under_inverse(sculpts, prior)
        for mean, own in itertools.product(MEAN, OWN):
            total = sum(_log_density(products, volume, apart, np.sqrt(own) * centred) for apart, centred in folds[mean])
            if total > score:
                best, score = Shares(mean, own, share, deviation), total
    assert best is not None
    told, explained, together = [], [], []
    for out, (apart, centred) in enumerate(folds[best.mean]):
        left, others = apart @ sculpts, centred @ sculpts
        told.append(1 - float(left @ left) / float(sculpts[out] @ sculpts[out]))
        explained.append(1 - float((_rest(left, others) ** 2).sum()) / float(left @ left))
        parts = [np.sqrt(best.own) * others, np.sqrt(best.known) * people, best.smooth_mm * bends]
        rest = _rest(left, np.concatenate([part for part in parts if part.any()]))
        together.append(np.linalg.norm(rest.reshape(-1, 3), axis=1).mean())
    modes = (count - 2) * (best.own > 0) + len(known) * (best.known > 0) + len(smooth) * (best.smooth_mm > 0)
    means = [float(np.mean(values)) for values in (told, explained, together)]
    return best, LeftOut(mean=means[0], own=means[1], left_mm=means[2], own_modes=count - 2, modes=modes)


def _fold(count: int, out: int, mean: float) -> tuple[Floats, Floats]:
    """As combinations of n sculpts: one's distance from the shrunk mean of the others (n,), their modes (n − 1, n)."""
    others = np.arange(count) != out
    apart = np.where(others, -mean * _shrunk(count - 1) / (count - 1), 1.0)
    centred = (np.eye(count) - others / (count - 1))[others] / np.sqrt(count - 2)
    return apart, centred


def _under_inverse(sculpts: Floats, prior: Floats) -> tuple[Floats, float]:
    """Products (n, n) of sculpts (n, D) under the inverse of BᵀB + σ²I, B (R, D) the prior; its log volume."""
    variance = NOISE_MM**2
    system = np.linalg.cholesky(prior @ prior.T + variance * np.eye(len(prior)))
    across = np.linalg.solve(system, prior @ sculpts.T)
    volume = 2 * np.log(np.diag(system)).sum() + (sculpts.shape[1] - len(prior)) * np.log(variance)
    return (sculpts @ sculpts.T - across.T @ across) / variance, float(volume)


def _log_density(products: Floats, volume: float, apart: Floats, own: Floats) -> float:
    """Logarithm of the density of a sculpt, but for a constant, where its family's modes (r, n) join the prior."""
    system = np.eye(len(own)) + own @ products @ own.T
    across = own @ products @ apart
    squared = apart @ products @ apart - across @ np.linalg.solve(system, across)
    return -0.5 * float(squared + volume + np.linalg.slogdet(system)[1])


def _rest(left: Floats, modes: Floats) -> Floats:
    """What the likeliest combination of modes (R, D), each standard normal, leaves of `left` (D,)."""
    system = modes @ modes.T + NOISE_MM**2 * np.eye(len(modes))
    rest: Floats = left - np.linalg.solve(system, modes @ left) @ modes
    return rest
