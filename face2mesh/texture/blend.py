"""Pyramids on textures: halving, doubling, smoothing, and filling what is unknown.

Pictures are (R, R, C) float32 with R even wherever they are halved. Letters: R side, C channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

_KNOWN_ENOUGH = 0.7
"""Mean weight of a coarse texel from which on it needs nothing from the next coarser one."""


def halved(picture: Pixels) -> Pixels:
    """Means of 2 × 2 texels, (R, R, C) to (R/2, R/2, C)."""
    rows = picture[0::2] + picture[1::2]
    result: Pixels = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return result


def doubled(picture: Pixels) -> Pixels:
    """(R, R, C) to (2R, 2R, C), bilinear between the texels' centres; the border is repeated."""
    for axis in (0, 1):
        first = np.concatenate([np.take(picture, [0], axis), picture], axis)
        last = np.concatenate([picture, np.take(picture, [-1], axis)], axis)
        near, far = np.float32(0.75), np.float32(0.25)
        # Between texels i and i + 1 lie two finer ones, a quarter of the way from either.
        low, high = near * first + far * last, far * first + near * last
        shape = list(picture.shape)
        shape[axis] *= 2
        finer = np.empty(shape, np.float32)
        even, odd = [slice(None)] * picture.ndim, [slice(None)] * picture.ndim
        even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
        body, tail = [slice(None)] * picture.ndim, [slice(None)] * picture.ndim
        body[axis], tail[axis] = slice(0, -1), slice(1, None)
        finer[tuple(even)] = high[tuple(body)]
        finer[tuple(odd)] = low[tuple(tail)]
        picture = finer
    return picture


def filled(values: Pixels, weight: Pixels) -> Pixels:
    """Values known with weights, spread smoothly to where they are not (pull and push; Gortler et al. 1996).

    Args:
        values: (R, R, C); what stands where the weight is 0 does not matter. R is a power of two.
        weight: (R, R), 0 to 1.

    Returns:
        (R, R, C): where the weight is 1 the values themselves, elsewhere ever coarser means of those around.
    """
    size = len(values)
    weight = weight[..., None]
    if size == 1:
        return np.where(weight > 0, values, 0).astype(np.float32)
    total = halved(weight)
    known: Pixels = np.where(weight > 0, values * weight, 0).astype(np.float32)
    mean: Pixels = (halved(known) / np.maximum(total, 1e-12)).astype(np.float32)
    coarse = filled(mean, np.minimum(total[..., 0] / np.float32(_KNOWN_ENOUGH), 1))
    result: Pixels = known + doubled(coarse) * (1 - weight)
    return result


def smoothed(picture: Pixels, levels: int) -> Pixels:
    """The picture without what is finer than about 2^levels texels: halved and doubled again as often."""
    coarse = picture
    for _ in range(levels):
        coarse = halved(coarse)
    for _ in range(levels):
        coarse = doubled(coarse)
    return coarse


def smoothed_where(picture: Pixels, weight: Pixels, levels: int) -> Pixels:
    """`smoothed`, with texels counting by their weight (R, R): what is unknown does not leak in."""
    total = np.maximum(smoothed(weight[..., None], levels), 1e-6)
    return (smoothed((picture * weight[..., None]).astype(np.float32), levels) / total).astype(np.float32)
