"""MediaPipe's points: rays, mirror pairs, the committed table."""

import json

import numpy as np

from face2mesh.head.embedding import Embedding
from face2mesh.lab.base.embeddings import IBUG_68, POINTS, TABLE, chosen, table
from face2mesh.lab.base.points import LOWER_LIP, MIDDLE, UPPER_LIP, Marked, in_space, mirror_of
from face2mesh.lab.base.regions import inside_polygon
from face2mesh.lab.base.topology import Submesh


def seen(points: np.ndarray, yaw: float) -> Marked:
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    rotation = np.diag([1.0, -1, -1]) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    translation = np.array([3.0, -2, 700])
    placed = points @ rotation.T + translation
    focal, centre = np.array([800.0, 810]), np.array([256.0, 250])
    return Marked(placed[:, :2] / placed[:, 2:] * focal + centre, focal, centre, rotation, translation)


def test_rays_meet_where_the_points_are():
    points = np.random.default_rng(0).normal(0, 50, (20, 3))
    assert np.allclose(in_space([seen(points, yaw) for yaw in (-30, 0, 25)]), points, atol=1e-6)


def test_mirror_pairs_and_the_middle():
    left = np.random.default_rng(1).uniform(1, 50, (6, 3))
    points = np.concatenate([left, left * (-1, 1, 1), [[0, 5, 5.0]]])
    partner = mirror_of(points, middle=(12,))
    assert partner.tolist() == [*range(6, 12), *range(6), 12]


def test_the_table_is_symmetric_and_complete():
    rows = json.loads(TABLE.read_text())["points"]
    assert len(rows) == POINTS
    weights = np.array([row[3:] for row in rows])
    assert weights.min() >= 0
    assert np.allclose(weights.sum(axis=1), 1, atol=2e-4)
    # Mirrored points carry the same weights: as many of each on either side, and single ones in the middle only.
    kinds, counts = np.unique(np.sort(weights, axis=1).round(4), axis=0, return_counts=True)
    assert (counts % 2).sum() <= len(MIDDLE)
    assert len(kinds) < POINTS


def test_groups_do_not_overlap():
    assert not set(UPPER_LIP) & set(LOWER_LIP)
    assert len(set(IBUG_68)) == 68


def test_table_and_choice_go_through():
    skin = Submesh(
        np.array([10, 11, 15]),
        np.zeros((3, 3)),
        np.zeros((0, 4), int),
        np.arange(3),
        np.zeros((0, 2)),
        np.zeros((0, 4), int),
    )
    embedding = Embedding(
        np.array([[0, 1, 2], [2, 1, 0]], np.int32), np.array([[0.5, 0.25, 0.25], [1, 0, 0]], np.float32)
    )
    assert json.loads(table(embedding, skin))["points"] == [[10, 11, 15, 0.5, 0.25, 0.25], [15, 11, 10, 1.0, 0.0, 0.0]]
    assert skin.number(np.array([15, 12, 99])).tolist() == [2, -1, -1]
    assert chosen(embedding, [1]).weights.tolist() == [[1, 0, 0]]


def test_inside_a_polygon():
    square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    assert inside_polygon(np.array([[1.0, 1], [3, 1], [-1, 1], [1, 3]]), square).tolist() == [True, False, False, False]
