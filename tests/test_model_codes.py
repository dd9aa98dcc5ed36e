"""Codes: the same face told of larger crops, and several opinions of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face2mesh.face import Camera, CropPose, rotation_from_6d
from face2mesh.model.looking import Looker
from face2mesh.model.networks import Codes
from face2mesh.photo import Crop, Photo

MODES, POINTS = 3, 4
CAMERA = Camera.centred(900.0, 640, 480)


def codes(count: int = 2, seed: int = 0) -> Codes:
    draw = np.random.default_rng(seed).standard_normal
    return Codes(
        identity=draw((count, MODES)).astype(np.float32),
        expression=np.abs(draw((count, 52))).astype(np.float32),
        rotation6d=draw((count, 6)).astype(np.float32),
        offset=0.1 * draw((count, 2)).astype(np.float32),
        log_scale=draw(count).astype(np.float32),
        light=draw((count, 9, 3)).astype(np.float32),
        landmark_log_sigma=draw((count, 68)).astype(np.float32),
        points=draw((count, POINTS, 2)).astype(np.float32),
    )


def pose_of(codes: Codes, crop: Crop):
    rotation = rotation_from_6d(codes.rotation6d[0])
    crop_pose = CropPose(rotation, codes.offset[0].astype(np.float64), float(codes.log_scale[0]))
    return crop_pose.pose(CAMERA, crop.centre, crop.side)


@given(st.floats(0.5, 2.0))
def test_codes_of_a_larger_crop_tell_the_same_in_the_picture(factor: float):
    one, crop = codes(), Crop((300.0, 200.0), 150.0)
    larger, rescaled = crop.scaled(factor), one.rescaled(factor)
    there, here = pose_of(one, larger), pose_of(rescaled, crop)
    np.testing.assert_allclose(here.translation_mm, there.translation_mm, rtol=1e-5)
    np.testing.assert_allclose(here.rotation, there.rotation, atol=1e-6)
    np.testing.assert_allclose(crop.side * rescaled.points, larger.side * one.points, rtol=1e-5)
    sigma, sigma_there = (np.exp(c.landmark_log_sigma) * s for c, s in ((rescaled, crop.side), (one, larger.side)))
    np.testing.assert_allclose(sigma, sigma_there, rtol=1e-5)


def test_the_mean_of_opinions_by_hand():
    one, other = codes(seed=0), codes(seed=1)
    mean = Codes.mean([one, other])
    for name in Codes.__dataclass_fields__:
        np.testing.assert_allclose(getattr(mean, name), (getattr(one, name) + getattr(other, name)) / 2, rtol=1e-6)


class _Seeing:
    """An encoder that reads the size of the crop off the picture: a white square of known side, black around it."""

    def encode(self, pictures: np.ndarray) -> Codes:
        share = (pictures[..., 0] > 127).mean(2).max(1)
        plain = codes(len(pictures))
        head = np.log(share).astype(np.float32)
        zero = np.zeros((len(pictures), 2), np.float32)
        points = np.stack([np.stack([share, 0 * share], 1)] * POINTS, 1).astype(np.float32)
        return Codes(
            identity=np.ones_like(plain.identity),
            expression=np.zeros_like(plain.expression),
            rotation6d=np.tile(np.array([1, 0, 0, 0, 1, 0], np.float32), (len(pictures), 1)),
            offset=zero,
            log_scale=head,
            light=plain.light,
            landmark_log_sigma=np.tile(head[:, None], (1, 68)),
            points=points,
        )


@pytest.mark.parametrize("sizes", [(1.0,), (0.9, 1.1), (0.8, 1.0, 1.25)])
def test_looks_of_several_sizes_are_one_opinion(sizes: tuple[float, ...]):
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[200:280, 280:360] = 255
    photo, crops = Photo(picture, None, "default", "square"), [Crop((320.0, 240.0), 128.0), Crop((320.0, 240.0), 160.0)]
    look = Looker(_Seeing(), None, None).look(photo, crops, sizes)
    assert look.codes.identity.shape == (2, MODES)
    for i, crop in enumerate(crops):
        side = crop.side * math.exp(look.codes.log_scale[i])
        assert side == pytest.approx(80, rel=0.02), "the square's side, whatever crops it was seen in"
        assert crop.side * look.codes.points[i, 0, 0] == pytest.approx(80, rel=0.02)
        assert look.poses[i].translation_mm[:2] == pytest.approx([0, 0], abs=1e-6)
