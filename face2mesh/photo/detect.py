"""Finding faces with a small network of our own, `detector.onnx`, which ships beside this file.

The network looks at the picture and at copies 2, 4 and 8 times smaller, all in one call, and answers with a box and a
score for each cell of 8 × 8 pixels of each. What is found several times is joined; how sure a find is follows from the
surest cell, from how many agree and from the box's size. Letters: N cells.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
FORMAT, VERSION = "face2mesh/detector", 2
FOLDER = Path(__file__).parent
_MEND = "reinstall face2mesh, or make one with `face2mesh lab package-detector`"

# The network's picture has sides that are multiples of the first number, and at least the second.
_MULTIPLE, _SHORTEST = 8, 16
_USUAL, _FINE = 320, 960
# The fine search shows a picture at most so many times as large as it is. A face of 24 pixels covers three cells each
# way, and they are unsure of it; of one of 48, enlarged or not, they are sure.
_ENLARGED = 2
# The fine search is for faces that the usual one sees with at most so many pixels. An enlarged picture shows nothing
# new: of faces that had fewer pixels than the second number nothing is asked, and most false alarms are that small.
_SMALL, _TOO_SMALL = 64.0, 18.0
# Pictures up to the second size get a margin of their repeated border, this wide in pixels: a face may fill them to the
# edges or be cut off there, and the network knows faces with something around them.
_MARGIN, _WITH_MARGIN = 24, 160
# Boxes that overlap more belong to one face. A box that lies inside a surer one's, up to this share, is a part of it.
_SAME_FACE = 0.4
_INSIDE = 0.5
# Cells that are less sure say nothing; a face needs one as sure as the second number. Cells at least half as sure as
# the surest tell where the box is.
_FAINT, _LEAST, _TELLING = 0.1, 0.3, 0.5
# Of faces below the first size, pixels, little is known: they are taken for as large.
_SMALLEST_SIDE, _MIDDLE_SIDE = 24.0, 64.0
MEASURES = 6
"""Numbers of a find that tell how sure it is, see `Find.measures`."""


@dataclass(frozen=True)
class Find:
    """What may be a face.

    Attributes:
        box: in pixels of the picture; its score is the surest cell's.
        total: sum of the scores of all cells that agree with it.
        side: √(w·h) in pixels of the picture as it was searched.
    """

    box: Box
    total: float
    side: float

    def measures(self) -> NDArray[np.float64]:
        """(6,): 1, the logit of the surest score, the logarithms of `total` and of the side over 64, their product, and
        the square of the latter. Small faces have few cells, and those are less sure."""
        logit = math.log(self.box.score / (1 - self.box.score)) if self.box.score < 1 else math.inf
        total, size = math.log(self.total), math.log(max(self.side, _SMALLEST_SIDE) / _MIDDLE_SIDE)
        return np.array([1.0, min(logit, 20.0), total, size, size * total, size * size])


@dataclass(frozen=True)
class Detector:
    """The network, how sure its finds are, and from which score on they count.

    Attributes:
        network: `picture` (1, 8·h, 8·w, 3) uint8 to `boxes` (1, N, 5) float32: score from 0 to 1, x and y of the
            middle, width and height in pixels of the picture.
        weights: (6,), of `Find.measures`: their sum is the logit of a find's score, a logistic regression.
        threshold: for the surest face of a picture of at most 320 pixels on the longer side.
        further_threshold: for further faces, and for all where the picture is searched at a larger size.
    """

    network: Network
    weights: NDArray[np.float64]
    threshold: float
    further_threshold: float


def find_faces(rgb: NDArray[np.uint8], small: bool = False) -> list[Box]:
    """Find the faces of a picture.

    The picture is first searched with at most 320 pixels on its longer side, where faces from a tenth of it are found;
    where this finds nothing, a second time with three times as many pixels, but at most twice as many as it has.

    Args:
        rgb: (H, W, 3) uint8, upright.
        small: search a second time in any case, for small faces beside a large one, down to a fortieth of the longer
            side and to about 20 pixels; takes four times (pictures of at most 320 pixels) to nine times as long.

    Returns:
        The faces' boxes in the meaning of `Box`, largest first, with scores from 0 to 1; empty if there are none.

    Raises:
        ModelError: the detector's files are missing or damaged.
    """
    return find_faces_with(packaged_detector(), rgb, small)


def find_faces_with(detector: Detector, rgb: NDArray[np.uint8], small: bool = False) -> list[Box]:
    """`find_faces` with another detector than the packaged one."""
    found = _search(rgb, _USUAL, detector, detector.threshold)
    found = found[:1] + [box for box in found[1:] if box.score > detector.further_threshold]
    if small or not found:
        largest = _SMALL * max(rgb.shape[:2]) / min(_USUAL, max(rgb.shape[:2]))
        fine = _search(rgb, _FINE, detector, detector.further_threshold, _ENLARGED)
        found = _distinct(found + [box for box in fine if _TOO_SMALL <= box.side <= largest])
    return sorted(found, key=lambda box: (-box.side, box.x, box.y))


def _search(
    rgb: NDArray[np.uint8], longer: int, detector: Detector, threshold: float, enlarged: float = 1
) -> list[Box]:
    """Faces of the picture scaled as `finds` says, the surest first."""
    faces = []
    for find in finds(detector.network, rgb, longer, enlarged):
        score = float(1 / (1 + np.exp(-np.clip(find.measures() @ detector.weights, -50, 50))))
        if score > threshold:
            faces.append(replace(find.box, score=score))
    return sorted(faces, key=lambda box: (-box.score, -box.side, box.x, box.y))


def finds(network: Network, rgb: NDArray[np.uint8], longer: int = _USUAL, enlarged: float = 1) -> list[Find]:
    """All that may be faces in the picture.

    Args:
        network: see `Detector`.
        rgb: (H, W, 3) uint8, upright.
        longer: the picture is searched with so many pixels on its longer side,
        enlarged: but at most so many times as large as it is.
    """
    height, width = rgb.shape[:2]
    scaled = _scaled(rgb, min(longer, round(enlarged * max(height, width))))
    down, across = scaled.shape[:2]
    margin = _MARGIN if max(down, across) <= _WITH_MARGIN else 0
    if margin:
        scaled = np.pad(scaled, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    rows = network(["boxes"], picture=scaled[None])["boxes"][0]
    rows = rows[rows[:, 0] > _FAINT].astype(np.float64)
    rows[:, 1:3] -= margin
    rows = rows[((rows[:, 1:3] >= 0) & (rows[:, 1:3] <= (across, down))).all(1)]
    right, below = width / across, height / down
    result = []
    for score, total, x, y, w, h in _joined(rows):
        box = Box((x - w / 2) * right, (y - h / 2) * below, w * right, h * below, score)
        result.append(Find(box, total, math.sqrt(w * h)))
    return result


def _joined(rows: NDArray[np.float64]) -> Iterator[tuple[float, ...]]:
    """One find for each face: the mean of the boxes that overlap the surest, weighted by the square of their scores.

    Args:
        rows: (N, 5), score, x and y of the middle, width and height.

    Yields:
        The surest score, the sum of all scores, and x, y, width and height.
    """
    low, high = rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2
    area = rows[:, 3:].prod(1)
    left = np.ones(len(rows), bool)
    while left.any():
        surest = int(np.argmax(np.where(left, rows[:, 0], 0)))
        if rows[surest, 0] < _LEAST:
            return
        common = np.clip(np.minimum(high, high[surest]) - np.maximum(low, low[surest]), 0, None).prod(1)
        same = left & (common / (area + area[surest] - common) > _SAME_FACE)
        telling = rows[same & (rows[:, 0] >= _TELLING * rows[surest, 0])]
        weights = telling[:, 0] ** 2
        x, y, w, h = (weights @ telling[:, 1:] / weights.sum()).tolist()
        yield float(rows[surest, 0]), float(rows[same, 0].sum()), x, y, w, h
        left &= ~same & (common / np.minimum(area, area[surest]) < _INSIDE)


def _distinct(boxes: list[Box]) -> list[Box]:
    """One box for each face of two searches, the surer one."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: (-box.score, -box.side, box.x, box.y)):
        if all(_overlap(box, other) <= _SAME_FACE and _share_common(box, other) < _INSIDE for other in kept):
            kept.append(box)
    return kept


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
    """The picture with about `longer` pixels on its longer side, and sides as the network wants them."""
    height, width = rgb.shape[:2]
    factor = longer / max(height, width)
    across, down = (max(_SHORTEST, round(length * factor / _MULTIPLE) * _MULTIPLE) for length in (width, height))
    if (down, across) == (height, width):
        return np.ascontiguousarray(rgb)
    # Pictures far too large are thinned first: what is left is still averaged over four pixels each way, and no copy of
    # a whole 50-megapixel picture is made.
    step = max(1, int(1 / (4 * factor)))
    image = Image.fromarray(np.ascontiguousarray(rgb[::step, ::step]))
    return np.asarray(image.resize((across, down), Image.Resampling.BILINEAR, reducing_gap=1.5))


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
        weights = np.array(description["weights"], np.float64).reshape(MEASURES)
        thresholds = float(description["threshold"]), float(description["further_threshold"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}: the face detector is missing or damaged ({error}); {_MEND}.") from error
    if kind != (FORMAT, VERSION):
        raise ModelError(f"{path}: not a face detector of version {VERSION}; {_MEND}.")
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(f"{network}: damaged: its SHA-256 is not the described one; {_MEND}.")
    return Detector(Network(DETECTOR_FILE, content, threads=1, keep_memory=True), weights, *thresholds)
