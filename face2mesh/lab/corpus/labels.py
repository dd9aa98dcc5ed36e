"""Which skin of the base head corresponds to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

Mask = NDArray[np.bool_]
# Skin this near (mm) to an eyeball's centre, beyond its radius, or to the mouth, gets dense controls.
NEAR_EYE_MM = 8.0


@dataclass(frozen=True)
class SkinLabels:
    """Masks (S,) of the skin.

    Attributes:
        regions: what needs its own counterpart, by name (see `correspondence.correspond`).
        outer: face, ears, skull and neck: what is measured against the scans.
        control: skin that may place the followers.
        dense_control: skin near the followers, where controls are dense.
    """

    regions: Mapping[str, Mask]
    outer: Mask
    control: Mask
    dense_control: Mask


def skin_labels(base: BaseHead) -> SkinLabels:
    """Read the labels off the base head's regions.

    Raises:
        ValueError: the base head names no mouth or eye cavity, or no lips.
    """
    missing = {"upper_lip", "lower_lip", "mouth_cavity", "eye_cavity"} - set(base.regions)
    if missing:
        raise ValueError(f"the base head lacks the regions {', '.join(sorted(missing))}")
    skin = slice(0, base.skin_count)
    mouth, eyes = base.regions["mouth_cavity"][skin], base.regions["eye_cavity"][skin]
    left = base.vertices[skin, 0] > 0
    upper, lower = (base.regions[name][skin] & ~mouth for name in ("upper_lip", "lower_lip"))
    outer = ~mouth & ~eyes
    out = base.vertices[skin][:, None] - base.eye_centres
    near_eye = np.linalg.norm(out, axis=2).min(1) < base.eye_radius + NEAR_EYE_MM
    return SkinLabels(
        regions={
            "upper_lip": upper,
            "lower_lip": lower,
            "mouth_cavity": mouth,
            "left_eye_cavity": eyes & left,
            "right_eye_cavity": eyes & ~left,
        },
        outer=outer,
        control=outer & (base.vertices[skin, 2] > -40),
        dense_control=outer & (near_eye | upper | lower),
    )
