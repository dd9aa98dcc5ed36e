"""Quadric pooling and the hierarchy: worked examples, the manifold, the border, symmetry."""

import argparse

import numpy as np
import pytest
from made_up import made_up_head

pytest.importorskip("scipy", reason="graphs need scipy, of the extra [train]")

from face2mesh.errors import InputFileError
from face2mesh.lab.graph.command import hierarchy_of_head, run
from face2mesh.lab.graph.hierarchy import Hierarchy, build_hierarchy
from face2mesh.lab.graph.pooling import barycentric_of_closest, border_edges, coarsen, quadrics

# A corner of the unit cube: half of each of the three squares that meet in the origin.
CORNER = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
CORNER_TRIANGLES = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 3]])


def error(quadric, point):
    homogeneous = np.append(point, 1.0)
    return homogeneous @ quadric @ homogeneous


def bumpy_grid(rows, columns):
    """A sheet of triangles, curved, with a border."""
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    vertices = np.stack([x, y, 0.3 * np.sin(x) * np.cos(0.7 * y)], -1).reshape(-1, 3)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    lower = np.stack([corner, corner + 1, corner + columns + 1], 1)
    upper = np.stack([corner, corner + columns + 1, corner + columns], 1)
    return vertices, np.concatenate([lower, upper])


def euler(triangles):
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    assert uses.max() <= 2
    return len(np.unique(triangles)) - len(edges) + len(triangles)


def border_loops(triangles):
    """Number of closed loops that the border's edges form; each vertex must be passed once."""
    start, end, _ = border_edges(triangles)
    following = dict(zip(start.tolist(), end.tolist(), strict=True))
    assert len(following) == len(start), "the border passes a vertex twice"
    loops = 0
    while following:
        first, current = following.popitem()
        while current != first:
            current = following.pop(current)
        loops += 1
    return loops


def test_quadric_of_a_cube_corner():
    """The planes x = 0, y = 0, z = 0 with areas of a half: Q(p) = (x² + y² + z²) / 6 at the corner, one third each."""
    q = quadrics(CORNER, CORNER_TRIANGLES, border_weight=0, evenness=0)
    assert error(q[0], [0, 0, 0]) == pytest.approx(0)
    assert error(q[0], [1, 2, 3]) == pytest.approx(14 / 6)
    # The vertex (1, 0, 0) lies in z = 0 and in y = 0 only.
    assert error(q[1], [1, 2, 3]) == pytest.approx((4 + 9) / 6)
    assert error(q[1], [5, 0, 0]) == pytest.approx(0)
    # Moving the corner onto (1, 0, 0) costs the distance to x = 0, weighted; the sum of both quadrics says so.
    assert error(q[0] + q[1], CORNER[1]) == pytest.approx(1 / 6)
    assert np.allclose(q, q.transpose(0, 2, 1))


def test_quadric_of_the_border_and_of_a_vertex_own_place():
    triangle = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0.0]])
    walls = quadrics(triangle, np.array([[0, 1, 2]]), border_weight=10, evenness=0)
    # Vertex 0 has the walls y = 0 (edge of length 2) and x = 0 (length 1) besides z = 0 with a third of the area 1.
    assert error(walls[0], [0, 3, 0]) == pytest.approx(10 * 4 * 9)
    assert error(walls[0], [3, 0, 0]) == pytest.approx(10 * 1 * 9)
    assert error(walls[0], [0, 0, 3]) == pytest.approx(9 / 3)
    own = quadrics(triangle, np.array([[0, 1, 2]]), border_weight=0, evenness=0.5)
    assert error(own[1], [2, 0, 0]) == pytest.approx(0)
    assert error(own[1], [5, 4, 0]) == pytest.approx(0.5 * 25 / 3)


def test_the_flat_goes_before_the_sharp():
    """A pyramid: vertices of its sides go, its top stays."""
    y, x = np.mgrid[0:7, 0:7].astype(float)
    vertices = np.stack([x, y, -np.maximum(np.abs(x - 3), np.abs(y - 3))], -1).reshape(-1, 3)
    _, triangles = bumpy_grid(7, 7)
    (result,) = coarsen(vertices, triangles, [30], evenness=1e-6)
    assert 24 in result.kept
    assert euler(result.triangles) == 1


