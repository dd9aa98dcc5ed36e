"""What a file shows of a face.

Letters: V vertices, H and W the texture's height and width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.face import Face
from face2mesh.head import ARKIT_NAMES, Topology

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """A face as a mesh that can be written. Everything dear is made at its first use.

    Lengths are millimetres in the head's own frame, the face's scale applied, the pose not.

    Attributes:
        face: whose head it is; codes, camera and pose are found there.
        photo: (H, W, 3) uint8, the upright photo that the face's camera took, for files that show it; None without.
    """

    face: Face
    photo: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, face: Face, photo: NDArray[np.uint8] | None = None) -> HeadMesh:
        """The mesh of a face."""
        return cls(face, photo)

    @property
    def made_by(self) -> str:
        """Name and version of the model."""
        return f"{self.face.decoder.name} {self.face.decoder.version}"

    @property
    def topology(self) -> Topology:
        """Quads, triangles, texture points and parts; the same object for all faces of one model."""
        return self.face.head.topology

    @cached_property
    def vertices(self) -> Floats:
        """(V, 3), expression applied."""
        return self.face.vertices

    @cached_property
    def neutral(self) -> Floats:
        """(V, 3), without expression."""
        return self.face.neutral().vertices

    @cached_property
    def morphs(self) -> Mapping[str, Floats]:
        """ARKit's name, in their order, to displacements (V, 3) from `neutral` at weight 1.

        They are decoder(identity, that expression) − decoder(identity, none). The decoder is not linear: `vertices` are
        not exactly neutral + Σ weight · morph.
        """
        face = self.face
        weights = np.eye(len(ARKIT_NAMES), dtype=np.float32)
        identity = np.repeat(face.identity[None], len(weights), axis=0)
        heads = np.asarray(face.decoder.decode(identity, weights), np.float32) * np.float32(face.scale)
        heads -= self.neutral
        return dict(zip(ARKIT_NAMES, heads, strict=True))

    @property
    def weights(self) -> Mapping[str, float]:
        """ARKit's name, in their order, to the face's own weight, 0 to 1."""
        return self.face.expression

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """(V, 3) sRGB: the photo's where the face has them, the parts' plain colours otherwise."""
        if self.face.colours is not None:
            return self.face.colours
        from face2mesh.draw.parts import part_colours

        return _to_bytes(part_colours(self.face.head))

    @cached_property
    def opacity(self) -> Floats:
        """(V,) 0 to 1: lashes thin out towards their tips, all else is 1."""
        from face2mesh.draw.parts import part_opacity

        return part_opacity(self.face.head)

    @property
    def texture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) sRGB over the unit square of the texture points, its first row at v = 1; None if there is none."""
        return self.face.texture


def _to_bytes(colours: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours 0 to 1 as uint8."""
    rounded: NDArray[np.uint8] = (colours * 255 + 0.5).astype(np.uint8)
    return rounded
