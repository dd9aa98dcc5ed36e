"""Anybody's meshes for the sweep: a data set, a folder of mesh files, or one `.npz` with all of them.

Letters: N meshes, V vertices, T triangles, F faces.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse.csgraph as csgraph
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.lab.dataset.dataset import TEMPLATE_FILE, Dataset
from face2mesh.lab.graph.laplacian import adjacency, edges_of_faces
from face2mesh.lab.smoothness.task import Patch, Task, of_meshes, patch_of
from face2mesh.read import SUFFIXES, read_mesh


def read_task(path: Path, region: str, code_size: int, seed: int) -> Task:
    """Meshes of one topology as a task.

    Args:
        path: a data set of `face2mesh dataset`; a folder of OBJ, PLY, STL or GLB files with the same vertices in the
            same order; or an `.npz` with `vertices` (N, V, 3) and `triangles` (T, 3) or `faces` (F, 4), −1 in the last
            place of a triangle.
        region: of the head, for a data set; other meshes are taken whole.
        code_size: numbers in a code at most.
        seed: of the choice of the people held out.

    Raises:
        InputFileError: nothing there, not of one topology, or too few.
    """
    if (path / TEMPLATE_FILE).exists():
        dataset = Dataset.load(path)
        patch = patch_of(dataset.template, region)
        heads = dataset.heads.vertices[:, patch.vertices]
        return of_meshes(path.name, heads, patch, code_size, dataset.heads.person, seed)
    vertices, faces, triangles = _folder(path) if path.is_dir() else _archive(path)
    patch, kept = _largest_piece(faces, triangles, vertices.shape[1])
    return of_meshes(path.stem, vertices[:, kept], patch, code_size, None, seed)


def _folder(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InputFileError(f"{path}: holds no meshes; put files there that end in {', '.join(SUFFIXES)}.")
    meshes = [read_mesh(file) for file in files]
    for file, mesh in zip(files, meshes, strict=True):
        if mesh.vertices.shape != meshes[0].vertices.shape or not np.array_equal(mesh.faces, meshes[0].faces):
            raise InputFileError(
                f"{file}: has not the vertices and faces of {files[0].name}; export all of one topology, in one order."
            )
    faces = meshes[0].faces
    if faces.shape[1] > 4:
        faces = meshes[0].triangles.astype(np.int32)
    vertices = np.stack([mesh.vertices for mesh in meshes]) * (meshes[0].millimetres_per_unit or 1.0)
    return vertices.astype(np.float32), faces, meshes[0].triangles.astype(np.int32)


def _archive(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    wanted = "save `vertices` (N, V, 3) and `triangles` (T, 3) with numpy.savez"
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            vertices = np.asarray(archive["vertices"], np.float32)
            faces = np.asarray(archive["faces" if "faces" in archive.files else "triangles"], np.int32)
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: not found; name people, expressions, a folder or an .npz file.") from error
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: not a file of meshes ({error}); {wanted}.") from error
    if vertices.ndim != 3 or vertices.shape[2] != 3 or faces.ndim != 2 or faces.shape[1] not in (3, 4):
        raise InputFileError(f"{path}: vertices are {vertices.shape} and faces {faces.shape}; {wanted}.")
    if not np.isfinite(vertices).all() or faces.min(initial=0) < -1 or faces.max(initial=0) >= vertices.shape[1]:
        raise InputFileError(f"{path}: has vertices that are no numbers, or faces of vertices that are not there.")
    if faces.shape[1] == 3:
        return vertices, faces, faces
    fans = np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])
    return vertices, faces, fans[fans.min(1) >= 0]


def _largest_piece(faces: NDArray[np.int32], triangles: NDArray[Any], count: int) -> tuple[Patch, NDArray[np.int32]]:
    """The largest connected piece of a mesh, and its vertices."""
    piece = csgraph.connected_components(adjacency(edges_of_faces(faces), count))[1]
    used = np.zeros(count, bool)
    used[triangles.ravel()] = True
    member = piece == np.bincount(piece[used]).argmax()
    kept = np.flatnonzero(member & used).astype(np.int32)
    index = np.full(count + 1, -1, np.int32)
    index[kept] = np.arange(len(kept), dtype=np.int32)
    patch = Patch(
        kept,
        index[triangles[member[triangles].all(1)]].astype(np.int32),
        index[faces[(member[faces] | (faces < 0)).all(1)]],
        np.arange(len(kept), dtype=np.int32),
    )
    return patch, kept
