"""Finding faces with a small network of our own, `detector.onnx`, which ships beside this file.

The network looks at the picture and at copies 2, 4 and 8 times smaller, all in one call, and answers with a box and a
score for each cell of 8 × 8 pixels of each; what is found several times is joined. Letters: N cells.
"""

from __future__ import annotations

import hashlib
import json
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
FORMAT, VERSION = "face2mesh/detector", 2
FOLDER = Path(__file__).parent
_MEND = "reinstall face2mesh, or make one with `face2mesh lab package-detector`"

# The network's picture has sides that are multiples of the first number, and at least the second.
_MULTIPLE, _SHORTEST = 8, 16
_USUAL, _FINE = 320, 960
# Pictures up to the second size get a margin of their repeated border, this wide in pixels: a face may fill them to the
# edges or be cut off there, and the network knows faces with something around them.
_MARGIN, _WITH_MARGIN = 24, 160
# Boxes that overlap more belong to one face. A box that lies inside a surer one's, up to this share, is a part of it.
_SAME_FACE = 0.4
_INSIDE = 0.5


@dataclass(frozen=True)
class Detector:
    """The network and the scores, from 0 to 1, from which on its finds count.

    Attributes:
        network: `picture` (1, 8·h, 8·w, 3) uint8 to `boxes` (1, N, 5) float32: score from 0 to 1, x and y of the
            middle, width and height in pixels of the picture.
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
    """Faces of the picture scaled to at most `longer` pixels on its longer side, the surest first."""
    height, width = rgb.shape[:2]
    scaled = _scaled(rgb, min(longer, max(height, width)))
    down, across = scaled.shape[:2]
    margin = _MARGIN if max(down, across) <= _WITH_MARGIN else 0
    if margin:
        scaled = np.pad(scaled, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    found = network(["boxes"], picture=scaled[None])["boxes"][0]
    found = found[found[:, 0] > threshold].astype(np.float64)
    centre = (found[:, 1:3] - margin) / (across, down)
    inside = ((centre >= 0) & (centre <= 1)).all(1)
    x, y = (centre[inside] * (width, height)).T.tolist()
    w, h = (found[inside, 3:] / (across, down) * (width, height)).T.tolist()
    scores = found[inside, 0].tolist()
    return _joined(
        [Box(x - w / 2, y - h / 2, w, h, score) for score, x, y, w, h in zip(scores, x, y, w, h, strict=True)]
    )


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
        thresholds = float(description["threshold"]), float(description["further_threshold"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}: the face detector is missing or damaged ({error}); {_MEND}.") from error
    if kind != (FORMAT, VERSION):
        raise ModelError(f"{path}: not a face detector of version {VERSION}; {_MEND}.")
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(f"{network}: damaged: its SHA-256 is not the described one; {_MEND}.")
    return Detector(Network(DETECTOR_FILE, content, threads=1, keep_memory=True), *thresholds)
