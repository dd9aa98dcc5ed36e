"""Tiny configurations train end to end, on data that the test makes."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from made_up_build import write_base, write_pairs  # noqa: E402

from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.head import BaseHead  # noqa: E402
from face2mesh.lab.graph.hierarchy import Hierarchy  # noqa: E402
from face2mesh.lab.train.decoders import train_decoders  # noqa: E402
from face2mesh.lab.train.encoder import train_encoder  # noqa: E402
from face2mesh.lab.train.loop import LOG  # noqa: E402
from face2mesh.lab.train.runs import read_decoders, read_encoder  # noqa: E402
from face2mesh.lab.train.together import train_together  # noqa: E402

TINY = """
[optimisation]
steps = 30
batch = 8
learning_rate = 3e-3
warmup = 2
log_every = 10
"""
TINY_ENCODER = TINY + "[encoder]\nwidths = [4, 4, 8, 8, 8]\nfeatures = 16\n"


def total_by_step(run: Path) -> list[float]:
    return [json.loads(line)["total"] for line in (run / LOG).read_text().splitlines()]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    write_base(folder)
    write_pairs(folder)
    return folder


def test_a_tiny_encoder_learns(build: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER)
    assert train_encoder(configuration, build, tmp_path / "run") == 30
    totals = total_by_step(tmp_path / "run")
    assert totals[-1] < 0.8 * totals[0]
    encoder, header = read_encoder(tmp_path / "run")
    assert header["step"] == 30
    assert encoder(torch.rand(2, 3, 128, 128))["identity"].shape == (2, 5)


def test_each_term_is_logged_by_name(build: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER.replace("steps = 30", "steps = 2"))
    train_encoder(configuration, build, tmp_path / "run")
    logged = json.loads((tmp_path / "run" / LOG).read_text().splitlines()[-1])
    assert {"points", "landmarks", "neutral", "expression", "rotation", "light", "prior", "total"} <= logged.keys()


def test_encoder_and_decoders_train_together(build: Path, tmp_path: Path) -> None:
    configurations = {
        "encoder": TINY_ENCODER.replace("steps = 30", "steps = 2"),
        "decoders": TINY.replace("steps = 30", "steps = 2")
        + "[identity_decoder]\nchannels = [4, 4, 4]\nadded = [0, 2, 4]\n"
        + "[expression_decoder]\nchannels = [4, 4, 4]\nadded = [0, 2, 4]\n",
        "all": TINY.replace("steps = 30", "steps = 12") + "[encoder_weights]\nlight = 0.0\n",
    }
    for name, text in configurations.items():
        (tmp_path / f"{name}.toml").write_text(text)
    train_encoder(tmp_path / "encoder.toml", build, tmp_path / "encoder")
    train_decoders(tmp_path / "decoders.toml", build, tmp_path / "decoders")
    parts = {"encoder_run": tmp_path / "encoder", "decoders_run": tmp_path / "decoders"}
    assert train_together(tmp_path / "all.toml", build, tmp_path / "all", **parts) == 12
    logged = json.loads((tmp_path / "all" / LOG).read_text().splitlines()[-1])
    assert {"places", "whole_neutral_vertices", "whole_points", "identity_vertices"} <= logged.keys()
    made_of = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")}
    base, hierarchy = BaseHead.load(made_of["base-head"]), Hierarchy.load(made_of["hierarchy"])
    encoder, _ = read_encoder(tmp_path / "all")
    before, _ = read_encoder(tmp_path / "encoder")
    assert not torch.equal(encoder.places.weight, before.places.weight)
    identity_decoder, _, _ = read_decoders(tmp_path / "all", base, hierarchy, made_of)
    assert identity_decoder(torch.zeros(1, 5)).shape == (1, base.skin_count, 3)


def test_pairs_that_are_missing_are_one_sentence(tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER)
    write_base(tmp_path)
    with pytest.raises(InputFileError, match="photo-pairs"):
        train_encoder(configuration, tmp_path, tmp_path / "run")
