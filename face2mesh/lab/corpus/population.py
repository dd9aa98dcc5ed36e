"""The population that identity codes describe: the scans' people, given MakeHuman's ages.

Letters: n people, M = N + K identity modes, N of them the scans', K MakeHuman's, T targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.corpus.people import TARGETS, People, average_people, draw_people

FloatArray = NDArray[np.float32]
# A child's face differs from other children's by fewer millimetres than an adult's from other adults': it is smaller,
# and what tells men from women is still to come. The scans' codes are scaled by this much.
SCAN_YEARS, SCAN_SHARES = (3.0, 12.0, 20.0), (0.6, 0.75, 1.0)
# Years at which the age of a code is looked up.
CURVE_YEARS = np.arange(1.0, 90.5, 0.5)


@dataclass(frozen=True)
class Population:
    """Codes of people: N numbers say which scanned face, K say what MakeHuman's ages and proportions make of it.

    Attributes:
        scan_modes: N.
        people_codes: (T, K), what a weight of 1 of each of `people.TARGETS` adds to the code; K may be 0.
    """

    scan_modes: int
    people_codes: FloatArray

    def __post_init__(self) -> None:
        """Check that the codes belong to the targets.

        Raises:
            ValueError: they were made for other targets.
        """
        if self.people_codes.shape[1] and len(self.people_codes) != len(TARGETS):
            raise ValueError(f"people_codes are of {len(self.people_codes)} targets, expected {len(TARGETS)}")

    @classmethod
    def of_scans(cls, modes: int) -> Population:
        """The scans' people alone, all adults: codes are normally distributed."""
        return cls(modes, np.zeros((0, 0), np.float32))

    @property
    def modes(self) -> int:
        """M."""
        return self.scan_modes + int(self.people_codes.shape[1])

    def sample(self, rng: np.random.Generator, count: int, spread: float = 1.0) -> FloatArray:
        """(n, M) codes: scanned faces, normally distributed, at all ages from 3 to 85.

        Each number's mean square is about spread²; MakeHuman's are not normally distributed: children are one end of
        them.
        """
        scans = rng.standard_normal((count, self.scan_modes)).astype(np.float32)
        if not self.people_codes.shape[1]:
            return np.float32(spread) * scans
        return np.float32(spread) * self.codes(draw_people(rng, count), scans)

    def codes(self, people: People, scans: NDArray[Any]) -> FloatArray:
        """(n, M) codes of people with the scanned faces (n, N) that they have as adults."""
        shares = scan_share(people.years)[:, None]
        joined: FloatArray = np.concatenate(
            [shares * np.asarray(scans), people.weights() @ self.people_codes], 1
        ).astype(np.float32)
        return joined

    def curve(self) -> NDArray[np.float64]:
        """(CURVE_YEARS, K), MakeHuman's part of the code of the average person at each age."""
        codes: NDArray[np.float64] = average_people(CURVE_YEARS).weights() @ self.people_codes
        return codes

    def years_of(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) years: the age at which the average person's code is nearest to these (n, M)."""
        own = np.asarray(codes, np.float64)[:, self.scan_modes :]
        gaps = np.linalg.norm(own[:, None] - self.curve(), axis=2)
        years: NDArray[np.float64] = CURVE_YEARS[gaps.argmin(1)]
        return years

    def person_at_age(self, code: NDArray[Any], years: float) -> FloatArray:
        """A person's code (M,) at another age.

        What MakeHuman's part has beyond the average person of its age stays; the scanned face is scaled as people of
        that age are.

        Args:
            code: (M,).
            years: 1 to 90.

        Returns:
            (M,).
        """
        now = self.years_of(np.asarray(code)[None])
        there = np.array([float(years)])
        moved = np.array(code, np.float64)
        moved[: self.scan_modes] *= float(scan_share(there)[0] / scan_share(now)[0])
        both = average_people(np.concatenate([now, there])).weights() @ self.people_codes
        moved[self.scan_modes :] += both[1] - both[0]
        return moved.astype(np.float32)


def scan_share(years: NDArray[Any]) -> NDArray[np.float64]:
    """(n,), how much of the adult's difference from the mean face people of these ages show."""
    shares: NDArray[np.float64] = np.interp(years, SCAN_YEARS, SCAN_SHARES)
    return shares
