from __future__ import annotations

import numpy as np
import pytest

from face2mesh.lab.base.atlas import MARGIN, SKIN_SHARE, Island, Textured, check_overlap, head_atlas, pack, signed_areas
from face2mesh.lab.base.eyes import eyeballs
from face2mesh.lab.base.unwrap import islands_of, lay_flat, sew, texture_mirror
from tests.parts_checks import corner_turns

COLUMNS, ROWS = 16, 10
NECK_ROWS = 2


def hood() -> tuple[Textured, np.ndarray]:
    """A small head: a tube, closed at the back, zipped over the crown; neck and mouth cavity are islands."""
    number: dict[tuple[int, int], int] = {}
    vertices = []
    for row in range(ROWS + 1):
        for column in range(COLUMNS + 1):
            twin = (row, COLUMNS - column)
            at_back, at_top = column == COLUMNS, row == ROWS
            if at_back and not at_top:
                number[row, column] = number[row, 0]
            elif at_top and twin in number:
                number[row, column] = number[twin]
            else:
                number[row, column] = len(vertices)
                turn = 2 * np.pi * (column - COLUMNS / 2) / COLUMNS
                narrow = np.cos(np.pi / 2 * max(row - 6, 0) / (ROWS - 6))
                across = 0.0 if column in (0, COLUMNS // 2) or at_top else 80 * np.sin(turn) * narrow
                vertices.append([across, 25.0 * row - 150, 100 * np.cos(turn)])
    points = np.array(vertices)
    mirror = np.array([np.flatnonzero(np.abs(points - p * (-1, 1, 1)).max(1) < 1e-9)[0] for p in points])
    points = (points + points[mirror] * (-1, 1, 1)) / 2
    quads, uv_quads = [], []
    uv: dict[tuple[object, ...], int] = {}
    for row in range(ROWS):
        for column in range(COLUMNS):
            in_mouth = row in (3, 4) and column in (7, 8)
            island = "neck" if row < NECK_ROWS else "mouth" if in_mouth else "face"
            corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
            quads.append([number[c] for c in corners])
            uv_quads.append([uv.setdefault((island, *c), len(uv)) for c in corners])
    offset = {"neck": 5.0, "mouth": 8.0, "face": 0.0}
    texture = np.array([[column / COLUMNS + offset[str(island)], row / ROWS] for island, row, column in uv])
    return Textured(points, np.array(quads), texture, np.array(uv_quads)), mirror


def test_neck_is_sewn_on_and_the_back_seam_stays() -> None:
    skin, _ = hood()
    assert islands_of(skin.uv_quads).max() == 2
    sewn, outer = sew(skin.quads, skin.uv_quads)
    assert islands_of(sewn).max() == 1
    assert outer.sum() == COLUMNS * ROWS - 4
    # The seam's vertices, one column of them, keep two texture points each.
    back = np.unique(skin.quads[:, 0][::COLUMNS])
    assert all(len(np.unique(sewn[skin.quads == vertex])) == 2 for vertex in back)


def test_outer_skin_is_flat_convex_symmetric_and_fills_its_rectangle() -> None:
    skin, mirror = hood()
    uv, (quads,) = head_atlas(skin, mirror, [])
    twin = texture_mirror(skin.quads, quads, mirror)
    _, outer = sew(skin.quads, skin.uv_quads)
    assert (corner_turns(uv, quads[outer]) > 0).all()
    points = np.unique(quads[outer])
    assert uv[twin[points], 0] == pytest.approx(1 - uv[points, 0], abs=1e-15)
    assert np.array_equal(uv[twin[points], 1], uv[points, 1])
    assert np.ptp(uv[points], axis=0) == pytest.approx([1 - 2 * MARGIN, SKIN_SHARE - 2 * MARGIN], abs=0.01)
    # Up is up, and the subject's left is on the right, as seen from the front.
    height = np.zeros(len(uv))
    height[quads] = skin.vertices[skin.quads][..., 1]
    assert np.corrcoef(height[points], uv[points, 1])[0, 1] > 0.9
    front = skin.vertices[skin.quads].mean(axis=1)
    assert (uv[quads[outer]].mean(axis=1)[:, 0] > 0.5)[front[outer, 0] > 1].all()


def test_whole_atlas_is_in_the_square_unflipped_and_without_overlap() -> None:
    skin, mirror = hood()
    left, right = eyeballs(np.array([31.0, 0.0, 0.0]), 14.4)
    parts = [Textured(eye.vertices, eye.quads, eye.uv, eye.uv_quads) for eye in (left, right)]
    uv, quads = head_atlas(skin, mirror, parts)
    assert [len(rows) for rows in quads] == [len(skin.quads), len(left.quads), len(right.quads)]
    together = np.concatenate(quads)
    assert np.array_equal(np.unique(together), np.arange(len(uv)))
    assert uv.min() >= MARGIN - 1e-12
    assert uv.max() <= 1 - MARGIN + 1e-12
    assert (signed_areas(uv, together) > 0).all()
    assert check_overlap(uv, together) == []


def test_mouth_stays_a_slit() -> None:
    """Without its ladder the hole would open to a wide polygon."""
    skin, mirror = hood()
    uv, (quads,) = head_atlas(skin, mirror, [])
    _, outer = sew(skin.quads, skin.uv_quads)
    around = quads[outer & (skin.vertices[skin.quads][..., 2].mean(axis=1) > 70)]
    assert signed_areas(uv, around).sum() > 0.1


def test_islands_keep_their_margin_and_their_proportions() -> None:
    square = np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]])
    islands = [Island(square * (1 + k % 3, 1 + k % 2), 1.0 + 0.1 * k) for k in range(9)]
    placed = pack(islands, 1.0, 0.3, 0.01)
    boxes = [(uv.min(axis=0), uv.max(axis=0)) for uv in placed]
    for k, (low, high) in enumerate(boxes):
        assert (low >= 0.01 - 1e-12).all()
        assert (high <= np.array([1.0, 0.3]) - 0.01 + 1e-12).all()
        for other_low, other_high in boxes[:k]:
            apart = np.maximum(low - other_high, other_low - high)
            assert apart.max() >= 0.01 - 1e-12
    factors = [np.ptp(uv, axis=0) / (np.ptp(i.uv, axis=0) * i.scale) for uv, i in zip(placed, islands, strict=True)]
    assert np.array(factors) == pytest.approx(factors[0][0])
    assert sum(np.ptp(uv, axis=0).prod() for uv in placed) > 0.12


