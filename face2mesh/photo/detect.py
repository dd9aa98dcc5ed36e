"""Finding faces with dlib's frontal detector: oriented gradients and a sliding window (Dalal and Triggs 2005).

Its model is part of dlib, so nothing is downloaded. It is blind to profiles and to heads tilted by more than about 20°.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.photo.box import Box

# The detector's window is 80 pixels wide, so a picture scaled to a longer side of N shows it faces larger than 80/N.
_QUICK, _USUAL, _FINE = 320, 480, 960
# A tight crop leaves the window no room: the border's pixels are repeated this far, as a share of the longer side.
_BORDER = 0.29
# With the two coarse sizes no picture without people came above −0.5; with the fine one, folds and knobs reach 0.14.
_SURE = 0.0
_SURE_WHEN_FINE = 0.25
_LAST_RESORT = -0.25
# Where the 68 landmarks' box lies relative to dlib's square, in its side: the drop and shift of its
# centre, its width and its height. Medians over 1,326 of FairFace's training photos, made symmetric. dlib's five
# detectors are: frontal, turned to the picture's right and left, and frontal but tilted to either side.
_FRONTAL_DROP, _TURNED_DROP, _TURNED_SHIFT = 0.05, 0.125, 0.11
_WIDTH, _HEIGHT = 0.93, 0.907
_SHIFT_OF_DETECTOR = (0.0, _TURNED_SHIFT, -_TURNED_SHIFT, 0.0, 0.0)
_DROP_OF_DETECTOR = (_FRONTAL_DROP, _TURNED_DROP, _TURNED_DROP, 0.0, 0.0)
_SAME_FACE = 0.3

# A dlib detector keeps scratch memory, so each thread has its own.
_detectors = threading.local()


def find_faces(rgb: NDArray[np.uint8], small: bool = False) -> list[Box]:
    """Find the faces of a picture.

    The picture is searched at a small size first; more finely, then with its border repeated, only while nothing is
    found.

    Args:
        rgb: (H, W, 3) uint8, upright.
        small: also look for faces beside a large one that are smaller than a quarter of the picture's longer side, down
            to a twelfth; takes about six times as long.

    Returns:
        The faces' boxes in the meaning of `Box`, largest first; empty if there are none.
    """
    if small:
        sizes = ((_QUICK, _SURE), (_USUAL, _SURE), (_FINE, _SURE_WHEN_FINE))
        passes = [_search(rgb, size, threshold) for size, threshold in sizes]
        found = _distinct([box for boxes in passes for box in boxes])
        if found:
            return _largest_first(found)
    for size, border, threshold in (
        (_QUICK, 0.0, _SURE),
        (_USUAL, 0.0, _SURE),
        (_FINE, 0.0, _SURE_WHEN_FINE),
        (_QUICK, _BORDER, _LAST_RESORT),
        (_USUAL, _BORDER, _LAST_RESORT),
    ):
        found = _distinct(_search(rgb, size, threshold, border))
        if found:
            return _largest_first(found)
    return []


def _search(rgb: NDArray[np.uint8], size: int, threshold: float, border: float = 0.0) -> list[Box]:
    """Faces in the picture scaled to `size` pixels on its longer side, with its border repeated on each side."""
    image = _scaled(rgb, max(1, round(size / (1 + 2 * border))))
    scale = rgb.shape[1] / image.shape[1], rgb.shape[0] / image.shape[0]
    pad = (size - max(image.shape[:2])) // 2 if border else 0
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="edge") if pad else image
    rectangles, scores, detectors = _detector().run(padded, 0, threshold)
    boxes = []
    for rectangle, score, detector in zip(rectangles, scores, detectors, strict=True):
        side = rectangle.right() - rectangle.left() + 1
        x = (rectangle.left() + rectangle.right() + 1) / 2 - pad + _SHIFT_OF_DETECTOR[detector] * side
        y = (rectangle.top() + rectangle.bottom() + 1) / 2 - pad + _DROP_OF_DETECTOR[detector] * side
        w, h = _WIDTH * side, _HEIGHT * side
        boxes.append(Box((x - w / 2) * scale[0], (y - h / 2) * scale[1], w * scale[0], h * scale[1], float(score)))
    return boxes


def _scaled(rgb: NDArray[np.uint8], longer: int) -> NDArray[np.uint8]:
    """The picture with `longer` pixels on its longer side."""
    height, width = rgb.shape[:2]
    # Pictures far too large are thinned first: what is left is still averaged over four pixels each way, and no copy of
    # a whole 50-megapixel picture is made.
    step = max(1, max(height, width) // (longer * 4))
    image = Image.fromarray(np.ascontiguousarray(rgb[::step, ::step]))
    factor = longer / max(height, width)
    across, down = max(1, round(width * factor)), max(1, round(height * factor))
    return np.array(image.resize((across, down), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _detector() -> Any:
    """This thread's detector; dlib is loaded at the first use."""
    if not hasattr(_detectors, "frontal"):
        import dlib

        _detectors.frontal = dlib.get_frontal_face_detector()
    return _detectors.frontal


def _distinct(boxes: list[Box]) -> list[Box]:
    """The surest of the boxes that overlap, from several sizes of the picture."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(_overlap(box, other) < _SAME_FACE for other in kept):
            kept.append(box)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    across = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    down = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    common = max(across, 0.0) * max(down, 0.0)
    return common / (one.w * one.h + other.w * other.h - common)


def _largest_first(boxes: list[Box]) -> list[Box]:
    return sorted(boxes, key=lambda box: (-box.side, box.x, box.y))
