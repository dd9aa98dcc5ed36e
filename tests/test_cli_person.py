"""`reconstruct --same-person`: several photos, one head."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import face2mesh
from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.model.fusion import fusion_weights


@pytest.fixture
def photos(tmp_path):
    """The astronaut three times: as she is, darker, and small."""
    made = []
    for name, side, light in (("zoe", 512, 1.0), ("anna", 512, 0.5), ("mia", 300, 0.8)):
        picture = np.asarray(Image.open(ASTRONAUT).resize((side, side))) * light
        made.append(tmp_path / f"{name}.jpg")
        Image.fromarray(picture.astype(np.uint8)).save(made[-1], quality=95)
    return made


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def reconstruct(folder, out, *arguments):
    return main(["reconstruct", "--same-person", "--model", str(folder), "-o", str(out), *map(str, arguments)])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_head_with_the_first_photos_name(tiny_folder, out, photos, capsys):
    assert reconstruct(tiny_folder, out, *photos, "--format", "npz", "--neutral", "--preview") == 0
    assert files(out) == ["zoe-neutral.npz", "zoe.json", "zoe.npz", "zoe.png"]
    assert capsys.readouterr().out.split() == [str(out / name) for name in files(out)]
    model = face2mesh.load(tiny_folder)
    faces = [model.reconstruct(photo) for photo in photos]
    fused = model.fuse(faces)
    document = json.loads((out / "zoe.json").read_text())
    np.testing.assert_allclose(document["identity"], fused.identity, atol=1e-6)
    assert document["expression"] == faces[0].expression
    assert [told["photo"] for told in document["photos"]] == ["zoe.jpg", "anna.jpg", "mia.jpg"]
    np.testing.assert_allclose([told["weight"] for told in document["photos"]], fusion_weights(faces), atol=1e-6)
    with np.load(out / "zoe.npz") as arrays:
        np.testing.assert_allclose(arrays["vertices"], fused.vertices, atol=1e-4)
    assert not np.allclose(fused.identity, faces[0].identity, atol=1e-3)


def test_the_texture_is_of_all_photos(tiny_folder, out, photos):
    """The second photo is half as bright: what both show lies between."""
    options = ["--texture", "photo", "--texture-size", "512"]
    assert reconstruct(tiny_folder, out / "both", *photos[:2], *options) == 0
    assert files(out / "both") == ["zoe-texture.png", "zoe.json", "zoe.mtl", "zoe.obj"]
    brightness = [np.asarray(Image.open(out / "both" / "zoe-texture.png")).mean()]
    for photo in photos[:2]:
        assert reconstruct(tiny_folder, out / photo.stem, photo, *options) == 0
        brightness.append(np.asarray(Image.open(out / photo.stem / f"{photo.stem}-texture.png")).mean())
    assert brightness[2] < brightness[0] < brightness[1]


def test_a_photo_without_a_face_is_told_and_left_out(tiny_folder, out, photos, tmp_path, capsys):
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    assert reconstruct(tiny_folder, out, tmp_path / "meadow.png", *photos, tmp_path / "absent.jpg", "--json") == 1
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [line["ok"] for line in lines] == [True, False, False]
    assert lines[0]["photos"] == [str(photo) for photo in photos]
    assert lines[0]["faces"][0]["files"] == [str(out / "zoe.json"), str(out / "zoe.obj")]
    assert "2 of 3 failed" in printed.err
    assert "meadow.png: no face found" in printed.err
    assert files(out) == ["zoe.json", "zoe.obj"]
    assert len(json.loads((out / "zoe.json").read_text())["photos"]) == 3


def test_nobody(tiny_folder, out, tmp_path, capsys):
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    assert reconstruct(tiny_folder, out, tmp_path / "meadow.png") == 1
    assert "no face found" in capsys.readouterr().err
    assert files(out) == []


def test_a_folder_of_photos_and_a_known_distance(tiny_folder, out, photos):
    assert reconstruct(tiny_folder, out, photos[0].parent, "--ipd", "64") == 0
    assert files(out) == ["anna.json", "anna.obj"]  # the first by name
    assert json.loads((out / "anna.json").read_text())["scale_source"] == "ipd"


def test_one_photo_is_as_without(tiny_folder, out, photos):
    assert reconstruct(tiny_folder, out / "same", photos[0]) == 0
    assert main(["reconstruct", str(photos[0]), "--model", str(tiny_folder), "-o", str(out / "single")]) == 0
    assert (out / "same" / "zoe.obj").read_bytes() == (out / "single" / "zoe.obj").read_bytes()


def test_no_photo_is_replaced(tiny_folder, photos, capsys):
    picture = photos[0].parent / "zoe.png"
    shutil.move(photos[1], picture)
    before = picture.read_bytes()
    assert reconstruct(tiny_folder, photos[0].parent, photos[0], picture, "--preview") == 1
    assert "would replace the photo itself" in capsys.readouterr().err
    assert picture.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "sentence"), [("--face=all", "one face of each photo"), ("--box=1,1,9,9", "--box is for a single photo")]
)
def test_what_does_not_go_together(tiny_folder, out, photos, capsys, option, sentence):
    with pytest.raises(SystemExit) as caught:
        reconstruct(tiny_folder, out, *photos, option)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_interrupted(tiny_folder, out, photos, capsys, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("face2mesh.model.Model.reconstruct", stop)
    assert reconstruct(tiny_folder, out, *photos) == 130
    assert "interrupted" in capsys.readouterr().err
    assert files(out) == []


def test_a_program_error_is_told(tiny_folder, out, photos, capsys, monkeypatch):
    def broken(*_, **__):
        raise IndexError("oops")

    monkeypatch.setattr("face2mesh.model.fusion.fusion_weights", broken)
    assert reconstruct(tiny_folder, out, *photos) == 1
    assert "unexpected IndexError (oops)" in capsys.readouterr().err
    assert files(out) == []
