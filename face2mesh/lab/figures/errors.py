"""A sheet of rendered held-out people: photo, the model's head, the true head, and the error in mm on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.head.alignment import align
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.evaluate.vertex_error import REGION, nominal_box
from face2mesh.lab.figures.error_scale import error_colours, even_light, key_below
from face2mesh.lab.pairs import read_pairs
from face2mesh.model import Model

PEOPLE, ACROSS, TILE = 12, 2, 224
_NOT_MEASURED = (0.62, 0.64, 0.66)
_SHOWN = "three_quarter"
TOLD = "Of each person: the picture, the model's head, the true head, the error on it."

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
    return np.concatenate([sheet, key_below(sheet.shape[1], TOLD)])


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
