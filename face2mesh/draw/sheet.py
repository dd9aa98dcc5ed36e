"""Contact sheets: pictures in rows, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]

PAPER = (242, 242, 241)
INK = (48, 48, 50)
_LABEL_SHARE = 0.072
_LEAST_LABEL_PX = 13


def label_height(cell_height: int) -> int:
    """Pixels that a label takes under a cell of this height."""
    return max(_LEAST_LABEL_PX, round(cell_height * _LABEL_SHARE)) + 6


def contact_sheet(
    cells: Sequence[NDArray[Any]], columns: int | None = None, labels: Sequence[str] | None = None, gap: int = 4
) -> Picture:
    """Pictures side by side, row by row, all cells as large as the largest.

    Args:
        cells: (h, w, 3) uint8 each.
        columns: how many side by side; all in one row when None.
        labels: a line of text under each cell, "" for none; a row without any text takes no room for it.
        gap: pixels between cells and around them.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: no cells, or not as many labels as cells.
    """
    if not cells:
        raise ValueError("contact_sheet: no pictures")
    if labels is not None and len(labels) != len(cells):
        raise ValueError(f"contact_sheet: {len(labels)} labels for {len(cells)} pictures")
    columns = columns or len(cells)
    height, width = (max(cell.shape[axis] for cell in cells) for axis in (0, 1))
    font = ImageFont.load_default(label_height(height) - 6)
    rows = [range(start, min(start + columns, len(cells))) for start in range(0, len(cells), columns)]
    footers = [label_height(height) if labels is not None and any(labels[i] for i in row) else 0 for row in rows]
    sheet = Image.new("RGB", (columns * (width + gap) + gap, sum(footers) + len(rows) * (height + gap) + gap), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, footer in zip(rows, footers, strict=True):
        for column, i in enumerate(row):
            left = gap + column * (width + gap)
            cell = cells[i]
            at = (left + (width - cell.shape[1]) // 2, top + (height - cell.shape[0]) // 2)
            sheet.paste(Image.fromarray(np.ascontiguousarray(cell)), at)
            if footer and labels is not None and labels[i]:
                text = _shortened(labels[i], font, width)
                pen.text((left + width / 2, top + height + footer / 2), text, INK, font, "mm")
        top += height + footer + gap
    return np.array(sheet)


def _shortened(text: str, font: Any, width: float) -> str:
    """The text, its end left out where it does not fit."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
