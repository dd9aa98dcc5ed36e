"""Creases take light away; the shallow valleys in which flat quads meet do not."""

import numpy as np
import pytest

from face2mesh.draw.occlusion import creases

SIDE, PX_PER_MM = 121, 4.0
ALL = np.ones((SIDE, SIDE), bool)


def valley(degrees: float) -> np.ndarray:
    """Depth (SIDE, SIDE) mm of two planes that meet in the middle column, each turned so far away from the picture."""
    across = np.abs(np.arange(SIDE) - SIDE // 2) / PX_PER_MM
    return np.tile(500 - np.tan(np.radians(degrees)) * across, (SIDE, 1)).astype(np.float32)


def test_a_plane_is_open() -> None:
    assert (creases(valley(0), ALL, PX_PER_MM) == 1).all()


@pytest.mark.parametrize("degrees", [1, 3, 5])
def test_valleys_between_flat_quads_are_open(degrees: float) -> None:
    openness = creases(valley(degrees), ALL, PX_PER_MM)
    inner = openness[SIDE // 2, SIDE // 4 : -SIDE // 4]
    assert (inner == 1).all()


def test_a_crease_is_darkest_in_its_middle() -> None:
    row = creases(valley(50), ALL, PX_PER_MM)[SIDE // 2]
    assert row[SIDE // 2] == row.min()
    assert row[SIDE // 2] < 0.8


def test_what_stands_out_is_lit() -> None:
    row = creases(1000 - valley(50), ALL, PX_PER_MM)[SIDE // 2]
    assert row[SIDE // 2] == 1
