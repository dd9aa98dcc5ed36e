"""The metric of the neutral heads does not see place, direction and size."""

import numpy as np
import pytest

pytest.importorskip("torch")

from face2mesh.lab.train.sparse_head import without_similarity


def test_moves_turns_and_growth_vanish() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3))
    axis = np.array([0.3, -1.0, 0.5])
    fields = np.stack([np.tile(axis, (40, 1)), np.cross(axis, points), 0.1 * points])
    assert np.allclose(without_similarity(fields, points), 0, atol=1e-12)


def test_what_no_similarity_explains_stays() -> None:
    rng = np.random.default_rng(1)
    points, field = rng.normal(size=(40, 3)), rng.normal(size=(1, 40, 3))
    once = without_similarity(field, points)
    assert np.allclose(without_similarity(once.reshape(1, 40, 3), points), once)
    assert 0 < np.linalg.norm(once) < np.linalg.norm(field)
