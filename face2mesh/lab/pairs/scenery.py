"""Pictures without faces, for the detector: what stands behind pasted faces, and things that are no faces.

Tiles come from photographs and textures in folders that the user names (`docs/data.md` lists free ones), from what
FairFace's training photos show beside the face, and from drawing; small pictures with transparency become objects.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from face2mesh.errors import InputFileError
from face2mesh.store import read_arrays, refusal_of

KIND, VERSION, MADE_BY = "scenery", 1, "face2mesh lab pairs scenery"
TILE_SIDE = 160
OBJECT_SIDE = 96
TILES_OF_A_PHOTO = 8
DRAWN = 300
"""Tiles of drawn text, lines, disks and boxes."""
# The longer side a photo is thinned to first: its tiles show between a quarter of it and all of its shorter side.
_PHOTO_SIDE = 1280
# Wallpapers come in several sizes, each file named by its own.
_SIZE_AS_NAME = re.compile(r"(\d+)x(\d+)")
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# Parts of paths that tell of people, of faces, and of drawings that have some.
NOT_THESE = ("people", "faces", "cartoon", "alphabets", "toys", "halloween", "christmas", "symbols/math")


@dataclass(frozen=True)
class Scenery:
    """Pictures without faces.

    Attributes:
        tiles: (T, 160, 160, 3) uint8, squares of photographs and textures.
        objects: (K, 96, 96, 4) uint8, RGB and opacity, of things cut out.
        held_tile, held_object: (T,), (K,) bool: of pictures that training never sees.
    """

    tiles: NDArray[np.uint8]
    objects: NDArray[np.uint8]
    held_tile: NDArray[np.bool_]
    held_object: NDArray[np.bool_]

    @classmethod
    def load(cls, path: Path) -> Scenery:
        """Read `scenery.npz`.

        Raises:
            InputFileError: missing, damaged, or of another version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "valid scenery", MADE_BY):
            return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


