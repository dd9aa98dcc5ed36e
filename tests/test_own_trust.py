"""How far few sculpts are believed: the packaged answer in new codes, and people left out."""

import numpy as np
import pytest
import torch
from own_people import packaged

from face2mesh.lab.own.fine_tune import Seen, features_of, regression, with_modes
from face2mesh.lab.own.measure import HeldOut
from face2mesh.lab.own.people import draw_people
from face2mesh.lab.own.shapes import ShapeModel, Shares
from face2mesh.lab.own.trust import SHARES, Trust, chosen_trust, how_often, least_of_the_best, mixed, speaking
from face2mesh.lab.train.augmentation import Batch

SIZE, PEOPLE = 4, 12


def looks(count):
    return torch.rand(count, 3, 128, 128, generator=torch.Generator().manual_seed(2))


def test_the_packaged_answer_in_new_codes():
    encoder = packaged().encoder()
    rng = np.random.default_rng(0)
    middle = rng.normal(size=SIZE).astype(np.float32)
    slope = rng.normal(size=(encoder.configuration.identity_size, SIZE)).astype(np.float32)
    spoken = speaking(encoder, middle, slope)
    with torch.no_grad():
        old, new = encoder(looks(3)), spoken(looks(3))
    assert torch.allclose(
        new["identity"], torch.from_numpy(middle) + old["identity"] @ torch.from_numpy(slope), atol=1e-3
    )
    for name in ("points", "expression", "rotation6d", "log_scale", "light"):
        assert torch.allclose(new[name], old[name], atol=1e-5)


def test_a_mixture_lies_between_both():
    packaged_answer = with_modes(packaged().encoder(), SIZE)
    for share in (0.0, 0.25, 1.0):
        taught = with_modes(packaged().encoder(), SIZE)
        torch.nn.init.normal_(taught.from_shape.weight, std=0.02, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            ends = [network(looks(2))["offset"] for network in (packaged_answer, taught)]
            between = mixed(packaged_answer, taught, share)(looks(2))["offset"]
        assert torch.allclose(between, (1 - share) * ends[0] + share * ends[1], atol=1e-5)


def test_how_often_is_the_ratio_of_two_densities():
    rng = np.random.default_rng(1)
    sculpts = rng.normal(size=(6, 3)).astype(np.float32)
    left, shares = np.array([1, 4]), Shares(mean=0.5, own=0.5, known=1.0, smooth_mm=1.0)
    away = (sculpts - sculpts.mean(0))[left].astype(np.float64)
    covariance = np.eye(3) - 0.5 / 5 * away.T @ away
    mean = -0.5 / 6 * away.sum(0)
    codes = rng.normal(size=(20000, 3))
    apart = codes - mean
    inverse = np.linalg.inv(covariance)
    density = np.exp(-0.5 * np.einsum("ni,ij,nj->n", apart, inverse, apart)) / np.sqrt(np.linalg.det(covariance))
    found = how_often(torch.from_numpy(codes), sculpts, left, shares).numpy()
    assert np.allclose(found, density / np.exp(-0.5 * (codes**2).sum(1)))
    assert found.mean() == pytest.approx(1, abs=0.03)
    nobody = Shares(mean=0.0, own=0.0, known=1.0, smooth_mm=1.0)
    assert np.allclose(how_often(torch.from_numpy(codes), sculpts, left, nobody), 1)


def test_a_row_that_counts_twice_is_two_rows():
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(30, 4, dtype=torch.float64, generator=generator)
    targets = torch.randn(30, 2, generator=generator)
    often = torch.ones(30, dtype=torch.float64)
    often[:5] = 2
    twice = regression(torch.cat([inputs, inputs[:5]]), torch.cat([targets, targets[:5]]))
    for found, expected in zip(regression(inputs, targets, often), twice, strict=True):
        assert torch.allclose(found, expected)


def test_the_least_share_that_is_as_good_as_the_best():
    sure = np.tile([3.0, 2.0, 1.0, 1.5], (6, 1))
    assert least_of_the_best(sure) == 2
    doubtful = sure + np.array([0, 3, 0, 0]) * np.array([[-2.0], [2], [-2], [2], [-2], [2]])
    assert least_of_the_best(doubtful) == 1
    assert least_of_the_best(sure[:1]) == 2


def pictures(told):
    """Drawn and own pictures whose hidden layer tells the code by a linear map, or nothing at all."""
    encoder = with_modes(packaged().encoder(), SIZE)
    rng = np.random.default_rng(4)
    sculpts = rng.normal(size=(PEOPLE, SIZE)).astype(np.float32)
    codes, _, of = draw_people(rng, 1500, sculpts)
    own = np.repeat(np.arange(PEOPLE), 4)
    codes, of = np.concatenate([codes, sculpts[own]]), np.concatenate([of, np.stack([own, own], 1)])
    width, count = encoder.configuration.features, len(codes)
    hidden = codes @ rng.normal(size=(SIZE, width)) if told else rng.normal(size=(count, width))
    places = encoder.places_mean.expand(count, -1, -1)
    rows = {name: torch.zeros(count, 1) for name in Batch.__dataclass_fields__}
    labels = Batch(**{**rows, "identity": torch.from_numpy(codes), "points": places})
    seen = {"points": places, "coarse_points": places, "hidden": torch.from_numpy(hidden.astype(np.float32))}
    made = Seen(labels, seen, torch.from_numpy(of), torch.arange(count) >= 1500)
    mean = rng.normal(size=(50, 3)).astype(np.float32) * 50
    modes = rng.normal(size=(SIZE, 50, 3)).astype(np.float32)
    shapes = ShapeModel(mean, modes, Shares(1.0, 0.0, 1.0, 0.0), None, PEOPLE)
    return encoder, made, shapes, sculpts


@pytest.mark.parametrize("told", [True, False])
def test_what_carries_over_is_believed_and_what_does_not_is_not(told):
    encoder, made, shapes, sculpts = pictures(told)
    assert features_of(encoder, made).shape[0] == len(made)
    trust = chosen_trust(made, encoder, shapes, sculpts, np.ones(50, np.bool_))  # the packaged answer is the mean head
    assert (trust.people, trust.pictures) == (PEOPLE, 4 * PEOPLE)
    if told:
        assert trust.share == 1
        assert trust.errors_mm[-1] < 0.5 * trust.errors_mm[0]
        assert "which this model believes" in trust.told()
    else:
        assert trust.share == 0
        assert "It is no better than that one" in trust.told()


def test_what_is_said():
    errors = (3.0, 2.5, 2.25, 2.4, 2.6)
    assert Trust(0.5, errors, 4, 8).told().endswith("this model believes the others by 50% (2.25 mm).")
    assert len(errors) == len(SHARES)
    for after, said in ((2.7, "10% better"), (3.3, "10% WORSE"), (3.001, "no better")):
        assert said in HeldOut(5, 40, 3.0, after, 3.5, {}).told()
