"""The reader behind the picture of the GLB, on a head whose motions are known."""

import io
from dataclasses import replace

import numpy as np
import pytest
from made_up import EYES, made_up_face
from moving_head import JAW_DEGREES, MovingDecoder, about_x

from face2mesh.lab.figures.glb_scene import GlbScene
from face2mesh.write import HeadMesh
from face2mesh.write.glb import write_glb

TEXTURE = np.full((32, 32, 3), (200, 120, 40), np.uint8)
FACE = replace(made_up_face(), decoder=MovingDecoder())


def scene_of(mesh):
    file = io.BytesIO()
    write_glb(mesh, file)
    return GlbScene(file.getvalue())


@pytest.fixture(scope="module")
def mesh():
    return HeadMesh.of(replace(FACE, texture=TEXTURE), rigged=True)


@pytest.fixture(scope="module")
def scene(mesh):
    return scene_of(mesh)


def test_places_are_the_faces(mesh, scene):
    skin = slice(0, mesh.topology.part_vertices["skin"][1])
    assert scene.weights["jawOpen"] == pytest.approx(0.6)
    np.testing.assert_allclose(scene.places({})[skin], mesh.neutral[skin], atol=1e-4)
    np.testing.assert_allclose(scene.places(scene.weights)[skin], mesh.vertices[skin], atol=1e-4)
    assert len(scene.triangles) == len(mesh.topology.triangles)
    corners = scene.places({})[scene.triangles[: 2 * mesh.topology.part_quads["skin"][1]]]
    wanted = mesh.neutral[mesh.topology.triangles[: len(corners)]]
    np.testing.assert_allclose(corners, wanted, atol=1e-4)


def test_bones_turn(mesh, scene):
    eye = scene.parts == "left_eye"
    before, after = scene.places({}), scene.places({}, {"left_eye_bone": about_x(10.0)})
    np.testing.assert_allclose(after[eye], (before[eye] - EYES[0]) @ about_x(10.0).T + EYES[0], atol=0.01)
    np.testing.assert_allclose(after[~eye], before[~eye], atol=1e-4)
    teeth = scene.parts == "lower_teeth"
    opened = scene.places({}, {"jaw": about_x(JAW_DEGREES)})[teeth]
    np.testing.assert_allclose(opened, scene.places({"jawOpen": 1})[teeth], atol=0.01)


def test_colours_and_texture(scene):
    np.testing.assert_allclose(scene.texture.astype(int), TEXTURE, atol=3)
    assert (scene.colours[scene.parts == "skin"] == 1).all()
    assert scene.colours[scene.parts == "lashes", 3].min() < 0.5
    plain = scene_of(HeadMesh.of(FACE))
    assert plain.texture is None
    assert (plain.colours[plain.parts == "skin", :3] < 1).all()
