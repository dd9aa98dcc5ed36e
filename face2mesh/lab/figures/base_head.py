"""Pictures of the base head: shaded and as a wireframe, close up, with its points, and its texture square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.draw.views import View
from face2mesh.head import BaseHead
from face2mesh.lab.base.command import BASE_HEAD

SIDE = 520  # pixels of a cell
ATLAS_SIDE = 1400
SIDES = {
    "front": VIEWS["front"],
    "three-quarter": VIEWS["three_quarter"],
    "side": VIEWS["side"],
    "below": VIEWS["below"],
}
CLOSE_UPS = {
    "left eye": ("lids", View(0)),
    "left eye, from the side": ("lids", View(45, 5)),
    "mouth": ("mouth", View(0)),
    "mouth, from below": ("mouth", View(20, -35)),
    "nose, from below": ("nose", View(0, -40)),
    "left ear": ("ear", View(75)),
}
PART_INKS = {
    "skin": (150, 95, 75),
    "left_eye": (40, 90, 160),
    "right_eye": (40, 90, 160),
    "upper_teeth": (120, 120, 90),
    "lower_teeth": (120, 120, 90),
    "tongue": (190, 60, 80),
    "lashes": (20, 20, 20),
}

Picture = NDArray[np.uint8]


def draw(build: Path, out: Path) -> list[Path]:
    """Draw the head from `build` into `out`: `base-head.png`, and `-close`, `-points`, `-atlas`.

    Returns:
        The files written.
    """
    base = BaseHead.load(build / BASE_HEAD)
    out.mkdir(parents=True, exist_ok=True)
    pictures = {
        "base-head": _sides(base),
        "base-head-close": _close_ups(base),
        "base-head-points": _points(base),
        "base-head-atlas": _atlas(base),
    }
    files = []
    for name, picture in pictures.items():
        files.append(out / f"{name}.png")
        Image.fromarray(picture).save(files[-1])
    return files


def _shot(base: BaseHead, shown: NDArray[np.float32], view: View, wire: bool) -> Picture:
    camera, pose = frame(shown, view, SIDE, SIDE)
    return render(base.vertices, base.triangles, part_colours(base), camera, pose, quads=base.quads if wire else None)


def _sides(base: BaseHead) -> Picture:
    skin = base.vertices[: base.skin_count]
    cells = [_shot(base, skin, view, wire) for wire in (False, True) for view in SIDES.values()]
    return contact_sheet(cells, columns=len(SIDES), labels=list(SIDES) * 2)


def _close_ups(base: BaseHead) -> Picture:
    regions = base.regions
    shown = {
        "lids": regions["lid_upper_left"] | regions["lid_lower_left"],
        "mouth": regions["lip_upper"] | regions["lip_lower"],
        "nose": regions["nose"],
        "ear": regions["ear_left"],
    }
    cells = [
        _shot(base, base.vertices[shown[what]], view, wire)
        for wire in (False, True)
        for what, view in CLOSE_UPS.values()
    ]
    return contact_sheet(cells, columns=len(CLOSE_UPS), labels=list(CLOSE_UPS) * 2)


def _points(base: BaseHead) -> Picture:
    """The 468 dense points in blue and the 68 landmarks in red, where they face the camera."""
    cells = []
    for view in (View(0), View(40)):
        camera, pose = frame(base.vertices[base.regions["face"]], view, 2 * SIDE, 2 * SIDE)
        picture = Image.fromarray(render(base.vertices, base.triangles, part_colours(base), camera, pose))
        pen = ImageDraw.Draw(picture)
        for embedding, radius, ink in ((base.dense, 2, (20, 60, 220)), (base.landmarks, 3, (230, 20, 20))):
            points = embedding(base.vertices) @ np.asarray(pose.rotation).T + np.asarray(pose.translation_mm)
            if view.yaw_degrees:
                points = points[embedding(base.vertices)[:, 0] > 0]
            x = points[:, 0] / points[:, 2] * camera.fx + camera.cx
            y = points[:, 1] / points[:, 2] * camera.fy + camera.cy
            for across, down in zip(x.tolist(), y.tolist(), strict=True):
                pen.ellipse((across - radius, down - radius, across + radius, down + radius), fill=ink)
        cells.append(np.asarray(picture))
    return contact_sheet(cells)


def _atlas(base: BaseHead) -> Picture:
    """The texture square: the outlines of all quads in the part's ink."""
    picture = Image.new("RGB", (ATLAS_SIDE, ATLAS_SIDE), "white")
    pen = ImageDraw.Draw(picture)
    places = base.uv * (1, -1) + (0, 1)
    for part, (first, last) in base.part_quads.items():
        for corners in places[base.uv_quads[first:last]] * ATLAS_SIDE:
            pen.polygon([tuple(corner) for corner in corners.tolist()], outline=PART_INKS[part])
    return np.asarray(picture)
