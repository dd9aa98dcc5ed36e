"""Several photos of one person become one identity."""

import dataclasses

import numpy as np
import pytest
from made_up import made_up_face
from tiny_model import disk, tiny_model

import face2mesh
from face2mesh.errors import Face2MeshError
from face2mesh.face import Pose
from face2mesh.model.fusion import AGREEMENT, FLOOR, fuse, fusion_weights
from face2mesh.photo import Box

FACE = made_up_face()
BOX = Box(0, 0, 100, 100)


def seen(identity, sigma=None, **others):
    """The made-up face with another identity, in a box of 100 pixels, whose landmarks are known to `sigma` pixels."""
    deviations = None if sigma is None else np.full(68, sigma, np.float32)
    identity = np.asarray(identity, np.float32)
    return dataclasses.replace(FACE, identity=identity, landmark_sigma_px=deviations, box=BOX, **others)


def test_equal_photos_count_alike():
    faces = [seen(np.full(5, value), 3.0) for value in (0.0, 1, 5)]
    np.testing.assert_allclose(fusion_weights(faces), 1 / 3)
    # Three estimates of 2 that agree by r are worth 3 / (1 + 2 r) · 2.
    np.testing.assert_allclose(fuse(faces).identity, 6 / (1 + 2 * AGREEMENT), atol=1e-6)


def test_weights_are_inverse_variances():
    """By hand: σ = 0 and σ = 2 σ₀ have the variances σ₀² and 5 σ₀²."""
    faces = [seen(np.zeros(5), 0.0), seen(np.full(5, 6.0), 200 * FLOOR)]
    np.testing.assert_allclose(fusion_weights(faces), [5 / 6, 1 / 6])
    worth = 1 / (25 / 36 + 1 / 36)
    np.testing.assert_allclose(fuse(faces).identity, worth / (1 + (worth - 1) * AGREEMENT), atol=1e-6)


def test_the_size_of_the_photo_does_not_count_but_the_size_in_it_does():
    small, large = seen(np.zeros(5), 3.0), dataclasses.replace(seen(np.zeros(5), 6.0), box=Box(0, 0, 200, 200))
    np.testing.assert_allclose(fusion_weights([small, large]), 0.5)


def test_a_face_that_knows_no_deviations_makes_all_count_alike():
    np.testing.assert_allclose(fusion_weights([seen(np.zeros(5), 1.0), seen(np.zeros(5))]), 0.5)


def test_the_best_linear_predictor():
    """Against the normal equations: estimates of variance ρ, covariance r ρ, and covariance ρ with the truth."""
    faces = [seen(np.eye(5)[i], 1.0) for i in range(4)]
    covariance = np.full((4, 4), AGREEMENT) + np.eye(4) * (1 - AGREEMENT)
    np.testing.assert_allclose(fuse(faces).identity[:4], np.linalg.solve(covariance, np.ones(4)), atol=1e-6)


def test_the_others_order_does_not_matter():
    generator = np.random.default_rng(1)
    faces = [seen(generator.normal(size=5), sigma) for sigma in (1.0, 4.0, 9.0)]
    np.testing.assert_allclose(fuse(faces).identity, fuse([faces[0], faces[2], faces[1]]).identity, atol=1e-6)


def test_one_photo_is_itself():
    face = seen(np.ones(5), 2.0)
    assert fuse([face]) is face


def test_the_first_photo_gives_expression_camera_and_place():
    generator = np.random.default_rng(2)
    first = seen(generator.normal(size=5), 2.0)
    other = dataclasses.replace(seen(generator.normal(size=5), 2.0).neutral(), pose=Pose(np.eye(3), np.ones(3)))
    fused = fuse([first, other])
    np.testing.assert_array_equal(fused.weights, first.weights)
    assert fused.camera is first.camera
    # The new head lies over the first photo as well as a rigid motion can bring it there.
    before = np.linalg.norm(dataclasses.replace(fused, pose=first.pose).landmarks_px - first.landmarks_px, axis=1)
    after = np.linalg.norm(fused.landmarks_px - first.landmarks_px, axis=1)
    assert (after**2).mean() < (before**2).mean()


def test_a_given_distance_between_the_eyes_stays():
    faces = [seen(np.ones(5)).scaled(1.1, "ipd"), seen(-np.ones(5)).scaled(0.9, "ipd")]
    fused = fuse(faces)
    assert fused.eye_distance_mm == pytest.approx(faces[0].eye_distance_mm, rel=1e-4)
    assert fused.scale_source == "ipd"
    assert fuse([seen(np.ones(5)), seen(np.zeros(5))]).scale == 1


def test_no_faces():
    with pytest.raises(Face2MeshError, match="no face to fuse"):
        fuse([])


def test_faces_of_two_models():
    with pytest.raises(Face2MeshError, match="different models"):
        fuse([seen(np.zeros(5)), seen(np.zeros(4))])
    other = dataclasses.replace(FACE.decoder, version="1")
    with pytest.raises(Face2MeshError, match="different models"):
        fuse([FACE, dataclasses.replace(FACE, decoder=other)])


def test_photos_know_their_deviations(tmp_path):
    model = face2mesh.load(tiny_model(tmp_path))
    one, two = (
        model.reconstruct(disk(400, 300, (200, 150), radius), box=Box(150, 100, 100, 100)) for radius in (40, 30)
    )
    assert one.landmark_sigma_px.shape == (68,)
    # The tiny model expects exp(−3.5) of the crop's side everywhere; the smaller disk's crop is smaller.
    assert one.landmark_sigma_px[0] > two.landmark_sigma_px[0]
    fused = model.fuse([one, two])
    weights = fusion_weights([one, two])
    mean, worth = weights @ [one.identity, two.identity], 1 / (weights**2).sum()
    np.testing.assert_allclose(fused.identity, worth / (1 + (worth - 1) * AGREEMENT) * mean, atol=1e-6)
    assert weights[0] < weights[1]
