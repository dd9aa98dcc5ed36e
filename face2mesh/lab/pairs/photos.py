"""FairFace's photos as training pairs: a crop, its landmarks and the head fitted to them.

Crops are 160 × 160 with 1.25 times the canonical side, so the canonical crop is 128 of their pixels across and shares
their centre. `offset` and `log_scale` are those of the canonical crop: what the network would have to say of
the picture's middle 128 × 128 pixels. Training that shifts, turns or scales the crop must change them along with the
pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.pairs.fairface import FairFace, photos
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


def cut_photos(
    folder: Path, labels: FairFace, count: int | None = None, progress: Callable[[int], None] | None = None
) -> tuple[NDArray[np.uint8], FloatArray, NDArray[np.intp]]:
    """Cut the crops of the training photos.

    Returns:
        Crops (N, 160, 160, 3), all 478 landmarks (N, 478, 2) in their pixels, and the photos' rows in `labels` (N,).

    Raises:
        InputFileError: a photo is missing, or the archives are.
    """
    row_of = {int(number): row for row, number in enumerate(labels.ids[:count])}
    crops = np.empty((len(row_of), CROP_PIXELS, CROP_PIXELS, 3), np.uint8)
    points = np.empty((len(row_of), *labels.landmarks.shape[1:]), np.float32)
    rows: list[int] = []
    for number, rgb in photos(folder, "train"):
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
    raise InputFileError(f"{folder}: {len(row_of) - len(rows)} FairFace photos are missing; get the archives again.")


def residual_of(fits: Fits) -> FloatArray:
    """(B,) mean residual of the given points off the face's outline, in face boxes."""
    inner = np.setdiff1d(np.arange(SURFACE_COUNT), FACE_OVAL)
    given = fits.weight[:, inner] > 0
    distance = np.linalg.norm(fits.error[:, inner], axis=-1)
    result: FloatArray = (distance * given).sum(1) / np.maximum(given.sum(1), 1)
    return result


def refusals(fits: Fits, limits: Acceptance) -> dict[str, NDArray[np.bool_]]:
    """Why fits may not teach: reason to (B,); a fit may teach where none holds."""
    return {
        "residual": residual_of(fits) > limits.residual,
        "identity": (fits.identity**2).mean(1) > limits.identity,
        "yaw": np.abs(yaw_degrees(fits.rotation)) > limits.yaw,
        "outliers": fits.weight.mean(1) < limits.inliers,
    }
