"""Mirror images of displacement fields, and expressions whose two sides are exact mirror images.

Letters: K fields, V vertices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES


def mirrored_fields(fields: NDArray[Any], mirror: NDArray[Any]) -> NDArray[Any]:
    """Displacements (…, V, 3) as seen in a mirror at x = 0."""
    seen: NDArray[Any] = fields[..., mirror, :] * np.array([-1, 1, 1], fields.dtype)
    return seen


def counterpart(name: str) -> str:
    """The ARKit name of the mirrored movement; the name itself where the movement has no side."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name[: -len(side)] + other
    return name


def force_mirrored(expression: NDArray[Any], mirror: NDArray[Any]) -> NDArray[Any]:
    """Make left and right movements exact mirror images, and the others exactly symmetric.

    Each becomes the mean of itself and its counterpart's mirror image.

    Args:
        expression: (52, V, 3), in the order of `ARKIT_NAMES`.
        mirror: (V,), the vertex on the other side.

    Returns:
        (52, V, 3).
    """
    others = [ARKIT_NAMES.index(counterpart(name)) for name in ARKIT_NAMES]
    forced: NDArray[Any] = (expression + mirrored_fields(expression, mirror)[others]) / 2
    return forced
