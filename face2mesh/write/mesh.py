"""What a file shows of a face.

Letters: V vertices, H and W the texture's height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.face import Face
from face2mesh.head import ARKIT_NAMES, Topology
from face2mesh.head.subdivision import Subdivision, subdivision
from face2mesh.write.rig import Rig, make_rig

Floats = NDArray[np.float32]

MOST_LEVELS = 2
"""Of subdivision: 112,745 vertices of today's 7,208."""

_AT_ONCE = 13
"""Morphs that are subdivided together: four times as fast as one by one, and still in the cache."""


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """A face as a mesh that can be written. What takes time is made at its first use.

    Lengths are millimetres in the head's own frame, the face's scale applied, the pose not.

    Subdivision is Catmull and Clark's: vertices, morphs and all that sits on vertices are smoothed alike, texture
    points and parts are kept (see `face2mesh.head.subdivision`). The face's landmarks stay those of the coarse surface.

    Attributes:
        face: whose head it is; codes, camera and pose are found there.
        photo: (H, W, 3) uint8, the upright photo that the face's camera took, for files that show it; None without.
        rigged: whether files that can carry bones get them.
        levels: how often the mesh is subdivided, 0 to 2.
        decoded: gives `decoded_morphs` of this person where something decodes them already; None decodes them.
    """

    face: Face
    photo: NDArray[np.uint8] | None = None
    rigged: bool = False
    levels: int = 0
    decoded: Callable[[], Floats] | None = None

    def __post_init__(self) -> None:
        """Check the levels.

        Raises:
            Face2MeshError: fewer than 0 or more than 2.
        """
        if self.levels not in range(MOST_LEVELS + 1):
            raise Face2MeshError(f"A head cannot be subdivided {self.levels} times; choose 0 to {MOST_LEVELS}.")

    @classmethod
    def of(
        cls,
        face: Face,
        photo: NDArray[np.uint8] | None = None,
        *,
        rigged: bool = False,
        subdivide: int = 0,
        decoded: Callable[[], Floats] | None = None,
    ) -> HeadMesh:
        """The mesh of a face.

        Args:
            face: the face.
            photo: (H, W, 3) RGB, the upright photo, for files that show it.
            rigged: with bones.
            subdivide: 0, 1 or 2.
            decoded: gives `decoded_morphs` of the same person, where something decodes them already.

        Raises:
            Face2MeshError: `subdivide` is not 0, 1 or 2.
        """
        return cls(face, photo, rigged, subdivide, decoded)

    def subdivided(self, levels: int = 1) -> HeadMesh:
        """The same head, so many times finer.

        Raises:
            Face2MeshError: that would be more than twice in all.
        """
        return replace(self, levels=self.levels + levels)

    @property
    def made_by(self) -> str:
        """Name and version of the model."""
        return f"{self.face.decoder.name} {self.face.decoder.version}"

    @property
    def topology(self) -> Topology:
        """Quads, triangles, texture points and parts; the same object for all faces of one model."""
        return self._steps[-1].fine if self._steps else self.face.head.topology

    @cached_property
    def _steps(self) -> list[Subdivision]:
        """One for each level."""
        steps: list[Subdivision] = []
        for _ in range(self.levels):
            steps.append(subdivision(steps[-1].fine if steps else self.face.head.topology))
        return steps

    def _refined(self, values: NDArray[Any]) -> NDArray[Any]:
        """What the mesh's vertices have, of what the coarse head's vertices have."""
        for step in self._steps:
            values = step(values)
        return values

    @cached_property
    def vertices(self) -> Floats:
        """(V, 3), expression applied."""
        return self._refined(self.face.vertices)

    @cached_property
    def neutral(self) -> Floats:
        """(V, 3), without expression."""
        return self._refined(self.face.neutral().vertices)

    @cached_property
    def morphs(self) -> Mapping[str, Floats]:
        """ARKit's name, in their order, to displacements (V, 3) from `neutral` at weight 1.

        They are decoder(identity, that expression) − decoder(identity, none). `mouthClose` closes the lips over an open
        jaw and means nothing without it: its morph is what it adds to `jawOpen`. The decoder is not linear: `vertices`
        are not exactly neutral + Σ weight · morph.
        """
        displacements = self.decoded() if self.decoded else decoded_morphs(self.face)
        refined: list[Floats] = []
        for first in range(0, len(displacements), _AT_ONCE):
            several = self._refined(displacements[first : first + _AT_ONCE].swapaxes(0, 1))
            refined += [*np.ascontiguousarray(several.swapaxes(0, 1))]
        return dict(zip(ARKIT_NAMES, refined, strict=True))

    @property
    def weights(self) -> Mapping[str, float]:
        """ARKit's name, in their order, to the face's own weight, 0 to 1."""
        return self.face.expression

    @cached_property
    def rig(self) -> Rig | None:
        """Bones of the neutral head; None where none are wanted.

        Raises:
            OutputError: this head's morphs turn neither jaw nor eyes.
        """
        if not self.rigged:
            return None
        coarse = replace(self, levels=0) if self.levels else self
        rig = make_rig(coarse.neutral, coarse.morphs, coarse.topology, self.face.head.neck_border)
        return replace(rig, weights=self._refined(rig.weights))

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """(V, 3) sRGB: the photo's where the face has them, the parts' plain colours otherwise."""
        if self.face.colours is not None:
            return (
                self.face.colours if not self.levels else _to_bytes(self._refined(self.face.colours / np.float32(255)))
            )
        from face2mesh.draw.parts import part_colours

        return _to_bytes(self._refined(part_colours(self.face.head)))

    @cached_property
    def opacity(self) -> Floats:
        """(V,) 0 to 1: lashes thin out towards their tips, all else is 1."""
        from face2mesh.draw.parts import part_opacity

        # Sums of weights miss 1 by a ten-millionth; who draws must see that such a vertex is opaque.
        return np.round(self._refined(part_opacity(self.face.head)), 5)

    @property
    def texture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) sRGB over the unit square of the texture points, its first row at v = 1; None if there is none."""
        return self.face.texture


def _to_bytes(colours: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours 0 to 1 as uint8."""
    rounded: NDArray[np.uint8] = (colours * 255 + 0.5).astype(np.uint8)
    return rounded


def decoded_morphs(face: Face) -> Floats:
    """(52, V, 3) displacements of the coarse head from the neutral one, in ARKit's order; see `HeadMesh.morphs`."""
    shapes = np.eye(len(ARKIT_NAMES), dtype=np.float32)
    close, jaw = ARKIT_NAMES.index("mouthClose"), ARKIT_NAMES.index("jawOpen")
    shapes[close, jaw] = 1
    heads = np.asarray(face.decoder.decode(face.identity, shapes), np.float32)
    displacements: Floats = heads * np.float32(face.scale) - face.neutral().vertices
    displacements[close] -= displacements[jaw]
    return displacements
