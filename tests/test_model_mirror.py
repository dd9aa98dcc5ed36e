"""A crop and its mirror image: what a mirror does to codes, by hand and by its own inverse."""

import numpy as np
import pytest

from face2mesh.draw.light import harmonics
from face2mesh.errors import InputFileError
from face2mesh.face import rotation_from_6d
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.model.mirror import Mirror
from face2mesh.model.networks import Codes
from face2mesh.store import provenance

MODES, POINTS = 3, 4
FLIP = np.diag([-1.0, 1, 1])


@pytest.fixture
def mirror() -> Mirror:
    """Three modes of which two are each other's mirror image; points and landmarks in pairs."""
    identity = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]], np.float32)
    return Mirror(identity, np.array([1, 0, 2, 3], np.int32), np.arange(68, dtype=np.int32)[::-1].copy())


def codes(count: int, seed: int = 0) -> Codes:
    draw = np.random.default_rng(seed).standard_normal
    return Codes(
        identity=draw((count, MODES)).astype(np.float32),
        expression=np.abs(draw((count, 52))).astype(np.float32),
        rotation6d=draw((count, 6)).astype(np.float32),
        offset=draw((count, 2)).astype(np.float32),
        log_scale=draw(count).astype(np.float32),
        light=draw((count, 9, 3)).astype(np.float32),
        landmark_log_sigma=draw((count, 68)).astype(np.float32),
        points=draw((count, POINTS, 2)).astype(np.float32),
    )


def test_mirrored_twice_is_the_same(mirror: Mirror):
    once = codes(2)
    twice = mirror.turned(mirror.turned(once))
    for name in Codes.__dataclass_fields__:
        np.testing.assert_allclose(getattr(twice, name), getattr(once, name), rtol=1e-6)


def test_a_mirror_by_hand(mirror: Mirror):
    one, other = codes(1), mirror.turned(codes(1))
    np.testing.assert_array_equal(other.identity[0], one.identity[0, [0, 2, 1]])
    blink = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    np.testing.assert_array_equal(other.expression[0, blink], one.expression[0, blink[::-1]])
    np.testing.assert_array_equal(other.points[0, 0], one.points[0, 1] * [-1, 1])
    np.testing.assert_array_equal(other.landmark_log_sigma[0], one.landmark_log_sigma[0, ::-1])
    assert other.log_scale[0] == one.log_scale[0]


def test_a_turned_head_is_turned_the_other_way(mirror: Mirror):
    one = codes(1)
    rotation, turned = rotation_from_6d(one.rotation6d[0]), rotation_from_6d(mirror.turned(one).rotation6d[0])
    np.testing.assert_allclose(turned, FLIP @ rotation @ FLIP, atol=1e-6)


def test_light_comes_from_the_other_side(mirror: Mirror):
    one = codes(1)
    normals = np.random.default_rng(1).standard_normal((20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    shade = harmonics(normals) @ one.light[0]
    np.testing.assert_allclose(harmonics(normals @ FLIP) @ mirror.turned(one).light[0], shade, atol=1e-5)


def test_saved_and_loaded(mirror: Mirror, tmp_path):
    path = tmp_path / "mirror.npz"
    mirror.save(path, provenance({}))
    again = Mirror.load(path)
    np.testing.assert_array_equal(again.identity, mirror.identity)
    np.testing.assert_array_equal(again.points, mirror.points)


def test_what_is_no_mirror_is_refused(mirror: Mirror, tmp_path):
    with pytest.raises(ValueError, match="involution"):
        Mirror(mirror.identity, np.array([1, 2, 0], np.int32), mirror.landmarks)
    with pytest.raises(ValueError, match="square"):
        Mirror(mirror.identity[:2], mirror.points, mirror.landmarks)
    with pytest.raises(InputFileError):
        Mirror.load(tmp_path / "none.npz")