def pictures_in(folders: Sequence[Path]) -> list[Path]:
    """The picture files below these folders, sorted, without those that may show people or faces.

    Of several files in a folder that are named by their size, such as 1920x1080.jpg, only the largest is taken.

    Raises:
        InputFileError: a folder is none, or nothing is left.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputFileError(f"{folder}: not a folder; name folders of pictures without people.")
    paths = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not any(part in str(path.relative_to(folder)) for part in NOT_THESE)
    )
    if not paths:
        raise InputFileError(f"{folders[0]}: holds no pictures; name folders of pictures without people.")
    largest: dict[Path, tuple[int, Path]] = {}
    for path in paths:
        size = _SIZE_AS_NAME.fullmatch(path.stem)
        area = int(size[1]) * int(size[2]) if size else 0
        key = path.parent if size else path
        largest[key] = max(largest.get(key, (0, path)), (area, path))
    return sorted(path for _, path in largest.values())


def make_scenery(
    paths: Sequence[Path], seed: int, held_share: float, progress: Callable[[int], None] = lambda done: None
) -> Scenery:
    """Tiles of the photographs and the objects among these files.

    Args:
        paths: picture files.
        seed: of the tiles' places and of what is held out.
        held_share: share of the files that training does not see.
        progress: called with the number of files done.
    """
    generator = np.random.default_rng(seed)
    tiles: list[tuple[NDArray[np.uint8], bool]] = []
    objects: list[tuple[NDArray[np.uint8], bool]] = []
    for done, path in enumerate(paths):
        held = bool(generator.random() < held_share)
        try:
            with Image.open(path) as image:
                image.draft("RGB", (_PHOTO_SIDE, _PHOTO_SIDE))
                picture = image.convert("RGBA")
        except (OSError, UnidentifiedImageError, ValueError) as error:
            raise InputFileError(f"{path}: not a readable picture ({error}); take it out of the folder.") from error
        if np.asarray(picture.getchannel("A")).min() < 128:
            objects.append((_object(picture), held))
        else:
            tiles += [(tile, held) for tile in _tiles(picture.convert("RGB"), generator)]
        progress(done + 1)
    for index in range(DRAWN):
        tiles.append((_drawn(generator), index < held_share * DRAWN))
    return Scenery(
        np.stack([tile for tile, _ in tiles]) if tiles else np.zeros((0, TILE_SIDE, TILE_SIDE, 3), np.uint8),
        np.stack([thing for thing, _ in objects]) if objects else np.zeros((0, OBJECT_SIDE, OBJECT_SIDE, 4), np.uint8),
        np.array([held for _, held in tiles], bool),
        np.array([held for _, held in objects], bool),
    )


def _object(picture: Image.Image) -> NDArray[np.uint8]:
    """The opaque part in the middle of a square, (96, 96, 4)."""
    box = picture.getchannel("A").getbbox() or (0, 0, *picture.size)
    picture = picture.crop(box)
    factor = OBJECT_SIDE / max(picture.size)
    across, down = (max(1, round(length * factor)) for length in picture.size)
    square = Image.new("RGBA", (OBJECT_SIDE, OBJECT_SIDE))
    square.paste(
        picture.resize((across, down), Image.Resampling.BOX), ((OBJECT_SIDE - across) // 2, (OBJECT_SIDE - down) // 2)
    )
    return np.asarray(square)


def _tiles(picture: Image.Image, generator: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """Squares of a photograph at random places and scales, (160, 160, 3) each."""
    picture.thumbnail((_PHOTO_SIDE, _PHOTO_SIDE), Image.Resampling.BOX)
    shorter = min(picture.size)
    for _ in range(TILES_OF_A_PHOTO):
        side = shorter * float(np.exp(generator.uniform(np.log(0.25), 0)))
        left, top = (generator.uniform(0, length - side) for length in picture.size)
        box = (left, top, left + side, top + side)
        yield np.asarray(picture.resize((TILE_SIDE, TILE_SIDE), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0))


def tiles_of_photos(
    photos: Iterable[tuple[NDArray[np.uint8], NDArray[np.float32]]], count: int, seed: int
) -> NDArray[np.uint8]:
    """Tiles put together from what photos of faces show beside the face: hair, clothes, hands, walls and gardens.

    Args:
        photos: photos (H, H, 3) with the face's inner landmarks (N, 2) in pixels, as many as one likes.
        count: how many tiles.
        seed: of the choices.

    Returns:
        (count, 160, 160, 3) uint8; each is one square piece or a mosaic of 2 × 2 or 3 × 3 of them.
    """
    generator = np.random.default_rng(seed)
    pieces = [piece for rgb, points in photos for piece in _beside_the_face(rgb, points, generator)]
    tiles = np.empty((count, TILE_SIDE, TILE_SIDE, 3), np.uint8)
    for tile in tiles:
        parts = int(generator.integers(1, 4))
        edges = np.linspace(0, TILE_SIDE, parts + 1).astype(int)
        for top, bottom in itertools.pairwise(edges):
            for left, right in itertools.pairwise(edges):
                piece = Image.fromarray(pieces[generator.integers(len(pieces))])
                turned = piece.rotate(90 * int(generator.integers(4)))
                tile[top:bottom, left:right] = np.asarray(
                    turned.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
                )
    return tiles


def _beside_the_face(
    rgb: NDArray[np.uint8], points: NDArray[np.float32], generator: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """Squares of a quarter to two fifths of a photo that keep off the box of these points; at most two."""
    side = rgb.shape[0]
    low, high = points.min(0), points.max(0)
    found = 0
    for _ in range(8):
        length = int(side * generator.uniform(0.25, 0.4))
        corner = generator.integers(0, side - length + 1, 2)
        common = np.minimum(corner + length, high) - np.maximum(corner, low)
        if found < 2 and (common < 0.15 * length).any():
            found += 1
            x, y = corner
            yield rgb[y : y + length, x : x + length]


def _drawn(generator: np.random.Generator) -> NDArray[np.uint8]:
    """A page of text, or disks, boxes and lines with shading, (160, 160, 3)."""

    def colour() -> tuple[int, int, int]:
        red, green, blue = (int(value) for value in generator.integers(0, 256, 3))
        return red, green, blue

    image = Image.new("RGB", (TILE_SIDE, TILE_SIDE), colour())
    draw = ImageDraw.Draw(image)
    if generator.random() < 0.4:
        size = int(generator.integers(8, 28))
        font, ink = ImageFont.load_default(size), colour()
        for top in range(0, TILE_SIDE, int(size * 1.3)):
            letters = generator.integers(97, 123, TILE_SIDE // 3)
            words = "".join(" " if generator.random() < 0.15 else chr(letter) for letter in letters)
            draw.text((2, top), words, fill=ink, font=font)
        return np.asarray(image)
    for _ in range(int(generator.integers(3, 25))):
        x, y = generator.uniform(-20, TILE_SIDE, 2)
        w, h = np.exp(generator.uniform(np.log(4), np.log(90), 2))
        kind = generator.random()
        if kind < 0.5:
            # Disks as coins, cups and eyes have them, one in the other.
            for share in np.sort(generator.uniform(0.2, 1, int(generator.integers(1, 4))))[::-1]:
                r = share * w / 2
                draw.ellipse((x - r, y - r, x + r, y + r), fill=colour(), outline=colour())
        elif kind < 0.8:
            draw.rectangle((x, y, x + w, y + h), fill=colour())
        else:
            draw.line((x, y, *generator.uniform(0, TILE_SIDE, 2)), fill=colour(), width=int(generator.integers(1, 9)))
    return np.asarray(image)
