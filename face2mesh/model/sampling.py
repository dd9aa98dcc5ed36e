"""Expressions drawn by chance, as faces can have them.

Fifty-two weights drawn each for itself give grimaces that no face can make (lips that close over a closed jaw, eyes
that look apart). So each part of a face does at most one thing, and both sides of it together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES


def _both(*stems: str) -> tuple[tuple[str, ...], ...]:
    return tuple((f"{stem}Left", f"{stem}Right") for stem in stems)


PARTS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (*_both("browDown", "browOuterUp"), ("browInnerUp",)),
    _both("eyeBlink", "eyeSquint", "eyeWide"),
    (
        *_both("eyeLookUp", "eyeLookDown"),
        ("eyeLookOutLeft", "eyeLookInRight"),
        ("eyeLookInLeft", "eyeLookOutRight"),
    ),
    (*_both("cheekSquint", "noseSneer"), ("cheekPuff",)),
    (("jawOpen",), ("jawForward",), ("jawLeft",), ("jawRight",)),
    (
        *_both("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthUpperUp"),
        *_both("mouthLowerDown"),
        *((name,) for name in ("mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthShrugUpper")),
    ),
)
"""The movements of each part of a face: at most one of a part is drawn. `mouthClose` and the rolls of the lips, which
belong to an open jaw and to speech, and `tongueOut` are not."""
SHARE = 0.45
"""How often a part does something."""
LEAST = 0.15
_APART = 0.1


def draw_expression(generator: np.random.Generator) -> NDArray[np.float32]:
    """(52,) weights in the order of `ARKIT_NAMES`: a little over two movements on average."""
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    for part in PARTS:
        # As many numbers are drawn for a part that does nothing, so that parts do not depend on each other.
        chance, strength, apart = generator.random(3)
        chosen = part[int(generator.integers(len(part)))]
        if chance >= SHARE:
            continue
        level = LEAST + (1 - LEAST) * strength
        for side, name in enumerate(chosen):
            weights[ARKIT_NAMES.index(name)] = np.clip(level * (1 + _APART * (2 * apart - 1) * (1 - 2 * side)), 0, 1)
    return weights
