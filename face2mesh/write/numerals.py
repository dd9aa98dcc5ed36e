"""Many numbers as text at once: what `%.4f` and `%d` write, without a Python step for each number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**31 - 1
"""Of the whole numbers that are written, after the point is moved out of the way."""

_ZERO, _POINT, _MINUS = ord("0"), ord("."), ord("-")

Cells = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""Characters (N, W) of N numbers, and which of them count: numbers differ in length."""


def fixed_point(values: NDArray[np.float32], decimals: int) -> Cells:
    """Numbers (N,) as `%.<decimals>f` writes them, halves to even.

    Args:
        values: float32, so that moving the point by up to eight places is exact in float64.
        decimals: places behind the point, 1 to 8.

    Raises:
        ValueError: a number is not finite, or too large.
    """
    moved = np.rint(np.abs(values.astype(np.float64)) * 10**decimals)
    if not (moved <= LARGEST).all():  # NaN is not below it either
        raise ValueError("numbers to write must be finite, and not larger than a billion")
    digits, counts = whole(moved.astype(np.uint32), decimals + 1)
    point = np.full((len(values), 1), _POINT, np.uint8)
    minus = np.full((len(values), 1), _MINUS, np.uint8)
    before = digits.shape[1] - decimals
    characters = np.concatenate([minus, digits[:, :before], point, digits[:, before:]], axis=1)
    always = np.ones((len(values), 1), bool)
    return characters, np.concatenate(
        [np.signbit(values)[:, None], counts[:, :before], always, counts[:, before:]], axis=1
    )


def whole(values: NDArray[np.uint32], least: int = 1) -> Cells:
    """Whole numbers (N,), not negative, as `%0<least>d` writes them."""
    width = max(least, len(str(int(values.max(initial=0)))))
    characters = np.empty((len(values), width), np.uint8)
    counts = np.ones((len(values), width), bool)
    left = values
    for place in range(width - 1, -1, -1):
        if place < width - least:
            counts[:, place] = left > 0
        tens = left // np.uint32(10)
        characters[:, place] = left - tens * np.uint32(10)
        left = tens
    return characters + np.uint8(_ZERO), counts


def lines(columns: list[Cells | bytes]) -> bytes:
    """Lines of text from their columns: cells of N numbers each, and bytes that are the same in each line."""
    count = next(len(column[0]) for column in columns if not isinstance(column, bytes))
    characters, counts = [], []
    for column in columns:
        if isinstance(column, bytes):
            text = np.frombuffer(column, np.uint8)
            characters.append(np.broadcast_to(text, (count, len(text))))
            counts.append(np.ones((count, len(text)), bool))
        else:
            characters.append(column[0])
            counts.append(column[1])
    written: bytes = np.concatenate(characters, axis=1)[np.concatenate(counts, axis=1)].tobytes()
    return written
