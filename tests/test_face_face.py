"""A face: what it promises about projection, expression and scale."""

import dataclasses

import numpy as np
import pytest
from made_up import MadeUpDecoder, made_up_face, made_up_head

from face2mesh.errors import Face2MeshError
from face2mesh.face import Face
from face2mesh.head.arkit import ARKIT_NAMES

FACE = made_up_face()


def test_vertices_are_what_the_decoder_says():
    np.testing.assert_array_equal(FACE.vertices, MadeUpDecoder().decode(FACE.identity, FACE.weights))
    assert FACE.vertices.dtype == np.float32
    assert FACE.quads is made_up_head(12).quads


def test_landmarks_px_are_the_projection_of_the_landmarks():
    assert FACE.landmarks.shape == (68, 3)
    np.testing.assert_array_equal(FACE.landmarks_px, FACE.project(FACE.landmarks))
    camera, pose = FACE.camera, FACE.pose
    placed = FACE.landmarks.astype(float) @ pose.rotation.T + pose.translation_mm
    u = camera.fx * placed[:, 0] / placed[:, 2] + camera.cx
    v = camera.fy * placed[:, 1] / placed[:, 2] + camera.cy
    np.testing.assert_allclose(FACE.landmarks_px, np.stack([u, v], 1), atol=1e-4)


def test_expression_by_name():
    assert tuple(FACE.expression) == ARKIT_NAMES
    assert FACE.expression["jawOpen"] == pytest.approx(0.6)
    again = FACE.with_expression(FACE.expression)
    np.testing.assert_array_equal(again.vertices, FACE.vertices)


def test_with_expression_replaces_clamps_and_excludes():
    face = FACE.with_expression({"jawLeft": 1.7, "jawRight": 0.4, "cheekPuff": -1})
    assert {name: weight for name, weight in face.expression.items() if weight} == {"jawLeft": 1.0}
    assert face.pose is FACE.pose


def test_neutral():
    neutral = FACE.neutral()
    assert set(neutral.expression.values()) == {0.0}
    np.testing.assert_array_equal(neutral.vertices, MadeUpDecoder().decode(FACE.identity, np.zeros(52)))
    np.testing.assert_array_equal(neutral.identity, FACE.identity)


@pytest.mark.parametrize(("wrong", "nearest"), [("jawopen", "jawOpen"), ("mouthSmile_L", "mouthSmile"), ("", "")])
def test_unknown_expression_names_the_nearest(wrong, nearest):
    with pytest.raises(Face2MeshError, match=f"not one of ARKit's 52 expressions; did you mean {nearest}"):
        FACE.with_expression({wrong: 1.0})


def test_weight_that_is_no_number():
    with pytest.raises(Face2MeshError, match="jawOpen: the weight nan"):
        FACE.with_expression({"jawOpen": float("nan")})


def test_scale_changes_the_head_and_not_the_picture():
    larger = FACE.scaled(1.25, "ipd")
    np.testing.assert_allclose(larger.vertices, FACE.vertices * 1.25, rtol=1e-6)
    np.testing.assert_allclose(larger.landmarks_px, FACE.landmarks_px, atol=1e-4)
    np.testing.assert_allclose(larger.neutral().vertices, FACE.neutral().vertices * 1.25, rtol=1e-6)
    assert larger.scale_source == "ipd"
    assert larger.scaled(0.8, "prior").scale == pytest.approx(1.0)


def test_nothing_can_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FACE.scale = 2.0
    for array in (FACE.vertices, FACE.landmarks, FACE.identity, FACE.weights, FACE.pose.rotation):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_face_box_spans_the_landmarks_where_no_box_is_known():
    box = FACE.face_box
    np.testing.assert_allclose([box.x, box.y], FACE.landmarks_px.min(0))
    np.testing.assert_allclose([box.w, box.h], np.ptp(FACE.landmarks_px, 0))


@pytest.mark.parametrize(
    "change", [{"weights": np.zeros(51)}, {"identity": np.zeros((1, 5))}, {"scale": 0.0}, {"colours": np.zeros((3, 3))}]
)
def test_refuses(change):
    fields = {field.name: getattr(FACE, field.name) for field in dataclasses.fields(Face)}
    with pytest.raises(ValueError, match="face:"):
        Face(**{**fields, **change})
