"""How much evidence each expression needs in a photo: the rarer the sampler shows a unit, the more.

Without it, units that few faces show (`mouthShrugUpper`, `jawForward`) explain what the landmarks' style and people's
lips and brows differ from the scans', in a third of all photos.
"""

from __future__ import annotations

import numpy as np

from face2mesh.head import ARKIT_NAMES
from face2mesh.lab.corpus.sampler import UNIT_COLUMNS, sample_expressions

DRAWS, SEED = 4000, 0
LEAST, MOST = 0.5, 10.0


def sparsity(strength: float = 0.1) -> tuple[float, ...]:
    """The slope of each of the 52 weights' exponential prior: `strength` / (mean weight + 0.005), within 0.5 to 10.

    The mean of an exponential prior is the inverse of its slope; `strength` says how much of the sampler's opinion
    counts against the landmarks. Both sides of a unit, and both ways of a direction, have the same.
    """
    mean = sample_expressions(np.random.default_rng(SEED), DRAWS).mean(0)
    slope = np.empty(len(ARKIT_NAMES))
    for columns in UNIT_COLUMNS.values():
        slope[columns] = np.clip(strength / (mean[columns].mean() + 0.005), LEAST, MOST)
    return tuple(np.round(slope, 3).tolist())
