import math

import pytest
from PIL import Image

from face2mesh.photo import read_photo
from face2mesh.photo.focal import focal_of_exif

FILM_DIAGONAL = math.hypot(36, 24)


def exif_of(**tags):
    """EXIF with these tags in its camera block."""
    numbers = {
        "focal_35": 0xA405,
        "focal": 0x920A,
        "across": 0xA002,
        "down": 0xA003,
        "sensor_per_unit": 0xA20E,
        "unit": 0xA210,
    }
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({numbers[name]: value for name, value in tags.items()})
    return exif


def test_equivalent_by_hand():
    # 1200 × 800 is a film's proportions: 36 mm are 1200 px, so 50 mm are 1667 px.
    assert focal_of_exif(exif_of(focal_35=50), 1200, 800) == pytest.approx(50 / 36 * 1200)
    assert focal_of_exif(exif_of(focal_35=50), 800, 1200) == pytest.approx(50 / 36 * 1200)


def test_a_picture_scaled_down_keeps_its_angle():
    exif = exif_of(focal_35=26, across=4000, down=3000)
    assert focal_of_exif(exif, 400, 300) == pytest.approx(focal_of_exif(exif, 4000, 3000) / 10)


def test_sensor_by_hand():
    # 6000 px on 36 mm are 166.67 px a mm; 85 mm are 14167 px, half of it in a picture of half the size.
    exif = exif_of(focal=85.0, across=6000, down=4000, sensor_per_unit=6000 / 3.6, unit=3)
    assert focal_of_exif(exif, 3000, 2000) == pytest.approx(85 / 36 * 3000, rel=1e-3)
    inches = exif_of(focal=85.0, across=6000, down=4000, sensor_per_unit=6000 / 36 * 25.4)
    assert focal_of_exif(inches, 3000, 2000) == pytest.approx(85 / 36 * 3000, rel=1e-3)


@pytest.mark.parametrize(
    ("tags", "size"),
    [
        ({}, (1200, 800)),
        ({"focal": 85.0}, (1200, 800)),  # without the sensor a length in millimetres tells nothing
        ({"focal_35": 0}, (1200, 800)),
        ({"focal_35": 3}, (1200, 800)),
        ({"focal_35": 3000}, (1200, 800)),
        ({"focal_35": 50}, (800, 800)),  # cropped
        ({"focal_35": 50, "across": 4000, "down": 3000}, (1200, 800)),  # cropped from 4:3 to 3:2
    ],
)
def test_not_credible(tags, size):
    assert focal_of_exif(exif_of(**tags), *size) is None


@pytest.mark.parametrize("orientation", [1, 6])
def test_from_a_file(tmp_path, orientation):
    exif = exif_of(focal_35=28)
    exif[0x0112] = orientation
    Image.new("RGB", (120, 90)).save(tmp_path / "a.jpg", exif=exif)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.focal_source == "exif"
    assert photo.focal_px == pytest.approx(28 / FILM_DIAGONAL * 150)
    assert (photo.width > photo.height) == (orientation == 1)


def test_damaged_exif_does_not_spoil_the_photo(tmp_path):
    Image.new("RGB", (120, 90)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert read_photo(tmp_path / "a.jpg").focal_px is None
