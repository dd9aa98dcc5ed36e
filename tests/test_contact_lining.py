"""The mouth's lining stays behind the face: by hand, and on people of the packaged model."""

from __future__ import annotations

import numpy as np
import pytest

import face2mesh
from face2mesh.contact import Lining
from face2mesh.contact.lining import BEHIND_MM
from face2mesh.head import ARKIT_NAMES
from face2mesh.lab.corpus.contact_parts import contact_on

# A wall z = 10, seen from +z, and a point of the lining; the wall's second half is the triangle beside it.
WALL = np.array([[-9, -9, 10], [9, -9, 10], [9, 9, 10], [-9, 9, 10]], float)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def settled(z: float, x: float = 3) -> np.ndarray:
    heads = np.concatenate([WALL, [[x, -3, z]]])[None]
    Lining(np.array([4], np.int32), TRIANGLES, np.array([[0, 1]], np.int32)).settle(heads)
    np.testing.assert_array_equal(heads[0, :4], WALL)
    return heads[0, 4]


@pytest.mark.parametrize("z", [9.5, 10.0, 14.0])
def test_what_has_come_through_goes_straight_back(z: float) -> None:
    np.testing.assert_allclose(settled(z), [3, -3, 10 - BEHIND_MM])


def test_what_is_behind_stays() -> None:
    np.testing.assert_array_equal(settled(5.0), [3, -3, 5])


def test_what_lies_beside_the_face_stays() -> None:
    np.testing.assert_array_equal(settled(12.0, x=30), [30, -3, 12])


@pytest.mark.parametrize("expression", ["jawOpen", "mouthShrugLower", "mouthPucker"])
def test_lining_stays_behind_the_faces_of_people(expression: str) -> None:
    """Behind the plane of the nearest triangle; without contact some of these people's linings are not."""
    model = face2mesh.load()
    lining = contact_on(model.base_head).lining
    people = np.stack([model.sample(seed, expression=False).identity for seed in range(12)])
    rows = np.zeros((len(people), len(ARKIT_NAMES)), np.float32)
    rows[:, ARKIT_NAMES.index(expression)] = 1

    def depths(heads: np.ndarray) -> np.ndarray:
        corners = heads[:, lining.faces[lining.near]].astype(float)
        apart = corners.mean(3) - heads[:, lining.inner, None]
        nearest = np.linalg.norm(apart, axis=3).argmin(2)[..., None]
        a, b, c = (np.take_along_axis(corners[..., k, :], nearest[..., None], 2)[:, :, 0] for k in range(3))
        normal = np.cross(b - a, c - a)
        way = np.take_along_axis(apart, nearest[..., None], 2)[:, :, 0]
        return np.einsum("bnx,bnx->bn", way, normal / np.linalg.norm(normal, axis=2, keepdims=True))

    assert depths(model.decode(people, rows)).min() > 0
    if expression in ("jawOpen", "mouthShrugLower"):
        assert depths(model.unsettled().decode(people, rows)).min() < 0