def test_levels_are_manifold_with_the_border_as_one_loop():
    vertices, triangles = bumpy_grid(14, 18)
    results = coarsen(vertices, triangles, [63, 16, 6])
    for result, target in zip(results, [63, 16, 6], strict=True):
        assert len(result.kept) == target
        assert np.array_equal(np.unique(result.triangles), result.kept)
        assert euler(result.triangles) == 1
        assert border_loops(result.triangles) == 1
        corners = vertices[result.triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert np.all(normals[:, 2] > 0), "a triangle is turned over"
        assert np.isin(result.representative, result.kept).all()
        assert np.array_equal(result.representative[result.kept], result.kept)
    assert set(results[1].kept) <= set(results[0].kept)


def test_a_hole_and_a_second_piece_stay():
    vertices, triangles = bumpy_grid(10, 10)
    holed = triangles[~np.isin(triangles, [44, 45]).any(1)]
    used = np.unique(holed)
    new = np.full(100, -1)
    new[used] = np.arange(len(used))
    two = np.concatenate([new[holed], new[holed] + len(used)])
    (result,) = coarsen(np.concatenate([vertices[used], vertices[used] + 50]), two, [40])
    assert border_loops(result.triangles) == 4
    assert euler(result.triangles) == 0


def test_a_tetrahedron_cannot_be_thinned():
    closed = np.concatenate([CORNER_TRIANGLES, [[1, 2, 3]]])
    with pytest.raises(ValueError, match="stops at 4 vertices"):
        coarsen(CORNER, closed, [3])


def test_no_manifold_is_refused():
    with pytest.raises(ValueError, match="used twice"):
        coarsen(CORNER, np.array([[0, 1, 2], [0, 1, 3]]), [3])


def test_triangles_that_are_not_mirrored_are_refused():
    vertices, triangles = bumpy_grid(3, 3)
    mirror = np.arange(9).reshape(3, 3)[:, ::-1].ravel()
    with pytest.raises(ValueError, match="mirror"):
        coarsen(vertices, triangles, [5], mirror)


@pytest.mark.parametrize(
    ("point", "weights"),
    [
        ([0.25, 0.25, 3], [0.5, 0.25, 0.25]),
        ([-1, -1, 0], [1, 0, 0]),
        ([0.5, -2, 1], [0.5, 0.5, 0]),
        ([1, 1, 0], [0, 0.5, 0.5]),
        ([-2, 0.25, 0], [0.75, 0, 0.25]),
        ([4, -1, 0], [0, 1, 0]),
    ],
)
def test_closest_point_of_a_triangle(point, weights):
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]])
    assert np.allclose(barycentric_of_closest(np.array([point], float), corners), [weights])


def test_closest_point_of_a_needle_and_of_a_point():
    needle = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0.0]]])
    found = barycentric_of_closest(np.array([[1.5, 1, 0]]), needle)
    assert np.allclose(found @ needle[0], [[1.5, 0, 0]])
    point = np.array([[[3, 0, 0], [3, 0, 0], [3, 0, 0.0]]])
    assert np.allclose(barycentric_of_closest(np.array([[0, 1, 0.0]]), point).sum(1), 1)


@pytest.fixture(scope="module")
def head():
    return made_up_head()


@pytest.fixture(scope="module")
def hierarchy(head):
    return hierarchy_of_head(head, poolings=3, factor=2.5)


