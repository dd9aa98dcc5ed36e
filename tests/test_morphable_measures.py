"""Generalisation, specificity and self-intersections: against cases known by hand."""

import numpy as np
import pytest
from made_up import MODES, made_up_corpus, made_up_head
from tiny_model import tiny_model

import face2mesh
from face2mesh.lab.figures.lines import PANEL, Line, lines_panel
from face2mesh.lab.morphable.generalisation import (
    best_heads,
    errors,
    principal_components,
    principal_directions,
    projected,
)
from face2mesh.lab.morphable.self_intersection import intersecting_pairs, intersecting_triangles
from face2mesh.lab.morphable.specificity import nearest_training_head

HEAD = made_up_head()
REGION = np.flatnonzero(HEAD.regions["face"][: HEAD.skin_count])
BASIS = made_up_corpus()[0][:, REGION]
MEAN = HEAD.vertices[REGION].astype(np.float64)
CODES = np.random.default_rng(0).normal(size=(300, MODES)) * [3, 2, 1, 0.5, 0.2] + [1, 0, 0, 0, 0]


def heads_of(codes):
    return MEAN + np.tensordot(codes, BASIS, 1)


def test_components_are_those_of_the_heads():
    average, components = principal_components(MEAN, BASIS, CODES)
    heads = heads_of(CODES)
    np.testing.assert_allclose(average, heads.mean(0), atol=1e-6)
    flat = (heads - heads.mean(0)).reshape(len(heads), -1)
    _, _, right = np.linalg.svd(flat, full_matrices=False)
    for row, component in zip(right, components, strict=False):
        assert abs(row @ component.ravel()) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(projected(heads, average, components), heads, atol=1e-6)


def test_a_linear_model_generalises_as_its_principal_components_do(tmp_path):
    model = face2mesh.load(tiny_model(tmp_path))
    slopes = model.skin_slopes.of_identity
    directions, start = principal_directions(slopes[:, REGION], CODES), CODES.mean(0)
    average, components = principal_components(MEAN, BASIS, CODES)
    heads = heads_of(np.random.default_rng(1).normal(size=(7, MODES)))
    before = np.inf
    for size in range(1, MODES + 1):
        made = best_heads(model.skin_decoder, slopes, heads, REGION, start, directions[:size])
        np.testing.assert_allclose(made, projected(heads, average, components[:size]), atol=0.02)
        error = errors(made, heads).mean()
        assert error < before
        before = error
    assert before < 0.01


def test_errors_by_hand():
    heads = np.zeros((2, 3, 3))
    made = heads + np.array([[[3, 4, 0]], [[0, 0, 1]]])
    np.testing.assert_allclose(errors(made, heads), [5, 1])


def test_the_nearest_training_head():
    training = CODES[:50]
    found, distances = nearest_training_head(heads_of(training[[7, 31]]), MEAN, BASIS, training)
    assert found.tolist() == [7, 31]
    np.testing.assert_allclose(distances, 0, atol=1e-9)
    others = heads_of(CODES[50:60])
    apart = others[:, None] - heads_of(training)
    nearest = (apart**2).sum((2, 3)).argmin(1)
    found, distances = nearest_training_head(others, MEAN, BASIS, training)
    np.testing.assert_array_equal(found, nearest)
    np.testing.assert_allclose(distances, np.linalg.norm(apart[np.arange(10), nearest], axis=2).mean(1))


def tetrahedron(corner):
    return np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]) + corner, np.array(
        [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
    )


def test_two_solids_apart_touching_and_through_each_other():
    first, faces = tetrahedron([0, 0, 0])
    both = np.concatenate([faces, faces + 4])
    for corner, through in (([2, 0, 0], False), ([0.3, 0.3, -0.5], True), ([0.2, 0.2, 0.2], True), ([1, 0, 0], False)):
        second, _ = tetrahedron(corner)
        pairs = intersecting_pairs(np.concatenate([first, second]), both)
        assert bool(len(pairs)) == through
        assert ((pairs[:, 0] < 4) & (pairs[:, 1] >= 4)).all()


def test_a_spike_through_a_triangle():
    """A triangle in the ground plane, and an upright one whose tip passes through it."""
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, -1], [0.5, 1, 2], [1.5, 1, 2.0]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(intersecting_pairs(vertices, triangles), [[0, 1]])
    np.testing.assert_array_equal(intersecting_triangles(vertices, triangles), [0, 1])
    above = vertices + np.repeat([[0, 0, 0], [0, 0, 1.5]], 3, 0)
    assert len(intersecting_pairs(above, triangles)) == 0


def test_the_order_of_triangles_and_the_place_do_not_matter():
    generator = np.random.default_rng(2)
    vertices = generator.normal(size=(60, 3))
    triangles = np.array([generator.choice(60, 3, replace=False) for _ in range(80)])
    found = {frozenset(pair) for pair in intersecting_pairs(vertices, triangles).tolist()}
    assert found
    order = generator.permutation(80)
    turned = vertices[:, [1, 2, 0]] * 3 + 7
    again = {frozenset(order[pair].tolist()) for pair in intersecting_pairs(turned, triangles[order])}
    assert again == found


def test_neighbours_do_not_intersect():
    skin = HEAD.vertices[: HEAD.skin_count]
    assert len(intersecting_triangles(skin, HEAD.skin_triangles)) == 0
    # Pushed through the other side of the head, the nose passes through the skin there.
    pushed = skin.copy()
    pushed[HEAD.regions["nose"][: HEAD.skin_count], 2] -= 400
    assert len(intersecting_triangles(pushed, HEAD.skin_triangles)) > 0


def test_a_panel_of_curves():
    panel = lines_panel("error", "size", {"a": Line([1, 2, 4], [3, 2, 1]), "b": Line([1, 4], [3.5, 3.5], dashed=True)})
    assert panel.shape == (PANEL[1], PANEL[0], 3)
    assert len(np.unique(panel.reshape(-1, 3), axis=0)) > 5
