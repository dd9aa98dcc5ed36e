"""Labelled photos as training pairs: a crop, its landmarks and the head fitted to them.

Crops are 160 × 160 with 1.25 times the canonical side, so the canonical crop is 128 of their pixels across and shares
their centre. `offset` and `log_scale` are those of the canonical crop: what the network would have to say of
the picture's middle 128 × 128 pixels. Training that shifts, turns or scales the crop must change them along with the
pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.pairs.fit import Fits, yaw_degrees
from face2mesh.lab.pairs.mediapipe import FACE_OVAL, IRIS_CENTRES, SURFACE_COUNT
from face2mesh.lab.pairs.point_model import FloatArray
from face2mesh.photo.crop import crop_of_landmarks, cut

CROP_PIXELS = 160
CANONICAL_PIXELS = 128
WIDER = CROP_PIXELS / CANONICAL_PIXELS
FITTED = (*range(SURFACE_COUNT), *IRIS_CENTRES)
"""Which of the 478 points a fit uses, in the order of `PointModel`."""


@dataclass(frozen=True)
class Acceptance:
    """When a fit may teach.

    Attributes:
        residual: largest mean residual of the inner points, in face boxes.
        identity: largest mean square of the identity code.
        yaw: largest turn in degrees.
        inliers: least mean robust weight.
    """

    residual: float = 0.02
    identity: float = 2.0
    yaw: float = 60.0
    inliers: float = 0.5


def in_crop(points: NDArray[Any]) -> FloatArray:
    """Pixels of the 160-pixel crop (…, 2), in sides of the canonical crop from the centre."""
    return ((np.asarray(points, np.float32) - CROP_PIXELS / 2) / CANONICAL_PIXELS).astype(np.float32)


def in_pixels(points: NDArray[Any]) -> FloatArray:
    """The inverse of `in_crop`."""
    return (np.asarray(points, np.float32) * CANONICAL_PIXELS + CROP_PIXELS / 2).astype(np.float32)


class LabelledPhotos(Protocol):
    """Labels of N faces: FairFace's own or those of `face2mesh lab label`."""

    @property
    def ids(self) -> NDArray[np.int32]:
        """(N,) the faces' numbers."""
        ...

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """(N, 478, 2) pixels of the photo."""
        ...

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(N, 478), whether a point lies in the photo."""
        ...

    @property
    def age(self) -> NDArray[np.str_]:
        """(N,) FairFace's group of years, or ""."""
        ...


def cut_photos(
    pictures: Iterable[tuple[int, NDArray[np.uint8]]],
    labels: LabelledPhotos,
    count: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[NDArray[np.uint8], FloatArray, NDArray[np.intp]]:
    """Cut the crops of labelled photos.

    Args:
        pictures: the faces' numbers and their upright photos (H, W, 3).
        labels: of the faces; photos without labels are left out.
        count: only the first so many faces.
        progress: called with the number of photos done.

    Returns:
        Crops (N, 160, 160, 3), all 478 landmarks (N, 478, 2) in their pixels, and the photos' rows in `labels` (N,).

    Raises:
        InputFileError: a photo is missing or cannot be read.
    """
    row_of = {int(number): row for row, number in enumerate(labels.ids[:count])}
    crops = np.empty((len(row_of), CROP_PIXELS, CROP_PIXELS, 3), np.uint8)
    points = np.empty((len(row_of), *labels.landmarks.shape[1:]), np.float32)
    rows: list[int] = []
    for number, rgb in pictures:
        row = row_of.get(number)
        if row is None:
            continue
        landmarks = labels.landmarks[row]
        crop = crop_of_landmarks(landmarks[list(IBUG_68)]).scaled(WIDER)
        crops[len(rows)] = cut(rgb, crop, CROP_PIXELS)
        points[len(rows)] = crop.to_crop(landmarks, CROP_PIXELS)
        rows.append(row)
        if progress:
            progress(len(rows))
        if len(rows) == len(row_of):
            return crops, points, np.array(rows)
    if not row_of:
        raise InputFileError("There are no labelled faces to fit; label a folder that holds some.")
    raise InputFileError(f"{len(row_of) - len(rows)} photos of the labels are missing; get FairFace's archives again.")


def residual_of(fits: Fits) -> FloatArray:
    """(B,) mean residual of the given points off the face's outline, in face boxes."""
    inner = np.setdiff1d(np.arange(SURFACE_COUNT), FACE_OVAL)
    given = fits.weight[:, inner] > 0
    distance = np.linalg.norm(fits.error[:, inner], axis=-1)
    result: FloatArray = ((distance * given).sum(1) / np.maximum(given.sum(1), 1)).astype(np.float32)
    return result


def refusals(fits: Fits, limits: Acceptance) -> dict[str, NDArray[np.bool_]]:
    """Why fits may not teach: reason to (B,); a fit may teach where none holds."""
    return {
        "residual": residual_of(fits) > limits.residual,
        "identity": (fits.identity**2).mean(1) > limits.identity,
        "yaw": np.abs(yaw_degrees(fits.rotation)) > limits.yaw,
        "outliers": fits.weight.mean(1) < limits.inliers,
    }
