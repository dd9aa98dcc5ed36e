"""What files show of a face."""

import dataclasses

import numpy as np
import pytest
from made_up import made_up_corpus, made_up_face

from face2mesh.errors import Face2MeshError
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.write import HeadMesh

FACE = made_up_face()
MESH = HeadMesh.of(FACE)


def test_the_mesh_of_a_face():
    np.testing.assert_array_equal(MESH.vertices, FACE.vertices)
    np.testing.assert_array_equal(MESH.neutral, FACE.neutral().vertices)
    assert MESH.topology is HeadMesh.of(FACE.neutral()).topology
    assert MESH.weights == FACE.expression
    assert MESH.made_by == "made-up 0"
    assert MESH.texture is None


def test_morphs_are_the_decoders_own_displacements():
    _, actions = made_up_corpus()
    assert tuple(MESH.morphs) == ARKIT_NAMES
    for morph, action in zip(MESH.morphs.values(), actions, strict=True):
        np.testing.assert_allclose(morph, action, atol=1e-4)


def test_morphs_of_a_scaled_face():
    larger = HeadMesh.of(FACE.scaled(1.25, "ipd"))
    for name in ("jawOpen", "tongueOut"):
        np.testing.assert_allclose(larger.morphs[name], MESH.morphs[name] * 1.25, atol=1e-4)


def test_neutral_and_morphs_make_a_linear_decoders_head():
    made = MESH.neutral + sum(weight * MESH.morphs[name] for name, weight in MESH.weights.items())
    np.testing.assert_allclose(made, MESH.vertices, atol=1e-4)


def test_colours_of_the_photo_or_of_the_parts():
    colours = np.full(FACE.vertices.shape, 7, np.uint8)
    assert HeadMesh.of(dataclasses.replace(FACE, colours=colours)).colours is colours
    assert MESH.colours.dtype == np.uint8
    assert MESH.colours.shape == FACE.vertices.shape
    assert 0 < MESH.opacity[slice(*FACE.head.part_vertices["lashes"])].max() < 1


def test_a_texture_comes_along():
    texture = np.zeros((8, 8, 3), np.uint8)
    face = dataclasses.replace(FACE, texture=texture)
    assert HeadMesh.of(face.neutral().with_expression({"jawOpen": 1})).texture is texture
    with pytest.raises(ValueError, match="texture must be"):
        dataclasses.replace(FACE, texture=np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("levels", [1, 2])
def test_a_subdivided_mesh(levels):
    fine = HeadMesh.of(FACE, subdivide=levels)
    count = fine.topology.vertex_count
    assert count > 3.9**levels * len(FACE.vertices)
    assert fine.vertices.shape == fine.neutral.shape == fine.colours.shape == (count, 3)
    assert fine.opacity.shape == (count,)
    assert (fine.opacity[: fine.topology.part_vertices["lashes"][0]] == 1).all()
    assert fine.opacity.max() == 1
    assert fine.topology is MESH.subdivided(levels).topology
    assert fine.topology.quads.max() == count - 1
    # Morphs are smoothed like vertices: a linear decoder's head is still neutral + Σ weight · morph.
    made = fine.neutral + sum(weight * fine.morphs[name] for name, weight in fine.weights.items())
    np.testing.assert_allclose(made, fine.vertices, atol=1e-3)


def test_a_subdivided_colour_is_of_its_surroundings():
    colours = np.full(FACE.vertices.shape, 200, np.uint8)
    assert (HeadMesh.of(dataclasses.replace(FACE, colours=colours), subdivide=1).colours == 200).all()


@pytest.mark.parametrize("levels", [-1, 3])
def test_levels_that_there_are_not(levels):
    with pytest.raises(Face2MeshError, match=rf"cannot be subdivided {levels} times; choose 0 to 2"):
        HeadMesh.of(FACE, subdivide=levels)
    with pytest.raises(Face2MeshError, match="subdivided 3 times"):
        HeadMesh.of(FACE, subdivide=2).subdivided()
