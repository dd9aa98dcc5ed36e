import json
import math
import threading

import numpy as np
import pytest
from PIL import Image

from face2mesh.cli.demo import ASTRONAUT
from face2mesh.errors import ModelError
from face2mesh.photo import crop_of_box, detect, find_faces, read_photo
from face2mesh.photo.detect import (
    DESCRIPTION_FILE,
    DETECTOR_FILE,
    FOLDER,
    MEASURES,
    Detector,
    find_faces_with,
    finds,
    packaged_detector,
    read_detector,
)

# Where the astronaut's face is, marked by hand: jaw edge to jaw edge, eyebrows to chin.
LEFT, TOP, RIGHT, BOTTOM = 176, 88, 270, 182


@pytest.fixture(scope="module")
def astronaut():
    return read_photo(ASTRONAUT).rgb


def at_the_face(box, shift=(0, 0), scale=1.0):
    """Whether a box is where the astronaut's face is, within a fifth of its size."""
    expected = np.array([LEFT, TOP, RIGHT, BOTTOM]) * scale + np.array([*shift, *shift])
    found = np.array([box.x, box.y, box.x + box.w, box.y + box.h])
    return np.abs(found - expected).max() < 0.2 * (RIGHT - LEFT) * scale


def test_the_astronaut(astronaut):
    (box,) = find_faces(astronaut)
    assert at_the_face(box)
    (same,) = find_faces(astronaut, small=True)
    assert at_the_face(same)


def test_boxes_are_pixels_of_the_full_picture(astronaut):
    large = np.asarray(Image.fromarray(astronaut).resize((3000, 3000), Image.Resampling.BICUBIC))
    (box,) = find_faces(large)
    assert at_the_face(box, scale=3000 / 512)


def test_mirror(astronaut):
    (box,) = find_faces(astronaut)
    (mirrored,) = find_faces(np.ascontiguousarray(astronaut[:, ::-1]))
    crop, other = crop_of_box(box), crop_of_box(mirrored)
    assert other.centre[0] == pytest.approx(512 - crop.centre[0], abs=0.12 * crop.side)
    assert other.centre[1] == pytest.approx(crop.centre[1], abs=0.12 * crop.side)


def test_a_face_as_large_as_the_picture(astronaut):
    top, left = TOP - 24, LEFT - 24
    (box,) = find_faces(astronaut[top : BOTTOM + 12, left : RIGHT + 24])
    assert at_the_face(box, shift=(-left, -top))


def test_two_faces_largest_first(astronaut):
    picture = np.full((640, 900, 3), 128, np.uint8)
    picture[100:412, :300] = astronaut[:312, 100:400]
    small = np.asarray(Image.fromarray(astronaut[:312, 100:400]).resize((180, 187), Image.Resampling.BICUBIC))
    picture[300:487, 600:780] = small
    boxes = find_faces(picture, small=True)
    assert len(boxes) == 2
    assert boxes[0].side > boxes[1].side
    assert at_the_face(boxes[0], shift=(-100, 100))
    assert at_the_face(boxes[1], shift=(600 - 60, 300), scale=0.6)


@pytest.mark.parametrize("small", [False, True])
def test_nothing_in_a_picture_without_people(small):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    x, y = np.meshgrid(np.arange(400), np.arange(300))
    waves = np.repeat((127 + 120 * np.sin(x / 9) * np.sin(y / 13)).astype(np.uint8)[..., None], 3, 2)
    for picture in (noise, waves, np.zeros((16, 16, 3), np.uint8), np.full((2000, 20, 3), 90, np.uint8)):
        assert find_faces(picture, small) == []


