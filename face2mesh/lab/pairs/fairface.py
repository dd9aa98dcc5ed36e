"""FairFace's photos with their 478 pseudo-landmarks (Kärkkäinen and Joo 2021, CC BY 4.0; see the data's own README)."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError

PHOTO_SIDE = 224
Split = Literal["train", "val"]

# FairFace's ages went through a spreadsheet that took two of them for dates.
_AGES = {"03-Sep": "3-9", "Oct-19": "10-19"}


@dataclass(frozen=True)
class FairFace:
    """One split's labels.

    Attributes:
        ids: (N,) int32, the photos' numbers; the photo is `<id>.jpg`.
        landmarks: (N, 478, 2) float32, pixels of the 224-pixel photo, x right, y down; some lie outside.
        age: (N,) text, "0-2" to "more than 70".
    """

    ids: NDArray[np.int32]
    landmarks: NDArray[np.float32]
    age: NDArray[np.str_]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(N, 478), whether a point lies in the photo."""
        within = (self.landmarks >= 0) & (self.landmarks < PHOTO_SIDE)
        return within[..., 0] & within[..., 1]


def read_labels(folder: Path, split: Split) -> FairFace:
    """Read `fairface-<split>.npz`.

    Raises:
        InputFileError: missing or damaged.
    """
    path = folder / f"fairface-{split}.npz"
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return FairFace(
                ids=archive["ids"],
                landmarks=archive["landmarks_64"][..., :2].astype(np.float32) / 64,
                age=np.array([_AGES.get(age, age) for age in archive["age"].tolist()]),
            )
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: not found; name the folder of the training data with --data.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: damaged; get the training data again.") from error


def read_groups(folder: Path, split: Split) -> dict[str, NDArray[np.str_]]:
    """The groups of people of `fairface-<split>.npz`, in the rows' order: "race" and "gender" (N,) by FairFace's names.

    Raises:
        InputFileError: missing or damaged.
    """
    path = folder / f"fairface-{split}.npz"
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in ("race", "gender")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: has no groups of people ({error}); get the training data again.") from error


def photos(folder: Path, split: Split) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The photos of `fairface-<split>-*.tar` in their order: number and (224, 224, 3) RGB.

    Raises:
        InputFileError: no archive, or one is damaged.
    """
    archives = sorted(folder.glob(f"fairface-{split}-*.tar"))
    if not archives:
        raise InputFileError(f"{folder}: no fairface-{split}-*.tar; name the folder of the training data with --data.")
    for path in archives:
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    file = archive.extractfile(member)
                    if file is None or not member.name.endswith(".jpg"):
                        continue
                    with Image.open(io.BytesIO(file.read())) as picture:
                        yield int(Path(member.name).stem), np.asarray(picture.convert("RGB"))
        except (tarfile.TarError, OSError, ValueError) as error:
            raise InputFileError(f"{path}: damaged; get the training data again.") from error
