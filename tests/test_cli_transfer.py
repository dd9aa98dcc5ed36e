"""`transfer`: one photo's expression, other people's heads."""

import json

import numpy as np
import pytest
from PIL import Image

import face2mesh
from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT


@pytest.fixture
def photos(tmp_path):
    """A source and two targets whose colours, and so the tiny model's codes, differ."""
    made = []
    for name, light in (("source", (1.0, 0.6, 0.4)), ("anna", (0.5, 0.9, 0.7)), ("zoe", (0.4, 0.4, 0.9))):
        made.append(tmp_path / f"{name}.png")
        Image.fromarray((np.asarray(Image.open(ASTRONAUT)) * light).astype(np.uint8)).save(made[-1])
    return made


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def transfer(tiny_folder, out, *arguments):
    return main(["transfer", *map(str, arguments), "--model", str(tiny_folder), "-o", str(out)])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_sources_expression_on_the_targets_heads(tiny_folder, out, photos, capsys):
    source, *targets = photos
    assert transfer(tiny_folder, out, source, *targets, "--format", "npz", "--preview") == 0
    assert files(out) == [f"{name}.{suffix}" for name in ("anna", "zoe") for suffix in ("json", "npz", "png")]
    assert len(capsys.readouterr().out.split()) == 6
    with Image.open(out / "anna.png") as preview:
        assert preview.size == (1930, 400)  # the source's panel on the left
    model = face2mesh.load(tiny_folder)
    expression = model.reconstruct(source).expression
    for target in targets:
        own = model.reconstruct(target)
        document = json.loads((out / f"{target.stem}.json").read_text())
        assert document["expression_from"] == "source.png"
        assert document["expression"] == pytest.approx(expression)
        np.testing.assert_allclose(document["identity"], own.identity, atol=1e-6)
        np.testing.assert_allclose(document["pose"]["rotation"], own.pose.rotation, atol=1e-9)
        with np.load(out / f"{target.stem}.npz") as arrays:
            np.testing.assert_allclose(arrays["vertices"], own.with_expression(expression).vertices, atol=1e-4)
        assert own.expression != pytest.approx(expression)


def test_the_photos_colours_are_taken_with_its_own_expression(tiny_folder, out, photos):
    from face2mesh.draw import with_photo_colours
    from face2mesh.photo import read_photo

    assert transfer(tiny_folder, out, photos[0], photos[1], "--format", "ply,npz") == 0
    own = face2mesh.load(tiny_folder).reconstruct(photos[1])
    with np.load(out / "anna.npz") as arrays:
        np.testing.assert_array_equal(arrays["colours"], with_photo_colours(own, read_photo(photos[1]).rgb).colours)


def test_onto_oneself_changes_nothing(tiny_folder, out, photos):
    assert transfer(tiny_folder, out / "a", photos[1], photos[1]) == 0
    assert main(["reconstruct", str(photos[1]), "--model", str(tiny_folder), "-o", str(out / "b")]) == 0
    assert (out / "a" / "anna.obj").read_bytes() == (out / "b" / "anna.obj").read_bytes()


def test_a_source_without_a_face(tiny_folder, out, photos, tmp_path, capsys):
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    assert transfer(tiny_folder, out, tmp_path / "meadow.png", *photos) == 1
    assert "meadow.png: no face found" in capsys.readouterr().err
    assert not out.exists()


def test_a_target_without_a_face_does_not_stop_the_others(tiny_folder, out, photos, tmp_path, capsys):
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    assert transfer(tiny_folder, out, photos[0], tmp_path / "meadow.png", photos[1]) == 1
    assert files(out) == ["anna.json", "anna.obj"]
    assert "1 of 2 failed" in capsys.readouterr().err


def test_no_targets(tiny_folder, out, photos, tmp_path, capsys):
    (tmp_path / "nothing").mkdir()
    assert transfer(tiny_folder, out, photos[0], tmp_path / "nothing") == 1
    assert "holds no photos" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda source, targets: [source.parent, *targets], "is a folder; name the one photo"),
        (lambda source, targets: [source], "TARGET"),
        (lambda source, targets: [source, *targets, "--texture-size=512"], "--texture-size is for --texture"),
    ],
)
def test_misuse(tiny_folder, out, photos, capsys, change, sentence):
    with pytest.raises(SystemExit) as caught:
        transfer(tiny_folder, out, *change(photos[0], photos[1:]))
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err
