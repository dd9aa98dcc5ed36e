"""A made-up family: heads that are like one another and that the packaged model's modes cannot make.

For demonstrations and measures; a few sculpts of real people are few and private. In the infinitesimal model of
heredity (Bulmer 1980; Barton, Etheridge and Véber 2017) the children of one pair of parents differ from the parents'
middle with half of people's variance, and families' middles differ with the other half. So

    head = mean + √½ · (what the family shares) + √½ · (what is its own),

where both parts are drawn from the same people: the packaged model's codes, which are within its span, and features
that are not: bumps and hollows here and there, small and large. What learns from the family knows nothing of them: its
own smooth deformations (`smooth`) have two fixed sizes and no places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.own.packaged import Packaged

FEATURES = 160
"""How many bumps people differ in."""
RADII_MM = (7.0, 45.0)
OUTSIDE_MM = 1.5
"""Standard deviation of a coordinate by what the packaged modes cannot make, on average over face and ears."""
SHARED = 0.5
"""Of the variance."""
LOPSIDED = 0.3
"""How much weaker a bump is on the other side, at most."""
STREAM = 9101
"""Of the seeds: no split's."""


def made_up_family(
    packaged: Packaged, count: int, seed: int, outside_mm: float = OUTSIDE_MM, related: float = SHARED
) -> NDArray[np.float32]:
    """(n, S, 3) mm, neutral skins of a family.

    Args:
        packaged: whose people they might be, but for what its modes cannot make.
        count: n.
        seed: of the family.
        outside_mm: how far they are from what its modes can make (less than this, since the modes can follow a little).
        related: share of people's variance that all of them have in common; 0 for strangers.
    """
    rng = np.random.default_rng([STREAM, seed])
    features = outside_mm * bumps(packaged, rng)
    common, own = np.sqrt([related, 1 - related])
    sizes = packaged.identity_size, len(features)
    family = [rng.standard_normal(size) for size in sizes]
    codes, amounts = (
        common * shared + own * rng.standard_normal((count, size)) for shared, size in zip(family, sizes, strict=True)
    )
    skins: NDArray[np.float32] = packaged.neutral(codes) + np.tensordot(amounts, features, 1).astype(np.float32)
    return skins


def bumps(packaged: Packaged, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, S, 3) displacements: Gaussian bumps anywhere on face and ears, in any direction, and their mirror images.

    Their squares' sum is 1 mm² for a coordinate on average over face and ears.
    """
    base = packaged.base_head
    skin = base.vertices[: base.skin_count].astype(np.float64)
    mirror, region = base.mirror[: base.skin_count], base.regions["face_and_ears"][: base.skin_count]
    centres = skin[rng.choice(np.flatnonzero(region), FEATURES)]
    smallest, largest = np.log(RADII_MM).tolist()
    radii = np.exp(rng.uniform(smallest, largest, FEATURES))
    directions = rng.standard_normal((FEATURES, 3))
    reach = np.exp(-((skin - centres[:, None]) ** 2).sum(2) / (2 * radii[:, None] ** 2))
    fields = reach[:, :, None] * (directions / np.linalg.norm(directions, axis=1, keepdims=True))[:, None]
    share = (1 - LOPSIDED * rng.random(FEATURES))[:, None, None]
    fields += share * fields[:, mirror] * np.array([-1.0, 1.0, 1.0])
    result: NDArray[np.float64] = fields / np.sqrt((fields[:, region] ** 2).sum(0).mean())
    return result
