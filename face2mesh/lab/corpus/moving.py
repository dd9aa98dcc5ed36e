"""The moving corpus: heads of the linear corpus whose jaws turn, whose lids roll and whose lips meet.

ARKit's weights are amplitudes of motions: the jaw's turn and slide (`jaw`), arcs about the eyeballs (`rolling`),
the rest as in the linear corpus. What a motion at weight 1 leaves of the linear shape is added in the
motion's own frame, so that each single shape at weight 1 ends where the linear one does, but for contact, which is the
runtime's (`face2mesh.contact`): lips that close, lips that press, lids that meet and stay outside the eyeball. Contact
holds without an expression too: a neutral head is the linear corpus's with lips and lids settled.

Letters: B heads, M identity modes, E = 52 expressions, V vertices, S of them skin, A anchors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.contact import Contact
from face2mesh.contact.closing import closing_amount
from face2mesh.errors import InputFileError
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.head.followers import Followers, gaze_rotations
from face2mesh.head.motion import FollowerMotion
from face2mesh.lab.corpus.contact_parts import contact_on
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.jaw import Jaw, find_jaw
from face2mesh.lab.corpus.lashes import lash_places
from face2mesh.lab.corpus.mouth import Mouth
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.corpus.rolling import eye_zone, roll, to_arcs
from face2mesh.lab.corpus.tongue import JAW_SHARE
from face2mesh.lab.corpus.tongue_motion import tongue_path
from face2mesh.store import read_arrays, refusal_of, sha256, write_arrays

KIND = "moving-corpus"
VERSION = 1
FILE = "moving-corpus.npz"
MADE_BY = "face2mesh lab moving-corpus"

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]
_ROW = {name: row for row, name in enumerate(ARKIT_NAMES)}


@dataclass(frozen=True)
class MovingCorpus:
    """Heads from identity codes and weights, as `Corpus` makes them, but moving.

    Attributes:
        linear: the linear corpus.
        base: the base head.
        shapes: (E, S, 3) mm at weight 1: what is added in the frame of the motion; arcs around the eyes.
        closing: (S, 3) mm, what `mouthClose` adds to the open mouth, in the head's frame.
        jaw: its motions.
    """

    linear: Corpus
    base: BaseHead
    shapes: FloatArray
    closing: FloatArray
    jaw: Jaw

    @property
    def population(self) -> Population:
        """Whom the codes describe."""
        return self.linear.population

    @cached_property
    def mouth(self) -> Mouth:
        """The mouth's parts."""
        return Mouth.on(self.base)

    @cached_property
    def contact(self) -> Contact:
        """What touches what."""
        return contact_on(self.base, self.mouth)

    @cached_property
    def _lid_reach(self) -> Array:
        """(Z,) mm, of skin around an eye from the eyeball's centre in the rest head."""
        around = self.base.vertices[self.contact.lids.zone[0]].astype(np.float64) - self.base.eye_centres[0]
        reach: Array = np.linalg.norm(around, axis=1)
        return reach

    @cached_property
    def motion(self) -> FollowerMotion:
        """What turns of the parts that are not skin."""
        skin, parts, jaw = self.base.skin_count, self.base.part_vertices, self.jaw
        roots, shares = lash_places(self.base)
        return FollowerMotion(
            jaw_centre=jaw.centre.astype(np.float32),
            jaw_anchors=jaw.anchors,
            jaw_anchor_rest=jaw.anchor_rest.astype(np.float32),
            jaw_rotation=jaw.rotation.astype(np.float32),
            jaw_slide=jaw.slide.astype(np.float32),
            jaw_rows=np.array([parts["lower_teeth"][0] - skin, parts["tongue"][1] - skin], np.int32),
            tongue_rows=np.array(parts["tongue"], np.int32) - np.int32(skin),
            tongue_path=tongue_path(self.base).astype(np.float32),
            lash_rows=np.array(parts["lashes"], np.int32) - np.int32(skin),
            lash_roots=roots,
            lash_shares=shares,
        )

    def followers(self) -> Followers:
        """What the runtime needs to place eyes, teeth, tongue and lashes beside a skin."""
        straight = self.linear.followers()
        return replace(straight, expression=np.zeros_like(straight.expression), motion=self.motion)

    def skin(self, identity: NDArray[Any], expression: NDArray[Any] | None = None) -> FloatArray:
        """Skins of heads: (B, M) codes and (B, E) weights (none is neutral) to (B, S, 3) mm."""
        return self.heads(identity, expression)[:, : self.base.skin_count]

    def heads(self, identity: NDArray[Any], expression: NDArray[Any] | None = None) -> FloatArray:
        """Whole heads: (B, M) codes and (B, E) weights (none is neutral) to (B, V, 3) mm."""
        neutral = self.linear.heads(identity)
        weights = np.zeros((len(neutral), len(ARKIT_NAMES)), np.float32) if expression is None else expression
        return self.expressed(neutral, weights)

    def expressed(self, neutral: NDArray[Any], expression: NDArray[Any]) -> FloatArray:
        """Whole neutral heads (B, V, 3) of the linear kind, whoever they are, with weights (B, E): (B, V, 3) mm."""
        rest = np.asarray(neutral, np.float32)
        weights = np.asarray(expression, np.float32)
        skin = self.base.skin_count
        heads, sums, skulls = self._moved(rest, weights)
        self.motion.move_jaw(heads[:, skin:], rest, weights)
        self._close_lips(heads, rest, weights, skulls)
        centres, gaze = self._turn_eyes(heads, weights)
        self.contact.lips.settle(heads)
        self.contact.lining.settle(heads)
        skins = np.ascontiguousarray(heads[:, :skin])
        self._move_lids(skins, sums, weights, centres, gaze)
        heads[:, :skin] = skins
        of_left = self.base.vertices[slice(*self.base.part_vertices["lashes"]), 0] >= 0
        about = np.where(of_left[:, None], centres[:, :1], centres[:, 1:])
        self.motion.roll_lashes(heads[:, skin:], rest[:, :skin], skins, about)
        return heads.astype(np.float32)

    def before_contact(self, identity: NDArray[Any], expression: NDArray[Any]) -> FloatArray:
        """Skins (B, S, 3) mm of codes (B, M) as weights (B, E) move them, with nothing held together or apart.

        Smooth in codes and weights, so it is what decoders are taught: the model settles what they decode.
        """
        rest = self.linear.heads(identity)
        weights = np.asarray(expression, np.float32)
        heads, sums, _ = self._moved(rest, weights)
        skins = np.ascontiguousarray(heads[:, : self.base.skin_count])
        skins += weights[:, _ROW["mouthClose"], None, None] * self.closing
        centres, _ = self._turn_eyes(heads, weights)
        lids = self.contact.lids
        arcs = lids.around(sums, np.zeros_like(centres))
        lids.put(skins, roll(lids.around(skins, centres), arcs, self._lid_reach), centres)
        return skins.astype(np.float32)

    def _moved(self, rest: FloatArray, weights: FloatArray) -> tuple[Array, Array, Array]:
        """Heads (B, V, 3) whose skins moved with the jaw, neutral around the eyes; the weighted shapes (B, S, 3); the
        condyles' middles (B, 3)."""
        skin = self.base.skin_count
        heads = rest.astype(np.float64)
        sums = (weights @ self.shapes.reshape(len(self.shapes), -1)).reshape(len(rest), skin, 3).astype(np.float64)
        heads[:, :skin] += sums
        zones = self.contact.lids.zone.ravel()
        heads[:, zones] = rest[:, zones]
        skulls = self.jaw.centres(rest)
        heads[:, :skin] = self.jaw.moved(heads[:, :skin], weights, self.jaw.share, skulls)
        return heads, sums, skulls

    def _close_lips(self, heads: Array, rest: FloatArray, weights: FloatArray, skulls: Array) -> None:
        """`mouthClose`, and what it leaves open."""
        skin = self.base.skin_count
        jaw, close = (weights[:, _ROW[name]].astype(np.float64) for name in ("jawOpen", "mouthClose"))
        closing = np.flatnonzero(close)
        if not len(closing):
            return
        heads[closing, :skin] += close[closing, None, None] * self.closing
        line = self.contact.closing.line
        only = np.zeros((len(closing), len(ARKIT_NAMES)))
        for name in ("jawOpen", "jawForward", "jawLeft", "jawRight"):
            only[:, _ROW[name]] = weights[closing, _ROW[name]]
        at = rest[closing][:, line] + np.tensordot(only, self.shapes[:, line], 1)
        closed = self.jaw.moved(at, only, self.jaw.share[line], skulls[closing])
        closed += jaw[closing, None, None] * self.closing[line]
        amount = closing_amount(jaw, close)
        moved = np.ascontiguousarray(heads[closing, :skin])
        self.contact.closing.close(moved, rest[closing, :skin], closed, amount[closing])
        heads[closing, :skin] = moved

    def _move_lids(self, skins: Array, sums: Array, weights: FloatArray, centres: Array, gaze: Array) -> None:
        """Skin around the eyes along its arcs, closed by its blinks, outside the eyeballs.

        Args:
            skins: (B, S, 3) mm, neutral around the eyes; changed in place.
            sums: (B, S, 3), of the weighted arcs.
            weights: (B, E).
            centres: (B, 2, 3) mm, the eyeballs'.
            gaze: (B, 2, 3) unit vectors.
        """
        lids = self.contact.lids
        rows = [_ROW["eyeBlinkLeft"], _ROW["eyeBlinkRight"]]
        at_rest, nowhere = lids.around(skins, centres), np.zeros_like(centres)
        arcs = lids.around(sums, nowhere)
        blink = weights[:, rows].astype(np.float64)
        out = roll(at_rest, arcs, self._lid_reach)
        full = out
        if np.any((blink > 0) & (blink < 1)):
            whole = self.shapes[rows, lids.zone.T].swapaxes(0, 1) * [[[1.0, 1.0, 1.0]], [[-1.0, 1.0, 1.0]]]
            full = roll(at_rest, arcs + (1 - blink[..., None, None]) * whole, self._lid_reach)
        lids.settle(out, full, blink, gaze)
        lids.put(skins, out, centres)

    def _turn_eyes(self, heads: Array, weights: FloatArray) -> tuple[Array, Array]:
        """Turn the eyeballs in place; their centres (B, 2, 3) and the directions in which they look (B, 2, 3)."""
        linear = self.linear
        yaw_pitch = np.tensordot(weights, linear.gaze_degrees, axes=1)
        turns = gaze_rotations(yaw_pitch[..., 0], yaw_pitch[..., 1]).astype(np.float64)
        centres = np.empty((len(heads), 2, 3))
        for side, (first, last) in enumerate(linear.eyes):
            centres[:, side] = linear.eye_centres[side] + (heads[:, first] - linear.mean[first])
            around = (linear.mean[first:last] - linear.eye_centres[side]).astype(np.float64)
            heads[:, first:last] = centres[:, side, None] + around @ np.swapaxes(turns[:, side], -1, -2)
        return centres, np.ascontiguousarray(turns[..., 2])

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write it with its provenance (see `store.provenance`); base head and linear corpus are in their own files."""
        jaw = {f"jaw_{name}": getattr(self.jaw, name) for name in _JAW}
        arrays = {"shapes": self.shapes, "closing": self.closing, **jaw}
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path, corpus: Path, base_head: Path) -> MovingCorpus:
        """Read it with the linear corpus and the base head that it was made of.

        Raises:
            InputFileError: one is missing, damaged or of another version, or they do not belong together.
        """
        linear = Corpus.load(corpus, base_head)
        arrays, manifest = read_arrays(path, KIND, VERSION, MADE_BY)
        if manifest.get("inputs", {}).get("corpus", {}).get("sha256") != sha256(corpus):
            raise InputFileError(f"{path}: made of another corpus than {corpus}; make it again with `{MADE_BY}`.")
        with refusal_of(path, "a valid moving corpus", MADE_BY):
            jaw = Jaw(**{name: arrays[f"jaw_{name}"] for name in _JAW})
            return cls(linear, BaseHead.load(base_head), arrays["shapes"], arrays["closing"], jaw)


_JAW = ("centre", "anchors", "anchor_rest", "rotation", "slide", "share")


def make_moving(linear: Corpus, base: BaseHead) -> MovingCorpus:
    """Find the motions in a linear corpus."""
    skin = base.skin_count
    rest = base.vertices[:skin].astype(np.float64)
    shapes = linear.expression[:, :skin].astype(np.float64)
    zones = [eye_zone(base, side) for side in (0, 1)]
    jaw = find_jaw(base, linear.expression, JAW_SHARE)
    jaw.share[np.concatenate(zones)] = 0
    here = jaw.centre[None]
    unit = np.eye(len(ARKIT_NAMES))
    for name in ("jawOpen", "jawForward", "jawLeft", "jawRight"):
        row = _ROW[name]
        shapes[row] = jaw.unmoved((rest + shapes[row])[None], unit[row : row + 1], jaw.share, here)[0] - rest
    closing = shapes[_ROW["mouthClose"]].copy()
    shapes[_ROW["mouthClose"]] = 0
    shapes[_ROW["tongueOut"]] = JAW_SHARE * shapes[_ROW["jawOpen"]]
    for side, zone in enumerate(zones):
        out = rest[zone] - base.eye_centres[side]
        shapes[:, zone] = to_arcs(out, linear.expression[:, zone].astype(np.float64))
    return MovingCorpus(linear, base, shapes.astype(np.float32), closing.astype(np.float32), jaw)
