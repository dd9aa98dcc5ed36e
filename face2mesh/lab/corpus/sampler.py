"""Seeded draws of expressions as people make them (of people: see `population`).

Letters: n draws, E = 52 ARKit weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES

FloatArray = NDArray[np.float32]
Generator = np.random.Generator
Kind = tuple[float, Callable[[Generator, FloatArray], None]]
"""A share, and what draws one expression into a row of zeros."""

INDEX = {name: column for column, name in enumerate(ARKIT_NAMES)}
# A unit is both sides of a movement. A weight above this counts as an occurrence of its unit.
OCCURS = 0.05
GAZE = tuple(name for name in ARKIT_NAMES if name.startswith("eyeLook"))


def unit_of(name: str) -> str:
    """The unit that an ARKit name belongs to: its name without the side.

    The directions of the jaw, the mouth and the eyes are one unit each way: jawLeft and jawRight are both "jawSide".
    """
    for side in ("Left", "Right"):
        if name.endswith(side):
            stem = name[: -len(side)]
            return f"{stem}Side" if stem in ("jaw", "mouth") else stem
    return name


UNITS = tuple(dict.fromkeys(unit_of(name) for name in ARKIT_NAMES))
UNIT_COLUMNS = {unit: [INDEX[name] for name in ARKIT_NAMES if unit_of(name) == unit] for unit in UNITS}


def sample_expressions(
    rng: Generator,
    count: int,
    withheld: Sequence[tuple[str, str]] = (),
    required: Sequence[tuple[str, str]] = (),
    kinds: Sequence[Kind] = (),
) -> FloatArray:
    """Sparse combinations of ARKit weights as faces in photos show them.

    One draw in five is neutral; the others are single units, smiles, speech, emotions, or several units at random, with
    blinks and glances on top. The two sides of a unit go together, most of the time. Opposites exclude each other,
    and `mouthClose`, a correction of the open jaw, never exceeds `jawOpen`.

    Args:
        rng: the generator; the same state gives the same draws.
        count: n.
        withheld: pairs of units that must not occur together in a draw; the weaker of the two is dropped.
        required: if given, each draw shows one of these pairs, both units at 0.3 or more.
        kinds: what is drawn, with its share; none means `KINDS`.

    Returns:
        (n, 52) float32 in 0 to 1.
    """
    weights = np.zeros((count, len(ARKIT_NAMES)), np.float32)
    table = kinds or KINDS
    for row, kind in zip(weights, rng.choice(len(table), size=count, p=[share for share, _ in table]), strict=True):
        table[kind][1](rng, row)
        _glance_and_blink(rng, row)
        shown: tuple[str, ...] = ()
        if required:
            shown = required[int(rng.integers(len(required)))]
            for unit in shown:
                set_unit(rng, row, unit, rng.uniform(0.4, 1.0))
        _make_possible(row, [ARKIT_NAMES[column] for unit in shown for column in UNIT_COLUMNS[unit]])
        for first, second in withheld:
            _separate(row, first, second)
        _close_only_what_is_open(row)
    return weights


def shows(weights: NDArray[np.floating], unit: str) -> NDArray[np.bool_]:
    """(…,) whether a unit occurs in weights (…, 52)."""
    occurs: NDArray[np.bool_] = weights[..., UNIT_COLUMNS[unit]].max(-1) > OCCURS
    return occurs


def set_unit(rng: Generator, row: FloatArray, unit: str, strength: float) -> None:
    """Raise a unit to a strength; mostly alike on both sides, sometimes on one only."""
    columns = UNIT_COLUMNS[unit]
    if len(columns) == 1:
        row[columns[0]] = strength
    elif unit in ("jawSide", "mouthSide"):
        row[columns] = 0
        row[columns[rng.integers(2)]] = strength
    elif unit.startswith("eyeLook"):
        _look(row, *_DIRECTIONS[unit](strength))
    else:
        one_sided = rng.random() < 0.12
        balance = np.clip(1 + 0.12 * rng.standard_normal(2), 0, None)
        if one_sided:
            balance[rng.integers(2)] *= rng.uniform(0, 0.4)
        row[columns] = np.clip(strength * balance, 0, 1)


def _look(row: FloatArray, right: float, up: float) -> None:
    """Turn both eyes: right (the subject's; negative is left) and up (negative is down), each −1 to 1."""
    row[[INDEX[name] for name in GAZE]] = 0
    outward, inward = ("Right", "Left") if right > 0 else ("Left", "Right")
    row[INDEX[f"eyeLookOut{outward}"]] = row[INDEX[f"eyeLookIn{inward}"]] = min(abs(right), 1)
    vertical = "Up" if up > 0 else "Down"
    row[INDEX[f"eyeLook{vertical}Left"]] = row[INDEX[f"eyeLook{vertical}Right"]] = min(abs(up), 1)


_DIRECTIONS: dict[str, Callable[[float], tuple[float, float]]] = {
    "eyeLookIn": lambda strength: (strength, 0.0),
    "eyeLookOut": lambda strength: (-strength, 0.0),
    "eyeLookUp": lambda strength: (0.0, strength),
    "eyeLookDown": lambda strength: (0.0, -strength),
}


def _neutral(rng: Generator, row: FloatArray) -> None:
    """A face at rest: nothing, or traces of a few units."""
    if rng.random() < 0.4:
        for unit in rng.choice(UNITS, size=rng.integers(1, 5), replace=False):
            if unit not in ("tongueOut", "mouthClose"):
                set_unit(rng, row, str(unit), rng.uniform(0, 0.15))


def _single(rng: Generator, row: FloatArray) -> None:
    """One unit, at any strength."""
    unit = str(rng.choice(UNITS))
    strength = float(rng.uniform(0.2, 1.0))
    set_unit(rng, row, unit, strength)
    if unit == "mouthClose":
        row[INDEX["jawOpen"]] = min(1.0, strength * rng.uniform(1.0, 1.3))


def _smile(rng: Generator, row: FloatArray) -> None:
    """From a trace to a laugh; strong ones raise cheeks and lip and open the mouth."""
    strength = float(rng.beta(2.0, 1.6))
    set_unit(rng, row, "mouthSmile", strength)
    set_unit(rng, row, "cheekSquint", strength * rng.uniform(0.2, 0.8))
    set_unit(rng, row, "eyeSquint", strength * rng.uniform(0, 0.6))
    if rng.random() < 0.6:
        set_unit(rng, row, "mouthUpperUp", strength * rng.uniform(0.1, 0.6))
        set_unit(rng, row, "mouthLowerDown", strength * rng.uniform(0, 0.5))
    if rng.random() < 0.4:
        set_unit(rng, row, "jawOpen", strength * rng.uniform(0.05, 0.6))
    if rng.random() < 0.2:
        set_unit(rng, row, "mouthDimple", rng.uniform(0.1, 0.5))
    if rng.random() < 0.15:
        set_unit(rng, row, "browInnerUp", rng.uniform(0.1, 0.5))


def _speech(rng: Generator, row: FloatArray) -> None:
    """A moment of speech: a viseme's shape at some strength, over a moving jaw."""
    viseme = _VISEMES[rng.integers(len(_VISEMES))]
    strength = rng.uniform(0.4, 1.0)
    for unit, (low, high) in viseme.items():
        set_unit(rng, row, unit, strength * rng.uniform(low, high))
    if rng.random() < 0.3:
        set_unit(
            rng, row, str(rng.choice(["browInnerUp", "browOuterUp", "browDown", "mouthSmile"])), rng.uniform(0.1, 0.5)
        )


_VISEMES: tuple[dict[str, tuple[float, float]], ...] = (
    {"jawOpen": (0.4, 0.8), "mouthLowerDown": (0.1, 0.4)},  # ah
    {"jawOpen": (0.1, 0.3), "mouthStretch": (0.2, 0.6), "mouthSmile": (0.0, 0.3)},  # ee
    {"jawOpen": (0.2, 0.5), "mouthFunnel": (0.3, 0.9)},  # oh
    {"jawOpen": (0.05, 0.2), "mouthPucker": (0.4, 0.9)},  # oo
    {"jawOpen": (0.1, 0.4), "mouthClose": (0.1, 0.4), "mouthPress": (0.1, 0.5)},  # m, b, p
    {"mouthRollLower": (0.2, 0.6), "mouthUpperUp": (0.1, 0.4), "jawOpen": (0.0, 0.15)},  # f, v
    {"mouthFunnel": (0.2, 0.7), "mouthShrugUpper": (0.1, 0.4), "jawOpen": (0.05, 0.2)},  # sh, ch
    {"jawOpen": (0.1, 0.25), "mouthUpperUp": (0.1, 0.3), "mouthLowerDown": (0.1, 0.4)},  # s, t, d
)


def _emotion(rng: Generator, row: FloatArray) -> None:
    """One of the basic emotions, each of its units within its range."""
    emotion = list(_EMOTIONS.values())[rng.integers(len(_EMOTIONS))]
    strength = rng.uniform(0.3, 1.0)
    for unit, (low, high) in emotion.items():
        set_unit(rng, row, unit, strength * rng.uniform(low, high))


# After the action units of Ekman and Friesen's FACS prototypes (1978), in ARKit's names.
_EMOTIONS: dict[str, dict[str, tuple[float, float]]] = {
    "joy": {"mouthSmile": (0.6, 1.0), "cheekSquint": (0.4, 0.9), "eyeSquint": (0.1, 0.5), "jawOpen": (0.0, 0.4)},
    "sadness": {
        "browInnerUp": (0.5, 1.0),
        "mouthFrown": (0.4, 0.9),
        "browDown": (0.0, 0.3),
        "mouthShrugLower": (0.0, 0.5),
    },
    "anger": {"browDown": (0.6, 1.0), "eyeSquint": (0.3, 0.7), "mouthPress": (0.3, 0.9), "noseSneer": (0.0, 0.4)},
    "disgust": {"noseSneer": (0.5, 1.0), "mouthUpperUp": (0.3, 0.7), "browDown": (0.1, 0.5), "mouthFrown": (0.0, 0.4)},
    "fear": {"browInnerUp": (0.5, 1.0), "eyeWide": (0.5, 1.0), "mouthStretch": (0.4, 0.9), "jawOpen": (0.1, 0.4)},
    "surprise": {"browInnerUp": (0.5, 1.0), "browOuterUp": (0.5, 1.0), "eyeWide": (0.3, 0.9), "jawOpen": (0.3, 0.9)},
    "contempt": {"mouthDimple": (0.3, 0.9), "mouthPress": (0.0, 0.4)},
}


def _several(rng: Generator, row: FloatArray) -> None:
    """Two to five units at random, so that every pair is met."""
    for unit in rng.choice(UNITS, size=rng.integers(2, 6), replace=False):
        if unit != "tongueOut" or rng.random() < 0.3:
            set_unit(rng, row, str(unit), rng.beta(1.5, 2.0))


def _glance_and_blink(rng: Generator, row: FloatArray) -> None:
    """On top of any expression: eyes that look aside, lids that are lowered or closed."""
    if rng.random() < 0.35 and not row[[INDEX[name] for name in GAZE]].any():
        _look(
            row, float(np.clip(0.4 * rng.standard_normal(), -1, 1)), float(np.clip(0.3 * rng.standard_normal(), -1, 1))
        )
    chance = rng.random()
    if chance < 0.08:
        set_unit(rng, row, "eyeBlink", rng.uniform(0.7, 1.0))
    elif chance < 0.25:
        set_unit(rng, row, "eyeBlink", rng.uniform(0, 0.4))


KINDS: tuple[Kind, ...] = (
    (0.20, _neutral),
    (0.16, _single),
    (0.22, _smile),
    (0.16, _speech),
    (0.13, _emotion),
    (0.13, _several),
)

# Movements that cannot be made together; the weaker gives way. Units are meant on the same side.
OPPOSITES: tuple[tuple[str, str], ...] = (
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    *((f"eyeLookUp{side}", f"eyeLookDown{side}") for side in ("Left", "Right")),
    *((f"eyeLookIn{side}", f"eyeLookOut{side}") for side in ("Left", "Right")),
    *((f"eyeBlink{side}", f"eyeWide{side}") for side in ("Left", "Right")),
    *((f"eyeSquint{side}", f"eyeWide{side}") for side in ("Left", "Right")),
    *((f"mouthSmile{side}", f"mouthFrown{side}") for side in ("Left", "Right")),
    ("mouthPucker", "mouthStretchLeft"),
    ("mouthPucker", "mouthStretchRight"),
    ("mouthFunnel", "mouthRollLower"),
    ("mouthFunnel", "mouthRollUpper"),
    ("tongueOut", "mouthClose"),
    ("tongueOut", "mouthRollLower"),
)


def _make_possible(row: FloatArray, keep: Sequence[str]) -> None:
    """Opposites exclude each other; `mouthClose` stays below `jawOpen`; lids do not close twice.

    Args:
        row: (52,), changed in place.
        keep: names whose opposites give way whatever their strength.
    """
    for first, second in OPPOSITES:
        if row[INDEX[first]] and row[INDEX[second]]:
            second_yields = (second in keep, row[INDEX[second]]) <= (first in keep, row[INDEX[first]])
            row[INDEX[second if second_yields else first]] = 0
    _close_only_what_is_open(row)
    for side in ("Left", "Right"):
        # Blinking, squinting and looking down all lower the upper lid: together no more than a closed eye.
        lowered = row[INDEX[f"eyeLookDown{side}"]] * 0.6 + row[INDEX[f"eyeSquint{side}"]] * 0.3
        row[INDEX[f"eyeBlink{side}"]] = min(row[INDEX[f"eyeBlink{side}"]], 1 - lowered)
    np.clip(row, 0, 1, out=row)


def _separate(row: FloatArray, first: str, second: str) -> None:
    """Drop the weaker of two units when both occur."""
    if shows(row, first) and shows(row, second):
        strengths = {unit: row[UNIT_COLUMNS[unit]].max() for unit in (first, second)}
        row[UNIT_COLUMNS[min(strengths, key=lambda unit: strengths[unit])]] = 0


def _close_only_what_is_open(row: FloatArray) -> None:
    """`mouthClose`, a correction of the open jaw, never exceeds `jawOpen`."""
    row[INDEX["mouthClose"]] = min(row[INDEX["mouthClose"]], row[INDEX["jawOpen"]])
