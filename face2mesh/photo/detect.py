"""Finding faces with a small network of our own, `detector.onnx`, which ships beside this file.

The network knows faces of two octaves of sizes. It looks at the picture and at ever smaller ones, by √2 each,
so that each face is seen up to four times, and takes the surest look; what is found several times is joined.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import ModelError
from face2mesh.network import Network
from face2mesh.photo.box import Box

DETECTOR_FILE = "detector.onnx"
DESCRIPTION_FILE = "detector.json"
FORMAT, VERSION = "face2mesh/detector", 1
FOLDER = Path(__file__).parent
_MEND = "reinstall face2mesh, or make one with `face2mesh lab package-detector`"

CELL = 8
"""Pixels along the side of a cell, for each of which the network answers."""
UNIT = 32.0
"""Pixels of a face box whose logarithm of width or height is 0."""
# The network's picture has sides that are multiples of this.
_MULTIPLE = 16
_USUAL, _FINE = 320, 960
# The picture is made smaller by this factor until its longer side is below the last size: a face as large as the
# picture is in range there.
_STEP = math.sqrt(2)
_SMALLEST_PICTURE = 40
# Small pictures get a margin of their repeated border, this wide in pixels: a face may fill them to the edges or be cut
# off there, and the network knows faces with something around them.
_MARGIN, _WITH_MARGIN = 24, 160
# Boxes that overlap more belong to one face. A box that lies inside a surer one's, up to this share, is a part of it.
_SAME_FACE = 0.4
_INSIDE = 0.5

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Detector:
    """The network and the scores, from 0 to 1, from which on its finds count.

    Attributes:
        network: picture (1, 3, H, W), RGB 0 to 1, sides multiples of 16, to `cells` (1, 7, H/8, W/8).
        threshold: for the surest face of a picture of at most 320 pixels on the longer side.
        further_threshold: for further faces, and for all where the picture is searched at a larger size.
    """

    network: Network
    threshold: float
    further_threshold: float


def find_faces(rgb: NDArray[np.uint8], small: bool = False) -> list[Box]:
    """Find the faces of a picture.

    The picture is searched with at most 320 pixels on its longer side, where faces down to a twentieth of it are found;
    with 960 where this finds nothing.

    Args:
        rgb: (H, W, 3) uint8, upright.
        small: search with up to 960 pixels in any case, for small faces beside a large one, down to a sixtieth of
            the longer side; takes about nine times as long.

    Returns:
        The faces' boxes in the meaning of `Box`, largest first, with scores from 0 to 1; empty if there are none.

    Raises:
        ModelError: the detector's files are missing or damaged.
    """
    return find_faces_with(packaged_detector(), rgb, small)


def find_faces_with(detector: Detector, rgb: NDArray[np.uint8], small: bool = False) -> list[Box]:
    """`find_faces` with another detector than the packaged one."""
    found = _search(rgb, _USUAL, detector.network, detector.threshold)  # the surest first
    found = found[:1] + [box for box in found[1:] if box.score > detector.further_threshold]
    if (small or not found) and max(rgb.shape[:2]) > _USUAL:
        found = _joined(found + _search(rgb, _FINE, detector.network, detector.further_threshold))
    return sorted(found, key=lambda box: (-box.side, box.x, box.y))


def _search(rgb: NDArray[np.uint8], longer: int, network: Network, threshold: float) -> list[Box]:
    """Faces of the picture scaled to at most `longer` pixels on its longer side, and of smaller ones."""
    height, width = rgb.shape[:2]
    largest = _scaled(rgb, min(longer, max(height, width)))
    picture, found, side = largest, [], float(max(largest.shape[:2]))
    while True:
        found += _look(picture, (width / picture.shape[1], height / picture.shape[0]), network, threshold)
        if side < _SMALLEST_PICTURE:
            return _joined(found)
        side /= _STEP
        picture = _scaled(largest, max(1, round(side)))


def _look(picture: NDArray[np.uint8], scale: tuple[float, float], network: Network, threshold: float) -> list[Box]:
    """What the network finds in one picture; boxes are multiplied by `scale` (x, y)."""
    height, width = picture.shape[:2]
    margin = _MARGIN if max(height, width) <= _WITH_MARGIN else 0
    right, below = (margin + -(length + 2 * margin) % _MULTIPLE for length in (width, height))
    padded = np.pad(picture, ((margin, below), (margin, right), (0, 0)), mode="edge")
    values = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    cells = network(["cells"], picture=values)["cells"][0]
    found = boxes_of_cells(cells, threshold, scale, margin)
    across, down = width * scale[0], height * scale[1]
    return [box for box in found if 0 <= box.centre[0] <= across and 0 <= box.centre[1] <= down]


def boxes_of_cells(
    cells: FloatArray, threshold: float, scale: tuple[float, float] = (1.0, 1.0), margin: int = 0
) -> list[Box]:
    """The boxes that cells speak of.

    Args:
        cells: (7, H, W): the score's logit; from the cell's centre to the box's, x and y in cells; logarithms of the
            box's width and height in units of 32 pixels; cosine and sine of the tilt (not used here).
        threshold: of the score.
        scale: (x, y) by which pixels of the network's picture are multiplied.
        margin: pixels of the network's picture left of and above the picture's own.

    Returns:
        One box for each cell whose score is above the threshold.
    """
    score = 1 / (1 + np.exp(-np.clip(cells[0], -50, 50)))
    rows, columns = np.nonzero(score > threshold)
    boxes = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        _, dx, dy, log_width, log_height = (float(value) for value in cells[:5, row, column])
        x, y = ((column + 0.5 + dx) * CELL - margin) * scale[0], ((row + 0.5 + dy) * CELL - margin) * scale[1]
        w, h = (UNIT * math.exp(min(max(log, -3.0), 3.0)) for log in (log_width, log_height))
        w, h = w * scale[0], h * scale[1]
        boxes.append(Box(x - w / 2, y - h / 2, w, h, float(score[row, column])))
    return boxes


def _joined(boxes: list[Box]) -> list[Box]:
    """One box for each face: the mean of those that overlap the surest one, weighted by the square of their scores."""
    rest = sorted(boxes, key=lambda box: (-box.score, -box.side, box.x, box.y))
    faces: list[Box] = []
    while rest:
        surest = rest[0]
        same = [box for box in rest if _overlap(box, surest) > _SAME_FACE]
        weights = np.array([box.score**2 for box in same])
        corners = np.array([(box.x, box.y, box.w, box.h) for box in same])
        x, y, w, h = (weights @ corners / weights.sum()).tolist()
        faces.append(Box(x, y, w, h, surest.score))
        rest = [box for box in rest if _overlap(box, surest) <= _SAME_FACE and _share_common(box, surest) < _INSIDE]
    return faces


def _common(one: Box, other: Box) -> float:
    across = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    down = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    return max(across, 0.0) * max(down, 0.0)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    common = _common(one, other)
    return common / (one.w * one.h + other.w * other.h - common)


def _share_common(one: Box, other: Box) -> float:
    """Intersection over the smaller box, 0 to 1."""
    return _common(one, other) / min(one.w * one.h, other.w * other.h)


def _scaled(rgb: NDArray[np.uint8], longer: int) -> NDArray[np.uint8]:
    """The picture with `longer` pixels on its longer side."""
    height, width = rgb.shape[:2]
    if longer == max(height, width):
        return rgb
    # Pictures far too large are thinned first: what is left is still averaged over four pixels each way, and no copy of
    # a whole 50-megapixel picture is made.
    step = max(1, max(height, width) // (longer * 4))
    image = Image.fromarray(np.ascontiguousarray(rgb[::step, ::step]))
    factor = longer / max(height, width)
    across, down = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(image.resize((across, down), Image.Resampling.BILINEAR, reducing_gap=2.0))


_opening = threading.Lock()


def packaged_detector() -> Detector:
    """The detector that comes with Face2Mesh, read at the first call.

    Raises:
        ModelError: its files are missing or damaged.
    """
    with _opening:
        return _packaged_detector()


@cache
def _packaged_detector() -> Detector:
    return read_detector(FOLDER)


def read_detector(folder: Path) -> Detector:
    """The detector of a folder that holds `detector.onnx` and `detector.json`.

    Raises:
        ModelError: a file is missing, is none of this version's, or the network is not the one described.
    """
    path, network = folder / DESCRIPTION_FILE, folder / DETECTOR_FILE
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        content = network.read_bytes()
        kind = description["format"], description["version"]
        expected = str(description["sha256"])
        thresholds = float(description["threshold"]), float(description["further_threshold"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}: the face detector is missing or damaged ({error}); {_MEND}.") from error
    if kind != (FORMAT, VERSION):
        raise ModelError(f"{path}: not a face detector of version {VERSION}; {_MEND}.")
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(f"{network}: damaged: its SHA-256 is not the described one; {_MEND}.")
    return Detector(Network(DETECTOR_FILE, content, threads=1, keep_memory=True), *thresholds)
