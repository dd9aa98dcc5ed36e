"""MediaPipe's 478 face points: which of them are iBUG's 51 inner ones, the face oval and the irises.

The first 468 lie on the surface; 468 to 472 are the subject's right iris and 473 to 477 the left one, the centre first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from face2mesh.lab.base.embeddings import IBUG_68

SURFACE_COUNT = 468
IRIS_CENTRES = (473, 468)  # the subject's left, then right

INNER_51 = IBUG_68[17:]

# fmt: off
# The face's outline from the forehead's middle towards the subject's left and round.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
# fmt: on


def mirror_of_points(rest: NDArray[np.float32]) -> NDArray[np.int32]:
    """Which point is the mirror image of which, from symmetric rest points.

    Args:
        rest: (N, 3) mm, nearly symmetric about x = 0.

    Returns:
        (N,) int32, an involution: the pairing of all points with all mirrored points of least total squared distance.
    """
    mirrored = rest * np.array([-1, 1, 1], rest.dtype)
    cost = ((rest[:, None] - mirrored[None]) ** 2).sum(-1)
    partner = linear_sum_assignment(cost)[1].astype(np.int32)
    # A cycle longer than two would need points that lie almost on each other; pair those with themselves.
    alone = partner[partner] != np.arange(len(rest))
    partner[alone] = np.flatnonzero(alone)
    return partner
