"""Morph targets against the decoder, on the packaged model, and what the page says of it."""

import json

import numpy as np
import pytest

import face2mesh
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.evaluate import morphs, tables


@pytest.fixture(scope="module")
def found():
    return morphs.measure_morphs(face2mesh.load(), limit=1)


def test_what_is_measured(found):
    assert found["people"] == 1
    assert tuple(found["by_expression"]) == ARKIT_NAMES
    together = found["combinations"]
    assert together["count"] == morphs.COMBINATIONS
    # A combination of shapes is never exact for a decoder that is not linear, and never wildly wrong.
    assert 0 < together["mean_over_vertices_mm"] < together["largest_mm"]["median"] < together["the_head_moves_mm"]
    assert together["worst"][0]["largest_mm"] == together["largest_mm"]["max"]
    assert 5 < found["jaw_bone"]["turn_degrees"] < 45
    assert found["jaw_bone"]["mean_over_moving_skin_mm"] < 5
    assert found["file_bytes"]["plain"] < found["file_bytes"]["rigged"] < 8_000_000
    json.dumps(found, allow_nan=False)


def test_the_same_again(found):
    assert morphs.measure_morphs(face2mesh.load(), limit=1) == found


def test_differences_of_a_decoder_that_squares():
    class Squaring:
        def decode(self, identity, weights):
            return (weights**2 @ np.ones((52, 3)))[:, None, :] + np.zeros((1, 4, 3))

    identity, neutral = np.zeros(2), np.zeros((4, 3), np.float32)
    shapes = np.ones((52, 4, 3), np.float32)
    weights = 0.5 * np.eye(52, dtype=np.float32)[:2]
    off, moved = morphs._differences(Squaring(), identity, neutral, shapes, weights)
    # (0.5 − 0.25) and 0.25 along each of three axes.
    np.testing.assert_allclose(off, 0.25 * 3**0.5, atol=1e-6)
    np.testing.assert_allclose(moved, 0.25 * 3**0.5, atol=1e-6)


def test_the_pages_section(found):
    text = tables._morphs(found)
    assert text.startswith("## Morph targets against the decoder")
    worst = max(found["by_expression"], key=lambda name: max(found["by_expression"][name].values()))
    assert text.split("| --- | ---: |")[2].split("|")[1].strip() == f"`{worst}`"
