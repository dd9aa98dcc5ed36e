"""ARKit's 52 expression names, in the order of Apple's documentation; sides and opposites among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ARKIT_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)

_INDEX = {name: index for index, name in enumerate(ARKIT_NAMES)}

OPPOSITES: tuple[tuple[int, int], ...] = tuple(
    (_INDEX[first], _INDEX[second])
    for first, second in (
        ("jawLeft", "jawRight"),
        ("mouthLeft", "mouthRight"),
        *((f"eyeLookUp{side}", f"eyeLookDown{side}") for side in ("Left", "Right")),
        *((f"eyeLookIn{side}", f"eyeLookOut{side}") for side in ("Left", "Right")),
        *((f"eyeBlink{side}", f"eyeWide{side}") for side in ("Left", "Right")),
    )
)
"""Pairs of indices whose movements go opposite ways: at most one of the two is above 0."""


def exclusive(weights: NDArray[Any]) -> NDArray[Any]:
    """Weights (..., 52) clamped to 0 to 1, with the weaker of two opposites set to 0 (both, when they are equal)."""
    result: NDArray[Any] = np.clip(weights, 0, 1)
    first, second = np.array(OPPOSITES).T
    one, other = result[..., first], result[..., second]
    result[..., first] = np.where(one > other, one, 0)
    result[..., second] = np.where(other > one, other, 0)
    return result


def cancelled(weights: NDArray[Any]) -> NDArray[Any]:
    """Weights (..., 52) in which two opposites undo each other: both fall by the lesser of the two.

    Where weights are mixed, half a jawLeft and half a jawRight are a jaw in the middle, and a path from the one to the
    other has no jump.
    """
    result: NDArray[Any] = np.clip(weights, 0, 1)
    first, second = np.array(OPPOSITES).T
    both = np.minimum(result[..., first], result[..., second])
    result[..., first] -= both
    result[..., second] -= both
    return result


def mirror_names() -> tuple[int, ...]:
    """For each name the index of the same movement on the other side; itself where it has no side."""
    swap = {"Left": "Right", "Right": "Left"}
    return tuple(
        next((_INDEX[name[: -len(side)] + swap[side]] for side in swap if name.endswith(side)), _INDEX[name])
        for name in ARKIT_NAMES
    )
