"""What a person's age tells of their head before a look at the photo.

FairFace gives ages in groups of years. The corpus draws people of all ages: the codes of those of a group, in the modes
that hold age and proportions, give the prior its mean and covariance; the scanned faces' codes spread as far as people
of that age do. Landmarks do not see depth, cheeks and skull; the covariance carries over to them what they tell of the
rest. Were the codes taken for independent, points that a child's face has lower or wider than MakeHuman's would make
an adult's profile of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from face2mesh.lab.corpus.people import draw_people
from face2mesh.lab.corpus.population import Population, scan_share
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
BESIDE = 0.25
"""Standard deviation, in each mode of age and proportions, of what people have beside what the corpus draws."""
_DRAWN, _SEED = 4000, 0


def prior_of_ages(population: Population, ages: Sequence[str]) -> Prior:
    """The prior of people of these groups; who has none of them may be anybody.

    Args:
        population: of the corpus.
        ages: FairFace's groups, n of them.
    """
    scans = population.scan_modes
    if population.modes == scans:
        return Prior.of_anybody(len(ages), scans)
    groups = ["", *YEARS]
    mean = np.zeros((len(groups), population.modes))
    precision = np.tile(np.eye(population.modes), (len(groups), 1, 1))
    for row, (low, high) in enumerate(YEARS.values(), start=1):
        generator = np.random.default_rng(_SEED)
        people = draw_people(generator, _DRAWN).at(generator.uniform(low, high, _DRAWN))
        codes = people.weights() @ population.people_codes
        mean[row, scans:] = codes.mean(0)
        among = np.cov(codes, rowvar=False) + BESIDE**2 * np.eye(codes.shape[1])
        precision[row, scans:, scans:] = np.linalg.inv(among)
        precision[row, range(scans), range(scans)] = scan_share(people.years).mean() ** -2
    group = np.array([groups.index(age) if age in YEARS else 0 for age in ages], np.intp)
    return Prior(mean.astype(np.float32), precision.astype(np.float32), group)
