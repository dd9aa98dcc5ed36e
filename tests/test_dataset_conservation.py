"""Whether a sculpt is still the template, and what is said when it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import made_up_head
from made_up_dataset import STEPS, made_up_heads

from face2mesh.errors import InputFileError
from face2mesh.head.subdivision import subdivision
from face2mesh.lab.dataset.conservation import Sculpt, conserved, differing, triangulated
from face2mesh.lab.dataset.placing import UNITS, placed

HEAD = made_up_head(STEPS)
QUADS = HEAD.quads.astype(np.int64)
VERTICES = made_up_heads(1)[0].astype(np.float64)


def sculpt(vertices=VERTICES, faces=QUADS, corner_uv=None):
    return Sculpt("anna.obj", vertices, faces, corner_uv)


def said_of(*arguments, **more):
    with pytest.raises(InputFileError, match=r"^anna\.obj: ") as raised:
        conserved(sculpt(*arguments, **more), HEAD)
    return str(raised.value)


def split_at_seams():
    """The head as a format without seams has it: a vertex for each pair of vertex and texture point, in mixed order."""
    pairs = np.stack([QUADS.ravel(), HEAD.uv_quads.ravel()], 1)
    unique, index = np.unique(pairs, axis=0, return_inverse=True)
    order = np.random.default_rng(2).permutation(len(unique))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    faces = place[index.reshape(-1, 4)]
    return VERTICES[unique[order, 0]], faces, HEAD.uv[HEAD.uv_quads].astype(np.float64)


def test_a_head_of_the_same_faces_is_taken_as_it_is():
    vertices, told = conserved(sculpt(), HEAD)
    assert np.array_equal(vertices, VERTICES)
    assert told == []


@pytest.mark.parametrize("start", [0, 1])
def test_triangulated_faces_are_halves_of_the_template_s(start):
    faces = triangulated(np.roll(QUADS, start, axis=1))
    vertices, told = conserved(sculpt(faces=faces), HEAD)
    assert np.array_equal(vertices, VERTICES)
    assert told == []


def test_the_skin_alone_is_taken():
    skin = HEAD.skin_count
    vertices, _ = conserved(sculpt(VERTICES[:skin], HEAD.skin_quads.astype(np.int64)), HEAD)
    assert np.array_equal(vertices, VERTICES[:skin])


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_vertices_split_at_seams_are_put_together(flipped, cut):
    vertices, faces, uv = split_at_seams()
    assert len(vertices) > len(VERTICES)
    if flipped:
        uv = np.stack([uv[..., 0], 1 - uv[..., 1]], -1)
    if cut:
        faces, uv = faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), uv[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)
    found, told = conserved(sculpt(vertices, faces, uv), HEAD)
    assert np.allclose(found, VERTICES, atol=1e-12)
    assert "split" in told[0]


def shuffled():
    order = np.random.default_rng(4).permutation(len(VERTICES))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return VERTICES[order], place[QUADS]


def test_another_order_is_undone_by_the_texture_points():
    vertices, faces = shuffled()
    found, told = conserved(sculpt(vertices, faces, HEAD.uv[HEAD.uv_quads].astype(np.float64)), HEAD)
    assert np.array_equal(found, VERTICES)
    assert "another order" in told[0]


def test_another_order_is_refused_without_texture_points():
    assert "another order" in said_of(*shuffled())


@pytest.mark.parametrize("levels", [1, 2])
def test_subdivision_is_recognised(levels):
    topology, vertices = HEAD.topology, VERTICES
    for _ in range(levels):
        step = subdivision(topology)
        topology, vertices = step.fine, step(vertices)
    said = said_of(vertices, topology.quads.astype(np.int64))
    assert f"{levels} step" in said
    assert "without modifiers" in said


def test_merged_vertices_are_counted():
    faces = np.where(QUADS == 3, 2, QUADS)
    assert "3 vertices fewer" in said_of(VERTICES[:-3], np.minimum(faces, len(VERTICES) - 4))


def test_added_vertices_are_counted():
    more = np.concatenate([VERTICES, VERTICES[:2] + 1])
    faces = np.concatenate([QUADS, [[0, 1, len(VERTICES), len(VERTICES) + 1]]])
    assert "2 vertices more" in said_of(more, faces)


def test_two_heads_in_one_mesh_are_recognised():
    both = np.concatenate([VERTICES, VERTICES + 300])
    assert "2 heads" in said_of(both, np.concatenate([QUADS, QUADS + len(VERTICES)]))


def test_deleted_faces_are_counted():
    assert "2 of the faces differ" in said_of(faces=QUADS[2:])


def test_another_mesh_is_sent_to_register():
    grown = np.random.default_rng(0).normal(size=(1234, 3))
    assert "face2mesh register" in said_of(grown, np.arange(1200).reshape(-1, 3))


def test_split_vertices_without_texture_points_are_told():
    vertices, faces, _ = split_at_seams()
    assert "shared vertices" in said_of(vertices, faces)


def test_nothing_and_nowhere_are_refused():
    assert "no mesh" in said_of(np.zeros((0, 3)), np.zeros((0, 4), np.int64))
    assert "nowhere" in said_of(np.where(np.arange(len(VERTICES))[:, None] == 5, np.nan, VERTICES))


def test_differing_counts_by_hand():
    # One foreign triangle, and the two halves of quad 0 that are not covered count as one face.
    triangles = triangulated(QUADS)
    assert differing(triangles, HEAD, len(VERTICES)) == 0
    triangles = np.concatenate([triangles[2:], [[0, 100, 200]]])
    assert differing(triangles, HEAD, len(VERTICES)) == 3


def turn_of(seed):
    q = np.random.default_rng(seed).normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


REST = HEAD.vertices.astype(np.float64)


def test_a_sculpt_in_place_stays_as_it_is():
    moved, told = placed(VERTICES, REST)
    assert np.array_equal(moved, VERTICES)
    assert told == []


def test_a_person_s_own_size_and_lean_are_kept():
    angle = np.radians(4)
    lean = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    person = VERTICES @ lean.T * 1.15
    moved, told = placed(person, REST)
    assert np.array_equal(moved, person)
    assert told == []


@settings(deadline=None, max_examples=40)
@given(
    order=st.permutations(range(3)),
    signs=st.tuples(*[st.sampled_from([1.0, -1.0])] * 3),
    unit=st.sampled_from(sorted(UNITS)),
    mirrored=st.booleans(),
)
def test_axes_units_and_mirror_images_are_undone_exactly(order, signs, unit, mirrored):
    turn = np.zeros((3, 3))
    turn[range(3), order] = signs
    if (np.linalg.det(turn) < 0) != mirrored:
        turn = -turn
    moved, told = placed(VERTICES @ turn.T / unit, REST)
    assert np.allclose(moved, VERTICES, atol=1e-9)
    assert any("mirrored" in note for note in told) == mirrored
    if unit != 1:
        assert any(f"in {UNITS[unit]}" in note for note in told)


def test_any_turn_and_place_come_back():
    for seed in range(5):
        moved, told = placed(VERTICES @ turn_of(seed).T + [300, -20, 50], REST)
        assert np.linalg.norm(moved - VERTICES, axis=1).mean() < 6
        assert any("turned" in note for note in told)
        # The shape itself is not touched.
        edges = np.linalg.norm(np.diff(moved, axis=0), axis=1)
        assert np.allclose(edges, np.linalg.norm(np.diff(VERTICES, axis=0), axis=1), atol=1e-9)


def test_an_unknown_unit_is_told():
    moved, told = placed(VERTICES / 33, REST)
    assert "a unit of its own" in told[0]
    assert abs(np.ptp(moved[:, 1]) / np.ptp(VERTICES[:, 1]) - 1) < 0.05
