"""People of all ages: who they are, their codes, and the modes that span them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face2mesh.lab.corpus.out_of_span import SEED, SHAPES, detail_targets, draw_details, full_size
from face2mesh.lab.corpus.people import (
    ANCESTRIES,
    ANCHORS,
    DETAILS,
    GENDERS,
    MAKEHUMAN_YEARS,
    TARGETS,
    YEARS,
    People,
    average_people,
    details_mean,
    draw_people,
)
from face2mesh.lab.corpus.people_modes import PEOPLE, find_modes, neutral_weights, relative_to_neutral
from face2mesh.lab.corpus.people_modes import SEED as MODES_SEED
from face2mesh.lab.corpus.population import CURVE_YEARS, Population, scan_share
from face2mesh.lab.corpus.splits import HELD_OUT_PEOPLE, SPLITS, TRAIN, VALIDATION

MACRO = len(ANCESTRIES) * len(GENDERS) * len(ANCHORS)


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(6, np.random.default_rng(0).normal(size=(len(TARGETS), 4)).astype(np.float32))


def fields() -> np.ndarray:
    """Made-up targets: (T, V, 3) displacements of twenty vertices."""
    return np.random.default_rng(1).normal(size=(len(TARGETS), 20, 3))


def test_macro_weights_are_shares() -> None:
    weights = draw_people(np.random.default_rng(0), 200).weights()
    assert weights.shape == (200, len(TARGETS))
    assert weights.min() >= 0
    np.testing.assert_allclose(weights[:, :MACRO].sum(1), 1)


def test_a_person_at_an_anchor_has_one_macro_target() -> None:
    """A caucasian man who looks as old as MakeHuman's child is that target alone."""
    years = np.interp(ANCHORS["child"], MAKEHUMAN_YEARS, YEARS)
    person = People(np.array([years]), np.ones(1), np.array([[0, 0, 1.0]]), np.zeros((1, len(DETAILS))))
    shown = [TARGETS[column] for column in np.flatnonzero(person.weights()[0])]
    assert shown == [("macrodetails/caucasian-male-child",)]


def test_details_go_one_way_or_the_other() -> None:
    person = average_people(np.array([25.0]))
    person.details[:] = 0
    person.details[0, 1] = -0.5
    weights = person.weights()[0, MACRO:]
    assert weights[3] == 0.5
    assert np.count_nonzero(weights) == 1


def test_ages_are_those_of_photos() -> None:
    people = draw_people(np.random.default_rng(0), 5000)
    assert people.years.min() >= 3
    assert people.years.max() <= 85
    assert 0.2 < (people.years < 15).mean() < 0.27
    assert (people.years > 50).mean() > 0.12
    np.testing.assert_allclose(people.ancestry.sum(1), 1)


def test_the_same_seed_draws_the_same_people(population: Population) -> None:
    one, other = (population.sample(np.random.default_rng(5), 30) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.float32
    assert one.shape == (30, population.modes) == (30, 10)


def test_people_stay_who_they_are_at_their_own_age() -> None:
    people = draw_people(np.random.default_rng(2), 20)
    np.testing.assert_allclose(people.at(people.years).weights(), people.weights())
    older = people.at(people.years + 5)
    np.testing.assert_array_equal(older.ancestry, people.ancestry)
    np.testing.assert_allclose(average_people(np.array([80.0])).details[0], details_mean(np.array([80.0]))[0])


def test_scans_alone_are_white() -> None:
    codes = Population.of_scans(20).sample(np.random.default_rng(0), 4000)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes.mean(0), 0, atol=0.08)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(20), atol=0.12)
    half = Population.of_scans(20).sample(np.random.default_rng(0), 4000, spread=0.5)
    np.testing.assert_allclose(half, codes / 2)


def test_codes_join_the_scanned_face_and_the_age(population: Population) -> None:
    people = average_people(np.array([25.0, 3.0]))
    scans = np.ones((2, 6))
    codes = population.codes(people, scans)
    np.testing.assert_allclose(codes[:, :6], [[1] * 6, [scan_share(np.array([3.0]))[0]] * 6])
    np.testing.assert_allclose(codes[:, 6:], people.weights() @ population.people_codes, rtol=1e-5)


