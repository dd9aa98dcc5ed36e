"""The packaged model read back and extended, and the shape model of few sculpts."""

import numpy as np
import pytest
import torch
from own_people import data_set, family, known_modes, packaged, small_template

from face2mesh.errors import InputFileError
from face2mesh.lab.base.farthest import farthest_points
from face2mesh.lab.own.extend import Translation, extended_decoders, extended_encoder
from face2mesh.lab.own.family import made_up_family
from face2mesh.lab.own.fine_tune import Seen, start_identity, with_modes
from face2mesh.lab.own.packaged import Graph
from face2mesh.lab.own.people import corpus_of, draw_people
from face2mesh.lab.own.shapes import ELSEWHERE, LEAST, aligned_sculpts, learn_shapes
from face2mesh.lab.own.smooth import kernel, smooth_modes
from face2mesh.lab.own.train import Tuning, fine_tune
from face2mesh.lab.package.export import differences, round_to_halves
from face2mesh.lab.train.augmentation import Batch
from face2mesh.model.manifest import ENCODER_FILE

REGION = "face_and_ears"


def crops(count=3):
    return torch.rand(count, 3, 128, 128, generator=torch.Generator().manual_seed(5))


def space():
    base = packaged().base_head
    skin = slice(0, base.skin_count)
    region = base.regions[REGION][skin]
    return base, base.vertices[skin], region, np.where(region, 1.0, ELSEWHERE)


@pytest.fixture(scope="module")
def shapes():
    base, mean, region, _ = space()
    smooth = smooth_modes(mean, base.mirror[: base.skin_count], chosen=40)
    return learn_shapes(aligned_sculpts(family()[:5], mean, region), mean, known_modes(), smooth, region, 12)


def test_the_encoder_read_back_makes_the_same_heads_as_the_file():
    encoder = packaged().encoder()
    with torch.no_grad():
        codes = encoder(crops())["identity"].numpy()
    session = Graph(ENCODER_FILE, packaged().graphs[ENCODER_FILE], "identity")
    ours = session._network(["identity"], crop=crops().numpy())["identity"]
    assert np.abs(packaged().neutral(codes) - packaged().neutral(ours)).max() < 1e-3  # mm


def test_modes_are_slopes_of_the_decoder():
    code = np.zeros((1, packaged().identity_size))
    code[0, 3] = 0.5
    moved = packaged().neutral(code)[0] - packaged().neutral(0 * code)[0]
    assert np.abs(moved - 0.5 * known_modes()[3]).max() < 0.02


def test_the_extended_decoder_is_the_shape_model_at_its_mean(shapes):
    _, mean, _, weight = space()
    translation = Translation.between(known_modes(), mean, shapes, weight)
    identity, expression = extended_decoders(packaged(), shapes, translation)
    heads, motions = Graph("identity", identity, "neutral"), Graph("expression", expression, "displacement")
    codes = np.random.default_rng(0).normal(size=(4, len(shapes.modes)))
    assert np.abs(heads.of(identity=0 * codes) - shapes.mean).max() < 1e-3
    assert np.abs(heads.of(identity=0.05 * codes) - shapes.skins(0.05 * codes)).max() < 5e-3
    away = np.linalg.norm(heads.of(identity=codes) - shapes.skins(codes), axis=-1)
    assert away.mean() < 0.1  # the packaged decoder bends a little
    weights = np.random.default_rng(1).uniform(size=(4, 52))
    known = packaged().expression_decoder.of(
        identity=translation.middle + codes @ translation.slope, expression=weights
    )
    assert np.abs(motions.of(identity=codes, expression=weights) - known).max() < 1e-3


def test_the_extended_encoder_is_the_one_that_was_taught():
    grown = with_modes(packaged().encoder(), 7)
    torch.nn.init.normal_(grown.from_shape.weight.data[:7], std=0.02)
    round_to_halves(grown)
    content = extended_encoder(packaged(), grown)
    with torch.no_grad():
        names = list(grown(crops()))
    found = differences(grown, content, {"crop": crops()}, names)
    assert max(relative for _, relative in found.values()) < 1e-4
    with torch.no_grad():
        told, before = grown(crops()), packaged().encoder()(crops())
    assert told["identity"].shape == (3, 7)
    for name in ("points", "expression", "rotation6d", "log_scale"):
        assert torch.allclose(told[name], before[name], atol=1e-4)


def test_the_identity_starts_at_the_regression():
    """Codes that are a linear function of what the encoder sees are found."""
    size = 3
    encoder = with_modes(packaged().encoder(), size)
    generator = torch.Generator().manual_seed(1)
    count, points = 2000, encoder.configuration.points
    places = encoder.places_mean + 0.03 * torch.randn(count, points, 2, generator=generator)
    hidden = torch.rand(count, encoder.configuration.features, generator=generator)
    components = encoder.components(places)[0]
    truth = components @ torch.randn(components.shape[1], size, generator=generator)
    rows = {name: torch.zeros(count, 1) for name in Batch.__dataclass_fields__}
    labels = Batch(**{**rows, "identity": truth, "points": places})
    pictures = Seen(
        labels, {"points": places, "coarse_points": places, "hidden": hidden}, torch.zeros(count, 2), torch.ones(count)
    )
    start_identity(encoder, pictures)
    with torch.no_grad():
        told = encoder.told(pictures.seen)["identity"]
    assert (told - truth).square().mean() < 0.15 * truth.var(0).mean()


