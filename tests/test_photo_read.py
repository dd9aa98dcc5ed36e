import os
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face2mesh.errors import PhotoError
from face2mesh.photo import read_photo

WIDTH, HEIGHT = 48, 32


@pytest.fixture
def rgb():
    """A smooth picture, so that lossy formats keep it; every corner has its own colour."""
    x, y = np.meshgrid(np.linspace(0, 200, WIDTH), np.linspace(30, 230, HEIGHT))
    return np.stack([x, y, 128 + (x - y) / 4], -1).round().astype(np.uint8)


def save(picture, path, **options):
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path, **options)
    return path


def grey(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"))


def close(picture, expected, tolerance=8):
    assert picture.dtype == np.uint8
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif"])
def test_ordinary_files(rgb, tmp_path, suffix):
    photo = read_photo(save(rgb, tmp_path / f"a.{suffix}"))
    close(photo.rgb, rgb, 30 if suffix == "gif" else 0)
    assert (photo.width, photo.height) == (WIDTH, HEIGHT)
    assert (photo.focal_px, photo.focal_source) == (None, "default")
    assert photo.path == tmp_path / f"a.{suffix}"


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_files(rgb, tmp_path, suffix):
    close(read_photo(str(save(rgb, tmp_path / f"a.{suffix}", quality=98))).rgb, rgb)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits(rgb, tmp_path, suffix):
    levels = grey(rgb).astype(np.uint16) * 257
    photo = read_photo(save(Image.fromarray(levels), tmp_path / f"a.{suffix}"))
    close(photo.rgb, np.repeat(grey(rgb)[..., None], 3, 2), 0)


def test_float_picture(rgb, tmp_path):
    path = save(Image.fromarray(grey(rgb).astype(np.float32) / 255), tmp_path / "a.tif")
    close(read_photo(path).rgb, np.repeat(grey(rgb)[..., None], 3, 2), 0)


def test_grey(rgb, tmp_path):
    close(read_photo(save(grey(rgb), tmp_path / "a.png")).rgb, np.repeat(grey(rgb)[..., None], 3, 2), 0)


def test_black_and_white(tmp_path):
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[:, 20:] = True
    close(read_photo(save(Image.fromarray(bits), tmp_path / "a.png")).rgb, np.repeat(bits[..., None] * 255, 3, 2), 0)


def test_palette(rgb, tmp_path):
    close(read_photo(save(Image.fromarray(rgb).quantize(256), tmp_path / "a.png")).rgb, rgb, 30)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk(rgb, tmp_path, suffix):
    image = Image.fromarray(rgb).convert("CMYK")
    path = save(image, tmp_path / f"a.{suffix}", **({"quality": 98} if suffix == "jpg" else {}))
    with Image.open(path) as stored:
        assert stored.mode == "CMYK"
    close(read_photo(path).rgb, rgb, 12)


def test_alpha_is_put_on_mid_grey(rgb, tmp_path):
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    alpha[:, 20:] = 255
    layers = np.concatenate([rgb, alpha], -1)
    expected = np.where(alpha == 255, rgb, 128)
    close(read_photo(save(layers, tmp_path / "a.png")).rgb, expected, 1)
    close(read_photo(save(Image.fromarray(layers), tmp_path / "a.webp", lossless=True)).rgb, expected, 1)
    close(read_photo(layers).rgb, expected, 1)
    two = Image.fromarray(layers).convert("LA")
    close(read_photo(save(two, tmp_path / "b.png")).rgb[:, :20], expected[:, :20], 1)


def test_transparent_palette(rgb, tmp_path):
    image = Image.fromarray(rgb).quantize(16)
    index = image.getpixel((0, 0))
    path = save(image, tmp_path / "a.png", transparency=index)
    assert read_photo(path).rgb[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(rgb, tmp_path, suffix):
    others = [Image.fromarray(np.full_like(rgb, level)) for level in (10, 250)]
    first = Image.fromarray(np.full_like(rgb, 120))
    path = save(first, tmp_path / f"a.{suffix}", save_all=True, append_images=others, duration=100)
    with Image.open(path) as stored:
        assert stored.n_frames == 3
    close(read_photo(path).rgb, np.full_like(rgb, 120), 4)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(rgb, tmp_path, suffix, orientation):
    # How a camera stores an upright picture under each value, by EXIF's own definition (row 0 is, column 0 is).
    stored = {
        1: rgb,  # top, left
        2: rgb[:, ::-1],  # top, right
        3: rgb[::-1, ::-1],  # bottom, right
        4: rgb[::-1],  # bottom, left
        5: rgb.transpose(1, 0, 2),  # left, top
        6: rgb.transpose(1, 0, 2)[::-1],  # right, top
        7: rgb.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
        8: rgb.transpose(1, 0, 2)[:, ::-1],  # left, bottom
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"jpg": {"quality": 98}, "webp": {"lossless": True}}.get(suffix, {})
    path = save(np.ascontiguousarray(stored), tmp_path / f"a.{suffix}", exif=exif, **options)
    close(read_photo(path).rgb, rgb)


def test_nonsense_orientation_is_upright(rgb, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 77
    close(read_photo(save(rgb, tmp_path / "a.png", exif=exif)).rgb, rgb, 0)


def test_fifty_megapixels(tmp_path):
    path = save(Image.new("RGB", (8700, 5800), (200, 150, 100)), tmp_path / "a.jpg")
    photo = read_photo(path)
    assert (photo.width, photo.height) == (8700, 5800)
    close(photo.rgb[::1000, ::1000], np.broadcast_to(np.array([200, 150, 100]), (6, 9, 3)).copy(), 4)


def test_more_megapixels_than_pillow_likes_do_not_warn(tmp_path, monkeypatch):
    path = save(Image.new("RGB", (60, 50)), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_photo(path).width == 60


def test_heic(rgb, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC is of the extra [heic]")
    pillow_heif.register_heif_opener()
    close(read_photo(save(rgb, tmp_path / "a.heic", quality=95)).rgb, rgb, 20)


def test_heic_without_its_plug_in(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    refused(path, r"a\.heic: HEIC photos need a plug-in; install it with `pip install 'face2mesh\[heic\]'`")


def refused(source, sentence):
    with pytest.raises(PhotoError, match=sentence) as caught:
        read_photo(source)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_not_a_picture(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("certainly not a picture, however long this text may be")
    refused(path, r"a\.jpg: not a picture")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_truncated(tmp_path, suffix, share):
    picture = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(picture).save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(stream.getvalue()[: int(len(stream.getvalue()) * share)])
    refused(path, rf"a\.{suffix}: (the picture is damaged or incomplete|not a picture)")


def test_damaged_in_the_middle(tmp_path):
    stream = BytesIO()
    Image.new("RGB", (90, 90)).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[60:70] = b"\xff" * 10
    path = tmp_path / "a.png"
    path.write_bytes(content)
    refused(path, r"a\.png: the picture is damaged")


def test_empty_file(tmp_path):
    (tmp_path / "a.jpg").touch()
    refused(tmp_path / "a.jpg", r"a\.jpg: the file is empty")


@pytest.mark.parametrize("size", [(1, 1), (15, 400)])
def test_too_small(tmp_path, size):
    path = save(Image.new("RGB", size), tmp_path / "a.png")
    refused(path, rf"a\.png: {size[0]} by {size[1]} pixels are too small")
    refused(np.zeros((size[1], size[0], 3), np.uint8), "the picture: .* too small")


def test_decompression_bomb(tmp_path):
    path = save(Image.new("1", (20_000, 20_000)), tmp_path / "a.png")
    assert path.stat().st_size < 100_000
    refused(path, r"a\.png: more than 178 megapixels")


def test_bomb_below_pillows_own_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("face2mesh.photo.read.LARGEST_PIXELS", 10_000)
    refused(save(Image.new("1", (101, 100)), tmp_path / "a.png"), r"a\.png: more than")


def test_missing(tmp_path):
    refused(tmp_path / "a.jpg", r"a\.jpg: not found")


def test_folder(tmp_path):
    refused(tmp_path, "is a folder")


def test_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "a.jpg", r"a\.jpg: cannot be read \(Not a directory\)")


def test_a_name_that_no_system_has():
    refused("a\0.jpg", "cannot be read")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission(rgb, tmp_path):
    path = save(rgb, tmp_path / "a.png")
    path.chmod(0)
    refused(path, r"a\.png: cannot be read \(Permission denied\)")


def test_no_permission_pretended(rgb, tmp_path, monkeypatch):
    def deny(*_):
        raise PermissionError(13, "Permission denied")

    path = save(rgb, tmp_path / "a.png")
    monkeypatch.setattr("builtins.open", deny)
    refused(path, r"a\.png: cannot be read \(Permission denied\)")


def test_out_of_memory(rgb, tmp_path, monkeypatch):
    def exhaust(*_):
        raise MemoryError

    path = save(rgb, tmp_path / "a.png")
    monkeypatch.setattr("face2mesh.photo.read._rgb_of_image", exhaust)
    refused(path, "too large for this computer's memory")


def test_arrays(rgb):
    assert read_photo(rgb).rgb is rgb
    assert read_photo(rgb).path is None
    close(read_photo(rgb.astype(np.uint16) * 257).rgb, rgb, 0)
    close(read_photo(rgb / 255).rgb, rgb, 0)
    close(read_photo((rgb / 255).astype(np.float16)).rgb, rgb, 1)
    close(read_photo(grey(rgb)).rgb, np.repeat(grey(rgb)[..., None], 3, 2), 0)
    close(read_photo(grey(rgb)[..., None]).rgb, np.repeat(grey(rgb)[..., None], 3, 2), 0)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros(50, np.uint8), r"shape \(50,\)"),
        (np.zeros((50, 50, 2), np.uint8), "shape"),
        (np.zeros((0, 50, 3), np.uint8), "shape"),
        (np.zeros((50, 50, 3), np.int64), "int64"),
        (np.full((50, 50, 3), 255.0), "between 0 and 1"),
        (np.full((50, 50, 3), np.nan), "between 0 and 1"),
    ],
)
def test_arrays_that_are_no_pictures(array, sentence):
    refused(array, sentence)


def test_the_detector_is_not_loaded_for_reading():
    code = "import sys, face2mesh.photo; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
