"""A crop and its mirror image seen together: two opinions of one face, and no preference for a side.

A network trained on as many mirrored pictures as others still errs a little differently on a picture and its mirror;
the mean of both is nearer to the truth than either, and a mirrored photo gives the mirrored head.

Letters: B crops, M identity modes, N dense points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import mirror_names
from face2mesh.model.networks import Codes
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "mirror"
VERSION = 1
MADE_BY = "face2mesh lab package"

# What F = diag(−1, 1, 1) does to the first two columns of a rotation Q, which becomes F·Q·F.
_TURN = np.array([1, -1, -1, -1, 1, 1], np.float32)
_PLANE = np.array([-1, 1], np.float32)
# Order of `draw.light.harmonics`: 1, x, y, z, xy, yz, 3z² − 1, xz, x² − y²; those odd in x change their sign.
_LIGHT = np.array([1, -1, 1, 1, -1, 1, 1, -1, 1], np.float32)[:, None]
_EXPRESSION = np.array(mirror_names())


@dataclass(frozen=True)
class Mirror:
    """What a mirror does to codes.

    Attributes:
        identity: (M, M) float32; codes times this are the mirrored head's codes.
        points: (N,) int32, the dense point on the other side.
        landmarks: (68,) int32, the landmark on the other side.
    """

    identity: NDArray[np.float32]
    points: NDArray[np.int32]
    landmarks: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Check once what later calls rely on.

        Raises:
            ValueError: the matrix is not square, or a list of points is no involution.
        """
        if self.identity.ndim != 2 or len(set(self.identity.shape)) != 1:
            raise ValueError(f"mirror: identity is {self.identity.shape}, expected a square matrix")
        for name, other in (("points", self.points), ("landmarks", self.landmarks)):
            inside = other.ndim == 1 and len(other) and other.min() >= 0 and other.max() < len(other)
            if not inside or not np.array_equal(other[other], np.arange(len(other))):
                raise ValueError(f"mirror: {name} is no involution")

    def turned(self, codes: Codes) -> Codes:
        """What a mirrored crop's codes say of the crop itself."""
        return Codes(
            identity=codes.identity @ self.identity,
            expression=codes.expression[:, _EXPRESSION],
            rotation6d=codes.rotation6d * _TURN,
            offset=codes.offset * _PLANE,
            log_scale=codes.log_scale,
            light=codes.light * _LIGHT,
            landmark_log_sigma=codes.landmark_log_sigma[:, self.landmarks],
            points=None if codes.points is None else codes.points[:, self.points] * _PLANE,
        )

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write it with its provenance (see `store.provenance`)."""
        arrays = {"identity": self.identity, "points": self.points, "landmarks": self.landmarks}
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path) -> Mirror:
        """Read what `save` wrote.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "a valid mirror", MADE_BY):
            return cls(arrays["identity"], arrays["points"], arrays["landmarks"])
