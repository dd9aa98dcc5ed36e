"""Bones for engines: the jaw's hinge and the eyes' centres, and how far each vertex goes with them.

Nothing is packed for it. The bones are found in the person's own morphs: `jawOpen` carries the lower teeth by a rigid
motion, so its axis is the hinge; a look turns an eyeball, so what stays is its centre. Letters: V vertices, J joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import OutputError
from face2mesh.head import Topology
from face2mesh.head.rigid import RigidMotion, best_rigid

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

EYES = {"left_eye": ("eyeLookUpLeft", "eyeLookOutLeft"), "right_eye": ("eyeLookUpRight", "eyeLookOutRight")}
_LEAST_TURN_DEGREES = 2.0
_STILL_MM = 1.5
"""A vertex that the jaw's whole motion would move by this much is half as sure of its weight."""
_FORGOTTEN = 0.02


@dataclass(frozen=True)
class Joint:
    """A bone.

    Attributes:
        name: of the bone.
        parent: number of the joint that it hangs on, −1 for the root.
        place: (3,) mm, what it turns about; its axes are the head's.
    """

    name: str
    parent: int
    place: Array


@dataclass(frozen=True)
class Rig:
    """Bones of the neutral head.

    Attributes:
        joints: J of them: "neck", "jaw", "left_eye_bone", "right_eye_bone".
        weights: (V, J), each row sums to 1.
        jaw_open_degrees: the turn of the jaw about +X that comes nearest to `jawOpen` at weight 1.
    """

    joints: tuple[Joint, ...]
    weights: Floats
    jaw_open_degrees: float


def make_rig(neutral: Floats, morphs: Mapping[str, Floats], topology: Topology, neck_border: NDArray[np.int32]) -> Rig:
    """Find the bones of a head in how it moves.

    Args:
        neutral: (V, 3) mm.
        morphs: ARKit's name to displacements (V, 3) mm.
        topology: the parts' places.
        neck_border: (N,), vertices around the cut neck; the root is in their middle.

    Raises:
        OutputError: `jawOpen` does not turn the lower teeth, a look does not turn an eye, or there are neither.
    """
    if any(first == last for first, last in (topology.part_vertices[part] for part in ("lower_teeth", *EYES))):
        raise OutputError("bones: this head has no teeth and eyes as parts of their own; write it without bones.")
    jaw = _hinge(neutral, morphs["jawOpen"], slice(*topology.part_vertices["lower_teeth"]))
    joints = [Joint("neck", -1, neutral[neck_border].mean(0, dtype=np.float64)), Joint("jaw", 0, jaw.place)]
    weights = np.zeros((len(neutral), 4), np.float32)
    weights[:, 1] = _shares(neutral, morphs["jawOpen"], jaw.motion)
    weights[slice(*topology.part_vertices["lower_teeth"]), 1] = 1
    for number, (part, looks) in enumerate(EYES.items(), 2):
        rows = slice(*topology.part_vertices[part])
        joints.append(Joint(f"{part}_bone", 0, _centre(neutral[rows], [morphs[look][rows] for look in looks], part)))
        weights[rows] = 0
        weights[rows, number] = 1
    weights[:, 0] = 1 - weights[:, 1:].sum(1)
    return Rig(tuple(joints), weights, jaw.degrees)


@dataclass(frozen=True)
class _Hinge:
    """What turns by `degrees` about the axis through `place` along +X; `motion` is that turn."""

    place: Array
    degrees: float
    motion: RigidMotion


def _hinge(neutral: Floats, opening: Floats, teeth: slice) -> _Hinge:
    """The axis along +X in the middle plane about which the lower teeth turn, in least squares.

    In the plane, a turn by the angle a with the shift t leaves c where (I − R) · c = t.
    """
    found = best_rigid(neutral[teeth], opening[teeth])
    angle = float(np.arctan2(found.rotation[2, 1], found.rotation[1, 1]))
    if np.degrees(angle) < _LEAST_TURN_DEGREES:
        raise OutputError("bones: this model's jawOpen does not turn the lower teeth; write the head without bones.")
    turn = about_x(angle)
    middle = neutral[teeth].astype(np.float64).mean(0)
    shift = middle + opening[teeth].astype(np.float64).mean(0) - turn @ middle
    place = np.zeros(3)
    place[1:] = np.linalg.solve((np.eye(3) - turn)[1:, 1:], shift[1:])
    return _Hinge(place, float(np.degrees(angle)), RigidMotion(turn, place - turn @ place))


def about_x(angle: float) -> Array:
    """(3, 3), the turn about +X by an angle in radians; positive lowers the chin."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0, 0], [0, cosine, -sine], [0, sine, cosine]])


def _shares(neutral: Floats, opening: Floats, motion: RigidMotion) -> Array:
    """(V,) how far each vertex goes with the jaw: the share of its turn nearest to what `jawOpen` does, 0 to 1.

    Blending a turn linearly with rest (linear blend skinning) moves a vertex by share · turn, so the best share is the
    projection of one displacement on the other.
    """
    turn = motion.displacement(neutral.astype(np.float64))
    share = (turn * opening).sum(1) / ((turn * turn).sum(1) + _STILL_MM**2)
    return np.where(share < _FORGOTTEN, 0, np.minimum(share, 1))


def _centre(places: Floats, looks: list[Floats], part: str) -> Array:
    """(3,) what stays where it is in all of an eye's turns, in least squares."""
    equations, shifts = [], []
    for look in looks:
        motion = best_rigid(places, look)
        turned = np.degrees(np.arccos(np.clip((np.trace(motion.rotation) - 1) / 2, -1, 1)))
        if turned < _LEAST_TURN_DEGREES:
            raise OutputError(f"bones: this model's looks do not turn the {part}; write the head without bones.")
        equations.append(np.eye(3) - motion.rotation)
        shifts.append(motion.translation)
    centre: Array = np.linalg.lstsq(np.concatenate(equations), np.concatenate(shifts), rcond=None)[0]
    return centre
