"""A sheet of 24 people: photo, mesh over it, the head, and the same head without expression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.errors import PhotoError
from face2mesh.face import Camera, Face
from face2mesh.lab.evaluate.fairface import nominal_fairface_box
from face2mesh.lab.evaluate.london import measure_people
from face2mesh.lab.pairs.fairface import photos, read_labels
from face2mesh.model import Model
from face2mesh.photo import Crop, crop_of_landmarks, cut, read_photo

PEOPLE = 24
ACROSS = 3
TILE = 192
_TURNED, _FRONTAL = "three_quarter", "front"
_AROUND = 1.25
_MESH_OVER_PHOTO = 0.7

Picture = NDArray[np.uint8]


def draw(model: Model, data: Path, seed: int = 0) -> Picture:
    """Half from the London set's people to measure on, half from FairFace's validation photos, chosen by the seed.

    Returns:
        (H, W, 3) uint8: eight rows of three people, four tiles each: the photo, the mesh over it, the head turned by
        35°, the neutral head from the front. A face that is not found in a London photo leaves the photo alone;
        FairFace's aligned photos start from their nominal box.
    """
    generator = np.random.default_rng(seed)
    blocks: list[Picture] = []
    labels = []
    for person in sorted(generator.choice(measure_people(data), PEOPLE // 2, replace=False)):
        photo = read_photo(data / "london" / f"{person}-neutral.jpg")
        try:
            blocks.append(_block(model.reconstruct(photo), photo.rgb))
        except PhotoError:
            whole = Crop((photo.width / 2, photo.height / 2), min(photo.width, photo.height))
            blocks.append(_row([cut(photo.rgb, whole, TILE)]))
        labels.append(f"London {person}")
    chosen = set(generator.choice(read_labels(data, "val").ids, PEOPLE - len(blocks), replace=False).tolist())
    box = nominal_fairface_box(data)
    for number, rgb in photos(data, "val"):
        if number in chosen:
            blocks.append(_block(model.reconstruct(rgb, box=box), rgb))
            labels.append(f"FairFace {number}")
    return contact_sheet(blocks, columns=ACROSS, labels=labels)


def _block(face: Face, rgb: Picture) -> Picture:
    """One person: (TILE, 4 · TILE, 3)."""
    crop = crop_of_landmarks(face.landmarks_px).scaled(_AROUND)
    photo = cut(rgb, crop, TILE)
    colours = part_colours(face.head)
    mesh = render(face.vertices, face.triangles, colours, _of_crop(face.camera, crop), face.pose, background=photo)
    over = (_MESH_OVER_PHOTO * mesh + (1 - _MESH_OVER_PHOTO) * photo + 0.5).astype(np.uint8)
    alone = [
        render(shown.vertices, face.triangles, colours, *frame(shown.vertices, VIEWS[view], TILE, TILE, margin=0.02))
        for shown, view in ((face, _TURNED), (face.neutral(), _FRONTAL))
    ]
    return _row([photo, over, *alone])


def _of_crop(camera: Camera, crop: Crop) -> Camera:
    """The camera that takes the picture of a crop, TILE × TILE."""
    scale = TILE / crop.side
    left, top = crop.corner
    return Camera(
        camera.fx * scale, camera.fy * scale, (camera.cx - left) * scale, (camera.cy - top) * scale, TILE, TILE
    )


def _row(tiles: list[NDArray[Any]]) -> Picture:
    empty = [np.full((TILE, TILE, 3), 255, np.uint8)] * (4 - len(tiles))
    return np.concatenate([*tiles, *empty], 1)
