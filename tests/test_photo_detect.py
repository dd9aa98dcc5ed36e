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
    Detector,
    boxes_of_cells,
    find_faces_with,
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


@pytest.mark.parametrize("side", [32, 40, 80, 160, 250])
def test_faces_from_32_pixels_to_the_whole_picture(astronaut, side):
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


def _cells(height=4, width=5):
    """No cell is sure of anything."""
    cells = np.zeros((7, height, width), np.float32)
    cells[0] = -20
    return cells


def test_a_box_worked_out_by_hand():
    cells = _cells()
    # Row 2, column 3: its centre is (28, 20). Half a cell right, a quarter up; 64 wide and 32 high.
    cells[:5, 2, 3] = (math.log(4), 0.5, -0.25, math.log(2), 0)
    (box,) = boxes_of_cells(cells, 0.5, scale=(2.0, 3.0))
    assert box.score == pytest.approx(0.8)
    assert box.centre == pytest.approx((2 * 32, 3 * 18))
    assert (box.w, box.h) == pytest.approx((2 * 64, 3 * 32))
    assert boxes_of_cells(cells, 0.85) == []


class _Says:
    """A network that says the same of every picture of one width, and nothing of others."""

    def __init__(self, width, cells):
        self.width, self.cells = width, cells

    def __call__(self, outputs, picture):
        empty = _cells(picture.shape[2] // 8, picture.shape[3] // 8)
        return {"cells": (self.cells if picture.shape[3] == self.width else empty)[None]}


MARGIN = 3  # cells of repeated border on each side of a small picture


def _small(*faces, width=10):
    """Cells of a picture of 32 × 32 with its margin; faces are (row, column, score, dx, dy, side) in the picture."""
    cells = _cells(width, width)
    for row, column, score, dx, dy, side in faces:
        size = math.log(side / 32)
        cells[:5, MARGIN + row, MARGIN + column] = (math.log(score / (1 - score)), dx, dy, size, size)
    return cells


def _says_of(cells):
    """What is found in a picture of 32 × 32, of which the network says these cells."""
    picture = np.zeros((32, 32, 3), np.uint8)
    return find_faces_with(Detector(_Says(80, cells), 0.5, 0.5), picture)


def test_neighbours_that_speak_of_one_face_are_joined():
    (box,) = _says_of(_small((1, 1, 0.9, 0.0, 0.0, 12), (1, 2, 0.9, -0.5, 0.0, 12)))  # middles (12, 12) and (16, 12)
    assert box.centre == pytest.approx((14, 12))
    assert box.score == pytest.approx(0.9)
    assert (box.w, box.h) == pytest.approx((12, 12))


def test_the_surer_neighbour_counts_more():
    (box,) = _says_of(_small((1, 1, 0.9, 0.0, 0.0, 12), (1, 2, 0.6, -0.5, 0.0, 12)))
    assert box.centre[0] == pytest.approx((0.81 * 12 + 0.36 * 16) / (0.81 + 0.36))


def test_a_part_of_a_face_is_no_face_and_a_neighbour_is():
    inside, beside = (0, 1, 0.8, 0.0, 0.5, 6), (3, 3, 0.7, 0.0, 0.0, 9)
    large, small = _says_of(_small((1, 1, 0.9, 0.0, 0.0, 16), inside, beside))
    assert large.centre == pytest.approx((12, 12))
    assert small.centre == pytest.approx((28, 28))


def test_a_further_face_must_be_surer():
    cells = _small((1, 1, 0.6, 0.0, 0.0, 12), (3, 3, 0.55, 0.0, 0.0, 9))
    picture = np.zeros((32, 32, 3), np.uint8)
    assert len(find_faces_with(Detector(_Says(80, cells), 0.5, 0.5), picture)) == 2
    (box,) = find_faces_with(Detector(_Says(80, cells), 0.5, 0.58), picture)
    assert box.centre == pytest.approx((12, 12))


def test_faces_in_the_margin_are_not_in_the_picture():
    assert _says_of(_small((-1, 1, 0.9, 0.0, 0.0, 12), (4, 1, 0.9, 0.0, 0.0, 12))) == []


def test_larger_faces_are_found_in_smaller_pictures():
    # The picture of 64 pixels is looked at with 64, 45 and 32: with their margins 112, 96 and 80.
    picture = np.zeros((64, 64, 3), np.uint8)
    cells = _small((2, 1, 0.9, 0.0, 0.0, 32))
    (box,) = find_faces_with(Detector(_Says(80, cells), 0.5, 0.5), picture)
    assert box.centre == pytest.approx((24, 40))
    assert (box.w, box.h) == pytest.approx((64, 64))


def test_the_fine_search_is_stricter_and_comes_second():
    cells = _cells(120, 120)
    cells[:5, 50, 50] = (1.0, 0.0, 0.0, 0.0, 0.0)  # score 0.73, seen only at 960 pixels
    picture = np.zeros((1000, 1000, 3), np.uint8)
    assert find_faces_with(Detector(_Says(960, cells), 0.5, 0.9), picture) == []
    (box,) = find_faces_with(Detector(_Says(960, cells), 0.5, 0.6), picture)
    assert box.centre == pytest.approx((404 / 0.96, 404 / 0.96))


def test_batch_equals_single():
    network = packaged_detector().network
    pictures = np.random.default_rng(0).random((3, 3, 48, 64), dtype=np.float32)
    together = network(["cells"], picture=pictures)["cells"]
    assert together.shape == (3, 7, 6, 8)
    for picture, expected in zip(pictures, together, strict=True):
        np.testing.assert_allclose(network(["cells"], picture=picture[None])["cells"][0], expected, atol=1e-4)


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


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "face2mesh/detector", "version": 1}'])
def test_a_damaged_description_is_refused(tmp_path, text):
    (_copied(tmp_path) / DESCRIPTION_FILE).write_text(text)
    with pytest.raises(ModelError, match="missing or damaged"):
        read_detector(tmp_path)


def test_a_foreign_detector_is_refused(tmp_path):
    path = _copied(tmp_path) / DESCRIPTION_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(ModelError, match="not a face detector of version 1"):
        read_detector(tmp_path)


def test_the_packaged_detector_is_small_and_says_how_it_was_made():
    assert (FOLDER / DETECTOR_FILE).stat().st_size <= 1_000_000
    description = json.loads((FOLDER / DESCRIPTION_FILE).read_text())
    assert description["size"] == (FOLDER / DETECTOR_FILE).stat().st_size
    assert description["provenance"]["training"]["kind"] == "detector"
    assert 0 < description["threshold"] < description["further_threshold"] < 1
    assert detect.packaged_detector() is packaged_detector()
