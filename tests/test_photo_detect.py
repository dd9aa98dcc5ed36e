import threading

import numpy as np
import pytest
from PIL import Image

from face2mesh.cli.demo import ASTRONAUT
from face2mesh.photo import crop_of_box, find_faces, read_photo

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


def test_a_tight_crop_is_found_by_its_repeated_border(astronaut):
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
