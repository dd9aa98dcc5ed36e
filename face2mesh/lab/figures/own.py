"""Sheets of a user's own project: people, levels of the template, what a model makes of photos, what it can make.

Letters: V vertices, K modes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw import VIEWS, contact_sheet, frame, part_colours, render
from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.head.alignment import align
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.figures import pooling
from face2mesh.lab.figures.error_scale import error_colours, even_light, key_below
from face2mesh.lab.figures.errors import TOLD
from face2mesh.lab.graph.command import hierarchy_of_head
from face2mesh.lab.own.measure import REGION, held_out_rows
from face2mesh.lab.own.train import WORK
from face2mesh.lab.smoothness import command as smoothness
from face2mesh.model import Model
from face2mesh.photo import Box, crop_of_box, cut, read_photo

SHEETS = ("people", "pooling", "results", "modes")
_SUFFIX = {"people": "jpg", "results": "jpg"}
TILE = 200
MOST_PEOPLE = 24
MOST_RESULTS = 10
LOOKED_AT, DARK = 4, 70.0
"""So many of a head's most frontal photos are looked at for one that is not darker than this, of 255."""
MODES = 6
DEVIATIONS = 2.5
_SHOWN = ("front", "three_quarter")
_NOT_MEASURED = (0.62, 0.64, 0.66)

Picture = NDArray[np.uint8]


def people_sheet(dataset: Dataset) -> Picture:
    """(H, W, 3): each neutral head's most frontal photo, if it has one, and the head from two sides.

    Raises:
        InputFileError: there are no neutral heads.
    """
    blocks, labels = [], []
    for row in np.flatnonzero(dataset.heads.neutral)[:MOST_PEOPLE].tolist():
        views = _frontal_first(dataset, np.flatnonzero(dataset.views.head == row))
        photo = _photo(dataset, int(views[0])) if len(views) else np.full((TILE, TILE, 3), 245, np.uint8)
        heads = [_drawn(dataset.template, dataset.heads.vertices[row], view) for view in _SHOWN]
        blocks.append(np.concatenate([photo, *heads], 1))
        held = ", held out" if dataset.heads.person[row] in dataset.held_out else ""
        labels.append(f"{dataset.heads.name[row]}{held}")
    if not blocks:
        raise InputFileError(
            f"{dataset.folder}: has no neutral heads; add sculpts and run `face2mesh dataset collect`."
        )
    return contact_sheet(blocks, columns=2 if len(blocks) > 3 else 1, labels=labels)


def results_sheet(dataset: Dataset, model: Model) -> Picture:
    """(H, W, 3): photo, the model's head, the sculpt, the error on it; of held-out people, else of anybody.

    Raises:
        InputFileError: the model has another topology than the data set, or there are no photos.
    """
    if len(model.base_head.vertices) != len(dataset.template.vertices):
        raise InputFileError(f"{dataset.folder}: has another template than the model; name another model with --model.")
    rows = held_out_rows(dataset)
    rows = rows if len(rows) else np.flatnonzero(dataset.heads.neutral[dataset.views.head])
    if not len(rows):
        raise InputFileError(f"{dataset.folder}: has no photos of neutral heads; add some or run `face2mesh render`.")
    # One of each person first.
    rows = _frontal_first(dataset, rows)
    person = dataset.heads.person[dataset.views.head[rows]]
    turn = np.array([int((person[:number] == name).sum()) for number, name in enumerate(person)])
    rows = rows[np.lexsort([person, turn])][:MOST_RESULTS]
    blocks, labels = zip(*(_result(dataset, model, int(row)) for row in rows), strict=True)
    sheet = contact_sheet(blocks, columns=2 if len(blocks) > 1 else 1, labels=labels)
    return np.concatenate([sheet, key_below(sheet.shape[1], TOLD)])


def pooling_sheet(head: BaseHead) -> Picture:
    """(H, W, 3): the levels of a template.

    Raises:
        InputFileError: networks cannot work on it.
    """
    try:
        return pooling.sheet(head, hierarchy_of_head(head, poolings=3))
    except ValueError as error:
        raise InputFileError(f"The template makes no hierarchy ({error}); mend the mesh.") from error


def modes_sheet(model: Model) -> Picture:
    """(H, W, 3): the model's mean and what the first numbers of its identity code do, a column each."""
    size = min(MODES, model.identity_size)
    codes = np.zeros((2 * size + 1, model.identity_size), np.float32)
    for mode in range(size):
        codes[1 + mode, mode], codes[1 + size + mode, mode] = DEVIATIONS, -DEVIATIONS
    mean, *others = (_drawn(model.base_head, head, "three_quarter") for head in model.decode(codes))
    cells = [mean, *others[:size], np.full_like(mean, 255), *others[size:]]
    signs = [f"mode {mode + 1}: {sign}{DEVIATIONS:g}" for sign in "+−" for mode in range(size)]
    labels = ["the mean", *signs[:size], "", *signs[size:]]
    return contact_sheet(cells, columns=size + 1, labels=labels)


