"""Followers that turn: lower teeth and tongue with the jaw, lashes with their lids.

Letters: S skin vertices, F followers, E = 52 expression weights, A anchors, L vertices of the lashes,
N of the tongue, K steps of its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.rigid import rotations_of, smallest_rotations

FloatArray = NDArray[np.float32]
_TONGUE_OUT = ARKIT_NAMES.index("tongueOut")


@dataclass(frozen=True)
class FollowerMotion:
    """What turns, about what.

    The jaw turns about the line through its condyles and slides on the skull, both in proportion to the weights:
    x → c + Σ wₑ tₑ + exp(Σ wₑ rₑ)(x − c). The tongue comes out along a path in the jaw's frame. A hair goes with its
    root, a fixed place between two vertices of the lid's margin, and turns as the root rolls about the eyeball's
    centre.

    Attributes:
        jaw_centre: (3,) mm, middle of the rest head's condyles.
        jaw_anchors: (A,) int32, vertices of the skin whose mean motion with the identity is the condyles'.
        jaw_anchor_rest: (A, 3) mm, where they are in the rest head.
        jaw_rotation: (E, 3), rotation vectors in radians at weight 1.
        jaw_slide: (E, 3) mm, of the condyles at weight 1.
        jaw_rows: (2,) int32, first follower and last + 1 of what goes with the jaw.
        tongue_rows: (2,) int32, first follower and last + 1 of the tongue.
        tongue_path: (K, N, 3) mm, where `tongueOut` at weights 1/K, 2/K to 1 puts it, relative to its place at rest.
        lash_rows: (2,) int32, first follower and last + 1 of the lashes.
        lash_roots: (L, 2) int32, vertices of the skin between which each hair grows.
        lash_shares: (L,), 0 at the first to 1 at the second.
    """

    jaw_centre: FloatArray
    jaw_anchors: NDArray[np.int32]
    jaw_anchor_rest: FloatArray
    jaw_rotation: FloatArray
    jaw_slide: FloatArray
    jaw_rows: NDArray[np.int32]
    tongue_rows: NDArray[np.int32]
    tongue_path: FloatArray
    lash_rows: NDArray[np.int32]
    lash_roots: NDArray[np.int32]
    lash_shares: FloatArray

    def __post_init__(self) -> None:
        """Check the shapes once.

        Raises:
            ValueError: two arrays do not belong together.
        """
        anchors, lashes = len(self.jaw_anchors), int(self.lash_rows[1] - self.lash_rows[0])
        tongue = int(self.tongue_rows[1] - self.tongue_rows[0])
        expected: dict[str, tuple[int, ...]] = {
            "jaw_centre": (3,),
            "jaw_anchor_rest": (anchors, 3),
            "jaw_rotation": (len(self.jaw_slide), 3),
            "jaw_rows": (2,),
            "tongue_rows": (2,),
            "tongue_path": (len(self.tongue_path), tongue, 3),
            "lash_rows": (2,),
            "lash_roots": (lashes, 2),
            "lash_shares": (lashes,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"motion: {name} is {getattr(self, name).shape}, expected {shape}")

    def move_jaw(self, followers: NDArray[Any], neutral_skin: NDArray[Any], weights: NDArray[Any]) -> None:
        """Put the tongue out and move what goes with the jaw, in place.

        Args:
            followers: (…, F, 3) mm.
            neutral_skin: (…, S, 3) mm.
            weights: (…, E).
        """
        first, last = self.tongue_rows
        out = weights[..., _TONGUE_OUT]
        if np.any(out):
            followers[..., first:last, :] += self._along_path(out)
        first, last = self.jaw_rows
        apart = neutral_skin[..., self.jaw_anchors, :] - self.jaw_anchor_rest
        centre = (self.jaw_centre + apart.mean(-2))[..., None, :]
        rotation = rotations_of(weights @ self.jaw_rotation).astype(np.float32)
        slide = (weights @ self.jaw_slide)[..., None, :]
        around = followers[..., first:last, :] - centre
        followers[..., first:last, :] = centre + slide + around @ np.swapaxes(rotation, -1, -2)

    def _along_path(self, out: NDArray[Any]) -> FloatArray:
        """Weights (…,) to displacements of the tongue, (…, N, 3) mm, straight from step to step of the path."""
        path = np.concatenate([np.zeros_like(self.tongue_path[:1]), self.tongue_path])
        place = out * (len(path) - 1)
        step = np.clip(place.astype(int), 0, len(path) - 2)
        share = (place - step)[..., None, None].astype(np.float32)
        moved: FloatArray = path[step] + share * (path[step + 1] - path[step])
        return moved

    def roll_lashes(
        self,
        followers: NDArray[Any],
        neutral_skin: NDArray[Any],
        expressed_skin: NDArray[Any],
        eye_centres: NDArray[Any],
    ) -> None:
        """Move the lashes from where the identity alone puts them, in place.

        Args:
            followers: (…, F, 3) mm.
            neutral_skin: (…, S, 3) mm.
            expressed_skin: (…, S, 3) mm.
            eye_centres: (…, L, 3) mm, of the eyeball that each hair's lid rolls over.
        """
        first, last = self.lash_rows
        before, after = self._roots(neutral_skin), self._roots(expressed_skin)
        turns = smallest_rotations(before - eye_centres, after - eye_centres)
        hairs = followers[..., first:last, :] - before
        followers[..., first:last, :] = after + np.einsum("...ij,...j->...i", turns, hairs)

    def _roots(self, skin: NDArray[Any]) -> NDArray[Any]:
        """(…, L, 3)."""
        ends = skin[..., self.lash_roots, :]
        roots: NDArray[Any] = ends[..., 0, :] + self.lash_shares[:, None] * (ends[..., 1, :] - ends[..., 0, :])
        return roots
