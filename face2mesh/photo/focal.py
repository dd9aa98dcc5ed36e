"""The focal length that EXIF tells, where it is credible."""

from __future__ import annotations

import math
from typing import Any

from PIL import Image

_EXIF_BLOCK = 0x8769
_FOCAL_LENGTH_MM = 0x920A
_FOCAL_LENGTH_35_MM = 0xA405
_PIXELS_ACROSS = 0xA002
_PIXELS_DOWN = 0xA003
_SENSOR_PIXELS_PER_UNIT = 0xA20E
_SENSOR_UNIT = 0xA210
_MM_OF_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

# CIPA DCG-001 defines the 35 mm equivalent by the diagonal of 36 mm × 24 mm film.
_FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
# From a wide phone camera to a strong portrait lens; a face in the picture rules out the rest.
_CREDIBLE_35_MM = (12.0, 400.0)
# Cameras take pictures of these proportions. Others were cropped after they were taken, and EXIF speaks of a wider
# picture than this one.
_CAMERA_ASPECTS = (4 / 3, 3 / 2, 16 / 9)
_ASPECT_TOLERANCE = 0.02


def focal_of_exif(exif: Image.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels of a picture of this size, from its EXIF data.

    Taken from FocalLengthIn35mmFilm, else from FocalLength and the sensor's resolution. Not believed: pictures whose
    proportions are not a camera's or differ from those that EXIF names (they were cropped), and lengths outside 12 to
    400 mm (35 mm equivalent).

    Args:
        exif: of the picture as stored.
        width, height: of the picture as stored, in pixels; turning by quarters does not change the result.

    Returns:
        Pixels, or None.
    """
    try:
        tags = exif.get_ifd(_EXIF_BLOCK)
    except Exception:  # damaged EXIF is no reason to refuse a photo
        return None
    aspect = max(width, height) / min(width, height)
    taken_across, taken_down = _number(tags.get(_PIXELS_ACROSS)), _number(tags.get(_PIXELS_DOWN))
    if not any(_alike(aspect, camera) for camera in _CAMERA_ASPECTS):
        return None
    if (
        taken_across
        and taken_down
        and not _alike(aspect, max(taken_across, taken_down) / min(taken_across, taken_down))
    ):
        return None
    diagonal = math.hypot(width, height)
    equivalent = _number(tags.get(_FOCAL_LENGTH_35_MM))
    if not equivalent:
        equivalent = _equivalent_by_sensor(tags, taken_across, taken_down)
    if not equivalent or not _CREDIBLE_35_MM[0] <= equivalent <= _CREDIBLE_35_MM[1]:
        return None
    return equivalent * diagonal / _FILM_DIAGONAL_MM


def _equivalent_by_sensor(tags: dict[int, Any], taken_across: float | None, taken_down: float | None) -> float | None:
    """35 mm equivalent from the focal length in mm and the sensor's pixels per inch, centimetre, mm or µm."""
    focal_mm = _number(tags.get(_FOCAL_LENGTH_MM))
    per_unit = _number(tags.get(_SENSOR_PIXELS_PER_UNIT))
    unit_mm = _MM_OF_UNIT.get(int(_number(tags.get(_SENSOR_UNIT)) or 2))
    if not (focal_mm and per_unit and unit_mm and taken_across and taken_down):
        return None
    sensor_diagonal_mm = math.hypot(taken_across, taken_down) * unit_mm / per_unit
    return focal_mm * _FILM_DIAGONAL_MM / sensor_diagonal_mm


def _number(value: Any) -> float | None:
    """A finite number above 0, else None; EXIF holds rationals, some with a zero below."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _alike(aspect: float, other: float) -> bool:
    return abs(aspect / other - 1) <= _ASPECT_TOLERANCE
