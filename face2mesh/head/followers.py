"""The parts that are not skin: eyeballs, teeth, tongue and lashes follow the skin by fixed weights.

Letters: V vertices, S of them skin, F = V − S followers, C control vertices of the skin, E = 52 expression weights, L
vertices of the margins of one eye's lids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.motion import FollowerMotion
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "followers"
VERSION = 1
MADE_BY = "face2mesh lab corpus"

# Weight of where W puts an eyeball, against its lids: decides what the lids leave open.
W_AGAINST_LIDS = 0.02

FloatArray = NDArray[np.float32]


def gaze_rotations(yaw_degrees: NDArray[Any], pitch_degrees: NDArray[Any]) -> FloatArray:
    """Rotations that turn an eyeball: yaw about +Y first, then pitch about the head's +X.

    Positive yaw looks to +X, the subject's left; positive pitch looks down.

    Args:
        yaw_degrees: (…).
        pitch_degrees: (…).

    Returns:
        (…, 3, 3), Rx(pitch) · Ry(yaw), for column vectors.
    """
    yaw, pitch = np.radians(yaw_degrees), np.radians(pitch_degrees)
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    rows = [[cy, np.zeros_like(cy), sy], [sp * sy, cp, -sp * cy], [-cp * sy, sp, cp * cy]]
    rotations: FloatArray = np.stack([np.stack(row, -1) for row in rows], -2).astype(np.float32)
    return rotations


@dataclass(frozen=True)
class Followers:
    """Places eyeballs, teeth, tongue and lashes beside a skin.

    follower = rest + W · (neutral skin − rest skin at the controls) + Σ wₑ · Eₑ, and then each eyeball turns about its
    own centre. W reproduces every affine motion of the skin (each row sums to 1 and maps the controls' rest positions
    to the follower's), so a head that is moved, turned or scaled takes its followers along; all vertices of an eyeball
    share one row, so that it stays a sphere of constant radius. Where the lids' margins are named, an eyeball goes on
    from there to where they keep their distances from it best: it neither sinks nor comes through its lids. With a
    `motion`, the tongue comes out, lower teeth and tongue turn with the jaw, and lashes roll with their lids.

    Attributes:
        rest: (F, 3) mm, the followers of the rest head, in the head's vertex order behind the skin.
        controls: (C,) int32, vertices of the skin.
        control_rest: (C, 3) mm, where they are in the rest head.
        weights: (F, C), W.
        expression: (52, F, 3) mm at weight 1; zero for the eyeballs.
        gaze_degrees: (52, 2, 2), yaw and pitch of the left and the right eye at weight 1.
        eyes: (2, 2) int32, first follower and last + 1 of the left and the right eyeball.
        eye_centres: (2, 3) mm, of the rest head.
        lids: (2, L) int32, skin vertices of the margins of the left and the right eye's lids; L may be 0.
        lid_rest: (2, L, 3) mm, where they are in the rest head.
        motion: what turns; None for followers that move along straight lines only.
    """

    rest: FloatArray
    controls: NDArray[np.int32]
    control_rest: FloatArray
    weights: FloatArray
    expression: FloatArray
    gaze_degrees: FloatArray
    eyes: NDArray[np.int32]
    eye_centres: FloatArray
    lids: NDArray[np.int32] = field(default_factory=lambda: np.zeros((2, 0), np.int32))
    lid_rest: FloatArray = field(default_factory=lambda: np.zeros((2, 0, 3), np.float32))
    motion: FollowerMotion | None = None

    def __post_init__(self) -> None:
        """Check the shapes once.

        Raises:
            ValueError: two arrays do not belong together.
        """
        count, controls = len(self.rest), len(self.controls)
        expected: Mapping[str, tuple[int, ...]] = {
            "rest": (count, 3),
            "controls": (controls,),
            "control_rest": (controls, 3),
            "weights": (count, controls),
            "expression": (len(self.expression), count, 3),
            "gaze_degrees": (len(self.expression), 2, 2),
            "eyes": (2, 2),
            "eye_centres": (2, 3),
            "lids": (2, self.lids.shape[-1]),
            "lid_rest": (2, self.lids.shape[-1], 3),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"followers: {name} is {getattr(self, name).shape}, expected {shape}")
        if self.eyes.min(initial=0) < 0 or self.eyes.max(initial=0) > count:
            raise ValueError(f"followers: eyes points outside 0 to {count}")

    def place(
        self, neutral_skin: NDArray[Any], expressed_skin: NDArray[Any], expression: NDArray[Any]
    ) -> NDArray[np.float32]:
        """All vertices of a head, from its skin.

        Args:
            neutral_skin: (…, S, 3) mm, without expression; the followers' identity comes from it.
            expressed_skin: (…, S, 3) mm, with expression; goes into the result as it is.
            expression: (…, 52) weights.

        Returns:
            (…, V, 3) mm, skin first.
        """
        weights = np.asarray(expression, np.float32)
        neutral = np.asarray(neutral_skin, np.float32)
        moved = neutral[..., self.controls, :] - self.control_rest
        followers = self.rest + self.weights @ moved + np.tensordot(weights, self.expression, axes=1)
        yaw_pitch = np.tensordot(weights, self.gaze_degrees, axes=1)  # (…, 2, 2)
        turns = gaze_rotations(yaw_pitch[..., 0], yaw_pitch[..., 1])  # (…, 2, 3, 3)
        centres = []
        for side, (first, last) in enumerate(self.eyes):
            if first == last:  # a head without eyes
                continue
            # Every vertex of an eyeball has moved by the same vector: its centre has too.
            shift = followers[..., first : first + 1, :] - self.rest[first]
            centre = self.eye_centres[side] + shift + self._towards_lids(neutral, shift, side)
            centres.append(centre)
            around = self.rest[first:last] - self.eye_centres[side]
            followers[..., first:last, :] = centre + around @ np.swapaxes(turns[..., side, :, :], -1, -2)
        expressed = np.asarray(expressed_skin, np.float32)
        if self.motion is not None:
            self.motion.move_jaw(followers, neutral, weights)
            lashes = self.rest[slice(*self.motion.lash_rows), 0]
            about = np.where(lashes[:, None] >= 0, centres[0], centres[1])
            self.motion.roll_lashes(followers, neutral, expressed, about)
        placed: FloatArray = np.concatenate([expressed, followers], axis=-2)
        return placed

    def _towards_lids(self, neutral: FloatArray, shift: FloatArray, side: int) -> FloatArray:
        """How an eyeball goes on from where W puts it, (…, 1, 3).

        The least-squares solution of n · (d − shift − t) = 0 over the lids' margins, with W_AGAINST_LIDS · |t|² per
        vertex; n is the direction from the centre to a margin vertex and d that vertex's displacement.
        """
        count = self.lids.shape[1]
        if not count:
            return np.zeros_like(shift)
        outward = self.lid_rest[side] - self.eye_centres[side]
        outward = outward / np.linalg.norm(outward, axis=1, keepdims=True)
        normal = outward.T @ outward / count + W_AGAINST_LIDS * np.eye(3)
        response = np.linalg.solve(normal, outward.T / count)  # (3, L)
        apart = neutral[..., self.lids[side], :] - self.lid_rest[side] - shift  # (…, L, 3)
        gaps = np.einsum("...lc,lc->...l", apart, outward)
        further: FloatArray = (gaps @ response.T.astype(np.float32))[..., None, :]
        return further

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write them with their provenance (see `store.provenance`).

        The weights are written in half precision, which moves a follower by about 0.001 mm and halves the file.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.motion is not None:
            arrays |= {_MOTION + name: getattr(self.motion, name) for name in FollowerMotion.__dataclass_fields__}
        arrays["weights"] = self.weights.astype(np.float16)
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path, made_by: str = MADE_BY) -> Followers:
        """Read what `save` wrote.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, made_by)
        with refusal_of(path, "valid followers", made_by):
            arrays["weights"] = arrays["weights"].astype(np.float32)
            motion = {name.removeprefix(_MOTION): arrays[name] for name in arrays if name.startswith(_MOTION)}
            moving = FollowerMotion(**motion) if motion else None
            return cls(**{name: arrays[name] for name in _ARRAYS}, motion=moving)


_ARRAYS = tuple(name for name in Followers.__dataclass_fields__ if name != "motion")
# What the arrays of `motion` are called in the file.
_MOTION = "motion_"
