"""What rendered heads take from photos: skins and backdrops, of training photos only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.fairface import PHOTO_SIDE, FairFace, photos, read_labels
from face2mesh.lab.pairs.files import read_pairs
from face2mesh.lab.pairs.photos import CROP_PIXELS, WIDER
from face2mesh.lab.pairs.skin import Skins, skins_of_photos, usable_rows
from face2mesh.lab.pairs.surroundings import Backdrops, backdrops_of
from face2mesh.lab.progress import progress_to
from face2mesh.photo.crop import Crop, crop_of_landmarks

BACKDROPS = 1500


def looks_of_photos(
    head: BaseHead,
    corpus: Corpus,
    build: Path,
    data: Path,
    held_out: bool,
    seed: int,
    skins: int,
    more: Path | None = None,
) -> tuple[Skins, Backdrops]:
    """Skins and backdrops of FairFace's training photos: four fifths of them for training, the others held out.

    Args:
        head, corpus: the photos were fitted with these, or with fewer modes.
        build: folder with `photo-pairs.npz`.
        data: folder with FairFace's archives.
        held_out: which share.
        seed: of the choice.
        skins: how many at most.
        more: photo pairs of other people's photos (see `face2mesh lab label`), for more skins.

    Raises:
        InputFileError: photo pairs, labels or archives are missing or damaged.
    """
    pairs = read_pairs(build / "photo-pairs.npz")
    labels = read_labels(data, "train")
    label_of = {int(number): row for row, number in enumerate(labels.ids)}
    known = np.array([int(number) in label_of for number in pairs["photo_id"]])
    # By the photo's number, so that a photo stays on its side whatever set it is in.
    side = (pairs["photo_id"].astype(np.int64) % 5 == 0) == held_out
    pairs["accepted"] = pairs["accepted"] & known & side
    generator = np.random.default_rng([seed, 1])
    behind = generator.permutation(np.flatnonzero(known & side))[:BACKDROPS]
    crops = {int(row): _crop(labels, label_of[int(pairs["photo_id"][row])]) for row in behind}
    corners = np.array([[0.0, 0.0], [PHOTO_SIDE, PHOTO_SIDE]])
    frames = {row: crop.to_crop(corners, CROP_PIXELS).ravel().astype(np.float32) for row, crop in crops.items()}
    backdrops = backdrops_of(pairs, frames, progress_to(len(frames), "backdrops"))
    rows = usable_rows(pairs, generator)[: int(skins * 1.5)]
    sharper = _sharper(data, pairs, rows, labels, label_of)
    found = skins_of_photos(head, corpus, pairs, rows, sharper, progress_to(len(rows), "skins"))
    if more is not None:
        others = read_pairs(more)
        chosen = usable_rows(others, generator)
        if len(chosen):
            found = found.joined(skins_of_photos(head, corpus, others, chosen))
    return found, backdrops


def _crop(labels: FairFace, row: int) -> Crop:
    """The crop of a photo, 1.25 times the canonical one."""
    return crop_of_landmarks(labels.landmarks[row][list(IBUG_68)]).scaled(WIDER)


def _sharper(
    data: Path,
    pairs: dict[str, NDArray[Any]],
    rows: NDArray[np.intp],
    labels: FairFace,
    label_of: dict[int, int],
) -> dict[int, tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """FairFace's own photos, with half as many pixels again across the face as the crops (see `skins_of_photos`)."""
    wanted = {int(pairs["photo_id"][row]): int(row) for row in rows}
    found = {}
    for number, rgb in photos(data, "train"):
        if number in wanted:
            crop = _crop(labels, label_of[number])
            found[wanted[number]] = rgb, np.array([crop.side / CROP_PIXELS, *crop.corner], np.float32)
        if len(found) == len(wanted):
            break
    return found
