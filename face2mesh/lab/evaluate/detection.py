"""How well faces are found: at all, at which sizes and tilts, how many at once, and where there are none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.evaluate.fairface import BORDER
from face2mesh.lab.evaluate.same_face import same_face
from face2mesh.lab.pairs.fairface import Split, photos, read_labels
from face2mesh.lab.progress import progress_to
from face2mesh.photo import Box, Crop, box_of_points, cut, find_faces, read_photo

# scikit-image's pictures without people; "cat" is chelsea and "hubble" is hubble_deep_field.
NO_FACE = (
    "coins",
    "page",
    "moon",
    "text",
    "coffee",
    "rocket",
    "hubble_deep_field",
    "brick",
    "grass",
    "gravel",
    "chelsea",
)
# Where the astronaut's face is, marked by hand: jaw edge to jaw edge, eyebrows to chin.
ASTRONAUT = Box(176, 88, 94, 94)

TILTS_DEGREES = (0, 15, 30, 45)
SIDES = (20, 24, 32, 48, 64, 96, 128, 192, 256, 300)
"""Sides √(w·h) of a face's box in a picture of 320 × 320 pixels."""
SWEPT_SIDE = 320
# A found face is the one looked for if its middle is this near, in sides, and its side differs at most by this factor.
NEAR, FACTOR = 0.25, 1.4

Picture = NDArray[np.uint8]


def measure_detection(data: Path, limit: int | None = None) -> dict[str, Any]:
    """All of it, with the packaged detector.

    Args:
        data: the data's folder.
        limit: only so many photos of each set.
    """
    portraits = london_photos(data, limit)
    cost = measure_cost(portraits)  # first, so that whoever wants a quiet machine need not keep it quiet for long
    return {
        "cost": cost,
        "london": measure_portraits(portraits),
        "fairface": measure_labelled(data, "val", limit),
        "tilt": measure_tilts(portraits),
        "size": measure_sizes(portraits),
        "several": measure_several(portraits),
        **measure_scikit_image(),
    }


def london_photos(data: Path, limit: int | None = None) -> dict[str, Picture]:
    """The London set's photos by name.

    Raises:
        InputFileError: there are none.
    """
    paths = sorted((data / "london").glob("*.jpg"))[:limit]
    if not paths:
        raise InputFileError(f"{data / 'london'}: holds no photos; name the data's folder with --data.")
    return {path.stem: read_photo(path).rgb for path in paths}


def measure_portraits(portraits: dict[str, Picture]) -> dict[str, Any]:
    """Photos of one person each: how many are found, and where more than one is."""
    found = {name: len(find_faces(rgb)) for name, rgb in portraits.items()}
    return {
        "photos": len(found),
        "found": sum(count > 0 for count in found.values()),
        "missed": [name for name, count in found.items() if count == 0],
        "more_than_one": [name for name, count in found.items() if count > 1],
    }


def measure_labelled(data: Path, split: Split, limit: int | None = None, last: int | None = None) -> dict[str, Any]:
    """FairFace's tight crops, as they are and with a border of 64 repeated pixels.

    Args:
        data: the data's folder.
        split: of the photos.
        limit: only so many.
        last: only the last so many of the labels.
    """
    labels = read_labels(data, split)
    rows = {int(number): row for row, number in enumerate(labels.ids)}
    if last is not None:
        rows = {number: row for number, row in rows.items() if row >= len(rows) - last}
    known = [(rows[number], rgb) for number, rgb in photos(data, split) if number in rows][:limit]
    tell = progress_to(2 * len(known), "FairFace photos")
    done = 0
    measured: dict[str, Any] = {"photos": len(known)}
    for name, border in (("with_border", BORDER), ("as_it_is", 0)):
        right, some, places, sizes = 0, 0, [], []
        for row, rgb in known:
            given = box_of_points(labels.landmarks[row][list(IBUG_68)] + border)
            boxes = find_faces(np.pad(rgb, ((border, border), (border, border), (0, 0)), mode="edge"))
            some += bool(boxes)
            match = next((box for box in boxes if same_face(box, given)), None)
            if match is not None:
                right += 1
                places.append(_distance(match, given) / given.side)
                sizes.append(abs(np.log(match.side / given.side)))
            done += 1
            tell(done)
        measured[name] = {
            "found": right,
            "found_percent": round(100 * right / max(len(known), 1), 2),
            "any_box": some,
            "centre_off_percent": _spread(places),
            "side_off_percent": _spread(sizes),
        }
    return measured


def measure_tilts(portraits: dict[str, Picture]) -> dict[str, Any]:
    """Photos turned about their middle: how many faces are found where the upright photo's face went."""
    result = {}
    upright = {name: boxes[0] for name, rgb in portraits.items() if (boxes := find_faces(rgb))}
    for degrees in TILTS_DEGREES:
        found = tried = 0
        for name, box in upright.items():
            rgb = portraits[name]
            for signed in {degrees, -degrees}:
                expected = _turned_box(box, signed, rgb.shape)
                found += _is_found(find_faces(turned(rgb, signed)), expected)
                tried += 1
        result[str(degrees)] = {"tried": tried, "found": found}
    return result


def measure_sizes(portraits: dict[str, Picture]) -> dict[str, Any]:
    """Photos cut and scaled so that the face's side is the named one in a picture of 320 pixels."""
    result: dict[str, Any] = {}
    whole = [(rgb, boxes[0]) for rgb in portraits.values() if (boxes := find_faces(rgb))]
    for side in SIDES:
        found = 0
        middle = Box(SWEPT_SIDE / 2 - side / 2, SWEPT_SIDE / 2 - side / 2, side, side)
        for rgb, box in whole:
            crop = Crop(box.centre, box.side * SWEPT_SIDE / side)
            found += _is_found(find_faces(cut(rgb, crop, SWEPT_SIDE)), middle)
        result[str(side)] = {"tried": len(portraits), "found": found}
    return result


