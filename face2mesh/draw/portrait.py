"""A head in its parts' plain colours, from a named view: the picture that every sheet is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.parts import SKIN, part_colours, part_opacity, part_shine
from face2mesh.draw.shade import render
from face2mesh.draw.views import View, frame
from face2mesh.head.base_head import BaseHead


def portrait(
    head: BaseHead,
    vertices: NDArray[Any],
    view: View,
    width: int,
    height: int,
    *,
    framed: NDArray[Any] | None = None,
    skin: tuple[float, float, float] = SKIN,
    wireframe: bool = False,
    supersample: int = 2,
) -> NDArray[np.uint8]:
    """Draw a head under the neutral studio light.

    Args:
        head: the base head, for topology and parts.
        vertices: (V, 3), mm.
        view: one of `VIEWS`, or another.
        width, height: of the picture, pixels.
        framed: (N, 3), the points that fill the picture, for close-ups and for heads side by side at one scale; the
            head itself when None.
        skin: its colour, sRGB, 0 to 1.
        wireframe: draw the quads' edges over the shading.
        supersample: samples along each side of a pixel.

    Returns:
        (height, width, 3) uint8.
    """
    camera, pose = frame(vertices if framed is None else framed, view, width, height)
    return render(
        vertices,
        head.triangles,
        part_colours(head, skin),
        camera,
        pose,
        shine=part_shine(head),
        opacities=part_opacity(head),
        quads=head.quads if wireframe else None,
        supersample=supersample,
    )