def test_too_many_margins_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pack([Island(np.eye(2), 1.0)] * 10, 1.0, 0.1, 0.1)


def test_overlap_is_found_by_name_and_touching_is_none() -> None:
    square = np.array([[0.0, 0.0], [0.25, 0], [0.25, 0.25], [0, 0.25]])
    uv = np.concatenate(
        [square, square + np.array([0.25, 0]), square + np.array([0.6, 0.6]), square + np.array([0.7, 0.7])]
    )
    quads = np.arange(16).reshape(4, 4)
    assert check_overlap(uv, quads, 512) == [(2, 3)]
    assert check_overlap(uv[:, ::-1], quads[:, ::-1], 512) == [(2, 3)]


def test_mirror_of_texture_needs_a_symmetric_mesh() -> None:
    skin, mirror = hood()
    with pytest.raises(ValueError, match="no mirror image"):
        texture_mirror(skin.quads[1:], skin.uv_quads[1:], mirror)
    twin = texture_mirror(skin.quads, skin.uv_quads, mirror)
    assert np.array_equal(twin[twin], np.arange(len(twin)))


def test_important_places_get_more_room() -> None:
    skin, mirror = hood()
    sewn, outer = sew(skin.quads, skin.uv_quads)
    points = np.zeros((int(sewn.max()) + 1, 3))
    points[sewn] = skin.vertices[skin.quads]
    twin = texture_mirror(skin.quads, sewn, mirror)
    border = np.zeros(len(points), bool)
    border[np.unique(sewn[:COLUMNS, :2])] = True
    front = points[:, 2] > 60
    middle = skin.vertices[skin.quads][outer][..., 2].min(axis=1) > 60
    areas = [
        signed_areas(lay_flat(points, sewn[outer], twin, border, 1 + gain * front, 0.7), sewn[outer])[middle].sum()
        for gain in (0.0, 3.0)
    ]
    assert areas[1] > 1.1 * areas[0]
