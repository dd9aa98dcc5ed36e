"""A sheet of rendered held-out people: photo, the model's head, the true head, and the error in mm on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.draw.sheet import INK, PAPER
from face2mesh.head.alignment import align
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.evaluate.vertex_error import REGION, nominal_box
from face2mesh.lab.pairs import read_pairs
from face2mesh.model import Model

PEOPLE, ACROSS, TILE = 12, 2, 224
LARGEST_MM = 8.0
"""Errors from here on have the darkest colour."""
SCALE = np.array([[0.97, 0.97, 0.95], [1.0, 0.86, 0.45], [0.95, 0.45, 0.2], [0.65, 0.08, 0.15], [0.2, 0.0, 0.1]])
"""Colours of errors from 0 to `LARGEST_MM` mm, evenly spaced, sRGB."""
_NOT_MEASURED = (0.62, 0.64, 0.66)
_SHOWN = "three_quarter"
_BAR = 46  # pixels of the colours' key

Picture = NDArray[np.uint8]


def draw(model: Model, heldout: Path, corpus: Corpus, seed: int = 0) -> Picture:
    """Twelve people of `rendered-heldout.npz`, chosen by the seed, their expressions on.

    Errors are distances after similarity alignment over face and ears, as in `evaluate`.

    Returns:
        (H, W, 3) uint8.
    """
    pairs = read_pairs(heldout)
    generator = np.random.default_rng(seed)
    rows = generator.choice(len(pairs["crop"]), min(PEOPLE, len(pairs["crop"])), replace=False)
    blocks, labels = [], []
    for row in sorted(rows.tolist()):
        block, label = _block(model, corpus, {name: pairs[name][row] for name in ("crop", "identity", "expression")})
        blocks.append(block)
        labels.append(label)
    sheet = contact_sheet(blocks, columns=ACROSS, labels=labels)
    return np.concatenate([sheet, key(sheet.shape[1])])


def error_colours(errors: NDArray[Any], largest_mm: float = LARGEST_MM) -> NDArray[np.float64]:
    """(…, 3) sRGB of errors (…,) in mm; from the largest on the darkest."""
    share = np.clip(np.asarray(errors, np.float64) / largest_mm, 0, 1)
    places = np.linspace(0, 1, len(SCALE))
    return np.stack([np.interp(share, places, SCALE[:, channel]) for channel in range(3)], -1)


def key(width: int) -> Picture:
    """What the tiles and the colours mean: a line of text and a bar of errors from 0 mm on, (46, width, 3)."""
    picture = Image.new("RGB", (width, _BAR), PAPER)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(14)
    left, right = width // 2, width - 90
    pen.text((8, 6), "Of each person: the picture, the model's head, the true head, the error on it.", INK, font)
    bar = error_colours(np.linspace(0, LARGEST_MM, right - left))
    picture.paste(Image.fromarray(np.repeat((bar[None] * 255 + 0.5).astype(np.uint8), 14, axis=0)), (left, 6))
    for mm in range(0, int(LARGEST_MM) + 1, 2):
        label = f"{mm} mm" if mm < LARGEST_MM else f"{mm} mm and more"
        pen.text((left + (right - left) * mm / LARGEST_MM, 24), label, INK, font, "ma")
    return np.asarray(picture)


def _block(model: Model, corpus: Corpus, pair: dict[str, NDArray[Any]]) -> tuple[Picture, str]:
    """One person: photo, the model's head, the true head, the error on the true head; and the mean errors."""
    head = model.base_head
    region = head.regions[REGION]
    crop = pair["crop"]
    face = model.reconstruct(crop, box=nominal_box(crop.shape[1]))
    true = corpus.heads(pair["identity"], pair["expression"])
    placed = align(face.vertices[region], true[region], scaling=True)(face.vertices)
    errors = np.linalg.norm(placed - true, axis=1)
    mean = align(corpus.mean[region], true[region], scaling=True)(corpus.mean)
    of_mean = np.linalg.norm(mean - true, axis=1)[region].mean()
    photo = np.asarray(Image.fromarray(crop).resize((TILE, TILE), Image.Resampling.BICUBIC))
    # Both heads are seen from the same place, so that only their shapes differ.
    camera, pose = frame(true[: head.skin_count], VIEWS[_SHOWN], TILE, TILE, margin=0.02)
    colours = part_colours(head)
    alone = [render(vertices, head.triangles, colours, camera, pose) for vertices in (placed, true)]
    painted = np.where(region[:, None], error_colours(errors), _NOT_MEASURED)
    on_head = render(true, head.triangles, painted, camera, pose, light=even_light())
    label = f"error {errors[region].mean():.1f} mm, mean head {of_mean:.1f} mm"
    return np.concatenate([photo, *alone, on_head], axis=1), label


def even_light() -> NDArray[np.float32]:
    """(9, 3) harmonics: nearly the same from everywhere, a little more from the camera, so that shapes still show."""
    light = np.zeros((9, 3), np.float32)
    light[0] = 0.8
    light[3] = -0.2
    return light
