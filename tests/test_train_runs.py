"""Tiny configurations train end to end, on data that the test makes."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from made_up_build import write_base, write_pairs  # noqa: E402

from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.lab.package.checkpoints import read_encoder  # noqa: E402
from face2mesh.lab.train.encoder import train_encoder  # noqa: E402
from face2mesh.lab.train.loop import LOG  # noqa: E402

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


def test_pairs_that_are_missing_are_one_sentence(tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER)
    write_base(tmp_path)
    with pytest.raises(InputFileError, match="photo-pairs"):
        train_encoder(configuration, tmp_path, tmp_path / "run")
