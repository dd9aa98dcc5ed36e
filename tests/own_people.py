"""Data sets of made-up families, small enough for tests: on our base head, and on a template of a thousand vertices."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from face2mesh.head import BaseHead
from face2mesh.lab.dataset import Dataset, Heads, Views
from face2mesh.lab.dataset.template import template_of
from face2mesh.lab.graph.command import hierarchy_of_head
from face2mesh.lab.own.family import made_up_family
from face2mesh.lab.own.packaged import Packaged
from face2mesh.store import provenance

PEOPLE = 6
SEED = 4


@lru_cache(maxsize=1)
def packaged() -> Packaged:
    return Packaged.load()


@lru_cache(maxsize=1)
def known_modes() -> np.ndarray:
    """(M, S, 3) mm, of the packaged model."""
    return packaged().modes()


@lru_cache(maxsize=1)
def family() -> np.ndarray:
    """(6, S, 3) mm."""
    return made_up_family(packaged(), PEOPLE, SEED)


def data_set(folder: Path, template: BaseHead, vertices: np.ndarray, held_out: int = 1) -> Dataset:
    """A data set without pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    template.save(folder / "template.npz", provenance())
    names = np.array([f"person{number}" for number in range(len(vertices))])
    nothing = np.array([""] * len(vertices))
    heads = Heads(vertices.astype(np.float32), names, names, nothing, nothing, nothing)
    made = Dataset(folder, template, heads, Views.none(), tuple(names[len(names) - held_out :].tolist()))
    made.save(provenance())
    return made


@lru_cache(maxsize=1)
def small_template() -> tuple[BaseHead, np.ndarray]:
    """Our skin thinned to a quarter, as a user's own mesh of triangles; and the vertices of ours that it keeps."""
    ours = packaged().base_head
    level = hierarchy_of_head(ours, 1).levels[1]
    vertices = np.asarray(ours.vertices[level.kept], np.float64)
    faces = np.concatenate([level.triangles, level.triangles[:, 2:]], 1).astype(np.int32)
    landmarks = np.asarray(ours.landmarks(ours.vertices), np.float64)
    dense = np.asarray(ours.dense(ours.vertices), np.float64)
    return template_of(vertices, faces, None, landmarks, dense, ours), level.kept
