"""People outside the span: rendered as they are, and what the modes can make of them."""

from pathlib import Path

import made_up_build
import numpy as np
import pytest
import trimesh
from made_up import made_up_head
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from face2mesh.errors import InputFileError
from face2mesh.head.alignment import align
from face2mesh.lab.corpus.out_of_span import OutOfSpan
from face2mesh.lab.corpus.splits import TRAIN
from face2mesh.lab.evaluate.vertex_error import Span, Truth
from face2mesh.lab.pairs.outside_command import outside_pairs
from face2mesh.lab.pairs.rendered import World
from face2mesh.lab.pairs.skin import Skins
from face2mesh.lab.pairs.surroundings import Backdrops


def _corpus():
    return made_up_build.corpus_of(Path("unused"))


def _people(count=2):
    corpus = _corpus()
    bumps = np.random.default_rng(4).normal(size=(count, *corpus.mean.shape)).astype(np.float32)
    return OutOfSpan(corpus.mean + bumps, np.arange(5, 5 + count, dtype=np.float32))


def test_pictures_show_these_people():
    head, corpus, people = made_up_head(made_up_build.STEPS), _corpus(), _people()
    _, weights = TRAIN.draw(3, made_up_build.POPULATION)
    nobody = np.zeros((3, len(corpus.identity)), np.float32)
    world = World(head, corpus, Skins.none(head), Backdrops.none(), nobody, weights, 1)
    pairs = list(outside_pairs(world, people))
    assert [int(pair["person"]) for pair in pairs] == [0, 1, 0]
    # The dense points are those of the person's own head with the expression on: a similarity of a pinhole picture.
    pair = pairs[1]
    vertices = corpus.expressed(people.vertices[1][None], weights[1][None])[0]
    seen = head.dense(vertices) @ pair["rotation"].T
    flat = seen[:, :2] / (seen[:, 2:] + pair["distance"])
    design = np.concatenate([flat, np.ones((len(flat), 1))], 1)
    fitted = design @ np.linalg.lstsq(design, pair["points"], rcond=None)[0]
    assert np.abs(fitted - pair["points"]).max() < 1.0


def test_truth_of_people_outside():
    corpus, people = _corpus(), _people(3)
    pairs = {"person": np.array([2, 0, 2]), "identity": np.zeros((3, 1))}
    truth = Truth.of(pairs, corpus, people, Path("rendered-outside.npz"))
    assert truth.codes is None
    assert truth.years.tolist() == [7, 5, 7]
    np.testing.assert_array_equal(truth.neutral[truth.index[0]], people.vertices[2])
    np.testing.assert_allclose(truth.mean_of_others(0), people.vertices[0], atol=1e-4)
    np.testing.assert_allclose(truth.mean_of_others(1), people.vertices[2], atol=1e-4)
    with pytest.raises(InputFileError, match=r"person 9 of 3.*lab pairs outside"):
        Truth.of({**pairs, "person": np.array([9])}, corpus, people, Path("rendered-outside.npz"))


def test_nearest_head_of_the_span():
    corpus = _corpus()
    region = np.zeros(len(corpus.mean), bool)
    region[: corpus.skin_count] = True
    span = Span.of(corpus, region)
    inside = corpus.heads(np.random.default_rng(0).normal(size=len(corpus.identity)).astype(np.float32))
    np.testing.assert_allclose(span.nearest(inside)[region], inside[region], atol=0.05)
    # What no mode can make is left: a displacement at right angles to all modes.
    basis = corpus.identity[:, region].reshape(len(corpus.identity), -1).astype(np.float64)
    odd = np.random.default_rng(1).normal(size=basis.shape[1])
    odd -= np.linalg.pinv(basis) @ (basis @ odd)
    outside = corpus.mean.astype(np.float64).copy()
    outside[region] += odd.reshape(-1, 3)
    left = align(span.nearest(outside)[region], outside[region], scaling=True)(span.nearest(outside)[region])
    best = align(corpus.mean[region], outside[region], scaling=True)(corpus.mean[region])
    assert np.linalg.norm(left - outside[region]) <= np.linalg.norm(best - outside[region]) + 1e-6
    assert np.linalg.norm(left - outside[region]) > 0.9 * np.linalg.norm(odd)


def test_alignment_as_trimesh_and_scipy_have_it():
    generator = np.random.default_rng(7)
    source, noise = generator.normal(size=(2, 40, 3))
    target = 3 * source @ Rotation.from_euler("xyz", [0.3, -0.7, 2]).as_matrix() + 0.3 * noise + [1, 2, 3]
    _, rigid, _ = trimesh.registration.procrustes(source, target, reflection=False, scale=False)
    np.testing.assert_allclose(align(source, target, scaling=False)(source), rigid, atol=1e-9)
    # SciPy's disparity is the least sum of squares after similarity, the target's own sum of squares being 1.
    _, _, disparity = procrustes(target, source)
    left = ((align(source, target, scaling=True)(source) - target) ** 2).sum()
    assert left == pytest.approx(disparity * ((target - target.mean(0)) ** 2).sum(), rel=1e-9)
