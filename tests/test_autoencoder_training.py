"""Training, reading back, measuring and tabulating autoencoders on made-up meshes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up_head

torch = pytest.importorskip("torch", reason="networks need torch, of the extra [train]")

from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.lab.autoencoder.measure import (  # noqa: E402
    MEASURED,
    errors,
    measure,
    of_network,
    of_principal,
    summary,
)
from face2mesh.lab.autoencoder.meshes import SETS, Meshes  # noqa: E402
from face2mesh.lab.autoencoder.principal import Principal, principal_components  # noqa: E402
from face2mesh.lab.autoencoder.tables import tables  # noqa: E402
from face2mesh.lab.autoencoder.training import (  # noqa: E402
    PRINCIPAL,
    AutoencoderTraining,
    mesh_file,
    read_autoencoder,
    train_autoencoder,
)
from face2mesh.lab.figures.autoencoder import best_run, draw, points_of  # noqa: E402
from face2mesh.lab.graph.command import hierarchy_of_head  # noqa: E402
from face2mesh.lab.train.checkpoint import CHECKPOINT, read_checkpoint  # noqa: E402
from face2mesh.lab.train.configuration import Optimisation, read_configuration  # noqa: E402

HEAD = made_up_head()
CONFIGURATIONS = Path(__file__).parents[1] / "configurations"
BRIEF = Optimisation(steps=6, batch=4, warmup=2, checkpoint_every=2, log_every=3, learning_rate=1e-3)
SMALL = {
    "local": {"level": 2, "down": [5, 6], "up": [6, 5], "bent": 1},
    "skip": {"channels": [0, 0, 4], "hidden": [5]},
    "classical": {},
}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A build folder with a hierarchy, sixty meshes of the moving world and their components."""
    folder = tmp_path_factory.mktemp("build")
    hierarchy = hierarchy_of_head(HEAD, poolings=4, factor=2.5)
    hierarchy.save(folder / "hierarchy.npz", {})
    HEAD.save(folder / "base-head.npz", {})
    rest = HEAD.vertices[: HEAD.skin_count]
    rng = np.random.default_rng(1)
    waves = np.sin(rest @ rng.normal(0, 0.03, (3, 8)))
    made = np.einsum("nk,vk,kc->nvc", rng.standard_normal((60, 8)), waves, rng.standard_normal((8, 3)))
    nothing = np.zeros((60, 1), np.float32)
    meshes = Meshes(np.rint(made * 1000).astype(np.int16), 0.001, nothing, nothing)
    meshes.save(mesh_file(folder, "moving", "train"), {})
    principal_components(meshes, 12).save(mesh_file(folder, "moving", PRINCIPAL), {})
    return folder


