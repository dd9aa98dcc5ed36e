"""The base head: one topology that every head of Face2Mesh shares.

Letters: V vertices, S of them skin, Q quads, T = 2Q triangles, U texture points, P parts, R regions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.embedding import Embedding
from face2mesh.head.topology import Topology
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "base-head"
VERSION = 1
MADE_BY = "face2mesh lab base-head"
PARTS = ("skin", "left_eye", "right_eye", "upper_teeth", "lower_teeth", "tongue", "lashes")

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int32]
MaskArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BaseHead:
    """Topology, rest shape and names of the base head. Valid from birth: a wrong index raises at once.

    Frame: millimetres, right-handed, +X to the subject's left, +Y up, +Z out of the face, the origin midway between the
    eyeballs' centres. Faces are counter-clockwise seen from outside.

    Attributes:
        vertices: (V, 3) float32, the rest shape; the order is `PARTS`, skin first.
        quads: (Q, 4) int32, in the order of the parts; a triangle has its last corner twice (see `head.topology`).
        triangles: (2Q, 3) int32; quad q is triangles 2q and 2q + 1, split symmetrically about the mirror plane.
        uv: (U, 2) float32 in the unit square, origin at the lower left.
        uv_quads: (Q, 4) int32, rows of `uv` at the corners of `quads`.
        part_vertices: part name to (first, last + 1) vertex.
        part_quads: part name to (first, last + 1) quad.
        mirror: (V,) int32, the vertex on the other side; an involution.
        regions: region name to (V,) bool mask.
        landmarks: the 68 iBUG points.
        dense: MediaPipe's 468 surface points (laboratory only).
        neck_border: (N,) int32, vertices of the loop at which the neck is cut, in order.
        eye_centres: (2, 3) float32, left then right; the rest head's eyeballs' centres.
        eye_radius: mm, of the sclera's sphere.
    """

    vertices: FloatArray
    quads: IndexArray
    triangles: IndexArray
    uv: FloatArray
    uv_quads: IndexArray
    part_vertices: Mapping[str, tuple[int, int]]
    part_quads: Mapping[str, tuple[int, int]]
    mirror: IndexArray
    regions: Mapping[str, MaskArray]
    landmarks: Embedding
    dense: Embedding
    neck_border: IndexArray
    eye_centres: FloatArray
    eye_radius: float

    def __post_init__(self) -> None:
        """Check shapes and index ranges once, at the border.

        Raises:
            ValueError: an array has a wrong shape or points outside another one.
        """
        count = len(self.vertices)
        if self.vertices.shape != (count, 3) or self.quads.shape[1:] != (4,) or self.uv_quads.shape != self.quads.shape:
            raise ValueError("base head: vertices must be (V, 3), quads and uv_quads (Q, 4)")
        if self.triangles.shape != (2 * len(self.quads), 3):
            raise ValueError("base head: triangles must be (2Q, 3)")
        for name, indices, limit in (
            ("quads", self.quads, count),
            ("triangles", self.triangles, count),
            ("uv_quads", self.uv_quads, len(self.uv)),
            ("mirror", self.mirror, count),
            ("neck_border", self.neck_border, count),
            ("landmarks", self.landmarks.triangle_vertices, count),
            ("dense", self.dense.triangle_vertices, count),
        ):
            if indices.size and (indices.min() < 0 or indices.max() >= limit):
                raise ValueError(f"base head: {name} points outside 0 to {limit - 1}")
        if self.mirror.shape != (count,) or not np.array_equal(self.mirror[self.mirror], np.arange(count)):
            raise ValueError("base head: mirror must be an involution of the vertices")
        if tuple(self.part_vertices) != PARTS or tuple(self.part_quads) != PARTS:
            raise ValueError(f"base head: parts must be {', '.join(PARTS)}, in this order")

    @cached_property
    def topology(self) -> Topology:
        """Quads, texture points and parts, for whoever needs no rest shape; always the same object."""
        return Topology(
            len(self.vertices),
            self.quads,
            self.triangles,
            self.uv,
            self.uv_quads,
            self.part_vertices,
            self.part_quads,
        )

    @property
    def skin_count(self) -> int:
        """S, how many vertices the skin has; they come first."""
        return self.part_vertices["skin"][1]

    @property
    def skin_quads(self) -> IndexArray:
        """(Qs, 4), the quads of the skin."""
        return self.quads[: self.part_quads["skin"][1]]

    @property
    def skin_triangles(self) -> IndexArray:
        """(2Qs, 3), the triangles of the skin."""
        return self.triangles[: 2 * self.part_quads["skin"][1]]

    def region(self, name: str) -> MaskArray:
        """(V,) a region, or the union of its left and right halves.

        Raises:
            KeyError: the head has neither.
        """
        found = [mask for key, mask in self.regions.items() if key in (name, f"{name}_left", f"{name}_right")]
        if not found:
            raise KeyError(name)
        union: MaskArray = np.logical_or.reduce(found)
        return union

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write the head with its provenance (see `store.provenance`)."""
        arrays: dict[str, NDArray[Any]] = {
            "vertices": self.vertices,
            "quads": self.quads,
            "triangles": self.triangles,
            "uv": self.uv,
            "uv_quads": self.uv_quads,
            "part_vertices": np.array([self.part_vertices[part] for part in PARTS], np.int32),
            "part_quads": np.array([self.part_quads[part] for part in PARTS], np.int32),
            "mirror": self.mirror,
            "region_names": np.array(list(self.regions)),
            "region_masks": np.array(list(self.regions.values())),
            "landmark_vertices": self.landmarks.triangle_vertices,
            "landmark_weights": self.landmarks.weights,
            "dense_vertices": self.dense.triangle_vertices,
            "dense_weights": self.dense.weights,
            "neck_border": self.neck_border,
            "eye_centres": self.eye_centres,
            "eye_radius": np.array(self.eye_radius, np.float32),
        }
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path, made_by: str = MADE_BY) -> BaseHead:
        """Read a base head.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, made_by)
        with refusal_of(path, "a valid base head", made_by):
            return cls(
                vertices=arrays["vertices"],
                quads=arrays["quads"],
                triangles=arrays["triangles"],
                uv=arrays["uv"],
                uv_quads=arrays["uv_quads"],
                part_vertices=_ranges(arrays["part_vertices"]),
                part_quads=_ranges(arrays["part_quads"]),
                mirror=arrays["mirror"],
                regions=dict(zip(arrays["region_names"].tolist(), arrays["region_masks"], strict=True)),
                landmarks=Embedding(arrays["landmark_vertices"], arrays["landmark_weights"]),
                dense=Embedding(arrays["dense_vertices"], arrays["dense_weights"]),
                neck_border=arrays["neck_border"],
                eye_centres=arrays["eye_centres"],
                eye_radius=float(arrays["eye_radius"]),
            )


def _ranges(rows: NDArray[Any]) -> dict[str, tuple[int, int]]:
    return {part: (int(first), int(end)) for part, (first, end) in zip(PARTS, rows, strict=True)}
