"""Heads that move like faces: jaws on circles, lids on spheres, lips in contact; symmetric, and at rest at rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from moving_heads import MODES, linear_corpus, moving_corpus, rotation_between, weights

from face2mesh.errors import InputFileError
from face2mesh.head import ARKIT_NAMES
from face2mesh.head.arkit import mirror_names
from face2mesh.lab.corpus.contact import ContactCounter, count_contact
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.moving import MovingCorpus
from face2mesh.lab.corpus.moving_sampler import sample_moving
from face2mesh.lab.corpus.rolling import roll, to_arcs
from face2mesh.lab.corpus.tongue import JAW_SHARE
from face2mesh.store import provenance

NOBODY = np.zeros((1, MODES), np.float32)


def codes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, MODES)).astype(np.float32)


@pytest.fixture(scope="module")
def corpus() -> MovingCorpus:
    return moving_corpus()


@pytest.fixture(scope="module")
def counter(corpus: MovingCorpus) -> ContactCounter:
    return ContactCounter(corpus.base)


@pytest.fixture(scope="module")
def combinations(corpus: MovingCorpus) -> np.ndarray:
    """Thirty heads of thirty people."""
    return corpus.heads(codes(30), sample_moving(np.random.default_rng(1), 30))


# The jaw


@pytest.mark.parametrize("amount", [0.25, 0.5, 1.0])
def test_teeth_turn_about_the_condyles_in_proportion(corpus: MovingCorpus, amount: float) -> None:
    teeth = slice(*corpus.base.part_vertices["lower_teeth"])
    person = codes(1)
    before, after = corpus.heads(person)[0, teeth], corpus.heads(person, weights(jawOpen=amount))[0, teeth]
    angle, axis = rotation_between(before, after)
    whole = np.degrees(np.linalg.norm(corpus.jaw.rotation[ARKIT_NAMES.index("jawOpen")]))
    assert angle == pytest.approx(amount * whole, abs=1e-2)
    np.testing.assert_allclose(np.abs(axis), [1, 0, 0], atol=1e-3)


@pytest.mark.parametrize("amount", [0.3, 1.0])
def test_a_tooth_stays_on_a_circle_about_the_sliding_axis(corpus: MovingCorpus, amount: float) -> None:
    teeth = slice(*corpus.base.part_vertices["lower_teeth"])
    centre = corpus.jaw.centres(corpus.linear.heads(NOBODY))[0]
    slide = corpus.jaw.slide[ARKIT_NAMES.index("jawOpen")]
    before = corpus.heads(NOBODY)[0, teeth] - centre
    after = corpus.heads(NOBODY, weights(jawOpen=amount))[0, teeth] - centre - amount * slide
    np.testing.assert_allclose(np.hypot(*after.T[1:]), np.hypot(*before.T[1:]), atol=1e-3)
    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-3)


def test_teeth_at_weight_1_are_where_the_linear_shape_takes_them(corpus: MovingCorpus) -> None:
    teeth = slice(*corpus.base.part_vertices["lower_teeth"])
    for name in ("jawOpen", "jawLeft", "jawRight"):
        row = weights(**{name: 1.0})
        moved, linear = corpus.heads(NOBODY, row)[0, teeth], corpus.linear.heads(NOBODY, row)[0, teeth]
        np.testing.assert_allclose(moved, linear, atol=2e-3, err_msg=name)


def test_unmoved_undoes_moved(corpus: MovingCorpus) -> None:
    rng = np.random.default_rng(2)
    points, share = rng.normal(size=(3, 40, 3)) * 30, rng.uniform(0, 1, 40)
    rows, centres = rng.uniform(0, 1, (3, 52)), rng.normal(size=(3, 3))
    moved = corpus.jaw.moved(points, rows, share, centres)
    assert np.abs(moved - points).max() > 1
    np.testing.assert_allclose(corpus.jaw.unmoved(moved, rows, share, centres), points, atol=1e-9)


# Arcs and lids


def test_an_arc_at_weight_1_ends_where_the_line_does_and_starts_along_it() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(30, 3)) * 5 + [0, 0, 16]
    lines = rng.normal(size=(30, 3)) * 4
    arcs = to_arcs(points, lines[None])[0]
    for point, line, arc in zip(points, lines, arcs, strict=True):
        reach = float(np.linalg.norm(point))
        np.testing.assert_allclose(roll(point, arc, reach), point + line, atol=1e-9)
        np.testing.assert_allclose((roll(point, 1e-6 * arc, reach) - point) / 1e-6, arc, atol=1e-4)


def test_half_an_arc_keeps_the_distance_that_half_a_line_cuts_short() -> None:
    point, other = np.array([0.0, 10, 10]), np.array([0.0, -10, 10])
    arc = to_arcs(point[None], (other - point)[None, None])[0, 0]
    half = roll(point, arc / 2, float(np.linalg.norm(point)))
    np.testing.assert_allclose(half, [0, 0, np.sqrt(200)], atol=1e-9)


def test_no_lid_is_inside_an_eyeball(corpus: MovingCorpus, combinations: np.ndarray, counter: ContactCounter) -> None:
    blinking = corpus.heads(codes(6, 4), np.concatenate([weights(eyeBlink=b / 5, eyeLookDown=0.3) for b in range(6)]))
    for head in (*combinations, *blinking, *corpus.heads(codes(10, 5))):
        assert counter.depths(head)["lids_in_eyeballs"].max() < 1e-3


def test_closed_lids_meet(corpus: MovingCorpus, counter: ContactCounter) -> None:
    for head in corpus.heads(codes(8), np.repeat(weights(eyeBlink=1), 8, 0)):
        assert counter.lid_gaps(head).max() < 0.3


def test_lids_close_in_proportion(corpus: MovingCorpus, counter: ContactCounter) -> None:
    rows = np.concatenate([weights(eyeBlink=amount) for amount in (0, 0.25, 0.5, 0.75, 1)])
    gaps = [counter.lid_gaps(head).max() for head in corpus.heads(np.repeat(NOBODY, 5, 0), rows)]
    assert np.all(np.diff(gaps) < -1)
    assert gaps[2] == pytest.approx(gaps[0] / 2, rel=0.25)


def test_a_lid_pushed_into_the_eyeball_is_found(corpus: MovingCorpus, counter: ContactCounter) -> None:
    head = corpus.heads(NOBODY)[0].astype(np.float64)
    vertex = np.flatnonzero(corpus.base.regions["lid_upper_left"])[20]
    out = head[vertex] - corpus.base.eye_centres[0]
    head[vertex] = corpus.base.eye_centres[0] + out / np.linalg.norm(out) * (corpus.base.eye_radius - 1)
    assert counter.depths(head)["lids_in_eyeballs"].max() == pytest.approx(1, abs=1e-3)
    counted = count_contact(counter, np.array([head, corpus.heads(NOBODY)[0]]))["lids_in_eyeballs"]
    assert (counted["heads_beyond"], counted["vertices_beyond"]) == (1, 1)


def test_lashes_stay_on_their_lids(corpus: MovingCorpus) -> None:
    lashes = slice(*corpus.base.part_vertices["lashes"])
    neutral, closed = corpus.heads(NOBODY)[0], corpus.heads(NOBODY, weights(eyeBlink=1))[0]
    ends = corpus.motion.lash_roots
    share = corpus.motion.lash_shares[:, None]

    def hairs(head: np.ndarray) -> np.ndarray:
        roots = (1 - share) * head[ends[:, 0]] + share * head[ends[:, 1]]
        return np.asarray(np.linalg.norm(head[lashes] - roots, axis=1))

    np.testing.assert_allclose(hairs(closed), hairs(neutral), atol=1e-3)


# Lips


def test_lips_stay_out_of_lips_teeth_and_tongue(combinations: np.ndarray, counter: ContactCounter) -> None:
    for name, found in count_contact(counter, combinations).items():
        if name.startswith(("lips_", "lower_lip_", "upper_lip_")):
            assert found["deepest_mm"] < 0.2, name


@pytest.mark.parametrize("jaw", [0.3, 0.6, 1.0])
def test_lips_close_over_an_open_jaw(corpus: MovingCorpus, counter: ContactCounter, jaw: float) -> None:
    closed = counter.lip_gaps(corpus.heads(NOBODY, weights(jawOpen=jaw, mouthClose=jaw))[0])
    apart = counter.lip_gaps(corpus.heads(NOBODY, weights(jawOpen=jaw))[0])
    assert closed.max() < 0.4
    assert closed.mean() < 0.2 < 3 < apart.max()


def test_lips_pushed_through_each_other_are_found(corpus: MovingCorpus, counter: ContactCounter) -> None:
    head = corpus.heads(NOBODY)[0].astype(np.float64)
    head[counter.mouth.lower, 1] += 3
    found = counter.depths(head)
    assert found["lower_lip_in_upper_lip"].max() > 0.7
    assert found["upper_lip_in_lower_lip"].max() > 0.7
    apart = head[None].copy()
    corpus.contact.lips.settle(apart)
    assert max(counter.depths(apart[0])[f"{one}_lip_in_{two}_lip"].max() for one, two in PAIRS) < 0.2


PAIRS = (("lower", "upper"), ("upper", "lower"))


# Rest, sides, small weights, other ways to the same head


def test_no_weight_is_the_linear_neutral_but_for_lips_and_lids(corpus: MovingCorpus) -> None:
    people = codes(10)
    moving, linear = corpus.heads(people), corpus.linear.heads(people)
    apart = np.linalg.norm(moving - linear, axis=2)
    face = corpus.base.regions["face"]
    assert apart[:, face].mean() < 0.02
    far = np.flatnonzero(corpus.mouth.distance > 20)
    for name in ("lid_upper", "lid_lower", "eye_cavity"):
        far = far[~corpus.base.region(name)[far]]
    assert apart[:, far].max() == 0
    np.testing.assert_array_equal(corpus.heads(people, np.zeros((10, 52), np.float32)), moving)


def test_mirrored_weights_give_mirrored_heads(corpus: MovingCorpus) -> None:
    rows = sample_moving(np.random.default_rng(6), 12)
    nobody = np.zeros((len(rows), MODES), np.float32)
    heads = corpus.heads(nobody, rows)
    other = corpus.heads(nobody, rows[:, list(mirror_names())])
    np.testing.assert_allclose(heads[:, corpus.base.mirror] * [-1, 1, 1], other, atol=0.02)


def test_a_batch_is_its_heads_one_by_one(corpus: MovingCorpus) -> None:
    people, rows = codes(5), sample_moving(np.random.default_rng(7), 5)
    one_by_one = [corpus.heads(person[None], row[None])[0] for person, row in zip(people, rows, strict=True)]
    np.testing.assert_allclose(corpus.heads(people, rows), one_by_one, atol=2e-3)


@pytest.mark.parametrize("name", ["browInnerUp", "cheekPuff", "mouthSmileLeft", "noseSneerRight", "browDown"])
def test_small_weights_move_along_the_linear_shape(corpus: MovingCorpus, name: str) -> None:
    """Where neither jaw nor contact has a say: motions start tangent to the carried shapes."""
    free = corpus.base.regions["face"] & ~corpus.base.region("lid_upper") & ~corpus.base.region("lid_lower")
    free[np.flatnonzero(corpus.mouth.distance < 20)] = False
    free[corpus.contact.lids.zone.ravel()] = False
    small = 0.05
    moved = (corpus.heads(NOBODY, weights(**{name: small})) - corpus.heads(NOBODY))[0, free] / small
    linear = (corpus.linear.heads(NOBODY, weights(**{name: 1.0})) - corpus.linear.heads(NOBODY))[0, free]
    np.testing.assert_allclose(moved, linear, atol=5e-3)


@pytest.mark.parametrize("name", ["jawOpen", "jawLeft", "mouthSmileLeft", "mouthFunnel", "browDownLeft", "eyeWideLeft"])
def test_single_shapes_at_weight_1_end_where_the_linear_ones_do(corpus: MovingCorpus, name: str) -> None:
    skin = slice(0, corpus.base.skin_count)
    row = weights(**{name: 1.0})
    apart = np.linalg.norm(corpus.heads(NOBODY, row) - corpus.linear.heads(NOBODY, row), axis=2)[0, skin]
    apart[corpus.base.region("eye_cavity")[skin]] = 0
    assert apart.mean() < 0.05
    assert np.quantile(apart, 0.95) < 0.1


def test_the_runtime_places_followers_as_the_corpus_does(corpus: MovingCorpus) -> None:
    people, rows = codes(6), sample_moving(np.random.default_rng(8), 6)
    skins, heads = corpus.skin(people), corpus.heads(people, rows)
    placed = corpus.followers().place(skins, heads[:, : corpus.base.skin_count], rows)
    assert np.linalg.norm(placed - heads, axis=2).mean() < 0.3


def test_the_tongue_comes_out_between_the_lips(corpus: MovingCorpus, counter: ContactCounter) -> None:
    head = corpus.heads(NOBODY, weights(tongueOut=1))[0]
    tip = head[slice(*corpus.base.part_vertices["tongue"])][:, 2].max()
    assert tip > head[counter.mouth.lower, 2].max() + 4
    found = counter.depths(head)
    assert max(found[name].max() for name in ("lips_in_tongue", "tongue_in_lower_lip", "tongue_in_upper_lip")) < 0.3


@pytest.mark.parametrize("out", [0.25, 0.5, 0.6, 0.75, 1.0])
@pytest.mark.parametrize("jaw", [0.0, 0.6])
def test_lips_and_a_tongue_on_its_way_out_touch_and_stay_lips(
    corpus: MovingCorpus, counter: ContactCounter, out: float, jaw: float
) -> None:
    """On ten people: nothing in anything, and no lip is drawn far from where the open mouth has it."""
    heads = corpus.heads(codes(10), np.repeat(weights(tongueOut=out, jawOpen=jaw), 10, 0))
    without = corpus.heads(codes(10), np.repeat(weights(jawOpen=min(jaw + JAW_SHARE * out, 1)), 10, 0))
    for head, open_mouth in zip(heads, without, strict=True):
        found = counter.depths(head)
        assert max(found[name].max() for name in ("lips_in_tongue", "tongue_in_lower_lip", "tongue_in_upper_lip")) < 0.5
        for lip, allowed in ((corpus.mouth.line_upper, 1.5), (corpus.mouth.line_lower, 5.0)):
            assert np.linalg.norm(head[lip] - open_mouth[lip], axis=1).max() < allowed


# Files


def test_a_saved_corpus_is_read_back(corpus: MovingCorpus, tmp_path: Path) -> None:
    head, linear, moving = (tmp_path / f"{name}.npz" for name in ("base-head", "corpus", "moving-corpus"))
    corpus.base.save(head, provenance())
    corpus.linear.save(linear, provenance({"base_head": head}))
    corpus.save(moving, provenance({"corpus": linear}))
    again = MovingCorpus.load(moving, linear, head)
    rows = sample_moving(np.random.default_rng(9), 3)
    np.testing.assert_allclose(again.heads(codes(3), rows), corpus.heads(codes(3), rows), atol=1e-4)
    other = Corpus.on(
        corpus.base,
        identity=linear_corpus().identity[:2],
        expression=linear_corpus().expression,
        gaze_degrees=linear_corpus().gaze_degrees,
        follower_controls=linear_corpus().follower_controls,
        follower_weights=linear_corpus().follower_weights,
    )
    other.save(linear, provenance({"base_head": head}))
    with pytest.raises(InputFileError, match="another corpus"):
        MovingCorpus.load(moving, linear, head)
