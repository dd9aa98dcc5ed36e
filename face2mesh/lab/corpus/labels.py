"""Which skin of the base head corresponds to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

Mask = NDArray[np.bool_]
# Skin further back (z, mm) says nothing about eyes and mouth.
CONTROLS_BEFORE_MM = -40.0


@dataclass(frozen=True)
class SkinLabels:
    """Masks (S,) of the skin.

    Attributes:
        regions: what needs its own counterpart, by name (see `correspondence.correspond`).
        outer: face, ears, skull and neck: what lies on the scans' outer surface.
        measured: face, ears and skull, without cavities and the nostrils' inside.
        control: skin that may place the followers; in the mouth too, for it lies around the teeth.
    """

    regions: Mapping[str, Mask]
    outer: Mask
    measured: Mask
    control: Mask


def skin_labels(base: BaseHead) -> SkinLabels:
    """Read the labels off the base head's regions.

    Raises:
        ValueError: the base head names no mouth or eye cavity, or no lips.
    """
    names = ("lip_upper", "lip_lower", "mouth_cavity", "eye_cavity_left", "eye_cavity_right")
    missing = set(names) - set(base.regions)
    if missing:
        raise ValueError(f"the base head lacks the regions {', '.join(sorted(missing))}")
    skin = slice(0, base.skin_count)
    upper, lower, mouth, left_eye, right_eye = (base.regions[name][skin] for name in names)
    eyes = left_eye | right_eye
    outer = ~mouth & ~eyes
    measured = outer & (_any_of(base, "face_and_ears", "skull") if "face_and_ears" in base.regions else outer)
    return SkinLabels(
        regions={
            "lip_upper": upper & ~mouth,
            "lip_lower": lower & ~mouth,
            "mouth_cavity": mouth,
            "eye_cavity_left": left_eye,
            "eye_cavity_right": right_eye,
        },
        outer=outer,
        measured=measured & ~_any_of(base, "nostrils", "nostril_left", "nostril_right"),
        control=~eyes & (base.vertices[skin, 2] > CONTROLS_BEFORE_MM),
    )


def _any_of(base: BaseHead, *names: str) -> Mask:
    """(S,), skin that is in any of the regions; a head need not have them."""
    found = [base.regions[name][: base.skin_count] for name in names if name in base.regions]
    union: Mask = np.logical_or.reduce(found) if found else np.zeros(base.skin_count, bool)
    return union
