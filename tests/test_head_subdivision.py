"""Catmull–Clark subdivision: worked by hand, against the paper's rules one by one, and against what must not change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_head
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from face2mesh.head import Topology
from face2mesh.head.subdivision import subdivision

CUBE = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)])
CUBE_QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]


def topology_of(quads, uv=None, uv_quads=None, parts=None, count=None):
    quads = np.array(quads, np.int32)
    count = int(quads.max()) + 1 if count is None else count
    part_vertices, part_quads = parts or ({"skin": (0, count)}, {"skin": (0, len(quads))})
    return Topology(
        vertex_count=count,
        quads=quads,
        triangles=quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3),
        uv=np.zeros((count, 2), np.float32) if uv is None else np.asarray(uv, np.float32),
        uv_quads=quads if uv_quads is None else np.asarray(uv_quads, np.int32),
        part_vertices=part_vertices,
        part_quads=part_quads,
    )


def grid(columns, rows):
    """An open grid of quads in the plane: topology and vertices (n, 3), rows of `columns` + 1 points."""
    y, x = np.mgrid[: rows + 1, : columns + 1]
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    quads = np.stack([corner, corner + 1, corner + columns + 2, corner + columns + 1], 1)
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1).astype(float)
    return topology_of(quads, vertices[:, :2] / max(columns, rows)), vertices


def by_the_paper(quads, vertices):
    """Catmull and Clark's three rules, and the border's, one point after the other; order as in `Subdivision`."""
    sides = [[tuple(sorted((quad[i], quad[(i + 1) % 4]))) for i in range(4)] for quad in quads]
    edges = sorted({side for quad in sides for side in quad})
    middles = [np.mean([vertices[v] for v in quad], 0) for quad in quads]
    beside = {edge: [middles[q] for q, quad in enumerate(sides) if edge in quad] for edge in edges}
    border = [edge for edge in edges if len(beside[edge]) == 1]
    of_vertices = []
    for v, place in enumerate(vertices):
        own_edges = [edge for edge in edges if v in edge]
        own_border = [edge for edge in border if v in edge]
        n = len(own_edges)
        if not own_border:
            faces = np.mean([middles[q] for q, quad in enumerate(quads) if v in quad], 0)
            halves = np.mean([(vertices[a] + vertices[b]) / 2 for a, b in own_edges], 0)
            of_vertices.append(faces / n + 2 * halves / n + (n - 3) * place / n)
        elif len(own_border) == 2:
            others = [vertices[sum(edge) - v] for edge in own_border]
            of_vertices.append(3 / 4 * place + sum(others) / 8)
        else:
            of_vertices.append(place)
    of_edges = [
        (vertices[a] + vertices[b]) / 2
        if len(beside[a, b]) == 1
        else (vertices[a] + vertices[b] + sum(beside[a, b])) / 4
        for a, b in edges
    ]
    return np.array(of_vertices + of_edges + middles)


def limit_by_halstead(topology, vertices):
    """Where inner vertices go in the limit: Halstead, Kass and DeRose 1993, equation 1; NaN on borders."""
    quads = topology.quads
    sums, weights = np.zeros_like(vertices), np.zeros(len(vertices))
    neighbours = [set() for _ in vertices]
    for quad in quads:
        for i in range(4):
            sums[quad[i]] += vertices[quad[(i + 2) % 4]]
            neighbours[quad[i]] |= {quad[(i + 1) % 4], quad[(i + 3) % 4]}
            weights[quad[i]] += 1
    limits = np.full(vertices.shape, np.nan)
    for v, around in enumerate(neighbours):
        n = len(around)
        if n == weights[v]:
            edges = sum(vertices[u] for u in around)
            limits[v] = (n**2 * vertices[v] + 4 * edges + sums[v]) / (n * (n + 5))
    return limits


def test_a_cube_by_hand():
    step = subdivision(topology_of(CUBE_QUADS))
    fine = step(CUBE)
    assert fine.shape == (8 + 12 + 6, 3)
    # A corner: n = 3, S = (1, 1, 1), Q = (1/3, …), R = (2/3, …): Q/3 + 2R/3 + 0 = 5/9.
    np.testing.assert_allclose(fine[:8], CUBE * 5 / 9, atol=1e-6)
    # An edge along x at (0, 1, 1): ((0, 1, 1) · 2 + (0, 1, 0) + (0, 0, 1)) / 4 = (0, 3/4, 3/4).
    assert sorted(np.round(np.abs(fine[8:20]).sum(1), 6)) == [1.5] * 12
    assert set(np.abs(fine[8:20]).ravel().tolist()) == {0.0, 0.75}
    np.testing.assert_allclose(np.abs(fine[20:]).sum(1), 1, atol=1e-6)


def test_an_open_grid_by_hand():
    topology, vertices = grid(2, 2)
    fine = subdivision(topology)(vertices)
    np.testing.assert_allclose(fine[4], [1, 1, 0], atol=1e-6)  # the middle stays
    np.testing.assert_allclose(fine[1], [1, 0, 0], atol=1e-6)  # so does a straight border's
    # A border's corner: 3/4 of itself, 1/8 of (1, 0) and (0, 1) each.
    np.testing.assert_allclose(fine[0], [1 / 8, 1 / 8, 0], atol=1e-6)


def test_a_border_decides_for_itself():
    topology, vertices = grid(4, 3)
    moved = vertices.copy()
    inner = np.setdiff1d(np.arange(20), [0, 1, 2, 3, 4, 5, 9, 10, 14, 15, 16, 17, 18, 19])
    moved[inner, 2] = 5
    step = subdivision(topology)
    fine, risen = step(vertices), step(moved)
    edges = np.unique(
        np.sort(np.stack([step.fine.quads, np.roll(step.fine.quads, -1, 1)], -1).reshape(-1, 2), 1), axis=0
    )
    counts = np.zeros(len(fine), int)
    np.add.at(counts, edges.ravel(), 1)
    border = counts < 4
    assert border.sum() == 2 * 14
    np.testing.assert_array_equal(fine[border], risen[border])


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_every_rule_of_the_paper(seed):
    """On a cube with some quads left out: borders, corners, vertices where borders meet."""
    generator = np.random.default_rng(seed)
    kept = np.flatnonzero(generator.random(24) < 0.7)
    cube = subdivision(topology_of(CUBE_QUADS)).fine
    quads = cube.quads[kept if len(kept) else [0]]
    used, quads = np.unique(quads, return_inverse=True)
    quads = quads.reshape(-1, 4)
    vertices = generator.normal(size=(len(used), 3))
    fine = subdivision(topology_of(quads, count=len(used)))(vertices)
    np.testing.assert_allclose(fine, by_the_paper(quads.tolist(), vertices), atol=1e-5)


@pytest.mark.parametrize("levels", [1, 2])
def test_constants_and_affine_maps_are_reproduced(levels):
    topology, vertices = made_up_head().topology, made_up_head().vertices
    matrix, shift = np.array([[1.2, 0.1, -0.3], [0.4, 0.9, 0.2], [0.0, -0.5, 1.1]]), np.array([3.0, -2, 7])
    values, moved, ones = vertices, vertices @ matrix + shift, np.ones(len(vertices))
    for _ in range(levels):
        step = subdivision(topology)
        values, moved, ones, topology = step(values), step(moved), step(ones), step.fine
        assert step.weight.min() > 0
    np.testing.assert_allclose(ones, 1, atol=1e-5)
    np.testing.assert_allclose(moved, values @ matrix + shift, atol=1e-3)


def test_the_limit_of_a_regular_grid_is_a_bicubic_spline():
    topology, vertices = grid(4, 4)
    vertices[:, 2] = np.random.default_rng(1).normal(size=25)
    values = vertices
    for _ in range(5):
        step = subdivision(topology)
        values, topology = step(values), step.fine
    tensor = np.outer([1, 4, 1], [1, 4, 1]) / 36
    limit = (tensor[..., None] * vertices.reshape(5, 5, 3)[1:4, 1:4]).sum((0, 1))
    np.testing.assert_allclose(values[12], limit, atol=2e-3)


def test_limits_do_not_depend_on_the_level():
    topology = topology_of(CUBE_QUADS)
    step = subdivision(topology)
    coarse, fine = limit_by_halstead(topology, CUBE), limit_by_halstead(step.fine, step(CUBE).astype(float))
    np.testing.assert_allclose(coarse, CUBE / 2, atol=1e-6)  # (9 · 1 + 4 · (1 + 1 − 1) + (1 − 1 − 1)) / 24
    np.testing.assert_allclose(fine[:8], coarse, atol=1e-6)


def test_counts():
    topology = made_up_head().topology
    for _ in range(2):
        step = subdivision(topology)
        sides = np.sort(np.stack([topology.quads, np.roll(topology.quads, -1, 1)], -1).reshape(-1, 2), axis=1)
        edges = len(np.unique(sides, axis=0))
        fine = step.fine
        assert fine.vertex_count == topology.vertex_count + edges + len(topology.quads)
        assert len(fine.quads) == len(fine.uv_quads) == 4 * len(topology.quads)
        fine_sides = np.sort(np.stack([fine.quads, np.roll(fine.quads, -1, 1)], -1).reshape(-1, 2), axis=1)
        # Euler's number stays.
        before = topology.vertex_count - edges + len(topology.quads)
        assert fine.vertex_count - len(np.unique(fine_sides, axis=0)) + len(fine.quads) == before
        topology = fine


@pytest.mark.parametrize("levels", [1, 2])
def test_parts_stay_together(levels):
    topology = made_up_head().topology
    for _ in range(levels):
        step = subdivision(topology)
        for part, (first, last) in topology.part_vertices.items():
            # A part's first vertices are its coarse ones: of all coarse vertices, they have most of themselves.
            start = step.fine.part_vertices[part][0]
            for i in range(last - first):
                own = slice(step.starts[start + i], step.starts[start + i + 1])
                assert step.index[own][step.weight[own].argmax()] == first + i
        topology = step.fine
    end_vertices = end_quads = 0
    for part in topology.part_vertices:
        (first, last), (start, end) = topology.part_vertices[part], topology.part_quads[part]
        assert (first, start) == (end_vertices, end_quads)
        np.testing.assert_array_equal(np.unique(topology.quads[start:end]), np.arange(first, last))
        end_vertices, end_quads = last, end
    assert (end_vertices, end_quads) == (topology.vertex_count, len(topology.quads))


def test_symmetric_heads_stay_symmetric():
    head = made_up_head()
    topology, values = head.topology, head.vertices.astype(np.float64)
    for _ in range(2):
        step = subdivision(topology)
        topology, values = step.fine, step(values)
    for faces in (topology.quads, topology.triangles):
        middles = values[faces].mean(1)
        assert cKDTree(middles).query(middles * [-1, 1, 1])[0].max() < 1e-3


def test_fine_faces_look_out():
    trimesh = pytest.importorskip("trimesh", reason="the readers come with the extra [dev]")
    step = subdivision(topology_of(CUBE_QUADS))
    assert trimesh.Trimesh(CUBE, topology_of(CUBE_QUADS).triangles, process=False).volume == pytest.approx(8)
    mesh = trimesh.Trimesh(step(CUBE), step.fine.triangles, process=False)
    assert mesh.is_watertight
    assert 2 < mesh.volume < 8
    assert mesh.euler_number == 2


def islands(uv_quads, count):
    """How many pieces the texture points hang together in."""
    start, end = uv_quads.ravel(), np.roll(uv_quads, -1, 1).ravel()
    return connected_components(coo_matrix((np.ones(len(start)), (start, end)), (count, count)))[0]


def test_texture_points_keep_islands_and_places():
    head = made_up_head()
    step = subdivision(head.topology)
    fine = step.fine
    assert islands(fine.uv_quads, len(fine.uv)) == islands(head.uv_quads, len(head.uv))
    np.testing.assert_array_equal(fine.uv[: len(head.uv)], head.uv)
    # Each fine quad is a quarter of the coarse quad's piece of the texture: bilinear, so its middle is known.
    corners = head.uv[head.uv_quads]  # (Q, 4, 2)
    quarter = np.array([9, 3, 1, 3]) / 16
    for corner in range(4):
        wanted = np.einsum("k,qkc->qc", quarter, np.roll(corners, -corner, axis=1))
        np.testing.assert_allclose(fine.uv[fine.uv_quads[corner::4]].mean(1), wanted, atol=1e-6)
        # And the corner that it comes from is its first.
        np.testing.assert_array_equal(fine.uv_quads[corner::4, 0], head.uv_quads[:, corner])
    # One texture point is never at two vertices, and the seam has no gap: the same vertex pairs on both its sides.
    pairs = np.unique(np.stack([fine.uv_quads.ravel(), fine.quads.ravel()], 1), axis=0)
    assert len(np.unique(pairs[:, 0])) == len(pairs)


def test_one_topology_one_subdivision():
    topology = topology_of(CUBE_QUADS)
    assert subdivision(topology) is subdivision(topology)


def test_columns_do_not_matter():
    step = subdivision(topology_of(CUBE_QUADS))
    np.testing.assert_array_equal(step(CUBE[:, 1]), step(CUBE)[:, 1])


def test_three_quads_at_an_edge():
    fan = [[0, 1, 2, 3], [0, 1, 4, 5], [1, 0, 6, 7]]
    with pytest.raises(ValueError, match="more than two quads"):
        subdivision(topology_of(fan))


def test_a_quad_of_two_parts():
    parts = ({"skin": (0, 4), "tongue": (4, 8)}, {"skin": (0, 5), "tongue": (5, 6)})
    with pytest.raises(ValueError, match="another part"):
        subdivision(topology_of(CUBE_QUADS, parts=parts))
