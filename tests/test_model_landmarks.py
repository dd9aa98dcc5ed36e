"""The first look's landmarks: a linear function of the codes, each face for itself."""

import numpy as np
import pytest
from made_up import MODES, made_up_corpus, made_up_head
from tiny_model import tiny_landmarks, tiny_model

import face2mesh
from face2mesh.errors import InputFileError
from face2mesh.model.landmarks import LandmarkBasis
from face2mesh.model.manifest import LANDMARKS_FILE


def codes(count):
    generator = np.random.default_rng(5)
    return generator.normal(size=(count, MODES)).astype(np.float32), generator.random((count, 52)).astype(np.float32)


def test_landmarks_of_a_linear_model_are_exact():
    people, actions = made_up_corpus()
    identity, expression = codes(3)
    heads = made_up_head().vertices + np.tensordot(identity, people, 1) + np.tensordot(expression, actions, 1)
    np.testing.assert_allclose(tiny_landmarks()(identity, expression), made_up_head().landmarks(heads), atol=1e-4)


def test_a_batch_is_its_faces():
    identity, expression = codes(7)
    together = tiny_landmarks()(identity, expression)
    for i in range(7):
        np.testing.assert_array_equal(tiny_landmarks()(identity[i : i + 1], expression[i : i + 1])[0], together[i])


def test_file(tmp_path):
    tiny_landmarks().save(tmp_path / "landmarks.npz", {})
    read = LandmarkBasis.load(tmp_path / "landmarks.npz")
    np.testing.assert_array_equal(read.identity, tiny_landmarks().identity)
    with pytest.raises(InputFileError, match="not found; make it with `face2mesh lab package`"):
        LandmarkBasis.load(tmp_path / "absent.npz")


def test_wrong_shapes():
    basis = tiny_landmarks()
    with pytest.raises(ValueError, match=r"mean is \(67, 3\), expected \(68, 3\)"):
        LandmarkBasis(basis.mean[1:], basis.identity, basis.expression)


def test_a_model_with_another_file_in_its_place(tmp_path):
    made_up_head().save(tmp_path / "head.npz", {})
    folder = tiny_model(tmp_path, **{LANDMARKS_FILE: (tmp_path / "head.npz").read_bytes()})
    with pytest.raises(face2mesh.Face2MeshError, match="does not fit this program"):
        face2mesh.load(folder)
