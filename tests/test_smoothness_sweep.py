"""The sweep on meshes of one's own: from files to results, going on where it was, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_up import made_up_head
from smoothness_meshes import COUNT, SIDE, bumps, faces

from face2mesh.cli.main import main
from face2mesh.errors import InputFileError
from face2mesh.lab.smoothness.comparison import compared, curve_noise
from face2mesh.lab.smoothness.meshes import read_task
from face2mesh.lab.smoothness.remedies import LOCAL_RECIPE
from face2mesh.lab.smoothness.sweep import MEAN_HEAD, REGRESSION, decoder_of, measures, packaged, untrained
from face2mesh.lab.smoothness.task import Task, patch_of
from face2mesh.model import load
from face2mesh.store import provenance


def archive(folder: Path) -> Path:
    path = folder / "bumps.npz"
    np.savez(path, vertices=bumps(), faces=faces()[0])
    return path


def obj(vertices: np.ndarray, quads: np.ndarray) -> str:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    return "\n".join([*lines, *("f " + " ".join(str(v + 1) for v in quad) for quad in quads)]) + "\n"


def test_a_folder_of_objs_is_the_same_task_as_the_archive(tmp_path: Path) -> None:
    sculpts = tmp_path / "bumps"
    sculpts.mkdir()
    for number, head in enumerate(bumps()):
        (sculpts / f"{number:03}.obj").write_text(obj(head, faces()[0]))
    (sculpts / "notes.txt").write_text("not a mesh")
    folder, single = read_task(sculpts, "face", 8, 0), read_task(archive(tmp_path), "face", 8, 0)
    np.testing.assert_allclose(folder.held, single.held, atol=1e-4)
    np.testing.assert_array_equal(folder.patch.faces, single.patch.faces)
    assert folder.hierarchy.counts == single.hierarchy.counts
    assert len(folder.held) == COUNT // 5
    (sculpts / "001.obj").write_text(obj(bumps()[1][:-1], faces()[0][:-20]))
    with pytest.raises(InputFileError, match=r"001\.obj: has not the vertices and faces of 000\.obj"):
        read_task(sculpts, "face", 8, 0)


def test_whom_the_meshes_belong_to_keeps_them_together(tmp_path: Path) -> None:
    task = read_task(archive(tmp_path), "face", 128, 0)
    assert set(task.person).isdisjoint(set(range(COUNT)) - set(task.person))
    np.testing.assert_allclose(task.displacements.mean(0), 0, atol=1e-4)
    # Three sources of variation, three numbers; what they say is all there is.
    assert task.codes.shape == (COUNT - COUNT // 5, 3)
    linear = measures(untrained(task)[REGRESSION], task)
    assert linear["gain"]["value"] == pytest.approx(1, abs=1e-2)
    assert linear["noise"]["value"] < 0.02
    assert measures(untrained(task)[MEAN_HEAD], task)["gain"]["value"] == 0


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"vertices": bumps()[:4], "triangles": faces()[1]}, "4 people are too few"),
        ({"vertices": bumps()[0], "triangles": faces()[1]}, "vertices are"),
        ({"vertices": bumps()}, "not a file of meshes"),
        ({"vertices": bumps() * np.nan, "triangles": faces()[1]}, "no numbers"),
        ({"vertices": bumps(), "triangles": faces()[1] + 5}, "vertices that are not there"),
    ],
)
def test_refused_archives(tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(InputFileError, match=sentence):
        read_task(tmp_path / "own.npz", "face", 8, 0)


def test_refused_places(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="not found; name people"):
        read_task(tmp_path / "none.npz", "face", 8, 0)
    with pytest.raises(InputFileError, match="holds no meshes"):
        read_task(tmp_path, "face", 8, 0)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputFileError, match="not a file of meshes"):
        read_task(tmp_path / "text.npz", "face", 8, 0)


def test_a_task_is_drawn_once(tmp_path: Path) -> None:
    source = archive(tmp_path)
    task = read_task(source, "face", 8, 0)
    task.save(tmp_path / "task.npz", provenance({"corpus": source}, task.configuration, 0))
    again = Task.load(tmp_path / "task.npz", {"corpus": source})
    assert again is not None
    assert again.described == task.described
    np.savez(source, vertices=bumps()[::-1], faces=faces()[0])
    assert Task.load(tmp_path / "task.npz", {"corpus": source}) is None


def test_a_region_of_the_head_is_symmetric() -> None:
    base = made_up_head()
    for region in ("skin", "face"):
        patch = patch_of(base, region)
        places = base.vertices[patch.vertices]
        np.testing.assert_allclose(places[patch.mirror], places * [-1, 1, 1], atol=1e-4)
        assert patch.triangles.max() == len(patch.vertices) - 1
    with pytest.raises(InputFileError, match="no region of the head"):
        patch_of(base, "elbow")


def test_the_whole_command_and_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("face2mesh.lab.figures.error_maps.TILE", 100)
    results, pictures = tmp_path / "smoothness.json", tmp_path / "pictures"
    command = ["lab", "--build", str(tmp_path / "build"), "smoothness", str(archive(tmp_path)), "--steps", "8"]
    command += ["--code", "4", "-o", str(results), "--pictures", str(pictures), "--only"]
    assert main([*command, "plain", "penalty-1"]) == 0
    first = json.loads(results.read_text())["tasks"]["bumps"]
    assert [run["run"]["recipe"]["name"] for run in first["runs"]] == ["plain", "penalty-1"]
    assert first["ours_against"] == {}
    assert main([*command, "plain", "penalty-1", "ours"]) == 0
    second = json.loads(results.read_text())["tasks"]["bumps"]
    # What was trained before is taken as it was, to the second.
    assert second["runs"][:2] == first["runs"]
    assert second["ours_against"]["classical"]["gain"] > 0.9
    assert {file.name for file in pictures.iterdir()} == {
        "smoothness-bumps.png",
        "smoothness-bumps-spectra.png",
        "smoothness-bumps-errors.jpg",
    }
    assert "ours-seed0: gain" in capsys.readouterr().out
    results.write_text("{}")
    assert main([*command, "plain"]) == 1
    assert "holds other results" in capsys.readouterr().err
    results.unlink()
    measured = tmp_path / "build" / "smoothness" / "bumps-face" / "plain-seed0" / "measured.json"
    measured.write_text("{")
    assert main([*command, "plain"]) == 1
    assert "damaged" in capsys.readouterr().err


def test_time_that_is_over_begins_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["lab", "--build", str(tmp_path / "build"), "smoothness", str(archive(tmp_path)), "--steps", "8"]
    command += ["-o", str(tmp_path / "s.json"), "--pictures", str(tmp_path), "--time-limit", "0"]
    assert main([*command, "--only", "plain", "ours"]) == 1
    error = capsys.readouterr().err
    assert "2 trainings are left" in error
    assert "no training was begun in that time" in error


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "--build", str(tmp_path), "smoothness", "people", "-o", str(tmp_path / "s.json")]) == 1
    assert "make it with `face2mesh lab base-head`" in capsys.readouterr().err


def test_the_packaged_decoders_on_codes_of_nobody() -> None:
    model = load()
    patch = patch_of(model.base_head, "face")
    rest = model.base_head.vertices[patch.vertices]
    zero = np.zeros((2, model.identity_size), np.float32)
    none = np.zeros((2, *rest.shape), np.float32)
    references = np.stack([rest, rest])
    task = Task("people", patch, rest, zero, none, zero, none, references, np.arange(2), 0, none[:0], {})
    np.testing.assert_allclose(packaged(task)["packaged decoders"], 0, atol=1e-2)
    codes = np.concatenate([np.zeros((2, 52), np.float32), zero], 1)
    moving = replace(task, name="expressions", held_codes=codes, identity_size=model.identity_size)
    np.testing.assert_allclose(packaged(moving)["packaged decoders"], 0, atol=1e-2)
    assert set(packaged(replace(moving, name="motions"))) == {"packaged decoders"}
    assert packaged(replace(task, name="own")) == {}
    assert packaged(replace(task, held_codes=zero[:, 1:])) == {}


def test_the_packaged_model_is_settled_as_heads_with_contact_are() -> None:
    model = load()
    patch = patch_of(model.base_head, "face")
    rest = model.base_head.vertices[patch.vertices]
    codes = np.zeros((2, 52 + model.identity_size), np.float32)
    codes[0, 8:10] = 0.9  # a blink
    none = np.zeros((2, *rest.shape), np.float32)
    task = Task(
        "expressions", patch, rest, codes, none, codes, none, none, np.arange(2), model.identity_size, none[:0], {}
    )
    found = packaged(task)
    apart = np.linalg.norm(found["packaged model"] - found["packaged decoders"], axis=2).max(1)
    assert apart[0] > 0.2
    assert apart[1] < 1e-2


def made_up_motions() -> Task:
    """Few moving heads on the made-up head; what they show is the product of two weights."""
    base = made_up_head()
    patch = patch_of(base, "skin")
    rest = base.vertices[patch.vertices]
    rng = np.random.default_rng(3)
    codes = np.zeros((60, 52 + 2), np.float32)
    codes[:, [3, 20]] = rng.random((60, 2))
    field = rng.standard_normal(rest.shape).astype(np.float32)
    field = (field + field[patch.mirror] * np.float32([-1, 1, 1])) / 2
    moved = field * (codes[:, 3] * codes[:, 20])[:, None, None]
    modes = rng.standard_normal((2, *rest.shape)).astype(np.float32)
    return Task(
        name="made up",
        patch=patch,
        rest=rest,
        codes=codes[:50],
        displacements=moved[:50],
        held_codes=codes[50:],
        held=moved[50:],
        references=np.stack([rest] * 10),
        person=np.arange(10),
        identity_size=2,
        modes=modes,
        configuration={"corpus": "motions"},
    )


def test_the_network_for_heads_that_move_starts_as_a_regression_and_answers_by_weights_and_person() -> None:
    torch = pytest.importorskip("torch")
    task = made_up_motions()
    network = decoder_of(LOCAL_RECIPE, task, 0)
    with torch.no_grad():
        made = network(torch.from_numpy(task.held_codes)).numpy()
        assert not network(torch.zeros(1, 54)).any()
    assert made.shape == task.held.shape
    assert np.linalg.norm(made - task.held, axis=2).mean() < 0.5 * np.linalg.norm(task.held, axis=2).mean()
    with pytest.raises(InputFileError, match="for heads that move"):
        decoder_of(LOCAL_RECIPE, replace(task, identity_size=0), 0)


def test_noise_on_a_curve_by_hand() -> None:
    gains, noises = [0.8, 0.4, 0.0], [1.0, 0.6, 0.1]
    assert curve_noise(gains, noises, 0.6) == pytest.approx(0.8)
    assert curve_noise(gains, noises, 0.1) == pytest.approx(0.225)
    assert curve_noise(gains, noises, 0.9) is None
    run = lambda gain, noise: {"gain": {"value": gain}, "noise": {"value": noise}}  # noqa: E731
    curve = [run(g, n) for g, n in zip(gains, noises, strict=True)]
    found = SimpleNamespace(**compared(run(0.6, 0.4), curve))
    assert found.noise_below_curve == pytest.approx(0.5)
    assert found.noise_for_gain == pytest.approx(2 / 3)
    assert found.curve_least_noise_for_gain == pytest.approx(1.25)
    assert compared(run(0.95, 0.1), curve)["noise_below_curve"] is None


def test_the_grid_is_what_the_tests_think() -> None:
    assert bumps().shape == (COUNT, SIDE**2, 3)
