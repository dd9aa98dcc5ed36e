"""Rendered heads beside photos: what gives the rendered ones away should have to be looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import contact_sheet
from face2mesh.lab.pairs import read_pairs

EACH = 60
AMONG = 600
COLUMNS = 6
_BETWEEN = 24


def draw(build: Path, out: Path, seed: int = 0) -> list[Path]:
    """Sixty rendered heads on the left and sixty photos on the right, both by chance from the first six hundred.

    The photos are FairFace's (CC BY 4.0; see `NOTICE`).

    Args:
        build: folder with `rendered-pairs.npz` and `photo-pairs.npz`.
        out: folder for the picture.
        seed: of the choice.

    Returns:
        The file written.

    Raises:
        InputFileError: pairs are missing or damaged.
    """
    generator = np.random.default_rng(seed)

    def sheet(name: str) -> NDArray[np.uint8]:
        pairs = read_pairs(build / name, first=AMONG)
        usable = np.flatnonzero(pairs["accepted"]) if "accepted" in pairs else np.arange(len(pairs["crop"]))
        rows = generator.choice(usable, min(EACH, len(usable)), replace=False)
        return contact_sheet(list(pairs["crop"][rows]), columns=COLUMNS, gap=2)

    rendered, photos = sheet("rendered-pairs.npz"), sheet("photo-pairs.npz")
    height = min(len(rendered), len(photos))
    between = np.full((height, _BETWEEN, 3), 255, np.uint8)
    path = out / "rendered-and-real.jpg"
    Image.fromarray(np.concatenate([rendered[:height], between, photos[:height]], 1)).save(path, quality=88)
    return [path]
