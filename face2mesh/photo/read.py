"""A file or an array becomes an upright RGB picture."""

from __future__ import annotations

import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from face2mesh.errors import PhotoError
from face2mesh.photo.focal import focal_of_exif

Source: TypeAlias = "str | os.PathLike[str] | NDArray[Any]"

SMALLEST_SIDE = 16
"""Pictures with fewer pixels along a side cannot hold a face that anything could find."""
LARGEST_PIXELS = 178_000_000
"""Pictures with more pixels are taken for decompression bombs; it is just below where Pillow itself refuses them."""
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif", ".jp2"}
)
"""What counts as a photo when a folder is searched."""
BACKGROUND = 128
"""Grey, 0 to 255, put behind transparent pixels: neither light nor dark skin melts into it."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ORIENTATION_TAG = 0x0112
_STRIP = 512
# EXIF's value to what turns the stored array upright: (transpose, flip rows, flip columns), in this order.
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
# Pillow warns of large pictures through the process's warning filters, which are changed under this lock.
_opening = threading.Lock()


@dataclass(frozen=True)
class Photo:
    """A picture as people see it.

    Attributes:
        rgb: (H, W, 3) uint8, sRGB, upright, at full resolution.
        focal_px: focal length in pixels of `rgb`, from EXIF; None where EXIF has none or is not credible.
        focal_source: "exif", or "default" where `focal_px` is None and whoever needs a camera must assume one.
        name: how messages call it: the path as given, or "the picture" for an array.
        path: the file; None for an array.
    """

    rgb: NDArray[np.uint8]
    focal_px: float | None
    focal_source: str
    name: str
    path: Path | None = None

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.rgb.shape[0])


def read_photo(source: Source) -> Photo:
    """Read a photo from a file or take it from an array.

    Files: whatever Pillow opens, with 8 or 16 bits, grey, palette, CMYK or alpha (put on mid grey); of an animation the
    first frame; turned upright as EXIF says. Arrays: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of
    uint8, uint16 or floats from 0 to 1.

    Raises:
        PhotoError: missing, unreadable, empty, no picture, damaged, too small, too large, or an array of another kind.
    """
    if isinstance(source, np.ndarray):
        name = "the picture"
        rgb = _rgb_of_array(source, name)
        _check_size(rgb.shape[1], rgb.shape[0], name)
        return Photo(rgb, None, "default", name)
    path = Path(source)
    _check_file(path)
    try:
        with _open(path) as image:
            _check_size(image.width, image.height, str(path))
            image.load()
            exif = _exif_of(image)
            focal = focal_of_exif(exif, image.width, image.height)
            orientation = exif.get(_ORIENTATION_TAG)
            stored = _rgb_of_image(image)
        rgb = _upright(stored, orientation)
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError(f"{path}: too large for this computer's memory; make the picture smaller.") from error
    except Exception as error:  # decoders meet damaged bytes with exceptions of every kind
        raise PhotoError(f"{path}: the picture is damaged or incomplete; save or download it again.") from error
    return Photo(rgb, focal, "default" if focal is None else "exif", str(path), path)


def _check_file(path: Path) -> None:
    """Say in one sentence why a file cannot be a photo, before any decoder sees it."""
    try:
        if path.is_dir():
            raise PhotoError(f"{path}: is a folder; name a photo in it.")
        with open(path, "rb") as file:
            head = file.read(12)
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: not found; check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"{path}: cannot be read ({reason}); check the path and its permissions.") from error
    if not head:
        raise PhotoError(f"{path}: the file is empty; save or download the photo again.")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        _enable_heic(path)


def _enable_heic(path: Path) -> None:
    """Teach Pillow to read HEIC, if its plug-in is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise PhotoError(
            f"{path}: HEIC photos need a plug-in; install it with `pip install 'face2mesh[heic]'`, or save it as JPEG."
        ) from error
    register_heif_opener()


