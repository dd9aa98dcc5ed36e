"""MediaPipe's worker, with a made-up MediaPipe in its place; the mirror of the 68 points."""

import sys
import types

import numpy as np
import pytest

from face2mesh.errors import Face2MeshError
from face2mesh.head import BaseHead
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.evaluate import mediapipe_worker
from face2mesh.lab.evaluate.mediapipe import MIRROR_OF_68, landmarks_by_mediapipe
from face2mesh.model.manifest import BASE_HEAD_FILE, PACKAGED


def test_mirror_of_68_is_that_of_the_base_head():
    head = BaseHead.load(PACKAGED / BASE_HEAD_FILE)
    points = head.landmarks(head.vertices.astype(np.float64))
    np.testing.assert_allclose(points[list(MIRROR_OF_68)], points * [-1, 1, 1], atol=1.0)
    assert [MIRROR_OF_68[i] for i in MIRROR_OF_68] == list(range(68))


class _FaceMesh:
    """Finds the brightest pixel and puts all points on it; nobody in the dark."""

    def __init__(self, **settings):
        assert settings["static_image_mode"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def process(self, picture):
        y, x = np.unravel_index(picture[..., 0].argmax(), picture.shape[:2])
        point = types.SimpleNamespace(x=(x + 0.5) / picture.shape[1], y=(y + 0.5) / picture.shape[0])
        found = [types.SimpleNamespace(landmark=[point] * 478)] if picture.any() else None
        return types.SimpleNamespace(multi_face_landmarks=found)


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_in_pixels_of_the_picture(mirrored, monkeypatch):
    module = types.ModuleType("mediapipe")
    module.solutions = types.SimpleNamespace(face_mesh=types.SimpleNamespace(FaceMesh=_FaceMesh))
    monkeypatch.setitem(sys.modules, "mediapipe", module)
    pictures = np.zeros((2, 20, 30, 3), np.uint8)
    pictures[0, 4, 7] = 255
    points = mediapipe_worker.mark(pictures, 5, mirrored)
    np.testing.assert_allclose(points[0], np.broadcast_to([7.5, 4.5], (478, 2)), rtol=1e-5)
    assert np.isnan(points[1]).all()


def _environment(folder, code):
    """A `python` that runs this code instead of the worker's."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\nimport sys\nimport numpy as np\n{code}\n")
    path.chmod(0o755)
    return path


def test_the_answer_of_the_other_environment(tmp_path):
    points = np.arange(478 * 2, dtype=float).reshape(1, 478, 2)
    np.save(tmp_path / "answer.npy", points)
    python = _environment(
        tmp_path, f"np.save(sys.argv[-1], np.load({str(tmp_path / 'answer.npy')!r})); print('0.10.21')"
    )
    found, version = landmarks_by_mediapipe(python, np.zeros((1, 8, 8, 3), np.uint8))
    assert version == "0.10.21"
    np.testing.assert_array_equal(found[0], points[0, list(IBUG_68)])
    mirrored, _ = landmarks_by_mediapipe(python, np.zeros((1, 8, 8, 3), np.uint8), mirrored=True)
    np.testing.assert_array_equal(mirrored[0, 0], found[0, 16])


def test_an_environment_without_mediapipe(tmp_path):
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(Face2MeshError, match=r"cannot run MediaPipe.*No module.*--mediapipe-python"):
        landmarks_by_mediapipe(_environment(tmp_path, "raise ModuleNotFoundError('No module')"), picture)
    with pytest.raises(Face2MeshError, match="cannot run MediaPipe"):
        landmarks_by_mediapipe(tmp_path / "nowhere", picture)