def test_shape_model_against_the_family_that_made_it(shapes):
    _, mean, region, weight = space()
    assert shapes.modes.shape == (12, len(mean), 3)
    variance = (shapes.modes[:, region].astype(np.float64) ** 2).sum((1, 2))
    assert (np.diff(variance) <= 1e-6 * variance[0]).all()
    codes = np.random.default_rng(2).normal(size=(3, 12)).astype(np.float32)
    assert np.abs(shapes.codes(shapes.skins(codes), weight, noise_mm=1e-3) - codes).max() < 1e-2
    middle = aligned_sculpts(family()[:5], mean, region).mean(0)
    assert np.allclose(shapes.mean, mean + shapes.shares.mean * 5 / 6 * (middle - mean), atol=1e-3)
    told = shapes.told()
    assert "5 sculpts give 4 directions" in told
    assert "3 modes" in told


def test_shares_are_those_that_made_the_people():
    """People of the packaged modes alone need no smooth ones; with half the variance they get half."""
    base, mean, region, _ = space()
    known = known_modes()
    smooth = smooth_modes(mean, base.mirror[: base.skin_count], chosen=40)
    rng = np.random.default_rng(3)
    half = mean + np.tensordot(np.sqrt(0.5) * rng.normal(size=(14, len(known))), known, 1)
    assert learn_shapes(half, mean, known, smooth, region).shares.known in (0.25, 0.5)
    bent = half + np.tensordot(rng.normal(size=(14, len(smooth))), smooth, 1)
    assert learn_shapes(bent, mean, known, smooth, region).shares.smooth_mm == 1.0


def test_too_few_sculpts_are_refused():
    base, mean, region, _ = space()
    smooth = smooth_modes(mean, base.mirror[: base.skin_count], chosen=10)
    with pytest.raises(InputFileError, match="2 neutral sculpts"):
        learn_shapes(family()[: LEAST - 1], mean, known_modes()[:3], smooth, region)


def test_smooth_modes_have_the_kernels_covariance():
    rng = np.random.default_rng(4)
    points = rng.uniform(-60, 60, (60, 3))
    modes = smooth_modes(points, np.arange(60), chosen=60)
    covariance = np.einsum("ri,rj->ij", modes[:, :, 1], modes[:, :, 1])
    assert np.abs(covariance - kernel(points, points)).max() < 0.25
    assert np.allclose(np.diag(kernel(points, points)), 1)
    both = np.concatenate([points, points * [-1, 1, 1]])
    mirror = np.concatenate([np.arange(60, 120), np.arange(60)])
    sided = smooth_modes(both, mirror, chosen=120)
    parity = (
        np.abs(sided - sided[:, mirror] * [-1, 1, 1]).max((1, 2)),
        np.abs(sided + sided[:, mirror] * [-1, 1, 1]).max((1, 2)),
    )
    assert (np.minimum(*parity) < 1e-6).all()  # each mode is symmetric or antisymmetric


def test_farthest_points_cover():
    points = np.stack([np.arange(11.0), np.zeros(11), np.arange(11.0)], 1)
    assert sorted(farthest_points(points, 3).tolist()) == [0, 5, 10]


def test_a_family_is_made_again_and_out_of_span():
    again = made_up_family(packaged(), 6, 4)
    assert np.array_equal(again, family())
    _, mean, region, _ = space()
    known = known_modes()[:, region].reshape(packaged().identity_size, -1)
    away = (family() - mean)[:, region].reshape(6, -1)
    rest = away - away @ np.linalg.pinv(known) @ known
    assert np.linalg.norm(rest.reshape(6, -1, 3), axis=2).mean() > 0.5  # mm that no packaged code can make


def test_the_corpus_of_a_shape_model_is_its_people(shapes):
    head, corpus = corpus_of(packaged(), shapes, packaged().expressions())
    codes, weights, of = draw_people(np.random.default_rng(5), 8, np.zeros((2, 12), np.float32))
    assert codes.shape == (8, 12)
    assert of.shape == (8, 2)
    assert set(of.ravel().tolist()) <= {-1, 0, 1}
    assert np.abs(corpus.skin(codes) - shapes.skins(codes)).max() < 1e-3
    placed = packaged().followers.place(shapes.skins(codes), shapes.skins(codes), np.zeros((8, 52)))
    assert np.abs(corpus.heads(codes, np.zeros((8, 52))) - placed).max() < 0.05
    assert np.isfinite(corpus.heads(codes, weights)).all()
    assert np.array_equal(head.vertices, corpus.mean)


def test_a_template_of_ones_own_is_sent_to_from_scratch(tmp_path):
    template, kept = small_template()
    data_set(tmp_path / "set", template, family()[:, kept])
    with pytest.raises(InputFileError, match="--from-scratch"):
        fine_tune(tmp_path / "set", tmp_path / "model", Tuning())
