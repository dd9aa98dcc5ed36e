"""Labelling a folder: every photo is read, its faces are found and marked; what fails is told and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import PhotoError
from face2mesh.lab.label.files import POINTS, Labels, digest_of
from face2mesh.lab.label.marker import Marker
from face2mesh.photo import Box, crop_of_box, cut, read_photo
from face2mesh.photo.read import SUFFIXES

CLOSE_UP = 320
"""Pixels of the square in which a face is marked that was too small in the whole picture."""

Finder = Callable[[NDArray[np.uint8]], list[Box]]
Face = NDArray[np.float32]


@dataclass(frozen=True)
class Labelled:
    """A labelled folder.

    Attributes:
        labels: the faces.
        depth: (N, 478) their points' relative depth in pixels.
        photos: how many photos there were.
        failed: photo to the sentence that says why it has no row.
        several: photo to the number of its faces, where there is more than one.
    """

    labels: Labels
    depth: NDArray[np.float32]
    photos: int
    failed: dict[str, str]
    several: dict[str, int]


def photos_in(folder: Path) -> list[Path]:
    """The photos of a folder and of the folders in it, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def label_folder(
    folder: Path, marker: Marker, finder: Finder, progress: Callable[[int], None] | None = None
) -> Labelled:
    """Mark every face of every photo of a folder.

    Args:
        folder: with photos, in folders below it too.
        marker: marks the faces of a picture.
        finder: finds the faces that the marker misses in the whole picture; they are marked in a close-up.
        progress: called with the number of photos done.
    """
    paths = photos_in(folder)
    names: list[str] = []
    digests: list[str] = []
    sizes: list[tuple[int, int]] = []
    faces: list[Face] = []
    failed: dict[str, str] = {}
    several: dict[str, int] = {}
    for done, path in enumerate(paths, 1):
        name = path.relative_to(folder).as_posix()
        try:
            rgb = read_photo(path).rgb
        except PhotoError as error:
            failed[name] = str(error)
        else:
            found = mark_all(rgb, marker, finder)
            if not found:
                failed[name] = f"{path}: no face found; left out."
            if len(found) > 1:
                several[name] = len(found)
            names += [name] * len(found)
            digests += [digest_of(path)] * len(found)
            sizes += [(rgb.shape[1], rgb.shape[0])] * len(found)
            faces += found
        if progress:
            progress(done)
    points = np.array(faces, np.float32).reshape(len(faces), POINTS, 3)
    labels = Labels(
        np.array(names, np.str_),
        np.array(digests, np.str_),
        np.array(sizes, np.int32).reshape(len(faces), 2),
        points[..., :2],
        np.full(len(faces), "", "<U12"),
    )
    return Labelled(labels, points[..., 2], len(paths), failed, several)


def mark_all(rgb: NDArray[np.uint8], marker: Marker, finder: Finder) -> list[Face]:
    """All faces of a picture, largest first.

    The marker sees the whole picture, then a close-up of each face that the finder sees and the marker did not.
    """
    faces = marker.mark(rgb)
    for box in finder(rgb):
        if any(_holds(face, box) for face in faces):
            continue
        crop = crop_of_box(box)
        for face in marker.mark(cut(rgb, crop, CLOSE_UP)):
            size = np.float32(crop.side / CLOSE_UP)
            marked = np.concatenate([crop.to_picture(face[:, :2], CLOSE_UP), face[:, 2:] * size], axis=1)
            # The close-up may show a neighbour too, who is marked already or has a box.
            if _holds(marked, box) and not any(_same(marked, other) for other in faces):
                faces.append(marked.astype(np.float32))
    return sorted(faces, key=lambda face: -float(np.prod(np.ptp(face[:, :2], axis=0))))


def _holds(face: Face, box: Box) -> bool:
    """Whether the middle of a face lies in the box."""
    x, y = (face[:, :2].max(axis=0) + face[:, :2].min(axis=0)) / 2
    return bool(box.x <= x <= box.x + box.w and box.y <= y <= box.y + box.h)


def _same(one: Face, other: Face) -> bool:
    """Whether two faces are one: their points lie closer to each other than a fifth of a face."""
    size = float(np.sqrt(np.prod(np.ptp(other[:, :2], axis=0))))
    return float(np.linalg.norm(one[:, :2] - other[:, :2], axis=1).mean()) < 0.2 * size