def measure_several(portraits: dict[str, Picture], across: int = 4, down: int = 3) -> dict[str, Any]:
    """Walls of portraits side by side in one picture of 640 × 480: how many of the faces are found, and what else."""
    pictures, tile = list(portraits.values()), 160
    walls = found = tried = more = 0
    for first in range(0, len(pictures) - across * down + 1, across * down):
        some = pictures[first : first + across * down]
        boxes = find_faces(wall_of(some, across, down, tile), small=True)
        matched = 0
        for place, rgb in enumerate(some):
            alone, factor = find_faces(rgb), tile / rgb.shape[1]
            if alone:
                box, (y, x) = alone[0], divmod(place, across)
                expected = Box(box.x * factor + x * tile, box.y * factor + y * tile, box.w * factor, box.h * factor)
                matched += _is_found(boxes, expected)
        walls, found, tried, more = walls + 1, found + matched, tried + len(some), more + len(boxes) - matched
    return {"walls": walls, "faces": tried, "found": found, "more": more}


def wall_of(pictures: Sequence[Picture], across: int, down: int, tile: int) -> Picture:
    """Square pictures side by side, each scaled to `tile` pixels, row by row."""
    wall = np.zeros((tile * down, tile * across, 3), np.uint8)
    for place, rgb in enumerate(pictures[: across * down]):
        y, x = divmod(place, across)
        wall[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile] = _resized(rgb, tile)
    return wall


def measure_cost(portraits: dict[str, Picture], repeats: int = 5) -> dict[str, Any]:
    """Milliseconds to find the face in a picture of 320 pixels and in a portrait, at the first look, and with a second.

    The second look is what a picture without a find costs too.
    """
    some = list(portraits.values())[:10]
    small = [_resized(rgb, 320) for rgb in some]
    return {
        "picture_320_ms": _milliseconds(find_faces, small, repeats),
        "picture_320_second_look_too_ms": _milliseconds(lambda rgb: find_faces(rgb, small=True), small, repeats),
        "portrait_ms": _milliseconds(find_faces, some, repeats),
        "portrait_small_faces_too_ms": _milliseconds(lambda rgb: find_faces(rgb, small=True), some, repeats),
        "threads": 1,
    }


def measure_scikit_image() -> dict[str, Any]:
    """False alarms on pictures without people, at the usual and the fine size, and the astronaut."""
    try:
        from skimage import data as pictures
    except ImportError:
        return {"scikit_image": "not installed"}
    scores: dict[str, float] = {}
    for name in NO_FACE:
        rgb = _picture(pictures, name)
        boxes = find_faces(rgb) + find_faces(rgb, small=True)
        if boxes:
            scores[name] = round(max(box.score for box in boxes), 3)
    astronaut = find_faces(_picture(pictures, "astronaut"))
    return {
        "scikit_image": {
            "pictures": len(NO_FACE),
            "false_alarms": scores,
            "astronaut_found": _is_found(astronaut, ASTRONAUT),
        }
    }


def _picture(pictures: ModuleType, name: str) -> Picture:
    """One of scikit-image's pictures as the runtime reads it."""
    return read_photo(getattr(pictures, name)()).rgb


def _milliseconds(find: Callable[[Picture], object], pictures: Sequence[Picture], repeats: int) -> dict[str, float]:
    """Least, median and 90th percentile of single calls, after one that counts not."""
    find(pictures[0])
    taken = []
    for picture in list(pictures) * repeats:
        began = time.perf_counter()
        find(picture)
        taken.append(1e3 * (time.perf_counter() - began))
    return {name: round(float(np.percentile(taken, q)), 2) for name, q in (("least", 0), ("median", 50), ("90", 90))}


def _is_found(boxes: Iterable[Box], expected: Box) -> bool:
    """Whether one of the boxes is the expected one, up to `NEAR` and `FACTOR`."""
    return any(
        _distance(box, expected) < NEAR * expected.side
        and max(box.side / expected.side, expected.side / box.side) < FACTOR
        for box in boxes
    )


def _distance(one: Box, other: Box) -> float:
    """Between the middles, pixels."""
    return float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile in per cent."""
    if not values:
        return {}
    return {name: round(100 * float(np.percentile(values, q)), 2) for name, q in (("median", 50), ("95", 95))}


def _resized(rgb: Picture, side: int) -> Picture:
    return np.asarray(Image.fromarray(rgb).resize((side, side), Image.Resampling.BOX))


def turned(rgb: Picture, degrees: float) -> Picture:
    """The picture turned clockwise about its middle, its border repeated."""
    height, width = rgb.shape[:2]
    pad = max(height, width) // 2
    padded = Image.fromarray(np.pad(rgb, ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    return np.asarray(padded.rotate(-degrees, Image.Resampling.BILINEAR))[pad : pad + height, pad : pad + width]


def _turned_box(box: Box, degrees: float, shape: Sequence[int]) -> Box:
    """A square of the box's side where its middle goes when the picture is turned clockwise about its own middle."""
    x, y = box.centre[0] - shape[1] / 2, box.centre[1] - shape[0] / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = cos * x - sin * y + shape[1] / 2, sin * x + cos * y + shape[0] / 2
    return Box(float(x) - box.side / 2, float(y) - box.side / 2, box.side, box.side)
