"""Lids and lips of the packaged model close up: as the networks decode them, and settled as users get them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.lab.corpus.command import BASE_HEAD, CORPUS
from face2mesh.lab.corpus.moving import FILE, MovingCorpus
from face2mesh.lab.figures.moving import both_sides, people
from face2mesh.model import Model, load

# A name without its side is both sides. What is shown of it: the left eye or the mouth, and from where.
SHOWN: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("closed", "eye", "front", {"eyeBlink": 1.0}),
    ("half closed", "eye", "front", {"eyeBlink": 0.5}),
    ("wink", "eye", "three_quarter", {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.7, "mouthSmileLeft": 0.6}),
    ("looking down", "eye", "three_quarter", {"eyeLookDown": 0.9, "eyeBlink": 0.3}),
    ("neutral", "mouth", "front", {}),
    ("smile", "mouth", "front", {"mouthSmile": 0.9}),
    ("closed over the jaw", "mouth", "front", {"jawOpen": 0.6, "mouthClose": 0.6}),
    ("pucker", "mouth", "three_quarter", {"mouthPucker": 1.0}),
    ("press", "mouth", "three_quarter", {"mouthPress": 1.0}),
    ("rolled in", "mouth", "front", {"mouthRollLower": 0.9, "mouthRollUpper": 0.9}),
)
SIDE = 220


def draw(build: Path, out: Path) -> list[Path]:
    """Draw the sheet from the packaged model and people of `build` into `out`.

    Returns:
        The files written.
    """
    corpus = MovingCorpus.load(build / FILE, build / CORPUS, build / BASE_HEAD)
    path = out / "contact.jpg"
    Image.fromarray(sheet(load(), people(corpus))).save(path, quality=86)
    return [path]


def sheet(model: Model, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Two rows for each of the codes (N, M): above as decoded, below settled."""
    weights = np.array([both_sides(named) for *_, named in SHOWN])
    cells, labels = [], []
    for code in codes:
        for row, source in enumerate((model.unsettled(), model)):
            heads = source.decode(np.repeat(code[None], len(weights), 0), weights)
            for head, (label, part, view, _) in zip(heads, SHOWN, strict=True):
                cells.append(close_up(model, head, part, view))
                labels.append(f"{label}: {'settled' if row else 'decoded'}")
    return contact_sheet(cells, columns=len(SHOWN), labels=labels)


def close_up(model: Model, head: NDArray[np.float32], part: str, view: str) -> NDArray[np.uint8]:
    """One head (V, 3) mm, framed on its left eye or its mouth: (SIDE, SIDE, 3)."""
    base = model.base_head
    names = ("lid_upper_left", "lid_lower_left") if part == "eye" else ("lip_upper", "lip_lower")
    region = np.logical_or.reduce([base.regions[name] for name in names])
    camera, pose = frame(head[region], VIEWS[view], SIDE, SIDE, margin=0.12)
    return render(head, base.triangles, part_colours(base), camera, pose)
