"""What fits of photos are like, for the results file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import ARKIT_NAMES
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.pairs.ages import YEARS
from face2mesh.lab.pairs.calibration import Calibration
from face2mesh.lab.pairs.fit import BOX_SIDE, Fits, yaw_degrees
from face2mesh.lab.pairs.mediapipe import INNER_51, SURFACE_COUNT
from face2mesh.lab.pairs.photos import residual_of


def nme(fits: Fits, indices: tuple[int, ...], rows: NDArray[np.bool_]) -> float:
    """NME of the fits themselves in per cent: mean over photos of the mean distance over the given points."""
    error = np.linalg.norm(fits.error[rows][:, list(indices)], axis=-1)
    given = fits.weight[rows][:, list(indices)] > 0
    return float(100 * np.mean((error * given).sum(1) / np.maximum(given.sum(1), 1)))


def statistics(fits: Fits, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """What the fits look like, for the results file: residuals by yaw, codes' mean and deviation, weights."""
    yaw = np.abs(yaw_degrees(fits.rotation))
    strongest = fits.expression.max(1)
    residual = 100 * residual_of(fits)
    by_yaw = {
        f"{low}-{high}": figures(fits, rows & (yaw >= low) & (yaw < high))
        for low, high in ((0, 10), (10, 20), (20, 30), (30, 45), (45, 90))
    }
    by_expression = {
        f"strongest weight {low} to {high}": figures(fits, rows & (strongest >= low) & (strongest <= high))
        for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
    }
    identity, expression = fits.identity[rows], fits.expression[rows]
    return {
        "photos": len(rows),
        "accepted": int(rows.sum()),
        "box_side_in_canonical_crops": BOX_SIDE,
        "inner_residual_percent": {str(q): float(np.percentile(residual, q)) for q in (5, 25, 50, 75, 95, 99)},
        "nme_68_percent": nme(fits, IBUG_68, rows),
        "nme_51_percent": nme(fits, INNER_51, rows),
        "by_yaw": by_yaw,
        "by_expression": by_expression,
        "identity_std": identity.std(0).round(4).tolist(),
        "identity_mean": identity.mean(0).round(4).tolist(),
        "identity_mean_square": {str(q): float(np.percentile((identity**2).mean(1), q)) for q in (5, 50, 95, 99)},
        "expression_mean": _named(expression.mean(0)),
        "expression_above_half": _named((expression > 0.5).mean(0)),
        "yaw_std_degrees": float(yaw_degrees(fits.rotation)[rows].std()),
    }


def figures(fits: Fits, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """Residuals of some fits, in per cent of the face box."""
    if not rows.any():
        return {"photos": 0}
    return {
        "photos": int(rows.sum()),
        "nme_68_percent": nme(fits, IBUG_68, rows),
        "nme_51_percent": nme(fits, INNER_51, rows),
        "inner_residual_percent": float(100 * residual_of(fits)[rows].mean()),
    }


def by_age(fits: Fits, rows: NDArray[np.bool_], age: NDArray[np.str_]) -> dict[str, Any]:
    """Residuals of the chosen rows by FairFace's groups of ages (B,)."""
    return {group: figures(fits, rows & (age == group)) for group in YEARS}


def years_by_age(
    population: Population, fits: Fits, rows: NDArray[np.bool_], age: NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    """At which age the average person is like the fitted heads, by FairFace's groups: percentiles of years."""
    return {
        group: {
            str(q): round(float(np.percentile(population.years_of(fits.identity[among]), q)), 1) for q in (10, 50, 90)
        }
        for group in YEARS
        if (among := rows & (age == group)).any()
    }


def calibration_statistics(calibration: Calibration) -> dict[str, Any]:
    """The landmarks' shift and reliability."""
    size = np.linalg.norm(calibration.shift[:SURFACE_COUNT], axis=1)
    frontal = 100 * calibration.reliability.sigma[len(calibration.reliability.sigma) // 2, :SURFACE_COUNT]
    return {
        "landmark_shift_mm": {"mean": float(size.mean()), "95": float(np.percentile(size, 95))},
        "landmark_sigma_percent_frontal": {str(q): float(np.percentile(frontal, q)) for q in (5, 50, 95)},
    }


def _named(values: NDArray[np.floating]) -> dict[str, float]:
    """ARKit's names beside their values (52,)."""
    return {name: round(float(value), 4) for name, value in zip(ARKIT_NAMES, values, strict=True)}
