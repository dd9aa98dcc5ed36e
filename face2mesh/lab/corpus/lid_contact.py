"""Heads of other sizes around eyeballs of one size: lids that keep their distance from them.

Letters: T fields, S skin vertices, L vertices of the margins of one eye's lids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.lids import lid_margins

Array = NDArray[np.float64]
# A lid's correction is spread to the skin around with a Gaussian of this width, and fades out within this distance.
SPREAD_MM, REACH_MM = 3.0, 16.0


@dataclass(frozen=True)
class LidContact:
    """What moves with the lids.

    Attributes:
        margins: (2, L), skin vertices of the lids' margins of the left and the right eye.
        outward: (2, L, 3), unit directions from the eyeballs' centres to them.
        spread: (2, S, L), how a radial correction of the margins reaches the skin.
        directions: (2, S, 3), unit directions from the eyeballs' centres to the skin.
    """

    margins: NDArray[np.int32]
    outward: Array
    spread: Array
    directions: Array

    @classmethod
    def on(cls, base: BaseHead) -> LidContact:
        """Measure the base head."""
        margins = lid_margins(base)
        skin = base.vertices[: base.skin_count].astype(np.float64)
        spread, directions = [], []
        for side in (0, 1):
            apart = np.linalg.norm(skin[:, None] - skin[margins[side]], axis=2)
            share = np.exp(-(apart**2 - apart.min(1, keepdims=True) ** 2) / (2 * SPREAD_MM**2))
            near = np.clip(1 - apart.min(1, keepdims=True) / REACH_MM, 0, 1)
            spread.append(share / share.sum(1, keepdims=True) * near**2 * (3 - 2 * near))
            out = skin - base.eye_centres[side]
            directions.append(out / np.linalg.norm(out, axis=1, keepdims=True))
        outward = np.stack([directions[side][margins[side]] for side in (0, 1)])
        return cls(margins, outward, np.array(spread), np.array(directions))

    def keep(self, fields: NDArray[Any]) -> tuple[Array, Array]:
        """Move eyeballs and lids such that the lids' margins keep their distance from the eyeballs, to first order.

        An eyeball goes to where its lids keep their distances best (least squares of n · (d − t) over the margins, as
        `Followers` places it); what is left of the radial motion is taken out of the lids and the skin around them.

        Args:
            fields: (T, S, 3) mm, displacements of the skin.

        Returns:
            The fields, corrected, and (T, 2, 3) mm, what the eyeballs' centres move by.
        """
        kept = np.array(fields, np.float64)
        centres = np.zeros((len(kept), 2, 3))
        for side in (0, 1):
            moved = kept[:, self.margins[side]]
            outward = self.outward[side]
            radial = np.einsum("tlc,lc->tl", moved, outward)
            centres[:, side] = radial @ np.linalg.pinv(outward).T
            left = radial - centres[:, side] @ outward.T
            kept -= np.einsum("sl,tl,sc->tsc", self.spread[side], left, self.directions[side], optimize=True)
        return kept, centres
