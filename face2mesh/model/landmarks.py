"""Where the 68 landmarks are, without decoding a whole head: what the first look at a photo needs to cut it again.

The landmarks of the decoders' heads are nearly linear in the codes: `face2mesh lab package` fits this basis to the
decoders and notes in the manifest what it misses, a few hundredths of a millimetre. Only the crop of the second look is
chosen by them; a face's own landmarks lie on its decoded vertices.

Letters: B faces, M identity modes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "landmark-basis"
VERSION = 1
MADE_BY = "face2mesh lab package"
LANDMARKS = 68

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class LandmarkBasis:
    """Landmarks as a linear function of the codes; mm, in the head's frame.

    Attributes:
        mean: (68, 3) float32, of the neutral head of code 0.
        identity: (M, 68, 3) float32, for 1 in each number of the identity code.
        expression: (52, 68, 3) float32, at weight 1.
    """

    mean: FloatArray
    identity: FloatArray
    expression: FloatArray

    def __post_init__(self) -> None:
        """Check the shapes once.

        Raises:
            ValueError: one of them is wrong.
        """
        expected = {
            "mean": (LANDMARKS, 3),
            "identity": (len(self.identity), LANDMARKS, 3),
            "expression": (len(ARKIT_NAMES), LANDMARKS, 3),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"landmark basis: {name} is {getattr(self, name).shape}, expected {shape}")

    def __call__(self, identity: NDArray[Any], expression: NDArray[Any]) -> FloatArray:
        """Codes (B, M) and weights (B, 52) to landmarks (B, 68, 3), mm.

        Each face for itself: what a matrix product rounds to depends on how many rows it has.
        """
        people, actions = self.identity.reshape(-1, 3 * LANDMARKS), self.expression.reshape(-1, 3 * LANDMARKS)
        moved = [code @ people + weights @ actions for code, weights in zip(identity, expression, strict=True)]
        landmarks: FloatArray = self.mean + np.reshape(np.array(moved, np.float32), (-1, LANDMARKS, 3))
        return landmarks

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write it with its provenance (see `store.provenance`)."""
        arrays = {"mean": self.mean, "identity": self.identity, "expression": self.expression}
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path) -> LandmarkBasis:
        """Read what `save` wrote.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "a valid landmark basis", MADE_BY):
            return cls(arrays["mean"], arrays["identity"], arrays["expression"])
