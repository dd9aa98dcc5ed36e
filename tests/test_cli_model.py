"""`sample`, `walk` and `fit`: heads without photos, from the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.face import Face
from face2mesh.model.fitting import NOISE_MM
from face2mesh.model.point_fitting import POINT_NOISE_MM


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def run(command, folder, *arguments):
    return main([command, *map(str, arguments), "--model", str(folder)])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_samples(tiny_folder, model, out, capsys):
    assert run("sample", tiny_folder, "-o", out, "--count", 2, "--seed", 7, "--format", "npz", "--preview") == 0
    names = [f"sample-{seed}.{suffix}" for seed in (7, 8) for suffix in ("json", "npz")]
    assert files(out) == [*names, "samples.png"]
    assert len(capsys.readouterr().out.split()) == 5
    with np.load(out / "sample-8.npz") as arrays:
        np.testing.assert_allclose(arrays["vertices"], model.sample(8).vertices, atol=1e-4)
    told = json.loads((out / "sample-7.json").read_text())
    assert told["seed"] == 7
    np.testing.assert_array_equal(Face.load(out / "sample-7.json", model).vertices, model.sample(7).vertices)


def test_neutral_samples(tiny_folder, model, out):
    assert run("sample", tiny_folder, "-o", out, "--neutral") == 0
    assert not Face.load(out / "sample-0.json", model).weights.any()


def test_a_film_loops(tiny_folder, out, tmp_path):
    film = tmp_path / "walk.gif"
    assert run("walk", tiny_folder, "-o", film, "--stops", 2, "--steps", 3, "--size", 64) == 0
    with Image.open(film) as picture:
        assert (picture.n_frames, picture.size, picture.info["loop"]) == (6, (64, 80), 0)


def test_the_same_command_gives_the_same_film(tiny_folder, tmp_path):
    for name in ("a.gif", "b.gif"):
        assert (
            run("walk", tiny_folder, "-o", tmp_path / name, "--stops", 2, "--steps", 2, "--size", 64, "--seed", 4) == 0
        )
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_a_strip_between_files_and_photos(tiny_folder, model, out, tmp_path):
    model.sample(3).save(tmp_path / "anna.json")
    strip = tmp_path / "strip.png"
    assert run("walk", tiny_folder, tmp_path / "anna.json", ASTRONAUT, "-o", strip, "--steps", 2, "--size", 64) == 0
    with Image.open(strip) as picture:
        assert picture.size[0] >= 3 * 64


def test_walks_that_go_nowhere(tiny_folder, tmp_path, capsys):
    for arguments in (["-o", "x.jpg"], ["a.json", "-o", "x.gif"], ["-o", "x.gif", "--stops", "1"]):
        with pytest.raises(SystemExit) as end:
            run("walk", tiny_folder, *arguments)
        assert end.value.code == 2
    told = capsys.readouterr().err
    assert "ends neither in .gif nor in .png" in told
    assert "needs two heads or more" in told
    assert run("walk", tiny_folder, tmp_path / "no.json", tmp_path / "no.json", "-o", tmp_path / "x.gif") == 1
    assert "no.json: cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "x.gif").exists()


def test_a_fit_of_our_own_topology(tiny_folder, model, out, tmp_path, capsys):
    face = model.sample(5)
    face.save(tmp_path / "sculpt.obj")
    assert run("fit", tiny_folder, tmp_path / "sculpt.obj", "-o", out, "--expression", "--noise", 0.01) == 0
    assert files(out) == ["sculpt.json", "sculpt.obj"]
    told = json.loads((out / "sculpt.json").read_text())
    assert told["fitted_to"] == "sculpt.obj"
    assert told["mean_mm"] < 0.05
    np.testing.assert_allclose(told["identity"], face.identity, atol=0.05)
    np.testing.assert_allclose(told["placement"]["rotation"], np.eye(3), atol=1e-3)


def test_what_cannot_be_fitted(tiny_folder, model, out, tmp_path, capsys):
    (tmp_path / "small.obj").write_text("v 0 0 0\nv 0.1 0 0\nv 0 0.2 0\nf 1 2 3\n")
    (tmp_path / "few.obj").write_text("v 0 0 0\nv 100 0 0\nv 0 200 0\nf 1 2 3\n")
    assert run("fit", tiny_folder, tmp_path / "small.obj", tmp_path / "few.obj", tmp_path / "no.ply", "-o", out) == 1
    told = capsys.readouterr().err
    assert "small.obj: is 0.2 mm large, which no head is; give --scale" in told
    assert "few.obj: 3 points are too few" in told
    assert "no.ply: not found" in told
    assert files(out) == []


def test_a_fit_does_not_replace_its_mesh(tiny_folder, model, tmp_path, capsys):
    model.sample(5).save(tmp_path / "sculpt.obj")
    before = (tmp_path / "sculpt.obj").read_bytes()
    assert run("fit", tiny_folder, tmp_path / "sculpt.obj", "-o", tmp_path) == 1
    assert "would be replaced" in capsys.readouterr().err
    assert (tmp_path / "sculpt.obj").read_bytes() == before


def test_the_help_states_the_noise_that_fits_have(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert f"(default: {NOISE_MM}; by closest points {POINT_NOISE_MM})" in told