def draw_dataset(folder: Path, model: Path | None, out: Path, only: Sequence[str] = ()) -> list[Path]:
    """Draw the sheets of a data set, and of what a model makes of it.

    Args:
        folder: the data set's.
        model: whose heads are shown beside the sculpts; None for no such sheet.
        out: folder of the pictures.
        only: some of `SHEETS`; none named means all.

    Returns:
        The files written.
    """
    dataset = Dataset.load(folder)
    sheets: dict[str, Callable[[], Picture]] = {
        "people": lambda: people_sheet(dataset),
        "pooling": lambda: pooling_sheet(dataset.template),
    }
    if model is not None:
        sheets["results"] = lambda: results_sheet(dataset, Model.load(model))
    return _written(sheets, out, only)


def draw_model(folder: Path, out: Path, only: Sequence[str] = ()) -> list[Path]:
    """Draw the sheets of a packaged model; arguments and result as of `draw_dataset`."""
    model = Model.load(folder)
    sheets = {"modes": lambda: modes_sheet(model), "pooling": lambda: pooling_sheet(model.base_head)}
    return _written(sheets, out, only)


def draw_trade_off(folder: Path, steps: int, out: Path) -> None:
    """Sweep the smoothness penalty on a data set's sculpts and draw its price (`face2mesh lab smoothness`)."""
    parser = argparse.ArgumentParser()
    smoothness.add_parser(parser.add_subparsers())
    words = [
        "smoothness",
        str(folder),
        "--steps",
        str(steps),
        "-o",
        str(out / "smoothness.json"),
        "--pictures",
        str(out),
    ]
    arguments = parser.parse_args(words)
    arguments.build = folder / WORK
    arguments.run(arguments)


def _written(sheets: dict[str, Callable[[], Picture]], out: Path, only: Sequence[str]) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name, draw in sheets.items():
        if not only or name in only:
            files.append(out / f"{name}.{_SUFFIX.get(name, 'png')}")
            Image.fromarray(draw()).save(files[-1], quality=88)
    return files


def _result(dataset: Dataset, model: Model, row: int) -> tuple[Picture, str]:
    """One view: photo, the model's neutral head, the sculpt, the error on it; and what it is on average."""
    head = dataset.template
    region = head.regions[REGION]
    true = dataset.heads.vertices[dataset.views.head[row]]
    photo = dataset.folder / str(dataset.views.photo[row])
    found = model.reconstruct(photo, box=Box(*dataset.views.box[row].tolist())).neutral().vertices
    placed = align(found[region], true[region], scaling=True)(found)
    errors = np.linalg.norm(placed - true, axis=1)
    view = frame(true[: head.skin_count], VIEWS["three_quarter"], TILE, TILE, margin=0.02)
    colours = part_colours(head)
    alone = [render(vertices, head.triangles, colours, *view) for vertices in (placed, true)]
    painted = np.where(region[:, None], error_colours(errors), _NOT_MEASURED)
    on_head = render(true, head.triangles, painted, *view, light=even_light())
    label = f"{dataset.heads.name[dataset.views.head[row]]}: error {errors[region].mean():.1f} mm"
    return np.concatenate([_photo(dataset, row), *alone, on_head], 1), label


def _drawn(head: BaseHead, vertices: NDArray[Any], view: str) -> Picture:
    """(h, h, 3) of a head (V, 3)."""
    camera, pose = frame(vertices[: head.skin_count], VIEWS[view], TILE, TILE, margin=0.03)
    return render(vertices, head.triangles, part_colours(head), camera, pose)


def _frontal_first(dataset: Dataset, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Views by how much of the face they show; of each head's few best, those too dark to see anything come last."""
    toward = dataset.views.rotation[rows, 2, 2]  # of the head's +Z, along the camera's: −1 faces it
    rows = rows[np.argsort(toward, kind="stable")]
    head = dataset.views.head[rows]
    turn = np.array([int((head[:number] == one).sum()) for number, one in enumerate(head)], np.intp)
    dark = np.array([_too_dark(dataset, int(row)) for row in rows[turn < LOOKED_AT]], np.bool_)
    put_back = turn.copy()
    put_back[np.flatnonzero(turn < LOOKED_AT)[dark]] += LOOKED_AT
    return rows[np.argsort(put_back, kind="stable")]


def _too_dark(dataset: Dataset, row: int) -> bool:
    """Whether a view's face can hardly be made out."""
    middle = slice(TILE // 4, 3 * TILE // 4)
    return bool(_photo(dataset, row)[middle, middle].mean() < DARK)


def _photo(dataset: Dataset, row: int) -> Picture:
    """(h, h, 3), a view's face and what is around it."""
    read = read_photo(dataset.folder / str(dataset.views.photo[row]))
    return cut(read.rgb, crop_of_box(Box(*dataset.views.box[row].tolist())).scaled(1.15), TILE)
