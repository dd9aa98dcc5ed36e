"""Checkpoints and the loop: what is saved comes back, and a resumed run equals an uninterrupted one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.lab.train import checkpoint  # noqa: E402
from face2mesh.lab.train.checkpoint import (  # noqa: E402
    CHECKPOINT,
    load_average,
    load_matching,
    part,
    read_checkpoint,
)
from face2mesh.lab.train.configuration import EncoderTraining, Optimisation, read_configuration  # noqa: E402
from face2mesh.lab.train.loop import LOG, Objective, train  # noqa: E402
from face2mesh.lab.train.workers import draws  # noqa: E402

HEADER = {"kind": "test", "configuration": {"a": 1}}
SETTINGS = Optimisation(steps=12, batch=4, warmup=2, checkpoint_every=5, log_every=4)


def made_up_network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))


def made_up_objective(network: torch.nn.Module) -> Objective:
    def terms(step: int, worker: int) -> dict[str, torch.Tensor]:
        inputs = torch.randn(8, 3, generator=draws(0, step, worker))
        return {"distance": (network(inputs)[:, 0] - inputs.sum(1)).square().mean()}

    return terms


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = made_up_network()
    train(whole, made_up_objective(whole), SETTINGS, tmp_path / "whole", HEADER)

    class KilledError(Exception):
        pass

    cut = made_up_network()
    objective = made_up_objective(cut)

    def killed_at_eight(step: int, worker: int) -> dict[str, torch.Tensor]:
        if step == 8:
            raise KilledError
        return objective(step, worker)

    with pytest.raises(KilledError):
        train(cut, killed_at_eight, SETTINGS, tmp_path / "cut", HEADER)
    again = made_up_network()
    train(again, made_up_objective(again), SETTINGS, tmp_path / "cut", HEADER, resume=True)
    one, _ = read_checkpoint(tmp_path / "whole" / CHECKPOINT)
    other, header = read_checkpoint(tmp_path / "cut" / CHECKPOINT)
    assert header["step"] == 12
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_two_workers_take_the_step_of_the_joined_batch(tmp_path: Path) -> None:
    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        layers = (torch.nn.Conv2d(3, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(36, 1))
        return torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def objective(network: torch.nn.Module) -> Objective:
        def terms(step: int, worker: int) -> dict[str, torch.Tensor]:
            picture = torch.randn(4, 3, 5, 5, generator=draws(0, step, worker))
            return {"distance": (network(picture)[:, 0] - picture.mean((1, 2, 3))).square().mean()}

        return terms

    def joined(step: int, worker: int) -> dict[str, torch.Tensor]:
        return {"distance": torch.stack([objective(whole)(step, share)["distance"] for share in range(2)]).mean()}

    whole, shared = network(), network()
    train(whole, joined, SETTINGS, tmp_path / "whole", HEADER)
    train(shared, objective(shared), replace(SETTINGS, workers=2), tmp_path / "shared", HEADER)
    assert (tmp_path / "shared" / LOG).read_text().count("\n") == 3
    assert read_checkpoint(tmp_path / "shared" / CHECKPOINT)[1]["step"] == 12
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, shared.state_dict()[name], atol=1e-6)


def test_a_worker_that_dies_ends_the_run(tmp_path: Path) -> None:
    network = made_up_network()

    def dies(step: int, worker: int) -> dict[str, torch.Tensor]:
        if worker == 1:
            raise RuntimeError("no memory")
        return made_up_objective(network)(step, worker)

    with pytest.raises(RuntimeError, match="has died"):
        train(network, dies, replace(SETTINGS, workers=2), tmp_path, HEADER)


def test_training_lowers_the_objective_and_logs_each_term(tmp_path: Path) -> None:
    network = made_up_network()
    objective = made_up_objective(network)
    before = objective(0, 0)["distance"].item()
    train(network, objective, Optimisation(steps=200, warmup=5, learning_rate=0.05), tmp_path, HEADER)
    assert objective(0, 0)["distance"].item() < 0.1 * before
    assert '"distance"' in (tmp_path / LOG).read_text()


def test_the_average_is_kept_beside_the_weights(tmp_path: Path) -> None:
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    tensors, _ = read_checkpoint(tmp_path / CHECKPOINT)
    weights, average = part(tensors, "weights."), part(tensors, "average.")
    assert weights.keys() == average.keys() == network.state_dict().keys()
    assert not torch.equal(weights["0.weight"], average["0.weight"])


def test_a_time_limit_ends_the_run_with_a_checkpoint(tmp_path: Path) -> None:
    network = made_up_network()
    steps = train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER, time_limit=0.0)
    assert steps == 1
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["step"] == steps


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    with pytest.raises(InputFileError, match="add --resume"):
        train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)


def test_another_configuration_does_not_resume(tmp_path: Path) -> None:
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    with pytest.raises(InputFileError, match="another configuration"):
        train(network, made_up_objective(network), SETTINGS, tmp_path, {**HEADER, "configuration": {}}, resume=True)


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / CHECKPOINT
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="damaged"):
        read_checkpoint(path)
    with pytest.raises(InputFileError, match="no checkpoint"):
        read_checkpoint(tmp_path / "absent")


def test_a_checkpoint_comes_in_small_parts_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LARGEST_PART", 100)
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    names = {path.name for path in tmp_path.glob("*.safetensors")}
    assert names == set(json.loads((tmp_path / CHECKPOINT).read_text())["parts"])
    assert len(names) > 4
    tensors, _ = read_checkpoint(tmp_path / CHECKPOINT)
    assert all(torch.equal(tensors[f"weights.{name}"], value) for name, value in network.state_dict().items())
    (tmp_path / min(names)).unlink()
    with pytest.raises(InputFileError, match="damaged"):
        read_checkpoint(tmp_path / CHECKPOINT)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_text('{"format": "face2mesh/checkpoint", "version": 1}')
    with pytest.raises(InputFileError, match="version 1"):
        read_checkpoint(tmp_path / CHECKPOINT)


def test_a_configuration_is_read_and_typed(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("rendered_share = 0.25\n[optimisation]\nsteps = 7\n[weights]\npoints = 2.0\n")
    configuration = read_configuration(path, EncoderTraining)
    assert (configuration.rendered_share, configuration.optimisation.steps, configuration.weights.points) == (
        0.25,
        7,
        2,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense = 1\n", "knows no nonsense"),
        ("[optimisation]\nprecision = 'int8'\n", "precision is"),
        ("a = = 1\n", "not a valid configuration"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(InputFileError, match=message):
        read_configuration(path, EncoderTraining)


def test_an_absent_configuration_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such configuration"):
        read_configuration(tmp_path / "a.toml", EncoderTraining)


def test_a_run_may_start_with_anothers_average(tmp_path: Path) -> None:
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    other = made_up_network()
    load_average(tmp_path, other)
    average = part(read_checkpoint(tmp_path / CHECKPOINT)[0], "average.")
    assert all(torch.equal(value, average[name]) for name, value in other.state_dict().items())


def test_anothers_average_must_fit(tmp_path: Path) -> None:
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    with pytest.raises(InputFileError, match="differs from the configured one"):
        load_average(tmp_path, torch.nn.Linear(2, 2))


def test_another_network_takes_what_it_shares(tmp_path: Path) -> None:
    network = made_up_network()
    train(network, made_up_objective(network), SETTINGS, tmp_path, HEADER)
    wider = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    fresh = wider[2].weight.clone()
    load_matching(tmp_path, wider)
    average = part(read_checkpoint(tmp_path / CHECKPOINT)[0], "average.")
    assert torch.equal(wider[0].weight, average["0.weight"])
    assert torch.equal(wider[2].weight, fresh)
    grown = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    load_matching(tmp_path, grown)
    assert torch.equal(grown[0].weight[:, :3], average["0.weight"])
    assert not grown[0].weight[:, 3:].any()
    with pytest.raises(InputFileError, match="nothing of its network fits"):
        load_matching(tmp_path, torch.nn.Sequential(torch.nn.Linear(5, 5)))
