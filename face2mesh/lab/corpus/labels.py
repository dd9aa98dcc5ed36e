"""Which skin of the base head corresponds to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead

Mask = NDArray[np.bool_]


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
