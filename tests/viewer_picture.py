"""Draws docs/pictures/viewer.png: `python tests/viewer_picture.py HEAD.html docs/pictures/viewer.png`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from browser import browser, opened
from PIL import Image

HEIGHT = 600
GAP = 16
PAPER = (255, 255, 255)


def main(page: Path, target: Path) -> None:
    """The page on a desk as it opens; the quads of a surprised head in the dark; a phone that smiles."""
    # Drawn with twice the pixels: a software renderer's own smoothing leaves gaps of a sample between triangles.
    with browser() as made:
        with opened(made, page, (1280, 800), device_scale_factor=2) as tab:
            desk = _shot(tab, HEIGHT)
            for text in ("Surprise", "Three-quarter", "Wireframe", "Dark"):
                tab.get_by_role("button", name=text).click()
            tab.evaluate("document.getElementById('facts').remove()")
            dark = _shot(tab, HEIGHT, {"x": 130, "y": 0, "width": 680, "height": 800})
        with opened(made, page, (390, 844), device_scale_factor=2, is_mobile=True, has_touch=True) as tab:
            tab.get_by_role("button", name="Smile").click()
            phone = _shot(tab, HEIGHT)
    pictures = (desk, dark, phone)
    sheet = Image.new("RGB", (sum(picture.width for picture in pictures) + 2 * GAP, HEIGHT), PAPER)
    x = 0
    for picture in pictures:
        sheet.paste(picture, (x, 0))
        x += picture.width + GAP
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, optimize=True)


def _shot(tab: Any, height: int, clip: dict[str, int] | None = None) -> Image.Image:
    tab.wait_for_timeout(500)  # the texture is decoded beside
    shot = Image.open(io.BytesIO(tab.screenshot(**({"clip": clip} if clip else {})))).convert("RGB")
    return shot.resize((round(shot.width * height / shot.height), height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
