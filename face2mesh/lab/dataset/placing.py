"""Sculpts in the head's frame and in millimetres, whatever unit and axes their file has.

Letters: V vertices.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.alignment import align

Floats = NDArray[np.float64]

UNITS = {1.0: "mm", 10.0: "cm", 1000.0: "m", 100.0: "dm", 0.1: "tenths of mm", 0.01: "hundredths of mm", 0.001: "µm"}
"""Millimetres of a file's unit, and what it is called."""
LARGEST_HEAD = 1.6
"""Size of a head over the template's, either way; a unit is believed where it brings a sculpt within."""
UPRIGHT_DEGREES = 30.0
"""Nearer than this to a quarter turn, a quarter turn is what the file's axes are."""
ASKEW_DEGREES, AWAY_MM = 8.0, 20.0
"""From here on a head was turned or moved as a whole, and is put back; below it, that is the person: of 120 heads of
the corpus none is beyond 5° and 10 mm."""
MIRRORED = 0.5
"""Residual as a mirror image over the residual as it is, below which a sculpt is mirrored."""


def placed(vertices: Floats, rest: Floats) -> tuple[Floats, list[str]]:
    """A sculpt in the head's frame.

    Size is a person's own and is kept, once the unit is known; turn and place are not.

    Args:
        vertices: (V, 3), of the skin or of the whole head.
        rest: (V, 3) mm, the template's.

    Returns:
        (V, 3) mm, and what was undone.
    """
    told: list[str] = []
    similarity = align(vertices, rest, scaling=True)
    reflected = align(vertices * [-1.0, 1.0, 1.0], rest, scaling=True)
    if _missed(reflected(vertices * [-1.0, 1.0, 1.0]), rest) < MIRRORED * _missed(similarity(vertices), rest):
        vertices, similarity = vertices * [-1.0, 1.0, 1.0], reflected
        told.append("mirrored (a negative scale?): turned back")
    factor, unit = unit_of(similarity.scale)
    turn, up = quarter_turn_of(similarity.rotation)
    moved = vertices * factor @ turn.T
    told += [note for note in (unit, up) if note]
    rigid = align(moved, rest, scaling=False)
    if _degrees(rigid.rotation) > ASKEW_DEGREES:
        moved = rigid(moved)
        told.append(f"turned by {_degrees(rigid.rotation):.0f}°: turned back")
    shift = rest.mean(0) - moved.mean(0)
    if np.linalg.norm(shift) > AWAY_MM:
        moved = moved + shift
        told.append(f"{np.linalg.norm(shift):.0f} mm away: moved back")
    return moved, told


def _missed(vertices: Floats, rest: Floats) -> float:
    return float(np.sqrt(((vertices - rest) ** 2).sum(1).mean()))


def unit_of(scale: float) -> tuple[float, str]:
    """The factor to millimetres of a mesh that fits the base head at some scale, and what to tell of it.

    In no unit that programs use, the mesh is made as large as the base head.
    """
    factor = min(UNITS, key=lambda unit: abs(np.log(scale / unit)))
    if abs(np.log(scale / factor)) > np.log(LARGEST_HEAD):
        return scale, f"{1 / scale:.3g} times a head's size in mm, a unit of its own: made as large as the base head"
    return factor, "" if factor == 1 else f"in {UNITS[factor]}"


def quarter_turn_of(rotation: Floats) -> tuple[Floats, str]:
    """The quarter turns (3, 3) that bring a mesh's axes onto the head's, and what to tell of it.

    Where none is near, the rotation itself.
    """
    turn = max(_quarter_turns(), key=lambda turn: float((turn * rotation).sum()))
    if _degrees(rotation @ turn.T) > UPRIGHT_DEGREES:
        return rotation, f"turned by {_degrees(rotation):.0f}°: turned back"
    if np.array_equal(turn, np.eye(3)):
        return turn, ""
    return turn, f"{_up(turn)} up: turned upright"


def _quarter_turns() -> list[Floats]:
    """The 24 rotations that take axes to axes."""
    turns = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0:
                turns.append(turn)
    return turns


def _degrees(rotation: Floats) -> float:
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def _up(turn: Floats) -> str:
    """Which of the file's axes became +Y."""
    axis = int(np.abs(turn[1]).argmax())
    return ("+" if turn[1, axis] > 0 else "−") + "XYZ"[axis]
