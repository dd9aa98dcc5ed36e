"""The colours that files carry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.parts import part_colours
from face2mesh.face import Face


def file_colours(face: Face) -> NDArray[np.uint8]:
    """(V, 3) uint8 sRGB: the photo's where the face has them, the parts' plain colours otherwise."""
    if face.colours is not None:
        return face.colours
    return (part_colours(face.head) * 255 + 0.5).astype(np.uint8)
