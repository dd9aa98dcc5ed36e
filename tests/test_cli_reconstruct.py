"""The command line on real and on bad files, with the tiny model (see `tiny_model`) behind it."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import disk

from face2mesh import store
from face2mesh.cli import job, main
from face2mesh.cli.demo import ASTRONAUT

BOX = "--box=150,100,100,100"


@pytest.fixture
def astronaut(tmp_path):
    return shutil.copy(ASTRONAUT, tmp_path / "astronaut.jpg")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def reconstruct(model, out, *arguments):
    return main(["reconstruct", "--model", str(model), "-o", str(out), *map(str, arguments)])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def one_sentence(capsys, sentence):
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    return printed


def test_one_photo(tiny_folder, out, astronaut, capsys):
    assert reconstruct(tiny_folder, out, astronaut) == 0
    assert files(out) == ["astronaut.json", "astronaut.obj"]
    printed = capsys.readouterr()
    assert printed.out.split() == [str(out / "astronaut.json"), str(out / "astronaut.obj")]
    assert printed.err == ""
    document = json.loads((out / "astronaut.json").read_text())
    assert document["format"] == "face2mesh/face"
    assert document["image"] == {"width": 512, "height": 512}
    assert document["model"] == {"name": "tiny", "version": "0.0.1"}
    assert len(document["landmarks_px"]) == len(document["landmarks_3d"]) == 68
    assert document["seconds"] > 0
    x, y, w, h = document["face_box"]
    assert 150 < x < 200 < x + w < 300
    assert 60 < y < 120 < y + h < 220


def test_formats_preview_neutral_and_ipd(tiny_folder, out, astronaut):
    options = ["--format", "glb,ply,stl,npz", "--neutral", "--preview", "--ipd", "64"]
    assert reconstruct(tiny_folder, out, astronaut, *options) == 0
    suffixes = ("glb", "npz", "ply", "stl")
    expected = [f"astronaut{middle}.{suffix}" for middle in ("", "-neutral") for suffix in suffixes]
    assert files(out) == sorted([*expected, "astronaut.json", "astronaut.png"])
    assert json.loads((out / "astronaut.json").read_text())["scale_source"] == "ipd"
    with Image.open(out / "astronaut.png") as preview:
        assert min(preview.size) > 200


def test_subdivide(tiny_folder, out, astronaut, capsys):
    assert reconstruct(tiny_folder, out / "0", astronaut, "--neutral") == 0
    assert reconstruct(tiny_folder, out / "2", astronaut, "--subdivide", "2", "--neutral") == 0
    for name in ("astronaut.obj", "astronaut-neutral.obj"):
        quads = [(out / folder / name).read_text().count("\nf ") for folder in "02"]
        assert quads[1] == 16 * quads[0]
    with pytest.raises(SystemExit) as caught:
        reconstruct(tiny_folder, out, astronaut, "--subdivide", "3")
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_demo(tiny_folder, out, capsys):
    assert main(["demo", "--model", str(tiny_folder), "-o", str(out)]) == 0
    written = ["-texture.png", ".glb", ".html", ".json", ".mtl", ".obj", ".png"]
    assert files(out) == [f"astronaut{ending}" for ending in written]
    assert len(capsys.readouterr().out.split()) == len(written)


def test_json_lines(tiny_folder, out, astronaut, tmp_path, capsys):
    assert reconstruct(tiny_folder, out, astronaut, tmp_path / "absent.jpg", "--json") == 1
    printed = capsys.readouterr()
    good, bad = map(json.loads, printed.out.splitlines())
    assert (good["photo"], good["ok"]) == (str(astronaut), True)
    assert good["faces"][0]["files"] == [str(out / "astronaut.json"), str(out / "astronaut.obj")]
    assert good["seconds"] > 0
    assert (bad["ok"], bad["photo"]) == (False, str(tmp_path / "absent.jpg"))
    assert "not found" in bad["error"]
    assert "1 of 2 failed" in printed.err


def two_astronauts(path):
    picture = np.full((640, 900, 3), 128, np.uint8)
    astronaut = np.asarray(Image.open(ASTRONAUT))[:312, 100:400]
    picture[100:412, :300] = astronaut
    picture[300:487, 600:780] = np.asarray(Image.fromarray(astronaut).resize((180, 187), Image.Resampling.BICUBIC))
    Image.fromarray(picture).save(path, quality=95)
    return path


def test_several_faces(tiny_folder, out, tmp_path, capsys):
    photo = two_astronauts(tmp_path / "two.jpg")
    assert reconstruct(tiny_folder, out, photo, "--face", "all", "--neutral") == 0
    assert files(out) == [
        "two-1-neutral.obj",
        "two-1.json",
        "two-1.obj",
        "two-2-neutral.obj",
        "two-2.json",
        "two-2.obj",
    ]
    boxes = [json.loads((out / f"two-{i}.json").read_text())["face_box"] for i in (1, 2)]
    assert boxes[0][0] < 300 < boxes[1][0]
    assert boxes[0][2] > boxes[1][2]
    assert reconstruct(tiny_folder, out / "second", photo, "--face", "2") == 0
    assert json.loads((out / "second" / "two.json").read_text())["face_box"] == pytest.approx(boxes[1])
    assert reconstruct(tiny_folder, out / "one", ASTRONAUT, "--face", "all") == 0
    assert files(out / "one") == ["astronaut.json", "astronaut.obj"]
    capsys.readouterr()
    assert reconstruct(tiny_folder, out / "third", photo, "--face", "3") == 1
    one_sentence(capsys, "has no face number 3: 2 found")


def test_box_by_hand(tiny_folder, out, tmp_path):
    Image.fromarray(disk(400, 300, (200, 150), 40)).save(tmp_path / "disk.png")
    assert reconstruct(tiny_folder, out, tmp_path / "disk.png", BOX) == 0
    assert json.loads((out / "disk.json").read_text())["face_box"] == [150, 100, 100, 100]


def test_box_outside(tiny_folder, out, astronaut, capsys):
    assert reconstruct(tiny_folder, out, astronaut, "--box=600,10,50,50") == 1
    one_sentence(capsys, "the box 600,10,50,50 lies outside the picture of 512×512 pixels")


def test_box_for_several_photos(tiny_folder, out, astronaut, capsys):
    with pytest.raises(SystemExit) as caught:
        reconstruct(tiny_folder, out, astronaut, ASTRONAUT, BOX)
    assert caught.value.code == 2
    assert "--box is for a single photo" in capsys.readouterr().err


def test_no_face(tiny_folder, out, tmp_path, capsys):
    Image.new("RGB", (300, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    assert reconstruct(tiny_folder, out, tmp_path / "meadow.png") == 1
    one_sentence(capsys, "meadow.png: no face found")
    assert files(out) == []


def test_unusual_pictures(tiny_folder, out, tmp_path):
    rgb = Image.fromarray(disk(400, 300, (200, 150), 40))
    grey = rgb.convert("L")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(pictures / "sixteen.png")
    grey.save(pictures / "grey.jpg", quality=95)
    grey.quantize(64).save(pictures / "palette.png")
    rgb.convert("CMYK").save(pictures / "cmyk.jpg", quality=95)
    rgb.convert("RGBA").save(pictures / "alpha.webp")
    rgb.save(pictures / "animated.gif", save_all=True, append_images=[Image.new("RGB", rgb.size)])
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.transpose(Image.Transpose.ROTATE_90).save(pictures / "rotated.jpg", exif=exif, quality=95)
    for picture in pictures.iterdir():
        assert reconstruct(tiny_folder, out, picture, BOX) == 0
    landmarks = [json.loads(path.read_text())["landmarks_px"] for path in sorted(out.glob("*.json"))]
    assert len(landmarks) == 7
    for points in landmarks:
        np.testing.assert_allclose(points, landmarks[0], atol=1.5)


def test_fifty_megapixels(tiny_folder, out, tmp_path):
    large = np.repeat(np.repeat(np.asarray(Image.open(ASTRONAUT)), 14, 0), 14, 1)
    Image.fromarray(large).save(tmp_path / "large.jpg", quality=80)
    assert reconstruct(tiny_folder, out, tmp_path / "large.jpg") == 0
    document = json.loads((out / "large.json").read_text())
    assert document["image"] == {"width": 7168, "height": 7168}
    x, y, w, h = np.array(document["face_box"]) / 14
    assert 150 < x < 200 < x + w < 300
    assert 60 < y < 120 < y + h < 220


def bad_files(folder):
    """One file of each kind that cannot be reconstructed, and a piece of the sentence that is due."""
    folder.mkdir()
    (folder / "text.jpg").write_text("not a picture")
    (folder / "truncated.jpg").write_bytes(Path(ASTRONAUT).read_bytes()[:20_000])
    (folder / "empty.jpg").touch()
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("1", (13_400, 13_400)).save(folder / "bomb.png")
    Image.new("RGB", (64, 64)).save(folder / "blank.png")
    return {
        "text.jpg": "not a picture",
        "truncated.jpg": "damaged or incomplete",
        "empty.jpg": "the file is empty",
        "dot.png": "too small",
        "bomb.png": "more than 178 megapixels",
        "blank.png": "no face found",
        "absent.jpg": "not found",
    }


def test_every_bad_file_is_one_sentence(tiny_folder, out, tmp_path, capsys):
    for name, sentence in bad_files(tmp_path / "bad").items():
        assert reconstruct(tiny_folder, out, tmp_path / "bad" / name) == 1
        printed = one_sentence(capsys, f"{name}: ")
        assert sentence in printed.err
        assert printed.out == ""
    assert files(out) == []


def test_a_batch_does_the_good_ones_and_lists_the_bad(tiny_folder, out, tmp_path, capsys):
    bad = bad_files(tmp_path / "photos")
    for name in ("anna.jpg", "zoe.jpg"):
        shutil.copy(ASTRONAUT, tmp_path / "photos" / name)
    assert reconstruct(tiny_folder, out, tmp_path / "photos", tmp_path / "photos" / "absent.jpg") == 1
    assert files(out) == ["anna.json", "anna.obj", "zoe.json", "zoe.obj"]
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert lines[0] == f"face2mesh: {len(bad)} of {len(bad) + 2} failed:"
    assert len(lines) == len(bad) + 1
    for name, sentence in bad.items():
        assert any(f"{name}: " in line and sentence in line for line in lines[1:])
    assert len(printed.out.split()) == 4


def test_folder_without_photos_in_a_batch(tiny_folder, out, tmp_path, astronaut, capsys):
    (tmp_path / "nothing").mkdir()
    assert reconstruct(tiny_folder, out, tmp_path / "nothing", astronaut) == 1
    assert files(out) == ["astronaut.json", "astronaut.obj"]
    assert "holds no photos" in capsys.readouterr().err
    assert reconstruct(tiny_folder, out, tmp_path / "nothing", "--json") == 1


def test_the_same_photo_twice_is_done_once(tiny_folder, out, astronaut, tmp_path, capsys):
    assert reconstruct(tiny_folder, out, astronaut, tmp_path) == 0
    assert len(capsys.readouterr().out.split()) == 2


def test_same_stem(tiny_folder, out, astronaut, tmp_path):
    Image.open(astronaut).save(tmp_path / "astronaut.png")
    assert reconstruct(tiny_folder, out, tmp_path) == 0
    assert files(out) == [f"astronaut-{kind}.{suffix}" for kind in ("jpg", "png") for suffix in ("json", "obj")]


def test_batch_order_and_workers_change_nothing(tiny_folder, out, tmp_path, monkeypatch):
    photos = []
    for i, radius in enumerate((30, 40, 50, 60)):
        photos.append(tmp_path / f"{i}.jpg")
        Image.open(ASTRONAUT).resize((8 * radius, 8 * radius)).save(photos[-1], quality=95)
    for workers in (1, 2, 3):
        monkeypatch.setattr(job, "cores", lambda workers=workers: workers)
        assert reconstruct(tiny_folder, out / str(workers), *photos[:: 1 if workers < 3 else -1]) == 0
    for photo in photos:
        assert reconstruct(tiny_folder, out / "single", photo) == 0
    for photo in photos:
        document = _without_seconds(out / "single" / f"{photo.stem}.json")
        for workers in "123":
            name = f"{photo.stem}.obj"
            assert (out / workers / name).read_bytes() == (out / "single" / name).read_bytes()
            assert _without_seconds(out / workers / f"{photo.stem}.json") == document


def _without_seconds(path):
    return [line for line in path.read_text().splitlines() if '"seconds"' not in line]


def test_folder_below_a_file(tiny_folder, astronaut, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert reconstruct(tiny_folder, tmp_path / "file" / "out", astronaut) == 1
    one_sentence(capsys, "out: cannot be written (Not a directory)")


def test_folder_that_denies(tiny_folder, out, astronaut, capsys, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(job.tempfile, "mkdtemp", deny)
    assert reconstruct(tiny_folder, out, astronaut) == 1
    one_sentence(capsys, "out: cannot be written (Permission denied); choose another folder")


def fill_the_disk(monkeypatch, suffix):
    """Let the disk be full when a file of this suffix is half written."""
    genuine = store.write_atomically

    def write_atomically(path, write):
        def half(file):
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")

        return genuine(path, half if path.suffix == suffix else write)

    for name in ("face2mesh.write.write", "face2mesh.write.document", "face2mesh.store"):
        monkeypatch.setattr(import_module(name), "write_atomically", write_atomically)


@pytest.mark.parametrize("suffix", [".obj", ".json", ".png"])
def test_disk_full_leaves_earlier_output_untouched(tiny_folder, out, astronaut, capsys, monkeypatch, suffix):
    out.mkdir()
    for name in ("astronaut.obj", "astronaut.json", "astronaut.png"):
        (out / name).write_text("earlier")
    fill_the_disk(monkeypatch, suffix)
    assert reconstruct(tiny_folder, out, astronaut, "--preview") == 1
    one_sentence(capsys, "astronaut: cannot be written (No space left on device); choose another folder")
    assert files(out) == ["astronaut.json", "astronaut.obj", "astronaut.png"]
    assert {(out / name).read_text() for name in files(out)} == {"earlier"}


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_limit_of_the_system(tiny_folder, out, astronaut):
    code = """
