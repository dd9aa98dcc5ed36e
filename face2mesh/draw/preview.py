"""One picture that shows a reconstruction: photo, mesh over it, shaded from two sides, and in the photo's colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.colours import with_photo_colours
from face2mesh.draw.parts import CLAY, part_colours, part_opacity, part_shine
from face2mesh.draw.shade import render
from face2mesh.draw.views import VIEWS, View, frame
from face2mesh.face import Face
from face2mesh.head.corners import corner_uv
from face2mesh.photo.crop import Crop, cut

Picture = NDArray[np.uint8]

PANEL_WIDTH, PANEL_HEIGHT = 320, 400
_AROUND = 1.12
_OVER_PHOTO = 0.72
_TURNED = View(-28, 4)
_GAP = 2
_MARGIN = (PANEL_HEIGHT - PANEL_WIDTH) // 2


def preview(face: Face, rgb: Picture, source: Picture | None = None) -> Picture:
    """Five panels side by side: the photo, the mesh over it, the head from the front and from the side, its colours.

    Args:
        face: reconstructed from this photo; its texture, where it has one, stands in for its colours.
        rgb: (H, W, 3), the upright photo.
        source: one more panel, on the left: whose expression it is (see `photo_panel`).

    Returns:
        (400, 1608, 3) uint8, or (400, 1930, 3) with a source.
    """
    coloured = face if face.colours is not None else with_photo_colours(face, rgb)
    photo, over = _photo_panels(face, rgb)
    plain, shine, opacities = part_colours(face.head), part_shine(face.head), part_opacity(face.head)
    panels = [photo, over] if source is None else [source, photo, over]
    for view in (VIEWS["front"], VIEWS["side"]):
        camera, pose = frame(face.vertices, view, PANEL_WIDTH, PANEL_HEIGHT)
        panels.append(
            render(
                face.vertices, face.triangles, plain, camera, pose, shine=shine, opacities=opacities, two_sided=False
            )
        )
    camera, pose = frame(face.vertices, _TURNED, PANEL_WIDTH, PANEL_HEIGHT)
    assert coloured.colours is not None
    if face.texture is None:
        # The photo's colours hold the photo's light already: shown as they are.
        light, texture = np.zeros((9, 3), np.float32), None
        light[0] = 1
    else:
        light, texture = None, (face.texture, corner_uv(face.head))
    panels.append(
        render(
            face.vertices,
            face.triangles,
            coloured.colours / 255.0,
            camera,
            pose,
            light,
            shine=shine,
            opacities=opacities,
            two_sided=False,
            texture=texture,
        )
    )
    between = np.full((PANEL_HEIGHT, _GAP, 3), 255, np.uint8)
    return np.concatenate([part for panel in panels for part in (panel, between)][:-1], axis=1)


def photo_panel(face: Face, rgb: Picture) -> Picture:
    """The photo around the head, (400, 320, 3)."""
    return np.ascontiguousarray(cut(rgb, _around(face), PANEL_HEIGHT)[:, _MARGIN : PANEL_HEIGHT - _MARGIN])


def _around(face: Face) -> Crop:
    """The square of the photo of which a panel is the middle."""
    pixels = face.project(face.vertices[: face.head.skin_count])
    low, high = pixels.min(0), pixels.max(0)
    side = _AROUND * max(high[1] - low[1], (high[0] - low[0]) * PANEL_HEIGHT / PANEL_WIDTH)
    return Crop((float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2), float(side))


def _photo_panels(face: Face, rgb: Picture) -> tuple[Picture, Picture]:
    """The photo around the head, and the mesh's quads over it."""
    photo, crop = photo_panel(face, rgb), _around(face)
    scale = PANEL_HEIGHT / crop.side
    left, top = crop.corner
    camera = replace(
        face.camera,
        fx=face.camera.fx * scale,
        fy=face.camera.fy * scale,
        cx=(face.camera.cx - left) * scale - _MARGIN,
        cy=(face.camera.cy - top) * scale,
        width=PANEL_WIDTH,
        height=PANEL_HEIGHT,
    )
    clay = part_colours(face.head, CLAY)
    over = render(
        face.vertices,
        face.triangles,
        clay,
        camera,
        face.pose,
        background=photo,
        quads=face.quads,
        opacity=_OVER_PHOTO,
        shine=part_shine(face.head),
        opacities=part_opacity(face.head),
        two_sided=False,
    )
    return photo, over
