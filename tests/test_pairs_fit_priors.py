"""What is known before the landmarks: ages and how often people show an expression."""

import numpy as np

from face2mesh.head import ARKIT_NAMES
from face2mesh.lab.corpus.people import TARGETS
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.pairs.ages import YEARS, prior_of_ages
from face2mesh.lab.pairs.expression_prior import LEAST, MOST, sparsity

SCANS, OWN = 5, 3


def population() -> Population:
    codes = np.random.default_rng(0).normal(size=(len(TARGETS), OWN)).astype(np.float32)
    return Population(SCANS, codes)


def test_the_prior_of_an_age_is_the_average_person_of_these_years() -> None:
    people = population()
    prior = prior_of_ages(people, ["3-9", "", "30-39"])
    assert prior.mean.shape == prior.deviation.shape == (3, SCANS + OWN)
    assert 3 <= people.years_of(prior.mean)[0] <= 10
    np.testing.assert_array_equal(prior.mean[1], 0)
    np.testing.assert_array_equal(prior.deviation[1], 1)
    np.testing.assert_array_equal(prior.mean[:, :SCANS], 0)
    assert prior.deviation[0, 0] < 1  # children differ less from each other
    assert prior.deviation[2, 0] == 1


def test_a_corpus_without_ages_has_the_prior_of_anybody() -> None:
    prior = prior_of_ages(Population.of_scans(4), list(YEARS))
    np.testing.assert_array_equal(prior.mean, 0)
    np.testing.assert_array_equal(prior.deviation, 1)


def test_smiles_need_less_evidence_than_shrugs_and_sides_are_alike() -> None:
    slope = dict(zip(ARKIT_NAMES, sparsity(), strict=True))
    assert LEAST <= slope["mouthSmileLeft"] < slope["mouthShrugUpper"] <= MOST
    for name in ARKIT_NAMES:
        if name.endswith("Left"):
            assert slope[name] == slope[f"{name[:-4]}Right"]
