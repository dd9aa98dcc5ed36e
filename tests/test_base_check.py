"""The base head's checks on small meshes, good and spoilt, and on the packaged base head."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_base_loops import grid

import face2mesh
from face2mesh.head.base_head import BaseHead
from face2mesh.head.embedding import Embedding
from face2mesh.lab.base.assemble import mirrored_to_the_bit, split
from face2mesh.lab.base.check import (
    check,
    check_border,
    check_embeddings,
    check_flips,
    check_lids,
    check_lips,
    check_manifold,
    check_mirror,
    check_teeth,
    check_texture,
)
from face2mesh.lab.base.lids import EyeSurface

PACKAGED = Path(face2mesh.__file__).parent / "model" / "packaged" / "base-head.npz"


@pytest.fixture(scope="module")
def packaged() -> BaseHead:
    if not PACKAGED.exists():
        pytest.skip("no packaged base head yet")
    return BaseHead.load(PACKAGED)


def test_the_packaged_head_is_sound(packaged):
    assert check(packaged) == []


def test_its_fixed_names(packaged):
    sided = ("lid_upper", "lid_lower", "brow", "ear", "cheek", "eye_cavity")
    middle = ("lip_upper", "lip_lower", "nose", "forehead", "chin", "scalp", "neck", "mouth_cavity", "face", "skull")
    assert {*middle, "face_and_ears", *(f"{name}_{side}" for name in sided for side in ("left", "right"))} <= set(
        packaged.regions
    )
    assert all(mask.any() for mask in packaged.regions.values())


def test_landmarks_are_where_their_names_say(packaged):
    points = packaged.landmarks(packaged.vertices)
    assert points[27:31, 0] == pytest.approx(0, abs=1e-6)  # the bridge lies in the middle plane
    assert points[36, 0] < points[39, 0] < 0 < points[42, 0] < points[45, 0]  # eyes: the subject's right first
    assert points[8, 1] < points[57, 1] < points[51, 1] < points[33, 1] < points[27, 1]
    assert points[62, 1] > points[66, 1]
    mirrored = points[[16 - k for k in range(17)]] * (-1, 1, 1)
    assert np.allclose(points[:17], mirrored, atol=1e-4)


def test_a_grid_is_manifold_and_spoilt_ones_are_not():
    quads = grid(3, 2)
    assert check_manifold(quads) == []
    turned = quads.copy()
    turned[2] = turned[2, ::-1]
    assert "twice in one direction" in check_manifold(turned)[0]
    thrice = np.concatenate([quads, [[1, 2, 20, 21]]])
    assert check_manifold(thrice)
    assert "twice in a row" in check_manifold(np.array([[0, 0, 1, 2]]))[0]
    bow_tie = np.array([[0, 1, 2, 3], [2, 4, 5, 6]])
    assert check_manifold(bow_tie) == ["the border passes vertex 2 more than once"]


def test_texture_checks():
    uv = np.array([[0.1, 0.1], [0.5, 0.1], [0.9, 0.1], [0.1, 0.9], [0.5, 0.9], [0.9, 0.9]])
    quads = grid(2, 1)
    assert check_texture(uv, quads) == []
    assert "unit square" in check_texture(uv + 0.2, quads)[0]
    assert "turned over" in check_texture(uv, quads[:, ::-1])[0]
    folded = uv.copy()
    folded[[2, 5], 0] = 0.2, 0.2
    assert any("overlap" in text or "turned" in text for text in check_texture(folded, quads))


def test_splitting_is_symmetric():
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]])
    mirror = np.array([2, 1, 0, 5, 4, 3])
    triangles = split(quads, mirror)
    as_sets = {frozenset(t) for t in triangles.tolist()}
    assert {frozenset(mirror[t].tolist()) for t in triangles} == as_sets


def test_mirrored_to_the_bit():
    mirror = np.array([1, 0, 2])
    result = mirrored_to_the_bit(np.array([[0.1, 0.2, 0.3], [-0.1000001, 0.2, 0.3], [1e-9, 1, 1]]), mirror)
    assert np.array_equal(result[1], result[0] * np.array([-1, 1, 1], np.float32))
    assert result[2, 0] == 0


def test_the_eye_s_gap_is_radial():
    eye = EyeSurface(np.array([30.0, 0, 0]), 14.0)
    points = np.array([[30.0, 15, 0], [30, 0, -14], [30, 13, 0]])
    assert eye.gap(points) == pytest.approx([1, 0, -1])
    assert eye.gap(eye.at(np.array([[33.0, 2, 9], [40, 1, 1]]), 0.2)) == pytest.approx([0.2, 0.2])
    assert eye.gap(np.array([[30.0, 0, 14.2]]))[0] < 0  # the cornea stands out


def spoil(head: BaseHead, rows, shift) -> BaseHead:
    vertices = head.vertices.copy()
    vertices[rows] += np.array(shift, np.float32)
    return replace(head, vertices=vertices)


def test_each_check_sees_its_fault(packaged):
    assert check_mirror(spoil(packaged, [10], (0, 0, 1e-3)))
    assert check_mirror(replace(packaged, regions={**packaged.regions, "ear_left": packaged.regions["ear_right"]}))
    assert check_border(replace(packaged, neck_border=packaged.neck_border[::-1]))
    lower = np.flatnonzero(packaged.regions["lip_lower"])
    assert "into the upper one" in check_lips(spoil(packaged, lower, (0, 3, 0)))[0]
    assert check_teeth(spoil(packaged, slice(*packaged.part_vertices["upper_teeth"]), (0, 0, 12)))
    assert any("eyeball" in text for text in check_lids(replace(packaged, eye_radius=packaged.eye_radius + 1)))
    below = np.flatnonzero(packaged.regions["lid_lower_left"])
    assert any("upper one" in text for text in check_lids(spoil(packaged, below, (0, 15, 0))))
    quad = packaged.quads[0]
    assert check_flips(spoil(packaged, quad[:1], packaged.vertices[quad[2]] * 2 - packaged.vertices[quad[0]] * 2))
    in_an_eye = np.full_like(packaged.landmarks.triangle_vertices, packaged.skin_count)
    outside = Embedding(in_an_eye, packaged.landmarks.weights)
    assert check_embeddings(replace(packaged, landmarks=outside))
    heavy = Embedding(packaged.dense.triangle_vertices, packaged.dense.weights * 2)
    assert check_embeddings(replace(packaged, dense=heavy))
