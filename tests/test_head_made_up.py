"""The made-up head keeps the promises that other tests rely on."""

import numpy as np
import pytest
from made_up import EYES, landmark_places, made_up_head


@pytest.mark.parametrize("steps", [4, 12])
def test_it_is_exactly_symmetric(steps: int) -> None:
    head = made_up_head(steps)
    np.testing.assert_array_equal(head.vertices[head.mirror] * np.float32([-1, 1, 1]), head.vertices)
    triangles = {tuple(sorted(row)) for row in head.triangles.tolist()}
    assert triangles == {tuple(sorted(head.mirror[row].tolist())) for row in head.triangles}
    first, last = head.part_vertices["left_eye"]
    np.testing.assert_allclose(head.vertices[first:last].mean(0), EYES[0], atol=1e-4)


def test_its_landmarks_lie_where_they_were_asked_for() -> None:
    head = made_up_head()
    np.testing.assert_allclose(head.landmarks(head.vertices)[:, :2], landmark_places(), atol=1e-4)