def test_the_age_of_an_average_person_is_found(population: Population) -> None:
    rows = slice(4, None, 7)
    codes = np.concatenate([np.zeros((len(CURVE_YEARS), 6)), population.curve()], 1)[rows]
    np.testing.assert_array_equal(population.years_of(codes), CURVE_YEARS[rows])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(list(CURVE_YEARS[2:])), st.sampled_from(list(CURVE_YEARS[2:])))
def test_growing_older_and_back_is_the_same_person(first: float, second: float) -> None:
    population = Population(6, np.random.default_rng(0).normal(size=(len(TARGETS), 4)).astype(np.float32))
    scan = np.random.default_rng(1).normal(size=(1, 6))
    code = population.codes(average_people(np.array([first])), scan)[0]
    np.testing.assert_allclose(population.person_at_age(code, first), code, atol=1e-5)
    moved = population.person_at_age(code, second)
    np.testing.assert_allclose(moved, population.codes(average_people(np.array([second])), scan)[0], atol=1e-4)
    np.testing.assert_allclose(population.person_at_age(moved, first), code, atol=1e-4)


def test_codes_of_other_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="targets"):
        Population(6, np.zeros((3, 4), np.float32))


def test_the_neutral_person_is_the_base_head() -> None:
    relative = relative_to_neutral(fields())
    np.testing.assert_allclose(np.tensordot(neutral_weights(), relative, axes=1), 0, atol=1e-12)


def test_a_person_is_as_far_from_neutral_as_before() -> None:
    weights = draw_people(np.random.default_rng(0), 3).weights()
    absolute = np.tensordot(weights - neutral_weights(), fields(), axes=1)
    np.testing.assert_allclose(np.tensordot(weights, relative_to_neutral(fields()), axes=1), absolute, atol=1e-12)


def test_modes_are_white_and_make_the_people() -> None:
    """As many modes as targets make everybody; few make the nearest; codes have mean square 1 on the draw."""
    targets = relative_to_neutral(fields())
    importance = np.full(20, 2.0)
    weights = draw_people(np.random.default_rng(MODES_SEED), PEOPLE).weights()
    true = np.tensordot(weights, targets, axes=1)
    errors = []
    for count in (4, 12, 40):
        found = find_modes(targets, importance, count)
        codes = weights @ found.codes
        np.testing.assert_allclose(codes.T @ codes / len(codes), np.eye(count), atol=1e-6)
        errors.append(np.square(np.tensordot(codes, found.modes, axes=1) - true).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01 * np.square(true).mean()
    np.testing.assert_allclose(neutral_weights() @ found.codes, 0, atol=1e-6)
    sizes = np.square(found.modes).sum((1, 2))
    assert np.all(np.diff(sizes) <= 1e-9)


def test_splits_share_nobody(population: Population) -> None:
    draws = [split.draw(200, population)[0] for split in (TRAIN, VALIDATION, HELD_OUT_PEOPLE)]
    every = np.concatenate(draws)
    assert len(np.unique(every, axis=0)) == len(every)
    assert SEED not in {split.seed for split in SPLITS.values()} | {MODES_SEED}


def test_details_out_of_span_are_no_targets_of_the_modes() -> None:
    groups = detail_targets()
    names = [name for group in groups for name in group]
    assert len(set(names)) == len(names)
    assert not set(names) & {name for group in TARGETS for name in group}
    assert all(len(group) == (2 if "/l-" in group[0] else 1) for group in groups)


def test_details_out_of_span_are_seeded_and_one_way() -> None:
    weights = draw_details(np.random.default_rng(0), 50)
    np.testing.assert_array_equal(weights, draw_details(np.random.default_rng(0), 50))
    assert weights.shape == (50, len(detail_targets()))
    pairs = weights[:, : -len(SHAPES)].reshape(50, -1, 2)
    assert not np.any(pairs.min(2))
    assert weights.min() >= 0
    assert weights.max() <= 1
    assert np.all((weights[:, -len(SHAPES) :] > 0).sum(1) == 1)


def test_people_out_of_span_differ_more() -> None:
    people = draw_people(np.random.default_rng(0), 100)
    full = full_size(people)
    assert full.gender.std() > 1.5 * people.gender.std()
    np.testing.assert_allclose(full.ancestry.sum(1), 1)
    np.testing.assert_array_equal(full.years, people.years)
