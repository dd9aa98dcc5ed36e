"""What the fits of a whole set say about its landmarks: how far each one strays, and its constant shift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.pairs.fit import BOX_SIDE, DISTANCE_MM, YAW_EDGES, Fits, FitSettings, Prior, Reliability, yaw_bin
from face2mesh.lab.pairs.point_model import FloatArray, PointModel
from face2mesh.lab.pairs.solver import fit


@dataclass(frozen=True)
class Calibration:
    """What the fits of the whole set say about the landmarks.

    Attributes:
        reliability: of each point by yaw.
        shift: (N, 3) mm, how far MediaPipe's idea of each point lies from the base head's embedding.
    """

    reliability: Reliability
    shift: FloatArray


def calibrate(
    model: PointModel,
    points: FloatArray,
    given: NDArray[np.bool_],
    settings: FitSettings,
    prior: Prior | None = None,
    workers: int = 1,
    passes: int = 3,
    progress: Callable[[int], None] | None = None,
) -> Calibration:
    """Alternate fits with estimates of the landmarks' reliability and constant shift.

    Args:
        model: the corpus's points.
        points: (B, N, 2) in sides of the canonical crop.
        given: (B, N).
        settings: of the fits.
        prior: of each person's identity; the corpus's own by default.
        workers: threads.
        passes: how often.
        progress: called with the number of passes done.
    """
    count = len(model.rest)
    found = Calibration(Reliability.equal(count), np.zeros((count, 3), np.float32))
    for step in range(passes):
        moved = model.moved(found.shift)
        fits = fit(moved, points, given, found.reliability, settings, prior, workers=workers)
        shift = found.shift + estimate_shift(moved, fits)
        found = Calibration(estimate_reliability(moved, fits), shift)
        if progress:
            progress(step + 1)
    return found


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