def test_threads_agree(astronaut):
    expected, found = find_faces(astronaut), []
    threads = [threading.Thread(target=lambda: found.append(find_faces(astronaut))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize("degrees", [-45, -20, 20, 45])
def test_tilted_heads(astronaut, degrees):
    # The face's middle is turned about the picture's; the boxes are those of the turned head, so they grow.
    turned = np.asarray(Image.fromarray(astronaut).rotate(-degrees, Image.Resampling.BICUBIC))
    (box,) = find_faces(turned)
    x, y = (LEFT + RIGHT) / 2 - 256, (TOP + BOTTOM) / 2 - 256
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    assert box.centre == pytest.approx((cos * x - sin * y + 256, sin * x + cos * y + 256), abs=0.2 * 94)
    assert 0.8 * 94 < box.side < 1.5 * 94


@pytest.mark.parametrize("side", [24, 32, 40, 80, 160, 250])
def test_faces_from_24_pixels_to_the_whole_picture(astronaut, side):
    factor = side / (RIGHT - LEFT)
    picture = np.full((320, 320, 3), (40, 90, 60), np.uint8)
    photo = np.asarray(
        Image.fromarray(astronaut[: BOTTOM + 100]).resize(
            (round(512 * factor), round((BOTTOM + 100) * factor)), Image.Resampling.BOX
        )
    )
    left = max(0, round((LEFT + RIGHT) / 2 * factor) - 160)
    top = max(0, round((TOP + BOTTOM) / 2 * factor) - 160)
    photo = photo[top : top + 320, left : left + 320]
    picture[: photo.shape[0], : photo.shape[1]] = photo
    found = find_faces(picture)
    assert any(at_the_face(box, (-left, -top), factor) for box in found)


class _Says:
    """A network that says the same of every picture of one width, and nothing of others."""

    def __init__(self, width, *rows):
        self.width, self.rows, self.seen = width, np.array(rows, np.float32).reshape(1, -1, 5), []

    def __call__(self, outputs, picture):
        assert outputs == ["boxes"]
        assert picture.dtype == np.uint8
        self.seen.append(picture.shape)
        return {"boxes": self.rows if picture.shape[2] == self.width else self.rows[:, :0]}


# The surest cell alone tells how sure a find is.
SUREST = np.eye(MEASURES)[1]


def _says_of(*faces):
    """What is found in a picture of 320 × 320, of which the network says (score, x, y, side)."""
    rows = [(score, x, y, side, side) for score, x, y, side in faces]
    return find_faces_with(Detector(_Says(320, *rows), SUREST, 0.5, 0.5), np.zeros((320, 320, 3), np.uint8))


def test_boxes_in_pixels_of_the_picture():
    # 960 × 480 is looked at as 320 × 160.
    says = _Says(320, (0.8, 100, 40, 30, 20), (0.4, 200, 40, 30, 20))
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.5), np.zeros((480, 960, 3), np.uint8))
    assert says.seen == [(1, 160, 320, 3)]
    assert box.score == pytest.approx(0.8)
    assert box.centre == pytest.approx((300, 120))
    assert (box.w, box.h) == pytest.approx((90, 60))


def test_sides_are_rounded_to_what_the_network_wants():
    # 300 × 211 becomes 304 × 208: each way with its own scale.
    says = _Says(304, (0.8, 152, 104, 30.4, 20.8))
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.5), np.zeros((211, 300, 3), np.uint8))
    assert says.seen == [(1, 208, 304, 3)]
    assert box.centre == pytest.approx((150, 105.5))
    assert (box.w, box.h) == pytest.approx((30, 21.1))


def test_neighbours_that_speak_of_one_face_are_joined():
    (box,) = _says_of((0.9, 120, 120, 120), (0.9, 160, 120, 120))
    assert box.centre == pytest.approx((140, 120))
    assert box.score == pytest.approx(0.9)
    assert (box.w, box.h) == pytest.approx((120, 120))


def test_the_surer_neighbour_counts_more():
    (box,) = _says_of((0.9, 120, 120, 120), (0.6, 160, 120, 120))
    assert box.centre[0] == pytest.approx((0.81 * 120 + 0.36 * 160) / (0.81 + 0.36))


