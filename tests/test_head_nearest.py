"""Closest places by comparing everything, and placements by trying."""

import numpy as np
import pytest
from made_up import made_up_head

from face2mesh.head.nearest import NearSurface, nearest, triangles_around
from face2mesh.head.normals import vertex_areas
from face2mesh.head.rough_placement import even_rotations, rough_placements

HEAD = made_up_head()
SKIN = HEAD.skin_count
TRIANGLES = HEAD.skin_triangles


def test_nearest_is_the_nearest():
    generator = np.random.default_rng(0)
    points, among = generator.normal(size=(3000, 3)), generator.normal(size=(200, 3))
    found = nearest(points + 1000, among + 1000)
    distances = np.linalg.norm(points[:, None] - among, axis=2)
    assert (distances[np.arange(3000), found] <= distances.min(1) + 1e-4).all()


def test_triangles_around_every_vertex():
    table = triangles_around(TRIANGLES, SKIN)
    for vertex in (0, 7, SKIN - 1):
        assert set(table[vertex]) == set(np.flatnonzero((vertex == TRIANGLES).any(1)))
    assert (triangles_around(np.array([[0, 1, 2]]), 5)[3] == 0).all()


def test_closest_places_against_trimesh():
    trimesh = pytest.importorskip("trimesh")
    generator = np.random.default_rng(1)
    skin = HEAD.vertices[:SKIN].astype(np.float64)
    points = skin[generator.integers(SKIN, size=400)] + 4 * generator.normal(size=(400, 3))
    found = NearSurface(TRIANGLES, SKIN).closest(points, skin)
    _, distances, _ = trimesh.proximity.closest_point_naive(trimesh.Trimesh(skin, TRIANGLES, process=False), points)
    np.testing.assert_allclose(found.distances, distances, atol=0.1)
    at = np.einsum("nk,nkc->nc", found.shares, skin[TRIANGLES[found.triangle]])
    np.testing.assert_allclose(at, found.places)


def test_areas_of_vertices_sum_to_the_surface():
    corners = HEAD.vertices[TRIANGLES].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert vertex_areas(HEAD.vertices, TRIANGLES).sum() == pytest.approx(area, rel=1e-5)


def test_rotations_are_rotations_and_even():
    rotations = even_rotations(180)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (180, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    # Every rotation has one of these within some 35 degrees.
    from face2mesh.head.rigid import rotations_of

    others = rotations_of(2 * np.random.default_rng(2).normal(size=(300, 3)))
    cosine = (np.einsum("aij,bij->ab", others, rotations) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine.max(1), -1, 1))).max() < 45


@pytest.mark.parametrize("scale", [1.0, 0.001])
def test_a_turned_lopsided_cloud_is_found(scale):
    """The made-up head is too round; three lobes of different length are not."""
    generator = np.random.default_rng(3)
    lobes = [generator.normal(size=(300, 3)) * [60, 10, 10], generator.normal(size=(300, 3)) * [8, 8, 8] + [0, 70, 0]]
    cloud = np.concatenate([*lobes, generator.normal(size=(200, 3)) * [5, 5, 5] + [40, 0, 50]])
    turn = even_rotations(50)[17]
    points = scale * (cloud[::2] @ turn.T + [5, -300, 20])
    best = rough_placements(cloud, [np.ones(len(cloud))], points, scaling=scale != 1)[0]
    assert np.linalg.norm(best(cloud) - scale * (cloud @ turn.T + [5, -300, 20]), axis=1).mean() < 4 * scale
