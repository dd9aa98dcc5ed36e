"""What is known before the landmarks: ages and how often people show an expression."""

import numpy as np

from face2mesh.head import ARKIT_NAMES
from face2mesh.lab.corpus.people import TARGETS, draw_people
from face2mesh.lab.corpus.population import Population
from face2mesh.lab.pairs.ages import BESIDE, YEARS, prior_of_ages
from face2mesh.lab.pairs.expression_prior import LEAST, MOST, sparsity

SCANS, OWN = 5, 3


def population() -> Population:
    codes = np.random.default_rng(0).normal(size=(len(TARGETS), OWN)).astype(np.float32)
    return Population(SCANS, codes)


def test_the_prior_of_an_age_is_what_people_of_these_years_are_like() -> None:
    people = population()
    prior = prior_of_ages(people, ["3-9", "", "30-39"])
    child, anybody = (prior.mean[group] for group in prior.group[:2])
    assert 3 <= people.years_of(child[None])[0] <= 10
    np.testing.assert_array_equal(anybody, 0)
    np.testing.assert_array_equal(prior.precision[prior.group[1]], np.eye(SCANS + OWN))
    np.testing.assert_array_equal(prior.mean[:, :SCANS], 0)
    of_child, _, of_adult = (prior.precision[group] for group in prior.group)
    assert of_child[0, 0] > 1  # children differ less from each other
    assert of_adult[0, 0] == 1
    np.testing.assert_array_equal(of_child[:SCANS, SCANS:], 0)


def test_the_prior_s_covariance_is_that_of_people_drawn() -> None:
    people = population()
    precision = prior_of_ages(people, ["3-9"]).precision[1 + list(YEARS).index("3-9")]
    drawn = draw_people(np.random.default_rng(9), 60_000)
    children = (drawn.years >= 3) & (drawn.years < 10)
    codes = (drawn.weights() @ people.people_codes)[children]
    expected = np.cov(codes, rowvar=False) + BESIDE**2 * np.eye(OWN)
    np.testing.assert_allclose(np.linalg.inv(precision[SCANS:, SCANS:]), expected, rtol=0.1, atol=0.02)


def test_a_corpus_without_ages_has_the_prior_of_anybody() -> None:
    prior = prior_of_ages(Population.of_scans(4), list(YEARS))
    np.testing.assert_array_equal(prior.mean[prior.group], np.zeros((len(YEARS), 4)))
    np.testing.assert_array_equal(prior.precision[prior.group], np.tile(np.eye(4), (len(YEARS), 1, 1)))


def test_smiles_need_less_evidence_than_shrugs_and_sides_are_alike() -> None:
    slope = dict(zip(ARKIT_NAMES, sparsity(), strict=True))
    assert LEAST <= slope["mouthSmileLeft"] < slope["mouthShrugUpper"] <= MOST
    for name in ARKIT_NAMES:
        if name.endswith("Left"):
            assert slope[name] == slope[f"{name[:-4]}Right"]
