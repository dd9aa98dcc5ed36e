"""A data set of made-up heads, small enough for tests: four people on the made-up head, drawn twice each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_up import made_up_corpus, made_up_head

from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.collect import collect_dataset
from face2mesh.lab.dataset.render import Making, render_dataset
from face2mesh.store import provenance
from face2mesh.write.obj import write_vertices

STEPS = 8
NAMES = ("anna", "bob", "cleo", "dan")


def made_up_heads(count: int, expression: bool = False) -> np.ndarray:
    """(count, V, 3) float32 mm: people of the made-up corpus, neutral or with an expression."""
    identity, actions = made_up_corpus(STEPS)
    codes = np.random.default_rng(11).normal(size=(count, len(identity)))
    moved = np.tensordot(codes, identity, 1) + (actions[3] if expression else 0)
    return (made_up_head(STEPS).vertices + moved).astype(np.float32)


def write_sculpt(path: Path, vertices: np.ndarray) -> None:
    """One sculpt as OBJ on the made-up head."""
    with open(path, "wb") as file:
        write_vertices(vertices, made_up_head(STEPS).topology, "made up", file)


def begin(folder: Path) -> None:
    """The folder as `face2mesh dataset init` leaves it, with the made-up head as template."""
    for name in ("sculpts", "photos"):
        (folder / name).mkdir(parents=True)
    made_up_head(STEPS).save(folder / "template.npz", provenance())


def made_up_dataset(folder: Path, names: tuple[str, ...] = NAMES, pictures: int = 2, size: int = 96) -> Dataset:
    """Sculpts, `dataset.npz` and `rendered.npz` in an empty folder; the first person smiles too.

    Args:
        folder: to make.
        names: of the people; one of four is held out.
        pictures: of each head, by the rasteriser; 0 for none.
        size: pixels along their side.
    """
    begin(folder)
    for name, vertices in zip(names, made_up_heads(len(names)), strict=True):
        write_sculpt(folder / "sculpts" / f"{name}.obj", vertices)
    write_sculpt(folder / "sculpts" / f"{names[0]}-smile.obj", made_up_heads(1, expression=True)[0])
    collect_dataset(folder)
    if pictures:
        render_dataset(folder, Making("raster", 0, size), pictures)
    return Dataset.load(folder)
