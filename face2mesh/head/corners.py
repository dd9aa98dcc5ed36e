"""Texture points at the corners of triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead


def corner_uv(head: BaseHead) -> NDArray[np.float32]:
    """(T, 3, 2), texture points of the base head's triangles: each triangle's corners are three of its quad's."""
    quads = np.repeat(head.quads, 2, axis=0)
    place = (head.triangles[:, :, None] == quads[:, None, :]).argmax(-1)
    rows = np.take_along_axis(np.repeat(head.uv_quads, 2, axis=0), place, axis=1)
    result: NDArray[np.float32] = head.uv[rows].astype(np.float32)
    return result
