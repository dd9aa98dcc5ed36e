"""The linear corpus: identity and expression spaces on the base head.

Letters: B heads, M identity modes, K of them MakeHuman's, T of its targets, E = 52 expressions, V vertices, S of them
skin, F = V − S followers, C controls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head.base_head import BaseHead
from face2mesh.head.followers import Followers, gaze_rotations
from face2mesh.lab.corpus.lids import lid_margins
from face2mesh.lab.corpus.population import Population
from face2mesh.store import read_arrays, refusal_of, sha256, write_arrays

KIND = "corpus"
VERSION = 1
MADE_BY = "face2mesh lab corpus"

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Corpus:
    """A head is mean + Σ codes · identity + Σ weights · expression, its eyeballs turned by `gaze_degrees`.

    Attributes:
        mean: (V, 3) mm, the base head's vertices.
        identity: (M, V, 3) mm for one standard deviation of each mode, all parts; an eyeball's vertices move as one.
            The scans' modes come first, then K of MakeHuman's people.
        expression: (52, V, 3) mm at weight 1, all parts, in the order of `ARKIT_NAMES`; the eyeballs' turn is apart.
        gaze_degrees: (52, 2, 2), yaw and pitch of the left and the right eye at weight 1 (see `gaze_rotations`).
        follower_controls: (C,) int32, vertices of the skin that place the followers.
        follower_weights: (F, C), see `Followers`.
        skin_count: S.
        eyes: (2, 2), first vertex and last + 1 of the left and the right eyeball.
        eye_centres: (2, 3) mm, of the mean.
        lids: (2, L) int32, skin vertices of the margins of the left and the right eye's lids, in mirrored order.
        people_codes: (T, K), see `Population`.
    """

    mean: FloatArray
    identity: FloatArray
    expression: FloatArray
    gaze_degrees: FloatArray
    follower_controls: NDArray[np.int32]
    follower_weights: FloatArray
    skin_count: int
    eyes: NDArray[np.int32]
    eye_centres: FloatArray
    lids: NDArray[np.int32]
    people_codes: FloatArray

    def __post_init__(self) -> None:
        """Check the shapes once.

        Raises:
            ValueError: two arrays do not belong together.
        """
        vertices, expressions = len(self.mean), len(self.expression)
        expected: Mapping[str, tuple[int, ...]] = {
            "identity": (len(self.identity), vertices, 3),
            "expression": (expressions, vertices, 3),
            "gaze_degrees": (expressions, 2, 2),
            "follower_weights": (vertices - self.skin_count, len(self.follower_controls)),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"corpus: {name} is {getattr(self, name).shape}, expected {shape}")
        if self.people_codes.shape[1] > len(self.identity):
            raise ValueError(f"corpus: people_codes is {self.people_codes.shape}, of {len(self.identity)} modes")
        _ = self.population

    @property
    def population(self) -> Population:
        """Whom the codes describe."""
        return Population(len(self.identity) - int(self.people_codes.shape[1]), self.people_codes)

    def skin(self, identity: NDArray[Any], expression: NDArray[Any] | None = None) -> FloatArray:
        """Skins of heads: (B, M) codes and (B, 52) weights (none is neutral) to (B, S, 3) mm."""
        return self._sum(slice(0, self.skin_count), identity, expression)

    def heads(self, identity: NDArray[Any], expression: NDArray[Any] | None = None) -> FloatArray:
        """Whole heads: (B, M) codes and (B, 52) weights (none is neutral) to (B, V, 3) mm, eyeballs turned."""
        neutral = self._sum(slice(None), identity, None)
        return neutral if expression is None else self.expressed(neutral, expression)

    def expressed(self, neutral: NDArray[Any], expression: NDArray[Any]) -> FloatArray:
        """Whole neutral heads (B, V, 3), whoever they are, with weights (B, 52): (B, V, 3) mm, eyeballs turned."""
        weights = np.asarray(expression, np.float32)
        vertices: FloatArray = np.asarray(neutral, np.float32) + np.tensordot(weights, self.expression, axes=1)
        yaw_pitch = np.tensordot(weights, self.gaze_degrees, axes=1)
        turns = gaze_rotations(yaw_pitch[..., 0], yaw_pitch[..., 1])
        for side, (first, last) in enumerate(self.eyes):
            if first == last:  # a template without eyes
                continue
            centre = self.eye_centres[side] + (vertices[..., first : first + 1, :] - self.mean[first])
            around = self.mean[first:last] - self.eye_centres[side]
            vertices[..., first:last, :] = centre + around @ np.swapaxes(turns[..., side, :, :], -1, -2)
        return vertices

    def _sum(self, rows: slice, identity: NDArray[Any], expression: NDArray[Any] | None) -> FloatArray:
        mean = self.mean[rows]
        flat = np.asarray(identity, np.float32) @ self.identity[:, rows].reshape(len(self.identity), -1)
        if expression is not None:
            flat = flat + np.asarray(expression, np.float32) @ self.expression[:, rows].reshape(
                len(self.expression), -1
            )
        summed: FloatArray = mean + flat.reshape(*flat.shape[:-1], len(mean), 3)
        return summed

    def followers(self) -> Followers:
        """What the runtime needs to place eyes, teeth, tongue and lashes beside a skin."""
        return Followers(
            rest=self.mean[self.skin_count :],
            controls=self.follower_controls,
            control_rest=self.mean[self.follower_controls],
            weights=self.follower_weights,
            expression=self.expression[:, self.skin_count :],
            gaze_degrees=self.gaze_degrees,
            eyes=(self.eyes - self.skin_count).astype(np.int32),
            eye_centres=self.eye_centres,
            lids=self.lids,
            lid_rest=self.mean[self.lids],
        )

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write the corpus with its provenance (see `store.provenance`); the base head is in its own file."""
        arrays = {
            "identity": self.identity,
            "expression": self.expression,
            "gaze_degrees": self.gaze_degrees,
            "follower_controls": self.follower_controls,
            "follower_weights": self.follower_weights,
            "people_codes": self.people_codes,
        }
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path, base_head: Path) -> Corpus:
        """Read a corpus and the base head that it was made on.

        Raises:
            InputFileError: one is missing, damaged or of another version, or the corpus was made on another base head.
        """
        base = BaseHead.load(base_head)
        arrays, manifest = read_arrays(path, KIND, VERSION, MADE_BY)
        made_on = manifest.get("inputs", {}).get("base_head", {}).get("sha256")
        if made_on != sha256(base_head):
            raise InputFileError(f"{path}: made on another base head than {base_head}; make it again with `{MADE_BY}`.")
        with refusal_of(path, "a valid corpus", MADE_BY):
            return cls.on(base, **arrays)

    @classmethod
    def on(
        cls,
        base: BaseHead,
        identity: FloatArray,
        expression: FloatArray,
        gaze_degrees: FloatArray,
        follower_controls: NDArray[np.int32],
        follower_weights: FloatArray,
        people_codes: FloatArray | None = None,
    ) -> Corpus:
        """A corpus whose mean, eyes and skin are a base head's; without `people_codes`, of scanned adults only.

        Raises:
            ValueError: an array does not belong to this base head.
        """
        return cls(
            mean=base.vertices,
            identity=identity,
            expression=expression,
            gaze_degrees=gaze_degrees,
            follower_controls=follower_controls,
            follower_weights=follower_weights,
            skin_count=base.skin_count,
            eyes=np.array([base.part_vertices["left_eye"], base.part_vertices["right_eye"]], np.int32),
            eye_centres=base.eye_centres,
            lids=lid_margins(base),
            people_codes=np.zeros((0, 0), np.float32) if people_codes is None else people_codes,
        )
