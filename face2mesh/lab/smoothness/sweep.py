"""Training and measuring one recipe after the other; what is done is not done again.

Each recipe with each seed has a folder in the build: its training run (see `lab.train.loop`), then `measured.json`.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face2mesh.errors import InputFileError
from face2mesh.head import ARKIT_NAMES
from face2mesh.lab.evaluate.detail import UPPER_HALF, Moments, moments, normal_errors, spectrum
from face2mesh.lab.evaluate.intervals import Estimate, estimate, mean
from face2mesh.lab.nets.decoder import Trunk, TrunkConfiguration
from face2mesh.lab.nets.local_decoder import LocalDecoderConfiguration, LocalExpressionDecoder, start_expression
from face2mesh.lab.smoothness.decoder import OnLinearBase, RemediedDecoder, Remedies
from face2mesh.lab.smoothness.objective import SweepObjective, regression
from face2mesh.lab.smoothness.remedies import Recipe
from face2mesh.lab.smoothness.task import CORPORA, EXPRESSIONS, Task
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_average, read_checkpoint
from face2mesh.lab.train.configuration import Optimisation
from face2mesh.lab.train.loop import train
from face2mesh.model import load as load_model
from face2mesh.store import write_atomically

STARTED_FROM = 1024
"""Heads of which local bases are made."""
MEASURED = "measured.json"
PREDICTED = "predicted.npy"
MEAN_HEAD, REGRESSION = "mean head", "linear regression"
PACKAGED, SETTLED = "packaged decoders", "packaged model"
"""What needs no training: no displacement at all, the linear map from the codes, and what is packaged, settled or
not."""


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        recipe: which decoder and objective.
        seed: of initialisation and batches.
        steps, batch: of the optimiser.
    """

    recipe: Recipe
    seed: int
    steps: int
    batch: int = 16

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.recipe.name}-seed{self.seed}"


