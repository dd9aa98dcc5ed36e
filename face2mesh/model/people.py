"""Who people are: codes as a population has them, for random heads.

Identity codes are whitened, but not all of them are normally distributed: children are one end of the modes that tell
age, and nobody is beyond it. Numbers drawn each for itself give heads that are a child's in one mode and an old man's
in the other. So those modes come from a table of people, smoothed a little; the others are normally distributed, and
smaller where the table's person is a child.

Letters: n people of the table, N normally distributed modes, K modes of the table, M = N + K.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "people"
VERSION = 1
MADE_BY = "face2mesh lab package"

SMOOTHING = 0.15
"""Standard deviation by which a row of the table is moved, in the table's own deviations (the smoothed bootstrap, with
the shrinking that keeps the variance: Silverman 1986, "Density estimation for statistics and data analysis")."""


@dataclass(frozen=True)
class PeopleTable:
    """Codes of people.

    Attributes:
        normal_modes: N.
        shares: (n,), the deviation of the first N numbers for each person.
        codes: (n, K), the other numbers.
    """

    normal_modes: int
    shares: NDArray[np.float32]
    codes: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check the shapes once.

        Raises:
            ValueError: there is nobody, or the shares are of others.
        """
        if self.codes.ndim != 2 or not len(self.codes) or self.shares.shape != (len(self.codes),):
            raise ValueError(f"people: codes are {self.codes.shape}, shares {self.shares.shape}")

    def draw(self, generator: np.random.Generator) -> NDArray[np.float32]:
        """(M,), the code of somebody."""
        row = int(generator.integers(len(self.codes)))
        mean, deviation = self.codes.mean(0), self.codes.std(0)
        moved = self.codes[row] - mean + SMOOTHING * deviation * generator.standard_normal(self.codes.shape[1])
        own = mean + moved / np.sqrt(1 + SMOOTHING**2)
        normal = self.shares[row] * generator.standard_normal(self.normal_modes)
        return np.concatenate([normal, own]).astype(np.float32)

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write it with its provenance (see `store.provenance`), in half precision."""
        arrays = {
            "normal_modes": np.array(self.normal_modes),
            "shares": self.shares.astype(np.float16),
            "codes": self.codes.astype(np.float16),
        }
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path, made_by: str = MADE_BY) -> PeopleTable:
        """Read what `save` wrote.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, made_by)
        with refusal_of(path, "a valid table of people", made_by):
            shares, codes = (arrays[name].astype(np.float32) for name in ("shares", "codes"))
            return cls(int(arrays["normal_modes"]), shares, codes)
