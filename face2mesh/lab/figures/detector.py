"""What the face detector learns from, and what it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from face2mesh.cli.demo import ASTRONAUT
from face2mesh.draw.sheet import contact_sheet
from face2mesh.lab.evaluate.detection import turned, wall_of
from face2mesh.lab.evaluate.london import measure_people, neutral_photo
from face2mesh.lab.pairs.pasted import Composition, paste, read_pieces
from face2mesh.lab.pairs.scenery import Scenery
from face2mesh.lab.pairs.scenery_command import RELIEFS
from face2mesh.lab.train.configuration import DetectorTraining, read_configuration
from face2mesh.photo import Crop, cut, find_faces, read_photo

_PASTED, _PASTED_SIDE = 32, 112
_CELL = 320
_COINS = 48
_CLOTH = (58, 62, 70, 255)
_CONFIGURATION = Path("configurations/detector.toml")
_TILTS = (-45.0, -20.0, 20.0, 45.0)
_SIDES = (32, 48, 96, 250)
_GREEN, _RED = (60, 220, 60), (230, 60, 60)

Picture = NDArray[np.uint8]


def draw(build: Path, folder: Path, data: Path, seed: int) -> list[Path]:
    """Draw what the detector learns from, `detector-pasted.jpg`, its drawn coins, `detector-coins.jpg`, and what it
    finds, `detector.jpg`.

    Training pictures have their boxes; of faces that training leaves open, because they are hidden, they are red.
    """
    scenery = Scenery.load(build / "scenery.npz")
    pieces = read_pieces(data, scenery, held=True, held_faces=300)
    composition = Composition(**read_configuration(_CONFIGURATION, DetectorTraining).composition)
    pasted = paste(pieces, _PASTED, _PASTED_SIDE, composition, torch.Generator().manual_seed(seed))
    cells = []
    for picture, boxes, there, visible in zip(pasted.pictures, pasted.boxes, pasted.there, pasted.visible, strict=True):
        image = Image.fromarray((picture.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8))
        pen = ImageDraw.Draw(image)
        for (x, y, w, h), shown in zip(boxes[there][:, :4].tolist(), visible[there].tolist(), strict=True):
            pen.rectangle((x - w / 2, y - h / 2, x + w / 2, y + h / 2), outline=_GREEN if shown >= 0.6 else _RED)
        cells.append(np.asarray(image))
    files = [folder / "detector-pasted.jpg", folder / "detector.jpg", folder / "detector-coins.jpg"]
    Image.fromarray(contact_sheet(cells, 8)).save(files[0], quality=88)
    coins = [_on_cloth(coin) for coin in scenery.objects[-RELIEFS:][:: RELIEFS // _COINS][:_COINS]]
    Image.fromarray(contact_sheet(coins, 12)).save(files[2], quality=88)

    astronaut = read_photo(ASTRONAUT).rgb
    face = find_faces(astronaut)[0]
    people = [read_photo(neutral_photo(data, person)).rgb for person in measure_people(data)[:12]]
    found = [turned(astronaut, degrees) for degrees in _TILTS]
    found += [cut(astronaut, Crop(face.centre, face.side * _CELL / side), _CELL) for side in _SIDES]
    labels = [f"{degrees:+.0f}°" for degrees in _TILTS] + [f"{side} pixels" for side in _SIDES]
    found += [*people[:3], wall_of(people, 4, 3, 160)]
    labels += ["", "", "", "twelve at once"]
    Image.fromarray(contact_sheet([_marked(rgb) for rgb in found], 4, labels)).save(files[1], quality=88)
    return files


def _on_cloth(thing: Picture) -> Picture:
    """A thing (S, S, 4) on a dark ground, (S, S, 3)."""
    ground = Image.new("RGBA", thing.shape[1::-1], _CLOTH)
    ground.alpha_composite(Image.fromarray(thing))
    return np.asarray(ground.convert("RGB"))


def _marked(rgb: Picture) -> Picture:
    """A picture scaled to a cell, with the boxes that are found in it and their scores."""
    factor = _CELL / max(rgb.shape[:2])
    size = round(rgb.shape[1] * factor), round(rgb.shape[0] * factor)
    image = Image.fromarray(rgb).resize(size, Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for box in find_faces(rgb, small=True):
        x, y, w, h = (value * factor for value in (box.x, box.y, box.w, box.h))
        pen.rectangle((x, y, x + w, y + h), outline=_GREEN, width=2)
        pen.text((x, y + h + 1), f"{box.score:.2f}", fill=_GREEN)
    return np.asarray(image)