def _open(path: Path) -> Image.Image:
    try:
        with _opening, warnings.catch_warnings():
            # Pillow warns at 89 megapixels, which cameras have (`_check_size` has the limit that counts here), and of
            # metadata that it cannot read.
            warnings.simplefilter("ignore")
            return Image.open(path)
    except Image.DecompressionBombError as error:
        raise _too_large(str(path)) from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{path}: not a picture in a format known here; save it as JPEG or PNG.") from error


def _exif_of(image: Image.Image) -> Image.Exif:
    """The picture's EXIF data; damaged data is none, and no reason to refuse a photo."""
    try:
        return image.getexif()
    except Exception:  # the parser meets damaged bytes with exceptions of every kind
        return Image.Exif()


def _too_large(name: str) -> PhotoError:
    return PhotoError(f"{name}: more than {LARGEST_PIXELS // 10**6} megapixels; make the picture smaller.")


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > LARGEST_PIXELS:
        raise _too_large(name)
    if min(width, height) < SMALLEST_SIDE:
        raise PhotoError(
            f"{name}: {width} by {height} pixels are too small to show a face; use a picture of at least "
            f"{SMALLEST_SIDE} pixels a side."
        )


def _rgb_of_image(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of a loaded picture of any mode."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.float32)
        return _three_channels(_eight_bits(levels, max(65535.0, float(levels.max()))))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image))
        return _three_channels(_eight_bits(values, 1.0 if values.max(initial=0.0) <= 1.0 else 255.0))
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        behind = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        image = Image.alpha_composite(behind, layers)
    if image.mode != "RGB":
        image = image.convert("RGB")
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _STRIP):  # in strips, because Pillow's export copies what it gives twice
        bottom = min(top + _STRIP, image.height)
        rgb[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return rgb


def _rgb_of_array(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of an array as `read_photo` describes it; uint8 RGB is not copied."""
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    if channels not in (1, 3, 4) or array.size == 0:
        raise PhotoError(f"{name}: an array of shape {array.shape} is no picture; give (H, W), (H, W, 3) or (H, W, 4).")
    if array.dtype == np.uint8:
        values: NDArray[np.uint8] = array
    elif array.dtype == np.uint16:
        values = _eight_bits(array.astype(np.float32), 65535.0)
    elif np.issubdtype(array.dtype, np.floating):
        floats = array.astype(np.float32)
        # A little beyond 0 and 1 is what filters leave; 255 as white is another convention.
        if not np.isfinite(floats).all() or floats.min() < -0.5 or floats.max() > 1.5:
            raise PhotoError(f"{name}: floats must lie between 0 and 1; divide by the largest value, or give uint8.")
        values = _eight_bits(floats, 1.0)
    else:
        raise PhotoError(f"{name}: an array of {array.dtype} is no picture; give uint8, uint16 or floats from 0 to 1.")
    if channels == 1:
        return _three_channels(values.reshape(values.shape[:2]))
    if channels == 4:
        alpha = values[..., 3:].astype(np.float32) / 255
        return np.rint(values[..., :3] * alpha + BACKGROUND * (1 - alpha)).astype(np.uint8)
    return values


def _eight_bits(values: NDArray[np.floating[Any]], white: float) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(np.clip(values * (255.0 / white), 0, 255)).astype(np.uint8)
    return levels


def _three_channels(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) to (H, W, 3)."""
    return np.repeat(grey[..., None], 3, axis=2)


def _upright(rgb: NDArray[np.uint8], orientation: int | None) -> NDArray[np.uint8]:
    """Turn the stored picture as EXIF's orientation (1 to 8; anything else is upright) says."""
    transpose, flip_rows, flip_columns = _UPRIGHT.get(orientation or 1, (False, False, False))
    if transpose:
        rgb = rgb.transpose(1, 0, 2)
    if flip_rows:
        rgb = rgb[::-1]
    if flip_columns:
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)
