"""The packaged model at work: codes to heads, and what `looking` sees on a photo as heads.

Letters: B faces, M identity modes, S skin vertices, V vertices, H and W the picture's height and width.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from face2mesh.contact import Contact
from face2mesh.errors import Face2MeshError, InputFileError, ModelError, PhotoError
from face2mesh.face import Camera, CropPose, Face, Pose, default_focal, rotation_from_6d
from face2mesh.head import BaseHead
from face2mesh.head.alignment import Similarity
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import Followers
from face2mesh.model.fit import Fit
from face2mesh.model.fitting import NOISE_MM, FitSettings, FitState, fit_vertices
from face2mesh.model.fusion import fuse
from face2mesh.model.landmarks import LandmarkBasis
from face2mesh.model.looking import BoxSource, Looker, boxes_of
from face2mesh.model.manifest import (
    BASE_HEAD_FILE,
    CONTACT_FILE,
    ENCODER_FILE,
    EXPRESSION_DECODER_FILE,
    FOLLOWERS_FILE,
    IDENTITY_DECODER_FILE,
    LANDMARKS_FILE,
    MIRROR_FILE,
    PACKAGED,
    PEOPLE_FILE,
    Manifest,
    read_manifest,
    read_model_file,
)
from face2mesh.model.mirror import Mirror
from face2mesh.model.mixing import between
from face2mesh.model.networks import Networks
from face2mesh.model.people import PeopleTable
from face2mesh.model.point_fitting import POINT_NOISE_MM, PointFitter, fit_points
from face2mesh.model.sampling import draw_expression
from face2mesh.model.settling import settled
from face2mesh.model.skin_slopes import SkinDecoder, SkinSlopes
from face2mesh.photo import Box, Photo, read_photo

BEYOND_FACE = 0.1
"""How much a vertex of skull and neck counts in `Model.fit`, against one of face and ears."""
SAMPLE_SIDE = 512
"""Pixels along the side of the picture that a sampled head's camera takes."""
SAMPLE_DISTANCE_MM = 800.0

PhotoSource: TypeAlias = str | os.PathLike[str] | NDArray[Any] | Photo
"""What can be reconstructed: a path, an array (H, W), (H, W, 3) or (H, W, 4), or a photo that was read already."""
FloatArray = NDArray[np.float32]


