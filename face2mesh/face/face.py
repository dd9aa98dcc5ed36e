"""A face: one person's head in front of one camera.

Letters: V vertices, Q quads, T triangles, U texture points, M identity modes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.face.camera import Camera, Pose, project
from face2mesh.head.arkit import ARKIT_NAMES, exclusive
from face2mesh.head.base_head import BaseHead
from face2mesh.photo.box import Box, box_of_points

FloatArray = NDArray[np.float32]
IndexArray = NDArray[np.int32]


class HeadDecoder(Protocol):
    """What turns codes into heads; `face2mesh.model.Model` is one."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def version(self) -> str:
        """Of the model; identity codes of two versions do not mean the same."""

    @property
    def identity_size(self) -> int:
        """M, how many numbers an identity code has."""

    @property
    def base_head(self) -> BaseHead:
        """The topology of every head that `decode` gives."""

    def decode(self, identity: NDArray[Any], expression: NDArray[Any]) -> FloatArray:
        """Identity (M,) and weights (52,) to vertices (V, 3), mm; weights (B, 52) to (B, V, 3)."""


@dataclass(frozen=True, eq=False)
class Face:
    """A person's head, its expression, and where it is in front of the camera. Nothing in it can be changed.

    Lengths are millimetres in the head's own frame: +X to the subject's left, +Y up, +Z out of the face, origin midway
    between the eyes. The expression is applied to `vertices`, the pose is not. `neutral` and `with_expression` give new
    faces at the same place with the same scale, colours and texture.

    Attributes:
        decoder: makes the vertices; names the model.
        identity: (M,) float32, the whitened code: one unit is one standard deviation of a mode.
        weights: (52,) float32, expression weights in the order of `ARKIT_NAMES`, 0 to 1, opposites exclusive.
        camera: of the photo.
        pose: X_cam = R · X_head + t, with t in the millimetres of the scaled head.
        scale: factor on what the decoder gives.
        scale_source: where the millimetres come from: "prior" or "ipd".
        box: the face's box in the photo, as it was found or given; None for a face without a photo.
        colours: (V, 3) uint8, sRGB, of the photo where it shows the vertex; None where nobody looked (see
            `face2mesh.draw.with_photo_colours`).
        light: (9, 3), factors of `face2mesh.draw.light.harmonics` for linear RGB in camera axes, as the network judges
            the photo's light; None without a photo.
        points_px: (N, 2), where the network sees the dense points in the upright photo, closer to it than the head's
            own projection; None without a photo, or where the model does not tell.
        landmark_sigma_px: (68,), the deviation in pixels that the network expects of each landmark's place; large where
            the photo shows little. None without a photo.
    """

    decoder: HeadDecoder = field(repr=False)
    identity: FloatArray
    weights: FloatArray
    camera: Camera
    pose: Pose
    scale: float = 1.0
    scale_source: str = "prior"
    box: Box | None = None
    colours: NDArray[np.uint8] | None = field(default=None, repr=False)
    texture: NDArray[np.uint8] | None = field(default=None, repr=False)
    light: FloatArray | None = field(default=None, repr=False)
    points_px: NDArray[np.float64] | None = field(default=None, repr=False)
    landmark_sigma_px: FloatArray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check and freeze the arrays.

        Raises:
            ValueError: a wrong shape, or a scale that is not positive.
        """
        identity, weights = np.array(self.identity, np.float32), np.array(self.weights, np.float32)
        if identity.ndim != 1 or weights.shape != (len(ARKIT_NAMES),):
            raise ValueError(f"face: identity must be (M,) and weights ({len(ARKIT_NAMES)},)")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError("face: scale must be positive")
        if self.colours is not None and self.colours.shape != self.head.vertices.shape:
            raise ValueError("face: colours must be (V, 3)")
        if self.texture is not None and (self.texture.ndim != 3 or self.texture.shape[2] != 3):
            raise ValueError("face: texture must be (H, W, 3)")
        if self.light is not None and self.light.shape != (9, 3):
            raise ValueError("face: light must be (9, 3)")
        if self.points_px is not None and self.points_px.shape != (len(self.head.dense.triangle_vertices), 2):
            raise ValueError("face: points_px must be (N, 2), one for each dense point of the head")
        if self.landmark_sigma_px is not None and self.landmark_sigma_px.shape != (68,):
            raise ValueError("face: landmark_sigma_px must be (68,)")
        identity.setflags(write=False)
        weights.setflags(write=False)
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "weights", weights)

    @classmethod
    def load(cls, path: str | Path, model: HeadDecoder) -> Face:
        """The head of a JSON file that `save` or the command line wrote: the same vertices, camera and pose.

        Args:
            path: of the JSON; colours and texture are not in it.
            model: the one that made it.

        Raises:
            InputFileError: it cannot be read, is none of our files, or is of another format or model.
        """
        from face2mesh.write.reading import read_json

        return read_json(Path(path), model)

    @property
    def head(self) -> BaseHead:
        """The base head: parts, regions and names of this topology."""
        return self.decoder.base_head

    @cached_property
    def vertices(self) -> FloatArray:
        """(V, 3) float32, mm: expression applied, pose not applied; the order is that of `head.part_vertices`."""
        decoded = np.asarray(self.decoder.decode(self.identity, self.weights), np.float32)
        vertices = decoded if self.scale == 1 else (decoded * np.float32(self.scale)).astype(np.float32)
        vertices.setflags(write=False)
        return vertices

    @property
    def quads(self) -> IndexArray:
        """(Q, 4), counter-clockwise seen from outside."""
        return self.head.quads

    @property
    def triangles(self) -> IndexArray:
        """(2Q, 3), quad q is triangles 2q and 2q + 1."""
        return self.head.triangles

    @property
    def uv(self) -> FloatArray:
        """(U, 2), texture points in the unit square, origin at the lower left."""
        return self.head.uv

    @property
    def uv_quads(self) -> IndexArray:
        """(Q, 4), rows of `uv` at the corners of `quads`."""
        return self.head.uv_quads

    @property
    def expression(self) -> dict[str, float]:
        """ARKit's name to weight, 0 to 1; all 52."""
        return dict(zip(ARKIT_NAMES, self.weights.tolist(), strict=True))

    @cached_property
    def landmarks(self) -> FloatArray:
        """(68, 3) float32, mm, iBUG's order, on the surface of `vertices`."""
        landmarks: FloatArray = self.head.landmarks(self.vertices).astype(np.float32)
        landmarks.setflags(write=False)
        return landmarks

    @cached_property
    def landmarks_px(self) -> NDArray[np.float64]:
        """(68, 2), pixels of the upright photo: exactly the projection of `landmarks`."""
        landmarks = np.asarray(self.project(self.landmarks), np.float64)
        landmarks.setflags(write=False)
        return landmarks

    @property
    def eye_distance_mm(self) -> float:
        """Between the eyeballs' middles, without expression; between those of the lids' landmarks without eyeballs."""
        neutral = self.vertices if not self.weights.any() else self.neutral().vertices
        parts = [slice(*self.head.part_vertices[eye]) for eye in ("left_eye", "right_eye")]
        if parts[0].start == parts[0].stop:  # a head of one part
            lids = self.head.landmarks(neutral)
            left, right = lids[42:48].mean(0), lids[36:42].mean(0)
        else:
            left, right = (neutral[part].mean(0) for part in parts)
        return float(np.linalg.norm(left - right))

    @property
    def face_box(self) -> Box:
        """Where the face is in the photo: `box`, or the landmarks' bounding box where that is None."""
        return self.box or box_of_points(self.landmarks_px)

    def project(self, points: NDArray[Any]) -> NDArray[Any]:
        """Points of the head, (…, 3) mm, to pixels (…, 2) of the upright photo; NaN behind the camera."""
        return project(points, self.camera, self.pose)

    def neutral(self) -> Face:
        """The same person without expression."""
        return replace(self, weights=np.zeros_like(self.weights))

    def with_expression(self, expression: Mapping[str, float]) -> Face:
        """The same person with exactly this expression; names that are not given have weight 0.

        `face.with_expression({**face.expression, "jawOpen": 0.5})` changes one weight and keeps the others.

        Args:
            expression: ARKit's name to weight; clamped to 0 to 1, and of two opposites the weaker becomes 0.

        Raises:
            Face2MeshError: a name that ARKit does not have, or a weight that is no number.
        """
        weights = np.zeros(len(ARKIT_NAMES), np.float32)
        for name, weight in expression.items():
            if name not in ARKIT_NAMES:
                nearest = difflib.get_close_matches(str(name), ARKIT_NAMES, 1, 0.0)[0]
                raise Face2MeshError(f"{name}: not one of ARKit's 52 expressions; did you mean {nearest}?")
            if not np.isfinite(weight):
                raise Face2MeshError(f"{name}: the weight {weight} is not a number; give one from 0 to 1.")
            weights[ARKIT_NAMES.index(name)] = weight
        return replace(self, weights=exclusive(weights))

    def scaled(self, factor: float, source: str) -> Face:
        """The head larger by a factor and farther away by the same, so that the picture stays as it is.

        Args:
            factor: above 0.
            source: where the new millimetres come from.
        """
        pose = Pose(self.pose.rotation, self.pose.translation_mm * factor)
        return replace(self, scale=self.scale * factor, scale_source=source, pose=pose)

    def save(self, path: str | Path, *, subdivide: int = 0, rigged: bool = False) -> None:
        """Write the head in the format of the suffix: .obj, .glb, .html, .ply, .stl, .npz, .blend, .fbx or .json.

        Args:
            path: of the file.
            subdivide: how often the mesh is made finer, 0 to 2; each time a quad becomes four.
            rigged: give bones for jaw and eyes to a format that can carry them: .glb, .html, .blend, .fbx.

        Raises:
            OutputError: another suffix, or the file cannot be written; an older file stays as it was.
            Face2MeshError: `subdivide` is not 0, 1 or 2.
        """
        from face2mesh.write import HeadMesh, write

        write(HeadMesh.of(self, rigged=rigged, subdivide=subdivide), Path(path))