def test_levels_of_a_symmetric_head_are_symmetric(head, hierarchy):
    for level in hierarchy.levels:
        places = head.vertices[level.kept]
        assert np.array_equal(level.mirror[level.mirror], np.arange(level.count))
        assert np.array_equal(places[level.mirror], places * np.float32([-1, 1, 1]))
        triangles = {frozenset(row) for row in level.triangles.tolist()}
        assert triangles == {frozenset(row) for row in level.mirror[level.triangles].tolist()}
    generator = np.random.default_rng(0)
    for step, (fine, coarse) in enumerate(zip(hierarchy.levels, hierarchy.levels[1:], strict=False)):
        values = generator.standard_normal(coarse.count)
        matrix = hierarchy.unpooling(step)
        assert np.allclose((matrix @ values)[fine.mirror], matrix @ values[coarse.mirror], atol=1e-12)


def test_unpooling_gives_kept_vertices_back_and_constants_stay(hierarchy):
    for step, coarse in enumerate(hierarchy.levels[1:]):
        matrix = hierarchy.unpooling(step)
        values = np.random.default_rng(1).standard_normal(coarse.count)
        assert np.allclose((matrix @ values)[hierarchy.pool[step]], values)
        assert np.allclose(matrix @ np.ones(coarse.count), 1, atol=1e-6)
        assert hierarchy.unpool_weights[step].min() >= 0
        assert np.array_equal(hierarchy.levels[step].kept[hierarchy.pool[step]], coarse.kept)


def test_unpooled_places_are_near(head, hierarchy):
    fine, coarse = hierarchy.levels[:2]
    way = np.linalg.norm(hierarchy.unpooling(0) @ head.vertices[coarse.kept] - head.vertices[fine.kept], axis=1)
    edges = head.vertices[coarse.kept][coarse.edges]
    assert way.max() < np.linalg.norm(edges[:, 0] - edges[:, 1], axis=1).mean()


def test_level_0_is_the_skin_with_the_sides_of_its_quads(head, hierarchy):
    assert hierarchy.counts[0] == head.skin_count
    assert np.array_equal(hierarchy.levels[0].triangles, head.skin_triangles)
    plain = build_hierarchy(head.vertices[: head.skin_count], head.skin_triangles, poolings=1)
    assert len(plain.levels[0].edges) == len(hierarchy.levels[0].edges) + len(head.skin_quads)


def test_saved_and_read_again(hierarchy, tmp_path):
    path = tmp_path / "hierarchy.npz"
    hierarchy.save(path, {"command": "test"})
    again = Hierarchy.load(path)
    assert again.counts == hierarchy.counts
    for one, other in zip(hierarchy.unpool_weights, again.unpool_weights, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(again.levels[1].edges, hierarchy.levels[1].edges)


def test_a_hierarchy_is_valid_from_birth(hierarchy):
    with pytest.raises(ValueError, match="every level but the last"):
        Hierarchy(hierarchy.levels, hierarchy.pool[:-1], hierarchy.unpool_vertices, hierarchy.unpool_weights)
    with pytest.raises(ValueError, match="wrong shape"):
        Hierarchy(hierarchy.levels, hierarchy.pool, hierarchy.unpool_vertices[::-1], hierarchy.unpool_weights)
    outside = (hierarchy.unpool_vertices[0] + 10_000, *hierarchy.unpool_vertices[1:])
    with pytest.raises(ValueError, match="points outside"):
        Hierarchy(hierarchy.levels, hierarchy.pool, outside, hierarchy.unpool_weights)


def test_the_command_writes_the_file_and_says_what_is_missing(head, tmp_path, capsys):
    arguments = argparse.Namespace(build=tmp_path, data=None, poolings=2, factor=3.0)
    with pytest.raises(InputFileError, match="face2mesh lab base-head"):
        run(arguments)
    head.save(tmp_path / "base-head.npz", {})
    run(arguments)
    assert len(Hierarchy.load(tmp_path / "hierarchy.npz").levels) == 3
    assert "hierarchy.npz" in capsys.readouterr().out
    with pytest.raises(InputFileError, match="fewer or smaller"):
        run(argparse.Namespace(build=tmp_path, data=None, poolings=12, factor=4.0))
    (tmp_path / "hierarchy.npz").write_bytes(b"no archive")
    with pytest.raises(InputFileError, match="face2mesh lab hierarchy"):
        Hierarchy.load(tmp_path / "hierarchy.npz")
