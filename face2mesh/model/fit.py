"""What a fit of the model to a mesh or to points gives.

Letters: N given vertices or points, V vertices of the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from face2mesh.face import Face
from face2mesh.head.alignment import Similarity


@dataclass(frozen=True)
class Fit:
    """A head of the model, and where it lies in what was given.

    Attributes:
        face: the head, in its own frame and millimetres.
        placement: from the head's frame to the given mesh's place and unit.
        distances_mm: (N,), in the head's millimetres: from each given vertex to the head's own, NaN where it was
            unknown; or from each given point to the head's surface, how far outside it ever lies.
    """

    face: Face = field(repr=False)
    placement: Similarity
    distances_mm: NDArray[np.float64] = field(repr=False)

    @property
    def vertices(self) -> NDArray[np.float64]:
        """(V, 3), the head where the given mesh is, in its unit."""
        return self.placement(self.face.vertices)

    @property
    def mean_mm(self) -> float:
        """The distances' mean, of those that are known."""
        return float(np.nanmean(self.distances_mm))

    @property
    def code_deviation(self) -> float:
        """The root of the identity code's mean square; 1 for the people that the model was made of."""
        return float(np.sqrt(np.mean(np.square(self.face.identity, dtype=np.float64))))
