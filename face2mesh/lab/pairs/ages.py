"""What a person's age tells of their head before a look at the photo.

FairFace gives ages in groups of years. The corpus knows the average person's code at each age: it becomes the mean of
the prior, for the modes that hold age and proportions; the scanned faces' codes spread as far as people of that age do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from face2mesh.lab.corpus.population import CURVE_YEARS, Population, scan_share
from face2mesh.lab.pairs.fit import Prior

# From FairFace's groups to the years that they span; MakeHuman has no babies.
YEARS = {
    "0-2": (1, 3),
    "3-9": (3, 10),
    "10-19": (10, 20),
    "20-29": (20, 30),
    "30-39": (30, 40),
    "40-49": (40, 50),
    "50-59": (50, 60),
    "60-69": (60, 70),
    "more than 70": (70, 85),
}
SPREAD = 0.7
"""Standard deviation of people of one age about their average, in the modes of age and proportions."""


def prior_of_ages(population: Population, ages: Sequence[str]) -> Prior:
    """The prior of people of these groups; who has none of them may be anybody.

    Args:
        population: of the corpus.
        ages: FairFace's groups, n of them.
    """
    prior = Prior.of_anybody(len(ages), population.modes)
    scans = population.scan_modes
    if population.modes == scans:
        return prior
    curve = population.curve()
    for row, age in enumerate(ages):
        if age not in YEARS:
            continue
        low, high = YEARS[age]
        among = (low <= CURVE_YEARS) & (high >= CURVE_YEARS)
        prior.mean[row, scans:] = curve[among].mean(0)
        prior.deviation[row, scans:] = np.sqrt(SPREAD**2 + curve[among].var(0))
        prior.deviation[row, :scans] = scan_share(CURVE_YEARS[among]).mean()
    return prior