import resource, signal, sys
from face2mesh.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
sys.exit(main(sys.argv[1:]))
"""
    out.mkdir()
    (out / "astronaut.obj").write_text("earlier")
    command = [sys.executable, "-c", code, "reconstruct", str(astronaut), "-o", str(out), "--model", str(tiny_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 1
    assert "cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(out) == ["astronaut.obj"]
    assert (out / "astronaut.obj").read_text() == "earlier"


def test_the_preview_does_not_replace_the_photo(tiny_folder, tmp_path, capsys):
    photo = tmp_path / "me.png"
    Image.open(ASTRONAUT).save(photo)
    before = photo.read_bytes()
    assert reconstruct(tiny_folder, tmp_path, photo, "--preview") == 1
    one_sentence(capsys, "would replace the photo itself")
    assert photo.read_bytes() == before
    assert files(tmp_path) == ["me.png"]


def test_a_folder_in_the_way(tiny_folder, out, astronaut, capsys):
    (out / "astronaut.obj").mkdir(parents=True)
    assert reconstruct(tiny_folder, out, astronaut) == 1
    one_sentence(capsys, "a folder of this name is in the way")
    assert files(out) == ["astronaut.obj"]


def test_an_unexpected_error_does_not_stop_the_batch(tiny_folder, out, astronaut, tmp_path, capsys, monkeypatch):
    shutil.copy(ASTRONAUT, tmp_path / "broken.jpg")
    genuine = job._write_face

    def sometimes(face, photo, folder, name, wanted, seconds):
        if name == "broken":
            raise IndexError("oops")
        genuine(face, photo, folder, name, wanted, seconds)

    monkeypatch.setattr(job, "_write_face", sometimes)
    assert reconstruct(tiny_folder, out, tmp_path / "broken.jpg", astronaut) == 1
    assert files(out) == ["astronaut.json", "astronaut.obj"]
    assert "broken.jpg: unexpected IndexError (oops)" in capsys.readouterr().err
    assert reconstruct(tiny_folder, out, tmp_path / "broken.jpg", "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupted(tiny_folder, out, astronaut, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "_outcome", stop)
    assert reconstruct(tiny_folder, out, astronaut) == 130
    assert "interrupted" in capsys.readouterr().err
    assert files(out) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")
def test_interrupted_at_work(tiny_folder, out, tmp_path):
    for i in range(60):
        shutil.copy(ASTRONAUT, tmp_path / f"{i:02}.jpg")
    # Started in the background, a process is told to ignore Ctrl-C; this one is to hear it.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listens}; import sys; from face2mesh.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "reconstruct", str(tmp_path), "-o", str(out), "--model", str(tiny_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().endswith(".json\n")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "face2mesh: interrupted; what was finished is kept.\n"
    done = files(out)
    assert 2 <= len(done) < 120
    assert not [name for name in done if name.startswith(".")]
    for name in {Path(name).stem for name in done}:
        json.loads((out / f"{name}.json").read_text())
        assert (out / f"{name}.obj").read_text().splitlines()[-1].startswith("f ")