class Model:
    """A packaged model: encoder, decoders, base head and followers. Safe to use from several threads.

    Attributes:
        manifest: name, version, provenance.
        base_head: the topology of every head that this model gives.
        looker: how photos become codes.
    """

    def __init__(
        self,
        manifest: Manifest,
        networks: Networks,
        base_head: BaseHead,
        followers: Followers,
        landmarks: LandmarkBasis,
        contact: Contact | None = None,
        mirror: Mirror | None = None,
        people: PeopleTable | None = None,
    ) -> None:
        """Put the parts together; `load` reads them from a folder.

        Without contact heads are as they are decoded, without a mirror a photo's mirror image is not looked at,
        without people random codes are normally distributed.
        """
        self.manifest = manifest
        self.base_head = base_head
        self._networks = networks
        self._followers = followers
        self._slopes = SkinSlopes(networks)
        self._contact = contact
        self.looker = Looker(networks, landmarks, mirror)
        self._people = people

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, threads: int = 1) -> Model:
        """Read a packaged model; its networks are opened at their first use.

        Args:
            path: folder that `face2mesh lab package` wrote; None is the model that comes with Face2Mesh.
            threads: for the networks' operators; photos in several threads of the caller gain more.

        Raises:
            ModelError: there is no model, or it is too old, too new, or damaged.
        """
        folder = PACKAGED if path is None else Path(path)
        manifest = read_manifest(folder)
        contents = {name: read_model_file(folder, manifest, name) for name in manifest.files}
        networks = Networks(
            contents[ENCODER_FILE], contents[IDENTITY_DECODER_FILE], contents[EXPRESSION_DECODER_FILE], threads
        )
        try:
            base_head = BaseHead.load(folder / BASE_HEAD_FILE)
            followers = Followers.load(folder / FOLLOWERS_FILE)
            landmarks = LandmarkBasis.load(folder / LANDMARKS_FILE)
            contact = Contact.load(folder / CONTACT_FILE) if CONTACT_FILE in manifest.files else None
            mirror = Mirror.load(folder / MIRROR_FILE) if MIRROR_FILE in manifest.files else None
            people = PeopleTable.load(folder / PEOPLE_FILE) if PEOPLE_FILE in manifest.files else None
        except InputFileError as error:
            raise ModelError(f"{folder}: this model does not fit this program ({error}); package it again.") from error
        if len(followers.rest) != len(base_head.vertices) - base_head.skin_count:
            raise ModelError(f"{folder}: this model is damaged: its followers belong to another head; package again.")
        return cls(manifest, networks, base_head, followers, landmarks, contact, mirror, people)

    @property
    def name(self) -> str:
        """Of the model, for instance "face2mesh"."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Of the model; identity codes of two versions do not mean the same."""
        return self.manifest.version

    @property
    def skin_decoder(self) -> SkinDecoder:
        """The decoders alone: codes to skins as the networks make them, smooth in the codes, nothing settled."""
        return self._networks

    @property
    def skin_slopes(self) -> SkinSlopes:
        """Derivatives of the decoders' skins."""
        return self._slopes

    @property
    def identity_size(self) -> int:
        """M, how many numbers an identity code has."""
        return self._networks.identity_size

    def prepare(self) -> None:
        """Open the networks, which otherwise happens at their first use; worth a thread while a photo is read.

        Raises:
            ModelError: ONNX Runtime cannot load one of them.
        """
        self._networks.open()

    def decode(self, identity: NDArray[Any], expression: NDArray[Any] | None = None) -> FloatArray:
        """The morphable model: codes to heads, lids and lips in contact where the model says what touches what.

        Args:
            identity: (M,) or (B, M), whitened: a standard deviation of people is 1.
            expression: (52,) or (B, 52) weights in the order of `ARKIT_NAMES`; None is neutral.

        Returns:
            (V, 3), or (B, V, 3) if either has B rows, mm, all parts, in the head's frame.
        """
        identity = np.asarray(identity, np.float32)
        expression = np.zeros(len(ARKIT_NAMES)) if expression is None else np.asarray(expression)
        rows = np.atleast_2d(identity)
        neutral = self._networks.neutral(rows)
        count = max(len(rows), len(np.atleast_2d(expression)))
        several = np.broadcast_to(rows, (count, rows.shape[1]))
        weights = np.zeros((count, len(ARKIT_NAMES)), np.float32)
        weights[:] = expression
        # Without an expression the displacement is zero by definition, whatever a network makes of it.
        moved = neutral + self._networks.displacement(several, weights) if weights.any() else neutral
        moved = np.broadcast_to(moved, (count, *moved.shape[1:]))
        vertices = self._whole(several, neutral, moved, weights)
        return vertices if identity.ndim == 2 or expression.ndim == 2 else vertices[0]

    def unsettled(self) -> Model:
        """The same model without contact: its heads are what the networks say; for measuring."""
        other = copy(self)
        other._contact = None
        return other

    def completed(
        self, skin: NDArray[Any], identity: NDArray[Any] | None = None, expression: NDArray[Any] | None = None
    ) -> FloatArray:
        """A whole head around a skin that no code of this model makes, such as a sculpt's or a scan's.

        Args:
            skin: (S, 3) mm, in the head's frame, expression applied.
            identity: (M,), the code nearest to it: how it moves. None for the average head's.
            expression: (52,) weights that it shows; None is neutral.

        Returns:
            (V, 3) mm: eyes, teeth, tongue and lashes placed, lids and lips in contact.
        """
        code = np.zeros((1, self.identity_size), np.float32)
        weights = np.zeros((1, len(ARKIT_NAMES)), np.float32)
        if identity is not None:
            code[0] = identity
        if expression is not None:
            weights[0] = expression
        shown = np.asarray(skin, np.float32)[None]
        neutral = shown - self._networks.displacement(code, weights) if weights.any() else shown
        vertices: FloatArray = self._whole(code, neutral, shown, weights)[0]
        return vertices

    def _whole(self, identity: FloatArray, neutral: FloatArray, skins: FloatArray, weights: FloatArray) -> FloatArray:
        """Heads (B, V, 3) around skins (B, S, 3) of codes (B, M) and weights (B, 52); neutrals may be one for all."""
        vertices = self._followers.place(neutral, skins, weights)
        if self._contact is None:
            return vertices
        return settled(
            np.broadcast_to(vertices, (len(weights), *vertices.shape[-2:])),
            neutral,
            weights,
            lambda heads, further: self._networks.displacement(identity[heads], further),
            self._contact,
            self._followers,
        )

    def reconstruct(
        self,
        photo: PhotoSource,
        *,
        box: BoxSource | None = None,
        face: int = 1,
        ipd_mm: float | None = None,
    ) -> Face:
        """One face of a photo as a head.

        Args:
            photo: path, array or `Photo`.
            box: where the face is; None finds it.
            face: which of the faces found, 1 being the largest.
            ipd_mm: distance between the eyes' centres in mm where it is known; sets the scale.

        Raises:
            PhotoError: the photo cannot be read, holds no such face, or the box lies outside.
            Face2MeshError: the distance between the eyes is none that people have.
        """
        check_ipd(ipd_mm)
        read = photo if isinstance(photo, Photo) else read_photo(photo)
        boxes = boxes_of(read, box, small=face > 1)
        if not 1 <= face <= len(boxes):
            raise PhotoError(f"{read.name}: has no face number {face}: {len(boxes)} found; choose 1 to {len(boxes)}.")
        return self._faces(read, boxes[:face], ipd_mm)[-1]

    def reconstruct_all(
        self, photo: PhotoSource, *, box: BoxSource | None = None, ipd_mm: float | None = None
    ) -> list[Face]:
        """All faces of a photo as heads in front of one camera, the largest first; see `reconstruct`."""
        check_ipd(ipd_mm)
        read = photo if isinstance(photo, Photo) else read_photo(photo)
        return self._faces(read, boxes_of(read, box, small=True), ipd_mm)

    def fuse(self, faces: Sequence[Face]) -> Face:
        """One head of one person's photos, each reconstructed by itself; the first one's expression and place.

        Args:
            faces: of this model, 1 or more, the one whose expression and place are wanted first.

        Raises:
            Face2MeshError: there are none, or they are of different models.
        """
        return fuse(faces)

    def sample(self, seed: int, *, expression: bool = True) -> Face:
        """A random head, looking straight into a camera 800 mm away; the same seed gives the same head.

        Args:
            seed: any whole number.
            expression: also draw an expression (see `draw_expression`); otherwise the head is neutral.
        """
        generator = np.random.default_rng(seed)
        if self._people is None:
            identity = generator.standard_normal(self.identity_size).astype(np.float32)
        else:
            identity = self._people.draw(generator)
        weights = np.zeros(len(ARKIT_NAMES), np.float32)
        if expression:
            weights = draw_expression(generator)
        return self.face(identity, weights)

    def face(self, identity: NDArray[Any], expression: NDArray[Any] | None = None) -> Face:
        """The head of a code, looking straight into a camera 800 mm away.

        Args:
            identity: (M,), whitened: a standard deviation of people is 1; zeros are the average head.
            expression: (52,) weights in the order of `ARKIT_NAMES`, 0 to 1; None is neutral.

        Raises:
            Face2MeshError: a code of another length, or one that holds something that is no number.
        """
        code = np.asarray(identity, np.float32)
        weights = np.zeros(len(ARKIT_NAMES), np.float32) if expression is None else np.asarray(expression, np.float32)
        for name, row, size in (("identity", code, self.identity_size), ("expression", weights, len(ARKIT_NAMES))):
            if row.shape != (size,) or not np.isfinite(row).all():
                raise Face2MeshError(f"This model's {name} has {size} numbers; given is an array {row.shape}.")
        camera = Camera.centred(default_focal(SAMPLE_SIDE, SAMPLE_SIDE, 0), SAMPLE_SIDE, SAMPLE_SIDE)
        pose = CropPose(rotation_from_6d(np.array([1.0, 0, 0, 0, 1, 0])), np.zeros(2), 0.0)
        centred = pose.pose(camera, (camera.cx, camera.cy), 100.0 * camera.fx / SAMPLE_DISTANCE_MM)
        return self._face(code, weights, camera, centred, box=None, ipd_mm=None)

    def interpolate(self, first: Face, second: Face, share: float, *, arc: bool = False) -> Face:
        """The head a share of the way from one of this model's heads to another, at the first one's place.

        Args:
            first, second: of this model.
            share: 0 for the first, 1 for the second; what lies beyond exaggerates the difference.
            arc: go round the average head instead of straight towards it, so that heads on the way are as distinct as
                those at the ends (see `mixed_codes`).

        Raises:
            Face2MeshError: the heads are of different models, or the share is no number.
        """
        return between(first, second, share, arc)

    def fit(
        self, vertices: NDArray[Any], *, expression: bool = False, scale: bool = False, noise_mm: float = NOISE_MM
    ) -> Fit:
        """The head of this model nearest to a mesh with the same vertices in the same order, wherever that lies.

        Args:
            vertices: (V, 3), or (S, 3) for the skin alone; rows with a NaN are unknown. In mm, or in any unit if
                `scale`. Only the skin is compared, face and ears above all.
            expression: whether the 52 weights are found too; else the mesh is taken for a neutral head.
            scale: whether the unit is unknown. The head's own size is then what its code says.
            noise_mm: how far a vertex may be off before it bends the code; smaller follows more closely.

        Raises:
            Face2MeshError: another number of vertices, too few known, or all on one line.
        """
        given, skin = np.asarray(vertices, np.float64), self.base_head.skin_count
        if given.ndim != 2 or given.shape not in ((skin, 3), self.base_head.vertices.shape):
            raise Face2MeshError(
                f"The mesh is an array {given.shape}; this model's heads have {len(self.base_head.vertices)} vertices, "
                f"{skin} of them skin: give them in that order, or use fit_points for a mesh of another topology."
            )
        counts = np.where(self.base_head.regions["face_and_ears"][:skin], 1.0, BEYOND_FACE)
        state = fit_vertices(self._slopes, given[:skin], FitSettings(expression, scale, noise_mm), counts)
        fit = self._fitted(state, np.zeros(0))
        apart = np.linalg.norm(fit.vertices[:skin] - given[:skin], axis=1) / fit.placement.scale
        return replace(fit, distances_mm=apart)

    def fit_points(
        self,
        points: NDArray[Any],
        *,
        normals: NDArray[Any] | None = None,
        start: Similarity | None = None,
        code: NDArray[Any] | None = None,
        expression: bool = False,
        scale: bool = False,
        noise_mm: float = POINT_NOISE_MM,
    ) -> Fit:
        """The head of this model whose surface comes nearest to points of a scan or of a mesh of any topology.

        Args:
            points: (N, 3), in mm, or in any unit if `scale`; a whole head or its face, 52 points or more.
            normals: (N, 3), out of the surface, any length; keeps points from finding the other side of an ear.
            start: from the head's frame to the points', roughly; None tries all rotations.
            code: (M,), identity of a head to begin with, whose mouth lies about where the points' does; None is the
                average one. A surface alone lets a mouth slide along it.
            expression: whether the 52 weights are found too; else the head is taken for a neutral one.
            scale: whether the unit is unknown.
            noise_mm: how far a point may be off before it bends the code; smaller follows more closely.

        Raises:
            Face2MeshError: points or normals of a wrong shape, too few points, or some that are no numbers.
        """
        given = np.asarray(points, np.float64)
        facing = None if normals is None else np.asarray(normals, np.float64)
        if given.ndim != 2 or given.shape[1] != 3 or not np.isfinite(given).all():
            raise Face2MeshError(f"Points to fit must be numbers (N, 3); given is an array {given.shape}.")
        if facing is not None and facing.shape != given.shape:
            raise Face2MeshError(f"There are {len(given)} points and {len(facing)} normals; give one for each point.")
        starts = [] if start is None else [start]
        fitter = PointFitter(self._slopes, self.base_head)
        if code is not None and np.shape(code) != (self.identity_size,):
            raise Face2MeshError(f"A code to begin with has {self.identity_size} numbers, not {np.shape(code)}.")
        state, distances = fit_points(fitter, given, facing, starts, FitSettings(expression, scale, noise_mm), code)
        return self._fitted(state, distances)

    def _fitted(self, state: FitState, distances: NDArray[np.float64]) -> Fit:
        face = self.face(state.identity.astype(np.float32), state.weights.astype(np.float32))
        return Fit(face, state.placement, distances)

    def _faces(self, photo: Photo, boxes: Sequence[Box], ipd_mm: float | None) -> list[Face]:
        """The heads of faces in one picture."""
        heads = []
        for seen in self.looker(photo, boxes):
            face = self._face(seen.identity, seen.expression, seen.camera, seen.pose, seen.box, ipd_mm)
            sigma = seen.landmark_sigma_px
            heads.append(replace(face, light=seen.light, points_px=seen.points_px, landmark_sigma_px=sigma))
        return heads

    def _face(
        self,
        identity: FloatArray,
        weights: FloatArray,
        camera: Camera,
        pose: Pose,
        box: Box | None,
        ipd_mm: float | None,
    ) -> Face:
        """One head in front of a camera; a known distance between the eyes scales it and its distance alike."""
        face = Face(self, identity, weights, camera, pose, box=box)
        if ipd_mm is None:
            return face
        return face.scaled(ipd_mm / face.eye_distance_mm, "ipd")


def check_ipd(ipd_mm: float | None) -> None:
    """Refuse a distance between the eyes that no person has.

    Raises:
        Face2MeshError: not between 30 and 90 mm.
    """
    if ipd_mm is not None and not 30 <= ipd_mm <= 90:
        raise Face2MeshError(f"The distance between the eyes is {ipd_mm:g} mm; people have 30 to 90 mm.")


def load(path: str | os.PathLike[str] | None = None, *, threads: int = 1) -> Model:
    """Read a packaged model, by default the one that comes with Face2Mesh; see `Model.load`."""
    return Model.load(path, threads=threads)
