"""OBJ with a texture: three files that belong together, read back by other people's readers."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_face
from PIL import Image

from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.errors import OutputError
from face2mesh.head import PARTS

TEXTURE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
FACE = replace(made_up_face(), texture=TEXTURE)
THREE = ["me-texture.png", "me.mtl", "me.obj"]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_three_files_that_name_each_other(tmp_path):
    FACE.save(tmp_path / "me.obj")
    assert files(tmp_path) == THREE
    text = (tmp_path / "me.obj").read_text().splitlines()
    assert text[1] == "mtllib me.mtl"
    used = [line.split()[1] for line in text if line.startswith("usemtl ")]
    materials = (tmp_path / "me.mtl").read_text().splitlines()
    assert used == [line.split()[1] for line in materials if line.startswith("newmtl ")] == list(PARTS)
    assert {line for line in materials if line.startswith("map_")} == {"map_Kd me-texture.png"}
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "me-texture.png")), TEXTURE)


def test_without_a_texture_it_is_one_file(tmp_path):
    made_up_face().save(tmp_path / "me.obj")
    assert files(tmp_path) == ["me.obj"]
    assert "mtl" not in (tmp_path / "me.obj").read_text()


def test_trimesh_shows_the_picture_where_the_texture_points_are(tmp_path):
    trimesh = pytest.importorskip("trimesh", reason="the readers come with the extra [dev]")
    FACE.save(tmp_path / "me.obj")
    scene = trimesh.load(tmp_path / "me.obj", force="scene", process=False)
    found = list(scene.geometry.values())
    assert len(found) == len(PARTS)
    for mesh in found:
        picture = np.asarray(mesh.visual.material.image.convert("RGB"))
        np.testing.assert_array_equal(picture, TEXTURE)
        uv = {tuple(row) for row in np.round(mesh.visual.uv, 4)}
        assert uv <= {tuple(row) for row in np.round(FACE.uv.astype(float), 4)}
    assert sum(len(mesh.faces) for mesh in found) == len(FACE.triangles)


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_all_three_or_none(tmp_path, monkeypatch, broken):
    made_up_face().save(tmp_path / "me.obj")
    before = (tmp_path / "me.obj").read_bytes()
    opened = []

    def failing(path, mode="r", *arguments, **named):
        if str(path).endswith(".part"):
            opened.append(path)
            if len(opened) > broken:
                raise OSError(28, "No space left on device")
        return open(path, mode, *arguments, **named)

    monkeypatch.setattr("face2mesh.write.textured.open", failing, raising=False)
    with pytest.raises(OutputError, match="No space left"):
        FACE.save(tmp_path / "me.obj")
    assert files(tmp_path) == ["me.obj"]
    assert (tmp_path / "me.obj").read_bytes() == before


def test_no_folder(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        FACE.save(tmp_path / "missing" / "me.obj")


@pytest.fixture(scope="module")
def textured(tmp_path_factory):
    out = tmp_path_factory.mktemp("textured")
    arguments = ["--texture", "delit", "--texture-size", "512", "--neutral", "--format", "obj"]
    assert main(["reconstruct", str(ASTRONAUT), "-o", str(out), *arguments]) == 0
    return out


def test_the_command_line_writes_them_all(textured):
    names = [f"astronaut{ending}" for ending in (".json", ".mtl", ".obj", "-texture.png")]
    neutral = [f"astronaut-neutral{ending}" for ending in (".mtl", ".obj", "-texture.png")]
    assert files(textured) == sorted(names + neutral)
    with Image.open(textured / "astronaut-texture.png") as picture:
        assert picture.size == (512, 512)


def test_the_astronauts_texture_is_a_face(textured):
    texture = np.asarray(Image.open(textured / "astronaut-texture.png")).astype(float)
    cheek = texture[210:240, 150:170].reshape(-1, 3).mean(0)
    lips = texture[288:292, 235:275].reshape(-1, 3).mean(0)
    assert 255 > cheek[0] > cheek[1] > cheek[2] > 60
    assert lips[0] / lips[1] > 1.05 * cheek[0] / cheek[1]
    assert texture[:40, 200:300].std((0, 1)).max() < 15  # the scalp: skin, not her hair


def test_a_size_without_a_texture_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["reconstruct", str(ASTRONAUT), "-o", str(tmp_path), "--texture-size", "512"])
    assert stopped.value.code == 2
    assert "--texture-size is for --texture" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--texture", "baked"], ["--texture", "photo", "--texture-size", "700"]])
def test_unknown_textures_are_refused(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["reconstruct", str(ASTRONAUT), "-o", str(tmp_path), *arguments])
    assert stopped.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_a_photo_called_like_anothers_texture(tmp_path):
    from face2mesh.cli.names import result_names

    photos = [tmp_path / "me.jpg", tmp_path / "me-texture.jpg"]
    assert result_names(photos, False, ["-texture"]) == ["me-jpg", "me-texture-jpg"]
    assert result_names(photos, False) == ["me", "me-texture"]