def test_faint_cells_count_for_how_sure_a_find_is_but_not_for_where_it_is():
    says = _Says(320, (0.8, 120, 120, 64, 64), (0.3, 128, 120, 64, 64), (0.05, 128, 120, 64, 64))
    (find,) = finds(says, np.zeros((320, 320, 3), np.uint8))
    assert find.box.centre == pytest.approx((120, 120))
    assert find.total == pytest.approx(1.1)
    assert find.side == pytest.approx(64)
    assert find.measures() == pytest.approx([1, math.log(4), math.log(1.1), 0, 0, 0], abs=1e-6)


def test_a_find_is_measured_in_the_picture_as_it_is_searched():
    says = _Says(320, (0.5, 100, 40, 32, 32))
    (find,) = finds(says, np.zeros((480, 960, 3), np.uint8))
    assert find.side == pytest.approx(32)
    assert find.box.side == pytest.approx(96)
    half = math.log(0.5)
    assert find.measures() == pytest.approx([1, 0, half, half, half * half, half * half])


def test_the_score_is_the_logistic_regression_s():
    says = _Says(320, (0.5, 100, 100, 64, 64), (0.5, 100, 100, 64, 64), (0.5, 250, 250, 64, 64))
    weights = np.array([0.2, 1, 3, 0, 0, 0])  # 0.2 and three times the logarithm of 1 or 0.5
    sure, unsure = sorted(
        find_faces_with(Detector(says, weights, 0.05, 0.05), np.zeros((320, 320, 3), np.uint8)),
        key=lambda box: -box.score,
    )
    assert sure.score == pytest.approx(1 / (1 + math.exp(-0.2)))
    assert unsure.score == pytest.approx(1 / (1 + math.exp(-0.2) * 8))
    assert sure.centre == pytest.approx((100, 100))


def test_a_part_of_a_face_is_no_face_and_a_neighbour_is():
    large, small = _says_of((0.9, 120, 120, 160), (0.8, 120, 80, 60), (0.7, 280, 280, 90))
    assert large.centre == pytest.approx((120, 120))
    assert small.centre == pytest.approx((280, 280))


def test_a_further_face_must_be_surer():
    says = _Says(320, (0.6, 100, 100, 90, 90), (0.55, 280, 280, 90, 90))
    picture = np.zeros((320, 320, 3), np.uint8)
    assert len(find_faces_with(Detector(says, SUREST, 0.5, 0.5), picture)) == 2
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.58), picture)
    assert box.centre == pytest.approx((100, 100))


def test_small_pictures_have_a_margin_and_faces_in_it_are_not_in_the_picture():
    says = _Says(128, (0.9, 12, 64, 20, 20), (0.9, 64, 110, 20, 20), (0.9, 44, 64, 20, 20))
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.5), np.zeros((80, 80, 3), np.uint8))
    assert says.seen == [(1, 128, 128, 3)]
    assert box.centre == pytest.approx((20, 40))
    assert (box.w, box.h) == pytest.approx((20, 20))


def test_the_fine_search_is_stricter_and_comes_second():
    says = _Says(960, (0.73, 404, 404, 32, 32))  # seen only at 960 pixels
    picture = np.zeros((1000, 1000, 3), np.uint8)
    assert find_faces_with(Detector(says, SUREST, 0.5, 0.9), picture) == []
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.6), picture)
    assert box.centre == pytest.approx((404 / 0.96, 404 / 0.96))
    assert [shape[2] for shape in says.seen] == [320, 960] * 2


def test_the_fine_search_is_for_small_faces():
    # 64 of 320 pixels are 192 of 960.
    says = _Says(960, (0.9, 300, 300, 190, 190), (0.95, 700, 700, 194, 194))
    picture = np.zeros((960, 960, 3), np.uint8)
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.5), picture, small=True)
    assert box.centre == pytest.approx((300, 300))


def test_a_picture_without_finds_is_looked_at_enlarged_but_at_most_twice():
    says = _Says(640, (0.9, 300, 200, 50, 50))
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.5), np.zeros((160, 320, 3), np.uint8))
    assert [shape[1:3] for shape in says.seen] == [(160, 320), (320, 640)]
    assert box.centre == pytest.approx((150, 100))
    assert box.side == pytest.approx(25)