class Split(nn.Module):
    """The project's own trunk on plain codes (B, Z), whose last numbers may be an identity that multiplies."""

    def __init__(self, trunk: Trunk, identity_size: int) -> None:
        """Args: the trunk, M_i."""
        super().__init__()
        self.trunk, self.identity_size = trunk, identity_size

    def forward(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, V, 3) mm."""
        if not self.identity_size:
            plain: Tensor = self.trunk(code, None)
            return plain
        gated: Tensor = self.trunk(code[:, : -self.identity_size], code[:, -self.identity_size :])
        return gated


class People(nn.Module):
    """A decoder of weights and identity codes on codes (B, Z) that hold both, the identity last."""

    def __init__(self, decoder: LocalExpressionDecoder) -> None:
        """Args: the decoder."""
        super().__init__()
        self.decoder = decoder

    def forward(self, code: Tensor) -> Tensor:
        """(B, Z) to (B, V, 3) mm."""
        size = self.decoder.configuration.identity_size
        displacement: Tensor = self.decoder(code[:, -size:], code[:, :-size])
        return displacement


def decoder_of(recipe: Recipe, task: Task, seed: int) -> nn.Module:
    """A new decoder of a recipe for a task: codes (B, Z) to displacements (B, V, 3) in mm.

    Raises:
        InputFileError: the recipe is for heads that move, the task is none.
    """
    torch.manual_seed(seed)
    network = recipe.network
    if isinstance(network, LocalDecoderConfiguration):
        return _local(network, task, recipe.name)
    weight, constant = regression(task.codes, task.displacements)
    if isinstance(network, Remedies):
        # Each number of the code counts as much as it moves the mesh: else the first steps are spent on noise.
        importance = np.linalg.norm(weight, axis=0)
        importance /= np.sqrt(np.mean((importance * task.codes.std(0)) ** 2))
        scale = float(task.displacements[:256].std())
        decoder: nn.Module = RemediedDecoder(network, importance, task.hierarchy, task.rest, scale)
    else:
        levels = len(task.hierarchy.levels)
        cut = {name: getattr(network, name)[:levels] for name in ("channels", "added")}
        configuration = TrunkConfiguration(**{**asdict(network), **cut})
        identity = task.identity_size
        trunk = Trunk(configuration, task.codes.shape[1] - identity, identity, task.hierarchy)
        if recipe.linear_base:
            nn.init.zeros_(trunk.read.weight)
        decoder = Split(trunk, identity)
    return OnLinearBase(weight, constant, decoder) if recipe.linear_base else decoder


def _local(network: LocalDecoderConfiguration, task: Task, name: str) -> nn.Module:
    if not task.identity_size:
        raise InputFileError(f"{task.name}: {name} is for heads that move; take the corpus expressions or motions.")
    level = min(network.level, len(task.hierarchy.levels) - 1)
    decoder = LocalExpressionDecoder(replace(network, identity_size=task.identity_size, level=level), task.hierarchy)
    weights = task.codes[:STARTED_FROM, : -task.identity_size]
    start_expression(decoder, task.hierarchy, task.modes, weights, task.displacements[:STARTED_FROM])
    return People(decoder)


def trained(run: Run, task: Task, folder: Path, origin: dict[str, Any]) -> tuple[nn.Module, float]:
    """Train one decoder, or go on with it, or take it as it is; and the seconds of processor time that this took."""
    network = decoder_of(run.recipe, task, run.seed)
    objective = SweepObjective(task, run.recipe.weights)
    settings = Optimisation(
        steps=run.steps,
        batch=run.batch,
        learning_rate=run.recipe.learning_rate,
        weight_decay=0.0,
        warmup=min(50, run.steps // 4),
        average=0.99,
        seed=run.seed,
        checkpoint_every=250,
        log_every=max(run.steps // 4, 1),
    )
    configuration = {"task": task.described, "recipe": run.recipe.described(), "optimisation": asdict(settings)}
    codes, displacements = torch.from_numpy(task.codes), torch.from_numpy(task.displacements)

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        rows = torch.from_numpy(np.random.default_rng([run.seed, step]).integers(len(codes), size=run.batch))
        return objective(network(codes[rows]), displacements[rows])

    header = {"kind": "smoothness", "configuration": json.loads(json.dumps(configuration)), "provenance": origin}
    began = time.process_time()
    train(network, terms, settings, folder, header, resume=_begun(folder, header["configuration"]))
    load_average(folder, network)
    return network.eval(), time.process_time() - began


def _begun(folder: Path, configuration: dict[str, Any]) -> bool:
    """Whether the folder holds this very run; another one that lies there is removed."""
    path = folder / CHECKPOINT
    if not path.exists():
        return False
    if read_checkpoint(path)[1]["configuration"] == configuration:
        return True
    for file in folder.iterdir():
        file.unlink()
    return False


@torch.no_grad()
def predictions(network: nn.Module, task: Task, together: int = 32) -> NDArray[np.float32]:
    """(M, V, 3) mm of the held-out heads."""
    codes = torch.from_numpy(task.held_codes)
    return torch.cat([network(codes[i : i + together]) for i in range(0, len(codes), together)]).numpy()


def measures(predicted: NDArray[Any], task: Task) -> dict[str, Any]:
    """What a prediction of the held-out heads is worth.

    Returns:
        "gain" and "noise" in the upper half, "normal_degrees", "vertex_mm" with their intervals, "spectrum".
    """
    found = moments(predicted, task.held, task.patch.faces)
    moved = np.linalg.norm(task.held, axis=2).max(1) > 0
    normals = normal_errors(task.references + predicted, task.references + task.held, task.patch.triangles).mean(1)
    vertices = np.linalg.norm(predicted - task.held, axis=2).mean(1)
    gain, noise = _intervals(found, task.person)
    return {
        "gain": gain.to_json(),
        "noise": noise.to_json(),
        "normal_degrees": mean(normals, task.person).to_json(),
        "vertex_mm": mean(vertices, task.person).to_json(),
        "spectrum": {name: [float(f"{v:.5g}") for v in values] for name, values in spectrum(found).items()},
        "heads": int(moved.sum()),
    }


def _intervals(found: Moments, person: NDArray[Any]) -> tuple[Estimate, Estimate]:
    values = np.stack(found.energies(UPPER_HALF, 2.0), axis=1)

    def noise(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        predicted, mixed, true = sums[..., 0], sums[..., 1], sums[..., 2]
        share: NDArray[np.float64] = np.sqrt(np.maximum(predicted - mixed**2 / true, 0) / true)
        return share

    return estimate(values, person, lambda sums: sums[..., 1] / sums[..., 2]), estimate(values, person, noise)


def swept(runs: list[Run], task: Task, folder: Path, origin: dict[str, Any]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Train and measure all runs, one after the other; yields each with its measures as soon as it is done."""
    for run in runs:
        own = folder / run.name
        kept = _measured(run, task, own)
        if kept is None:
            network, seconds = trained(run, task, own, origin)
            predicted = predictions(network, task)
            parameters = sum(parameter.numel() for parameter in network.parameters())
            kept = {
                "task": task.described,
                "run": _described(run),
                "parameters": parameters,
                "processor_seconds": round(seconds, 1),
                **measures(predicted, task),
            }
            content = io.BytesIO()
            np.save(content, predicted)
            _write(own / PREDICTED, content.getvalue())
            _write(own / MEASURED, json.dumps(kept, indent=1).encode())
        yield run, kept


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def _described(run: Run) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(
        json.dumps({"recipe": run.recipe.described(), "seed": run.seed, "steps": run.steps, "batch": run.batch})
    )
    return described


