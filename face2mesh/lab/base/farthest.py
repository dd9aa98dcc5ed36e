"""Few points that cover many evenly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def farthest_points(points: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Rows of `count` points that cover points (S, 3) evenly: always the one farthest from those chosen.

    Every beginning of the rows covers them evenly too (Gonzalez 1985). The first is the one of largest z.
    """
    chosen = [int(np.argmax(points[:, 2]))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen, np.intp)
