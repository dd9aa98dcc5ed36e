"""The levels of a mesh on which the graph networks work: pooling to vertex subsets, unpooling by barycentric weights.

Level 0 is the mesh itself; level l + 1 keeps about a quarter of level l's vertices (`pooling`). Going back, each vertex
of level l is a fixed point of a triangle of level l + 1 (Ranjan 2018, section 3.2): the closest on the rest shape among
the triangles near the vertex that it collapsed onto, so that a lip's vertex cannot fall onto the other lip.

Letters: n_l vertices, t_l triangles, e_l edges of level l; L levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from face2mesh.lab.graph.laplacian import Matrix, adjacency, edges_of_faces, normalised_laplacian, scaled_laplacian
from face2mesh.lab.graph.pooling import Coarsening, Floats, Indices, barycentric_of_closest, coarsen
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "hierarchy"
VERSION = 1
MADE_BY = "face2mesh lab hierarchy"


@dataclass(frozen=True)
class Level:
    """One level of the mesh.

    Attributes:
        kept: (n_l,) int32, ascending vertices of level 0.
        triangles: (t_l, 3) int32, of this level's vertices.
        edges: (e_l, 2) int32, this level's graph: sides of quads on level 0 where it has quads, else of triangles.
        mirror: (n_l,) int32, the vertex of this level on the other side; the vertex itself where no mirror was given.
    """

    kept: NDArray[np.int32]
    triangles: NDArray[np.int32]
    edges: NDArray[np.int32]
    mirror: NDArray[np.int32]

    @property
    def count(self) -> int:
        """n_l."""
        return len(self.kept)

    def scaled_laplacian(self) -> Matrix:
        """L̃ (n_l, n_l) for Chebyshev convolution."""
        return scaled_laplacian(normalised_laplacian(adjacency(self.edges, self.count)))


@dataclass(frozen=True)
class Hierarchy:
    """All levels and the ways between them. Valid from birth.

    Attributes:
        levels: L of them, finest first.
        pool: for each level but the last, (n_{l+1},) int32: which of its vertices the next level keeps.
        unpool_vertices: for each level but the last, (n_l, 3) int32: vertices of the next level.
        unpool_weights: for each level but the last, (n_l, 3) float32, at least 0, rows summing to 1.
    """

    levels: tuple[Level, ...]
    pool: tuple[NDArray[np.int32], ...]
    unpool_vertices: tuple[NDArray[np.int32], ...]
    unpool_weights: tuple[NDArray[np.float32], ...]

    def __post_init__(self) -> None:
        """Check shapes and ranges.

        Raises:
            ValueError: a table is missing, has a wrong shape or points outside its level.
        """
        steps = len(self.levels) - 1
        if steps < 0 or not len(self.pool) == len(self.unpool_vertices) == len(self.unpool_weights) == steps:
            raise ValueError("hierarchy: every level but the last needs its pooling and unpooling")
        for number, level in enumerate(self.levels):
            for name, table in (("triangles", level.triangles), ("edges", level.edges), ("mirror", level.mirror)):
                if table.size and (table.min() < 0 or table.max() >= level.count):
                    raise ValueError(f"hierarchy: {name} of level {number} point outside 0 to {level.count - 1}")
        for number in range(steps):
            fine, coarse = self.levels[number].count, self.levels[number + 1].count
            indices, weights = self.unpool_vertices[number], self.unpool_weights[number]
            if indices.shape != (fine, 3) or weights.shape != (fine, 3) or self.pool[number].shape != (coarse,):
                raise ValueError(f"hierarchy: pooling or unpooling of level {number} has a wrong shape")
            if (
                indices.min() < 0
                or indices.max() >= coarse
                or not 0 <= self.pool[number].min() <= self.pool[number].max() < fine
            ):
                raise ValueError(f"hierarchy: pooling or unpooling of level {number} points outside its level")

    @property
    def counts(self) -> tuple[int, ...]:
        """Vertices of each level, finest first."""
        return tuple(level.count for level in self.levels)

    def unpooling(self, level: int, coarse: int | None = None) -> Matrix:
        """(n_l, n_c) barycentric weights from level c = `coarse`, the next one unless given, to level l = `level`."""
        if coarse is None:
            coarse = level + 1
        shape = self.levels[level].count, self.levels[level + 1].count
        rows = np.repeat(np.arange(shape[0]), 3)
        values = self.unpool_weights[level].astype(np.float64).ravel()
        matrix = sp.csr_array((values, (rows, self.unpool_vertices[level].ravel())), shape=shape)
        matrix.eliminate_zeros()
        matrix.sort_indices()
        return sp.csr_array(matrix @ self.unpooling(level + 1, coarse)) if coarse > level + 1 else matrix

    def subset_pooling(self, level: int) -> Matrix:
        """(n_{l+1}, n_l) matrix from level l = `level` to the next: the vertices that it keeps."""
        fine, coarse = self.levels[level].count, self.levels[level + 1].count
        return sp.csr_array((np.ones(coarse), (np.arange(coarse), self.pool[level])), shape=(coarse, fine))

    def mean_pooling(self, level: int, coarse: int | None = None) -> Matrix:
        """(n_c, n_l) matrix from level l = `level` to c = `coarse`, the next one unless given.

        Each step takes means of the vertices that unpool from one.
        """
        if coarse is None:
            coarse = level + 1
        weights = sp.csr_array(self.unpooling(level).T)
        matrix = sp.csr_array(sp.diags_array(1 / np.asarray(weights.sum(axis=1)).ravel()) @ weights)
        return sp.csr_array(self.mean_pooling(level + 1, coarse) @ matrix) if coarse > level + 1 else matrix

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write with provenance (see `store.provenance`)."""
        arrays: dict[str, NDArray[Any]] = {"level_count": np.array(len(self.levels))}
        for number, level in enumerate(self.levels):
            arrays[f"kept_{number}"] = level.kept
            arrays[f"triangles_{number}"] = level.triangles
            arrays[f"edges_{number}"] = level.edges
            arrays[f"mirror_{number}"] = level.mirror
        for number in range(len(self.levels) - 1):
            arrays[f"pool_{number}"] = self.pool[number]
            arrays[f"unpool_vertices_{number}"] = self.unpool_vertices[number]
            arrays[f"unpool_weights_{number}"] = self.unpool_weights[number]
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path, made_by: str = MADE_BY) -> Hierarchy:
        """Read a hierarchy.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, made_by)
        with refusal_of(path, "a valid hierarchy", made_by):
            count = int(arrays["level_count"])
            return cls(
                levels=tuple(
                    Level(*(arrays[f"{name}_{number}"] for name in ("kept", "triangles", "edges", "mirror")))
                    for number in range(count)
                ),
                pool=tuple(arrays[f"pool_{number}"] for number in range(count - 1)),
                unpool_vertices=tuple(arrays[f"unpool_vertices_{number}"] for number in range(count - 1)),
                unpool_weights=tuple(arrays[f"unpool_weights_{number}"] for number in range(count - 1)),
            )


def build_hierarchy(
    vertices: Floats,
    triangles: Indices,
    quads: Indices | None = None,
    mirror: Indices | None = None,
    poolings: int = 4,
    factor: float = 4.0,
) -> Hierarchy:
    """Make the levels of any manifold mesh, with or without border.

    Args:
        vertices: (V, 3), the rest shape. With a `mirror` its two sides must mirror each other in x.
        triangles: (T, 3), wound consistently.
        quads: (Q, 4) whose sides are the graph of level 0, or none: the triangles' sides.
        mirror: (V,) the vertex on the other side, or none.
        poolings: how often the mesh is thinned.
        factor: by how much each time.

    Returns:
        A hierarchy of `poolings` + 1 levels, exactly symmetric if `mirror` is given.

    Raises:
        ValueError: no manifold, no mirror image of itself, or too few vertices for that many levels.
    """
    count = len(vertices)
    opposite = np.arange(count, dtype=np.int32) if mirror is None else np.asarray(mirror, np.int32)
    targets = [round(count / factor ** (step + 1)) for step in range(poolings)]
    whole = Coarsening(
        np.arange(count, dtype=np.int32), np.asarray(triangles, np.int32), np.arange(count, dtype=np.int32)
    )
    meshes = [whole, *coarsen(vertices, triangles, targets, mirror)]
    levels, pool, unpool_vertices, unpool_weights = [], [], [], []
    for number, mesh in enumerate(meshes):
        new_index = np.full(count, -1, np.int32)
        new_index[mesh.kept] = np.arange(len(mesh.kept), dtype=np.int32)
        faces = quads if number == 0 and quads is not None else new_index[mesh.triangles]
        levels.append(
            Level(mesh.kept, new_index[mesh.triangles], edges_of_faces(faces), new_index[opposite[mesh.kept]])
        )
        if number:
            fine = meshes[number - 1].kept
            near, weights = _unpool(np.asarray(vertices, np.float64), fine, mesh, opposite)
            pool.append(np.searchsorted(fine, mesh.kept).astype(np.int32))
            unpool_vertices.append(new_index[near])
            unpool_weights.append(weights)
    return Hierarchy(tuple(levels), tuple(pool), tuple(unpool_vertices), tuple(unpool_weights))


def _unpool(
    points: NDArray[np.float64], fine: Indices, coarse: Coarsening, opposite: Indices
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Place each of the `fine` vertices on the coarse mesh: three kept vertices (n, 3), of level 0, and weights (n, 3).

    One side is computed and mirrored onto the other; a vertex of the midline goes onto the midline's edges, since the
    closest triangle of one side would be as close on the other.
    """
    triangles_at: dict[int, list[int]] = {}
    for index, corners in enumerate(coarse.triangles.tolist()):
        for corner in corners:
            triangles_at.setdefault(corner, []).append(index)
    symmetric = not np.array_equal(opposite, np.arange(len(opposite)))
    owners: list[int] = []
    candidates: list[tuple[int, int, int]] = []
    for vertex in fine.tolist():
        target = int(coarse.representative[vertex])
        near = {corner for index in triangles_at.get(target, []) for corner in coarse.triangles[index].tolist()}
        options: list[tuple[int, int, int]]
        if vertex == target or not near:
            options = [(target, target, target)]
        elif opposite[vertex] < vertex:
            continue
        elif symmetric and opposite[vertex] == vertex:
            middle = [other for other in sorted(near) if opposite[other] == other and other != target]
            options = [(target, other, target) for other in middle] or [(target, target, target)]
        else:
            around = sorted({index for corner in near for index in triangles_at[corner]})
            options = [(a, b, c) for a, b, c in coarse.triangles[around].tolist()]
        owners += [vertex] * len(options)
        candidates += options
    owner, corner = np.array(owners), np.array(candidates, np.int32)
    weights = barycentric_of_closest(points[owner], points[corner])
    distance = np.linalg.norm(np.einsum("nk,nkc->nc", weights, points[corner]) - points[owner], axis=1)
    order = np.lexsort([distance, owner])
    order = order[np.unique(owner[order], return_index=True)[1]]

    place = np.full(len(opposite), -1)
    place[owner[order]] = order
    mirrored = place[fine] < 0
    rows = np.where(mirrored, place[opposite[fine]], place[fine])
    found = np.where(mirrored[:, None], opposite[corner[rows]], corner[rows]).astype(np.int32)
    return found, weights[rows].astype(np.float32)