def _measured(run: Run, task: Task, folder: Path) -> dict[str, Any] | None:
    """What a finished run measured, where the folder holds this very one."""
    path = folder / MEASURED
    if not path.exists():
        return None
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        same = kept["run"] == _described(run) and kept["task"] == task.described
    except (ValueError, KeyError) as error:
        raise InputFileError(f"{path}: damaged ({error}); delete that file and run the command again.") from error
    return kept if same else None


def packaged(task: Task) -> dict[str, NDArray[np.float32]]:
    """What the packaged model makes (M, V, 3) of a task of its corpus, by name; nothing for other meshes.

    "packaged decoders" are its networks alone. The "packaged model" settles what touches, as heads of the corpus with
    contact are settled.
    """
    if task.name not in CORPORA:
        return {}
    model = load_model()
    rows, size = task.patch.vertices, model.identity_size
    if model.base_head.skin_count <= rows.max() or task.held_codes.shape[1] != size + len(ARKIT_NAMES) * bool(
        task.identity_size
    ):
        return {}
    decoder, codes = model.skin_decoder, task.held_codes
    pieces = np.array_split(np.arange(len(codes)), max(len(codes) // 16, 1))
    if not task.identity_size:
        skins = [decoder.neutral(codes[some])[:, rows] - task.references[some] for some in pieces]
        return {PACKAGED: np.concatenate(skins)}
    found = {PACKAGED: [decoder.displacement(codes[some, -size:], codes[some, :-size])[:, rows] for some in pieces]}
    if task.name == EXPRESSIONS:
        found[SETTLED] = [
            (model.decode(codes[some, -size:], codes[some, :-size]) - model.decode(codes[some, -size:]))[:, rows]
            for some in pieces
        ]
    return {name: np.concatenate(skins) for name, skins in found.items()}


def untrained(task: Task) -> dict[str, NDArray[np.float32]]:
    """Predictions (M, V, 3) that need no network, by name."""
    weight, constant = regression(task.codes, task.displacements)
    linear = (task.held_codes @ weight.T + constant).reshape(task.held.shape).astype(np.float32)
    return {MEAN_HEAD: np.zeros_like(task.held), REGRESSION: linear}