@pytest.mark.parametrize("kind", ["local", "classical", "skip"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(build, tmp_path, kind):
    training = AutoencoderTraining(
        optimisation=BRIEF, kind=kind, rows=8, mixed=0.5, numbers={"4": 5000}, network=SMALL[kind]
    )
    assert train_autoencoder(training, 4, 1, build, tmp_path / "whole") == 6
    assert train_autoencoder(training, 4, 1, build, tmp_path / "cut", time_limit=0.0) == 1
    assert train_autoencoder(training, 4, 1, build, tmp_path / "cut", resume=True) == 6
    one, _ = read_checkpoint(tmp_path / "whole" / CHECKPOINT)
    other, header = read_checkpoint(tmp_path / "cut" / CHECKPOINT)
    assert header["configuration"]["code_size"] == 4
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(InputFileError, match="another configuration"):
        train_autoencoder(
            replace(training, optimisation=replace(BRIEF, batch=8)), 4, 1, build, tmp_path / "cut", resume=True
        )


def test_what_was_trained_is_read_and_measured(build, tmp_path):
    """The skip and the network beside it, which starts as nothing, begin as PCA; training hardly moves that."""
    training = AutoencoderTraining(optimisation=replace(BRIEF, steps=1), kind="skip", network=SMALL["skip"])
    train_autoencoder(training, 4, 0, build, tmp_path / "run")
    hierarchy = hierarchy_of_head(HEAD, poolings=4, factor=2.5)
    network, header = read_autoencoder(tmp_path / "run", hierarchy)
    meshes = Meshes.load(mesh_file(build, "moving", "train"))
    principal = Principal.load(mesh_file(build, "moving", PRINCIPAL))
    ours, linear = errors(of_network(network), meshes), errors(of_principal(principal, 4), meshes)
    assert ours["mean_mm"] == pytest.approx(linear["mean_mm"], rel=0.02)
    assert header["kind"] == "autoencoder"
    header["network"]["code_size"] = 5
    text = json.loads((tmp_path / "run" / CHECKPOINT).read_text())
    (tmp_path / "run" / CHECKPOINT).write_text(json.dumps({**text, "network": header["network"]}))
    with pytest.raises(InputFileError, match="holds no autoencoder"):
        read_autoencoder(tmp_path / "run", hierarchy)


def test_measuring_that_was_stopped_measures_only_what_is_missing(build, tmp_path, monkeypatch):
    for name in MEASURED:
        Meshes.load(mesh_file(build, "moving", "train")).save(mesh_file(build, "moving", name), {})
    runs = [tmp_path / "one", tmp_path / "other"]
    for seed, run in enumerate(runs):
        training = AutoencoderTraining(
            optimisation=replace(BRIEF, steps=1), numbers={"4": 5000}, network=SMALL["local"]
        )
        train_autoencoder(training, 4, seed, build, run)
    monkeypatch.setattr("face2mesh.lab.autoencoder.measure.FITTED_FROM", 1)
    kept = []
    first = measure(build, runs[:1], (4,), ("moving",), keep=lambda found: kept.append(json.dumps(found)))
    assert kept == [json.dumps(first)]
    (ours,) = first["moving"]["networks"]
    assert ours["fitted"]["validation"]["mean_mm"] <= ours["validation"]["mean_mm"] + 1e-5
    again = measure(build, runs, (4,), ("moving",), first)
    assert again["moving"]["networks"][0] == first["moving"]["networks"][0]
    assert [one["seed"] for one in again["moving"]["networks"]] == [0, 1]
    monkeypatch.setattr("face2mesh.lab.autoencoder.measure.errors", None)  # nothing is left to be measured
    assert measure(build, runs, (4,), ("moving",), again) == again


def test_a_summary_is_that_of_its_numbers():
    found = summary(np.array([0.0, 1.0, 2.0, 5.0]))
    assert found == {"mean_mm": 2.0, "median_mm": 1.5, "p95_mm": 4.55, "rms_mm": pytest.approx(30**0.5 / 2, abs=1e-5)}


@pytest.mark.parametrize(
    "name", ["local", "local-8", "local-32", "local-equal", "classical", "classical-long", "linear", "classical-linear"]
)
def test_configurations_are_valid(name):
    training = read_configuration(CONFIGURATIONS / f"autoencoder-{name}.toml", AutoencoderTraining)
    assert training.world == ("linear" if "linear" in name else "moving")


def test_what_no_run_can_mean_is_refused(build, tmp_path):
    with pytest.raises(ValueError, match="kind is one of"):
        AutoencoderTraining(kind="best")
    with pytest.raises(ValueError, match="rows are even"):
        AutoencoderTraining(rows=3)
    with pytest.raises(InputFileError, match="autoencoder meshes"):
        Meshes.load(tmp_path / "nothing.npz")
    with pytest.raises(InputFileError, match="autoencoder meshes"):
        Principal.load(tmp_path / "nothing.npz")


def made_up_results():
    """Errors of PCA at 8, and of ours, half as large."""

    def each(mean):
        return {name: {"mean_mm": mean, "median_mm": mean / 2, "p95_mm": 3 * mean, "rms_mm": 2 * mean} for name in SETS}

    what = {"code": 8, "samples": 1000, "parameters": 12_345}
    networks = [
        {"kind": "local", "seed": 0, "run": "a", **what, **each(0.2), "fitted": each(0.1)},
        {"kind": "classical", "seed": 0, "run": "b", **what, **each(0.5)},
        {"kind": "classical", "seed": 1, "run": "c", **what, **each(0.7)},
    ]
    entry = {"principal": {"8": {"parameters": 100, **each(0.4)}}, "networks": networks}
    return {"moving": entry, "linear": entry}


def test_tables_and_figure_show_the_results(tmp_path):
    text = tables(made_up_results())
    assert "| 8 | ours, seed 0 | 1,000 | 12,345 | 0.200 / 0.100 / 0.600 (−50 %)" in text
    assert "| 8 | classical, 2 seeds | 1,000 | 12,345 | 0.600 [0.500 to 0.700] / 0.300 / 1.800 (+50 %)" in text
    assert text.count("| 8 | PCA |") == 2
    points = points_of(made_up_results()["moving"], "held-out-people")
    assert points == {
        "PCA": [(8, 0.4)],
        "classical": [(8, pytest.approx(0.6))],
        "ours": [(8, 0.2)],
        "ours, fitted": [(8, 0.1)],
    }
    assert "| 8 | ours, fitted, seed 0 | 1,000 | 12,345 | 0.100 / 0.050 / 0.300 (−75 %)" in text
    assert best_run(made_up_results()["moving"], "classical", 8) == "b"
    (tmp_path / "results.json").write_text(json.dumps(made_up_results()))
    assert draw(tmp_path / "results.json", tmp_path) == [tmp_path / "autoencoder.png"]
    with pytest.raises(InputFileError, match="autoencoder measure"):
        draw(tmp_path / "nothing.json", tmp_path)
