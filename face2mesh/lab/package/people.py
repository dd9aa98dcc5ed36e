"""The table of people that a packaged model draws random heads from."""

from __future__ import annotations

import numpy as np

from face2mesh.lab.corpus.people import draw_people
from face2mesh.lab.corpus.population import Population, scan_share
from face2mesh.model.people import PeopleTable

PEOPLE = 512
SEED = 7301


def packaged_people(population: Population) -> PeopleTable | None:
    """People of all ages; None for a corpus without ages, whose codes are normally distributed."""
    if not population.people_codes.shape[1]:
        return None
    people = draw_people(np.random.default_rng(SEED), PEOPLE)
    codes = population.codes(people, np.zeros((PEOPLE, population.scan_modes)))
    shares = scan_share(people.years).astype(np.float32)
    return PeopleTable(population.scan_modes, shares, codes[:, population.scan_modes :])
