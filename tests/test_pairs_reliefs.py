"""Drawn coins and medals: discs that are lit, worn, the same for the same seed."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="drawing reliefs needs numba, of the extra [train]")
pytest.importorskip("torch", reason="the scenery's command reads photos with torch, of the extra [train]")

from face2mesh.lab.pairs import scenery_command
from face2mesh.lab.pairs.reliefs import drawn_reliefs, trays
from face2mesh.lab.pairs.scenery import Scenery

# An octahedron as high as a head, and a thing that is a bright bar.
HEAD = 100 * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)
TRIANGLES = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32)
BAR = np.zeros((96, 96, 4), np.uint8)
BAR[40:56, 10:86] = 255


def _reliefs(count=12, seed=0):
    return drawn_reliefs(HEAD[None], TRIANGLES, [BAR], count, seed)


def test_reliefs_are_discs():
    reliefs = _reliefs()
    assert reliefs.shape == (12, 96, 96, 4)
    opacity = reliefs[..., 3]
    assert (opacity[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    assert (opacity[:, 38:58, 38:58] == 255).all()
    # A disc of nine tenths of the square's width covers six tenths of it.
    assert 0.5 < (opacity > 127).mean() < 0.8


def test_reliefs_are_lit_from_a_side():
    """Every one has a relief: brightness varies on it, and no two are alike."""
    reliefs = _reliefs().astype(float)
    brightness = reliefs[:, 30:66, 30:66, :3].mean(-1)
    assert (brightness.std((1, 2)) > 1).all()
    assert len({round(value, 3) for value in brightness.mean((1, 2))}) == len(brightness)


def test_the_same_seed_draws_the_same():
    np.testing.assert_array_equal(_reliefs(3, seed=5), _reliefs(3, seed=5))
    reliefs = _reliefs(3)
    np.testing.assert_array_equal(trays(reliefs, 80, 2, 7), trays(reliefs, 80, 2, 7))
    assert not np.array_equal(_reliefs(3, seed=5), _reliefs(3, seed=6))


def test_trays_show_reliefs():
    white = np.full((1, 96, 96, 4), 255, np.uint8)
    pictures = trays(white, 80, 6, 1)
    assert pictures.shape == (6, 80, 80, 3)
    assert ((pictures == 255).all(-1).mean((1, 2)) > 0.1).sum() >= 5


class _Corpus:
    """People who are one octahedron each, of their own size."""

    identity = np.zeros((2, 6, 3), np.float32)

    def heads(self, codes):
        return HEAD * (1 + 0.1 * np.tanh(codes[:, :1, None]))


class _Base:
    triangles = TRIANGLES


def test_scenery_with_reliefs_keeps_what_is_held_out_apart(monkeypatch):
    monkeypatch.setattr(scenery_command, "RELIEFS", 20)
    monkeypatch.setattr(scenery_command, "TRAYS", 10)
    drawn = []

    def draw(heads, triangles, symbols, count, seed):
        drawn.append({head.tobytes() for head in heads})
        assert [int(symbol[0, 0, 0]) for symbol in symbols] == [len(drawn)]
        return np.full((count, 96, 96, 4), 255, np.uint8)

    monkeypatch.setattr(scenery_command, "drawn_reliefs", draw)
    # The held-out thing is 1, the other one 2.
    things = np.stack([np.full((96, 96, 4), 2, np.uint8), np.full((96, 96, 4), 1, np.uint8)])
    held = np.array([False, True])
    scenery = Scenery(np.zeros((2, 160, 160, 3), np.uint8), things, held, held)
    wider = scenery_command._with_reliefs(scenery, _Corpus(), _Base(), 0)
    assert not drawn[0] & drawn[1]
    assert len(wider.objects) == len(wider.held_object) == 22
    assert len(wider.tiles) == len(wider.held_tile) == 12
    assert wider.held_object.sum() == 1 + 3
    assert wider.held_tile.sum() in (2, 3)
