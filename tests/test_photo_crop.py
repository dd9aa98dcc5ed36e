import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face2mesh.photo import Box, Crop, box_of_points, crop_of_box, crop_of_landmarks, cut


def ramp(width=600, height=400, slope=0.2371):
    """A picture whose red is slope · x and whose green slope · y at the pixels' centres; blue is 100."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x * slope, y * slope, np.full_like(x, 100)], -1).round().astype(np.uint8)


def test_canonical_crop_by_hand():
    crop = crop_of_box(Box(100, 200, 90, 40))  # √(90·40) = 60, 1.7 · 60 = 102, 0.05 · 102 = 5.1
    assert crop.side == pytest.approx(102)
    assert crop.centre == pytest.approx((145, 214.9))
    corners = np.array([[100, 200], [190, 240], [120, 230]])
    assert crop_of_landmarks(corners) == crop


def test_points_by_hand():
    crop = Crop((50, 30), 20)
    assert crop.corner == (40, 20)
    np.testing.assert_allclose(crop.to_crop([[50, 30], [40, 20], [45, 40]], 100), [[50, 50], [0, 0], [25, 100]])
    np.testing.assert_allclose(crop.scaled(2).to_crop([50, 30], 100), [50, 50])


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 2000), st.integers(1, 500))
def test_to_picture_inverts_to_crop(x, y, side, size):
    crop = Crop((x, y), side)
    points = np.array([[0.0, 0.0], [12.5, 700.25]])
    np.testing.assert_allclose(crop.to_picture(crop.to_crop(points, size), size), points, atol=1e-6)


def test_cut_at_the_same_scale_copies_pixels():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut(rgb, Crop((20, 16), 16), 16), rgb[8:24, 12:28])


def test_cut_by_half_averages_with_a_triangle():
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[:, 4] = 160
    # Out pixel 0 of columns 2 to 5 is centred at x = 3, out pixel 1 at x = 5; a triangle of half-width 2 gives column
    # 4, whose centre is 4.5, (1 − 1.5/2)/2 = 1/8 and (1 − 0.5/2)/2 = 3/8.
    row = cut(rgb, Crop((4, 4), 4), 2)[0, :, 0]
    assert row.tolist() == [20, 60]


@pytest.mark.parametrize("crop", [Crop((300.3, 190), 300.7), Crop((300.3, 190), 90.2), Crop((290, 200), 397)])
@pytest.mark.parametrize("size", [128, 160, 37])
def test_cut_keeps_a_ramp_where_it_is(crop, size):
    centres = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1)
    expected = crop.to_picture(centres, size) * 0.2371
    result = cut(ramp(), crop, size).astype(float)
    inner = slice(2, -2)
    assert np.abs(result[inner, inner, :2] - expected[inner, inner]).max() < 1.1
    # What is left is rounding to whole levels, done twice where pixels are averaged first.
    rounding = 0.06 if size > 100 else 0.2
    assert np.abs((result[inner, inner, :2] - expected[inner, inner]).mean((0, 1))).max() < rounding
    assert (result[..., 2] == 100).all()


def test_cut_repeats_the_border():
    rgb = ramp(100, 80)
    padded = np.pad(rgb, ((70, 70), (70, 70), (0, 0)), mode="edge")
    for centre in ((5, 5), (95, 75), (50, 78), (-20, 40)):
        for side in (30.5, 60):
            shifted = Crop((centre[0] + 70, centre[1] + 70), side)
            np.testing.assert_array_equal(cut(rgb, Crop(centre, side), 32), cut(padded, shifted, 32))


def test_cut_far_outside_is_the_corner():
    rgb = ramp(100, 80)
    assert (cut(rgb, Crop((1000, 1000), 50), 16) == rgb[-1, -1]).all()


def test_mirror_of_the_cut_is_the_cut_of_the_mirror():
    rgb = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    crop, mirrored = Crop((37.3, 41.2), 55.5), Crop((120 - 37.3, 41.2), 55.5)
    difference = cut(rgb, crop, 64)[:, ::-1].astype(int) - cut(np.ascontiguousarray(rgb[:, ::-1]), mirrored, 64)
    assert np.abs(difference).max() <= 1


def test_a_view_is_cut_like_a_copy():
    rgb = ramp()
    crop = Crop((300, 200), 111.1)
    np.testing.assert_array_equal(cut(rgb[:, ::-1], crop, 64), cut(rgb[:, ::-1].copy(), crop, 64))


@pytest.mark.parametrize("side", [0, -1, float("nan"), float("inf")])
def test_crops_without_area_are_refused(side):
    with pytest.raises(ValueError, match="side above 0"):
        Crop((0, 0), side)


@pytest.mark.parametrize("numbers", [(0, 0, 0, 5), (0, 0, 5, -1), (float("nan"), 0, 1, 1)])
def test_boxes_without_area_are_refused(numbers):
    with pytest.raises(ValueError, match="a face box needs"):
        Box(*numbers)


def test_box():
    box = box_of_points(np.array([[10, 20], [30, 100], [20, 50]]))
    assert (box.x, box.y, box.w, box.h) == (10, 20, 20, 80)
    assert box.side == 40
    assert box.centre == (20, 60)
    assert box.share_inside(20, 60) == pytest.approx(0.25)
    assert box.share_inside(5, 5) == 0
    with pytest.raises(ValueError, match="above 0"):
        box_of_points(np.array([[1, 2], [1, 5]]))
