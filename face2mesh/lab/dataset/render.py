"""`face2mesh render`: pictures of a data set's heads with exact truth, for those who have sculpts and no photos."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from face2mesh.blender import require_blender
from face2mesh.errors import InputFileError, OutputError
from face2mesh.lab.dataset.dataset import RENDERED, SCULPTS, Dataset
from face2mesh.lab.dataset.packaged import our_base_head
from face2mesh.lab.dataset.shots import Shot, is_done, read_rendered, shot_of, write_truth
from face2mesh.store import provenance

SKINS_A_PERSON = 2
LEAST_SKINS, MOST_SKINS = 12, 80
CYCLES_AT_ONCE = 8
"""Pictures that one Blender makes before they count as made."""

Wanted = list[tuple[int, Shot]]
"""Rows of heads, and the pictures to take of them."""


@dataclass(frozen=True)
class Making:
    """How pictures are made.

    Attributes:
        engine: "cycles" or "raster".
        seed: of everything that is drawn.
        size: pixels along a side.
    """

    engine: str
    seed: int
    size: int


def render_dataset(
    folder: Path,
    making: Making,
    pictures: int,
    progress: Callable[[int], Callable[[int], None]] | None = None,
    time_limit: float | None = None,
) -> tuple[int, int]:
    """Make the pictures that are not there yet, then `rendered.npz`.

    A picture is there if it was made in the same way of the same shape: a run that was stopped goes on where it was.

    Args:
        folder: the data set's.
        making: how.
        pictures: of each head.
        progress: given how many are to be made, who is told how many are done.
        time_limit: seconds after which no further picture is begun.

    Returns:
        How many pictures were made now, and how many of all engines there are.

    Raises:
        InputFileError: no data set, or one without heads.
        OutputError: the folder cannot be written, or there is no Blender for "cycles".
    """
    dataset = Dataset.load(folder)
    if not len(dataset.heads):
        raise InputFileError(
            f"{folder}: has no heads yet; put sculpts into {folder / SCULPTS} and run "
            f"`face2mesh dataset collect {folder}`."
        )
    try:
        (folder / RENDERED).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder / RENDERED}: cannot be made ({error.strerror or error}).") from error
    wanted = _wanted(dataset, making, pictures)
    tell = progress(len(wanted)) if progress and wanted else None
    deadline = None if time_limit is None else time.monotonic() + time_limit
    at_once = CYCLES_AT_ONCE if making.engine == "cycles" else 1
    done = 0
    try:
        take = _taker(dataset, making) if wanted else None
        for first in range(0, len(wanted), at_once):
            if take is None or (deadline is not None and time.monotonic() > deadline):
                break
            some = wanted[first : first + at_once]
            take(some)
            for row, shot in some:
                heads = dataset.heads
                name, vertices = str(heads.name[row]), heads.vertices[row]
                write_truth(folder, shot, dataset.template, vertices, name, asdict(making))
            done += len(some)
            if tell:
                tell(done)
    finally:
        count = _gather(dataset, making, changed=done > 0)
    return done, count


def _wanted(dataset: Dataset, making: Making, pictures: int) -> Wanted:
    """What is not there yet, the first picture of each head first."""
    heads, digests = dataset.heads, dataset.heads.digests
    wanted = []
    for number in range(pictures):
        for row, (name, person) in enumerate(zip(heads.name.tolist(), heads.person.tolist(), strict=True)):
            shot = shot_of(dataset.template, heads.vertices[row], name, person, number, making.seed, making.size)
            if not is_done(dataset.folder, shot.name, digests[row], asdict(making)):
                wanted.append((row, shot))
    return wanted


def _taker(dataset: Dataset, making: Making) -> Callable[[Wanted], None]:
    """Makes the pictures it is given."""
    skins = min(max(LEAST_SKINS, SKINS_A_PERSON * len(dataset.people)), MOST_SKINS)
    ours, vertices, folder = our_base_head(), dataset.heads.vertices, dataset.folder
    from face2mesh.lab.dataset import raster

    setting = raster.setting_of(dataset, ours, skins, making.seed)
    if making.engine == "cycles":
        require_blender()
        from face2mesh.lab.dataset import cycles

        return lambda some: cycles.take(setting, [(vertices[row], shot) for row, shot in some], folder)

    def take(some: Wanted) -> None:
        for row, shot in some:
            raster.take(setting, vertices[row], shot, folder)

    return take


def _gather(dataset: Dataset, making: Making, changed: bool) -> int:
    """Write `rendered.npz` if pictures were made or have gone; how many there are."""
    heads = dataset.heads
    named = {name: (row, heads.vertices[row]) for row, name in enumerate(heads.name.tolist())}
    views = read_rendered(dataset.folder, dataset.template, named)
    before = dataset.views.rows(dataset.views.exact)
    if changed or sorted(views.photo_sha256.tolist()) != sorted(before.photo_sha256.tolist()):
        photos = dataset.views.rows(~dataset.views.exact)
        replace(dataset, views=photos.joined(views)).save_rendered(provenance(None, asdict(making), making.seed))
    return len(views)