def test_a_find_at_the_first_look_spares_the_second():
    says = _Says(320, (0.9, 100, 100, 50, 50))
    assert len(find_faces_with(Detector(says, SUREST, 0.5, 0.5), np.zeros((320, 320, 3), np.uint8))) == 1
    assert [shape[2] for shape in says.seen] == [320]


def test_what_has_too_few_pixels_stays_unseen_when_enlarged():
    says = _Says(640, (0.9, 300, 200, 35, 35), (0.9, 500, 500, 37, 37))
    (box,) = find_faces_with(Detector(says, SUREST, 0.5, 0.5), np.zeros((320, 320, 3), np.uint8))
    assert box.centre == pytest.approx((250, 250))


def test_a_face_seen_in_both_searches_is_one():
    class Both(_Says):
        def __call__(self, outputs, picture):
            side = picture.shape[2]
            return {"boxes": np.array([[[0.8 if side == 320 else 0.9, side / 2, side / 2, side / 8, side / 8]]])}

    (box,) = find_faces_with(Detector(Both(0), SUREST, 0.5, 0.5), np.zeros((960, 960, 3), np.uint8), small=True)
    assert box.score == pytest.approx(0.9)
    assert (box.x, box.y, box.w, box.h) == pytest.approx((420, 420, 120, 120))
    assert all(type(value) is float for value in (box.x, box.y, box.w, box.h, box.score))


def test_batch_equals_single():
    network = packaged_detector().network
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 72, 3), np.uint8)
    together = network(["boxes"], picture=pictures)["boxes"]
    # Cells of 48 × 72, 24 × 36, and with their margins of 24: 60 × 66 and 54 × 57 pixels.
    assert together.shape == (3, 6 * 9 + 3 * 5 + 8 * 9 + 7 * 8, 5)
    for picture, expected in zip(pictures, together, strict=True):
        found = network(["boxes"], picture=picture[None])["boxes"][0]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (16, 16), (7, 300), (300, 7)])
def test_tiny_and_narrow_pictures_hold_nothing(shape):
    assert find_faces(np.full((*shape, 3), 200, np.uint8)) == []


def _copied(folder):
    for name in (DETECTOR_FILE, DESCRIPTION_FILE):
        (folder / name).write_bytes((FOLDER / name).read_bytes())
    return folder


def test_a_missing_detector_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"missing or damaged.*reinstall"):
        read_detector(tmp_path)
    (_copied(tmp_path) / DETECTOR_FILE).unlink()
    with pytest.raises(ModelError, match=r"missing or damaged.*reinstall"):
        read_detector(tmp_path)


def test_a_damaged_detector_is_refused(tmp_path):
    network = _copied(tmp_path) / DETECTOR_FILE
    content = bytearray(network.read_bytes())
    content[1000] ^= 1
    network.write_bytes(content)
    with pytest.raises(ModelError, match=r"detector\.onnx: damaged.*SHA-256"):
        read_detector(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "face2mesh/detector", "version": 2}'])
def test_a_damaged_description_is_refused(tmp_path, text):
    (_copied(tmp_path) / DESCRIPTION_FILE).write_text(text)
    with pytest.raises(ModelError, match="missing or damaged"):
        read_detector(tmp_path)


def test_a_foreign_detector_is_refused(tmp_path):
    path = _copied(tmp_path) / DESCRIPTION_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(ModelError, match="not a face detector of version 2"):
        read_detector(tmp_path)


def test_the_packaged_detector_is_small_and_says_how_it_was_made():
    assert (FOLDER / DETECTOR_FILE).stat().st_size <= 1_000_000
    description = json.loads((FOLDER / DESCRIPTION_FILE).read_text())
    assert description["size"] == (FOLDER / DETECTOR_FILE).stat().st_size
    assert description["provenance"]["training"]["kind"] == "detector"
    assert 0 < description["threshold"] < description["further_threshold"] < 1
    assert detect.packaged_detector() is packaged_detector()
