"""The labels of a folder of photos: one row a face, with the file it lies in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.photo import read_photo
from face2mesh.store import read_arrays, write_arrays

KIND, VERSION, MADE_BY = "face-labels", 1, "face2mesh lab label"
POINTS = 478
SUBPIXELS = 64


@dataclass(frozen=True)
class Labels:
    """Labelled faces, N of them; a photo with several faces has several rows.

    Attributes:
        files: (N,) text, the photo's path inside the folder, with "/".
        digests: (N,) text, SHA-256 of the photo's bytes.
        sizes: (N, 2) int32, width and height of the upright photo.
        landmarks: (N, 478, 2) float32, pixels of the upright photo, x right, y down; some may lie outside.
        age: (N,) text, FairFace's group of years, or "" where nobody said.
    """

    files: NDArray[np.str_]
    digests: NDArray[np.str_]
    sizes: NDArray[np.int32]
    landmarks: NDArray[np.float32]
    age: NDArray[np.str_]

    @property
    def ids(self) -> NDArray[np.int32]:
        """(N,) the rows' own numbers."""
        return np.arange(len(self.files), dtype=np.int32)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(N, 478), whether a point lies in the photo."""
        within = (self.landmarks >= 0) & (self.landmarks < self.sizes[:, None])
        return within[..., 0] & within[..., 1]

    def pictures(self, folder: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Rows and their upright photos (H, W, 3), in order.

        Raises:
            InputFileError: a photo is missing or is not the one that was labelled.
            PhotoError: a photo cannot be read.
        """
        last, rgb = "", np.zeros((0, 0, 3), np.uint8)
        for row, name in enumerate(self.files.tolist()):
            if name != last:
                path = folder / name
                if not path.is_file():
                    raise InputFileError(f"{path}: not found; name the labelled folder with --photos.")
                if digest_of(path) != self.digests[row]:
                    raise InputFileError(f"{path}: not the photo that was labelled; label the folder again.")
                last, rgb = name, read_photo(path).rgb
            yield row, rgb


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_labels(path: Path, labels: Labels, depth: NDArray[np.float32], origin: Mapping[str, Any]) -> None:
    """Write labels.

    Args:
        path: the file.
        labels: what to write.
        depth: (N, 478), relative depth in pixels, smaller is nearer; weak.
        origin: what `provenance` gave.

    Raises:
        OutputError: the folder cannot be written.
    """
    points = np.concatenate([labels.landmarks, depth[..., None]], axis=-1)
    arrays = {
        "files": labels.files,
        "sha256": labels.digests,
        "sizes": labels.sizes,
        "landmarks_64": np.round(points * SUBPIXELS).astype(np.int32),
        "age": labels.age,
    }
    write_arrays(path, KIND, VERSION, arrays, dict(origin))


def read_folder_labels(path: Path) -> Labels:
    """Read what `face2mesh lab label` wrote.

    Raises:
        InputFileError: missing, damaged or foreign, or its rows do not match.
    """
    arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
    names = ("files", "sha256", "sizes", "landmarks_64", "age")
    if any(name not in arrays for name in names) or len({len(arrays[name]) for name in names}) != 1:
        raise InputFileError(f"{path}: its arrays do not belong together; make it again with `{MADE_BY}`.")
    return Labels(
        arrays["files"],
        arrays["sha256"],
        arrays["sizes"],
        (arrays["landmarks_64"][..., :2] / SUBPIXELS).astype(np.float32),
        arrays["age"],
    )
