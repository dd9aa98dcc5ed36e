"""Tiny configurations train end to end, on data that the test makes."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from made_up_build import write_base, write_pairs  # noqa: E402

from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.head import BaseHead  # noqa: E402
from face2mesh.lab.corpus.corpus import Corpus  # noqa: E402
from face2mesh.lab.graph.hierarchy import Hierarchy  # noqa: E402
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration  # noqa: E402
from face2mesh.lab.train.batches import Batches  # noqa: E402
from face2mesh.lab.train.checkpoint import CHECKPOINT  # noqa: E402
from face2mesh.lab.train.configuration import Augmentation, EncoderTraining, Optimisation  # noqa: E402
from face2mesh.lab.train.decoders import train_decoders  # noqa: E402
from face2mesh.lab.train.encoder import objective_terms, train_encoder  # noqa: E402
from face2mesh.lab.train.loop import LOG  # noqa: E402
from face2mesh.lab.train.runs import read_decoders, read_encoder  # noqa: E402
from face2mesh.lab.train.sparse_head import SparseHead, mirror_of  # noqa: E402
from face2mesh.lab.train.together import train_together  # noqa: E402

TINY = """
[optimisation]
steps = 60
batch = 16
learning_rate = 1e-2
warmup = 2
log_every = 10
"""
TINY_ENCODER = (
    TINY
    + "[encoder]\nwidths = [8, 8, 16, 16, 32]\nblocks = [1, 1, 1, 1]\nfeatures = 64\n"
    + "[augmentation]\nshift = 0.0\nscale = 0.0\nturn_degrees = 0.0\ncolour = 0.0\n"
    + "blur = 0.0\nnoise = 0.0\ncover = 0.0\n"
)


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
    assert train_encoder(configuration, build, tmp_path / "run") == 60
    totals = total_by_step(tmp_path / "run")
    assert totals[-1] < 0.8 * totals[0]
    encoder, header = read_encoder(tmp_path / "run")
    assert header["step"] == 60
    assert encoder(torch.rand(2, 3, 128, 128))["identity"].shape == (2, 5)


def test_a_run_in_bfloat16_learns_too(build: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER.replace("warmup = 2", 'warmup = 2\nprecision = "bfloat16"'))
    train_encoder(configuration, build, tmp_path / "run")
    totals = total_by_step(tmp_path / "run")
    assert totals[-1] < 0.8 * totals[0]


def test_no_part_of_the_objective_stays_behind_on_the_cpu(build: Path) -> None:
    # Tensors of the device "meta" have no values; mixed with tensors of the CPU they raise, as those of a GPU do.
    base = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    mirror, training = mirror_of(base, corpus), EncoderTraining(optimisation=Optimisation(batch=4))
    batches = Batches(build, SparseHead(base, corpus), mirror, training.optimisation, Augmentation(), 0.5)
    meta = torch.device("meta")
    encoder = Encoder(EncoderConfiguration(identity_size=5, widths=(4, 4, 8, 8, 8), features=16)).to(meta)
    batch = batches(0, 0).to(meta)
    terms = objective_terms(encoder(batch.crop), batch, SparseHead(base, corpus).to(meta), training.weights)
    torch.stack(list(terms.values())).sum().backward()
    assert encoder.places.weight.grad.device == meta


def test_each_term_is_logged_by_name(build: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER.replace("steps = 60", "steps = 2"))
    train_encoder(configuration, build, tmp_path / "run")
    logged = json.loads((tmp_path / "run" / LOG).read_text().splitlines()[-1])
    assert {"points", "landmarks", "neutral", "expression", "rotation", "light", "prior", "total"} <= logged.keys()


def test_encoder_and_decoders_train_together(build: Path, tmp_path: Path) -> None:
    configurations = {
        "encoder": TINY_ENCODER.replace("steps = 60", "steps = 2"),
        "decoders": TINY.replace("steps = 60", "steps = 2")
        + "[identity_decoder]\nlevel = 2\nchannels = 4\n"
        + "[expression_decoder]\nlevel = 2\nchannels = 4\nhidden = [8, 8]\n",
        "all": TINY.replace("steps = 60", "steps = 12") + "[encoder_weights]\nlight = 0.0\n",
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
    # Decoders of the moving corpus would be pulled back to the linear one.
    header = json.loads((tmp_path / "decoders" / CHECKPOINT).read_text())
    header["configuration"]["corpus"] = "moving"
    (tmp_path / "decoders" / CHECKPOINT).write_text(json.dumps(header))
    with pytest.raises(InputFileError, match="moving corpus"):
        train_together(tmp_path / "all.toml", build, tmp_path / "other", **parts)


def test_pairs_that_are_missing_are_one_sentence(tmp_path: Path) -> None:
    configuration = tmp_path / "encoder.toml"
    configuration.write_text(TINY_ENCODER)
    write_base(tmp_path)
    with pytest.raises(InputFileError, match="photo-pairs"):
        train_encoder(configuration, tmp_path, tmp_path / "run")


def test_pairs_of_another_corpus_are_refused(build: Path) -> None:
    base = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    head = SparseHead(base, corpus)
    head.identity = head.identity[:3]
    with pytest.raises(InputFileError, match="have 5 numbers, the corpus has 3 modes"):
        Batches(build, head, mirror_of(base, corpus), Optimisation(batch=4), Augmentation(), 0.5)
