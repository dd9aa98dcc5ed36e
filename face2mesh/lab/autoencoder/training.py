"""Training autoencoders: which network, on which world, by which objective; and reading them back.

Ours is taught in the coordinates of principal components and on a few hundred vertices in each step, so that a step
reads no whole mesh; the classical network needs whole meshes. Both minimise the mean distance of the vertices.

Letters: B batch, S vertices, R components, r vertices of a step, Z numbers in the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.errors import InputFileError
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.autoencoder.meshes import WORLDS, Meshes
from face2mesh.lab.autoencoder.principal import Principal, Symmetric, symmetric_components
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.autoencoder import AutoencoderConfiguration, MeshAutoencoder, classical
from face2mesh.lab.nets.local_autoencoder import LocalAutoencoder, LocalConfiguration
from face2mesh.lab.nets.local_bases import Patches, allotted
from face2mesh.lab.train.checkpoint import CHECKPOINT, part, read_checkpoint
from face2mesh.lab.train.configuration import Optimisation
from face2mesh.lab.train.loop import Objective, train
from face2mesh.lab.train.workers import begin
from face2mesh.store import provenance

KINDS = ("local", "classical", "skip")
FOLDER = "autoencoder"
PRINCIPAL = "principal"
Autoencoder = LocalAutoencoder | MeshAutoencoder
_LEAST_MM = 1.0  # what an output of 1 means at least, beside a skip
DEFAULT_NUMBERS = 50_000
_SMALLEST_DEVIATION = 0.02  # of the mean one: coordinates that hardly move are not blown up further


@dataclass(frozen=True)
class AutoencoderTraining:
    """A run of `face2mesh lab autoencoder train`.

    Attributes:
        optimisation: how long and how fast; its seed is replaced by the command's.
        kind: "local" (ours), "classical" (Ranjan 2018) or "skip" (ours for linear worlds: PCA, which stays as it is,
            and a small network beside it that starts as nothing).
        world: which meshes.
        rows: vertices of a step, for ours.
        numbers: that ours may learn for its local bases and what reaches them, by code size.
        mixed: share of a batch's meshes that are sums of two training displacements, the second one mirrored or not
            (moving world, ours only): faces that do two things at once.
        network: arguments of `LocalConfiguration`, or of `AutoencoderConfiguration` for "skip".
        by_code: further ones for each code size.
    """

    optimisation: Optimisation = field(default_factory=Optimisation)
    kind: str = "local"
    world: str = "moving"
    rows: int = 192
    numbers: dict[str, int] = field(default_factory=dict)
    mixed: float = 0.0
    network: dict[str, Any] = field(default_factory=dict)
    by_code: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no run can mean."""
        if self.kind not in KINDS or self.world not in WORLDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}, world one of {', '.join(WORLDS)}")
        if self.rows < 2 or self.rows % 2:
            raise ValueError("rows are even: each vertex comes with its mirror image")


def mesh_file(build: Path, world: str, name: str) -> Path:
    """Where a set of meshes, or `PRINCIPAL`, lies."""
    return build / FOLDER / f"{world}-{name}.npz"


def train_autoencoder(
    training: AutoencoderTraining,
    code_size: int,
    seed: int,
    build: Path,
    run: Path,
    *,
    time_limit: float | None = None,
    resume: bool = False,
) -> int:
    """Train one network; result and errors as of `loop.train`."""
    training = replace(training, optimisation=replace(training.optimisation, seed=seed))
    begin(seed, training.optimisation.workers)
    inputs = {name: mesh_file(build, training.world, name) for name in ("train", PRINCIPAL)}
    inputs["hierarchy"] = build / "hierarchy.npz"
    hierarchy, principal = Hierarchy.load(inputs["hierarchy"]), Principal.load(inputs[PRINCIPAL])
    network: Autoencoder
    if training.kind == "local":
        inputs["base-head"] = build / "base-head.npz"
        rest = BaseHead.load(inputs["base-head"]).vertices[: hierarchy.counts[0]]
        network, components = local_network(training, code_size, hierarchy, principal, rest)
        objective = local_objective(network, components, training, hierarchy)
    else:
        meshes = Meshes.load(inputs["train"])
        network = whole_network(training, code_size, hierarchy, principal)
        objective = whole_objective(network, meshes, training)
    header = {
        "kind": "autoencoder",
        "configuration": {**asdict(training), "code_size": code_size},
        "network": asdict(network.configuration),
        "provenance": provenance(inputs, asdict(training), seed),
    }
    return train(network, objective, training.optimisation, run, header, time_limit=time_limit, resume=resume)


def whole_network(
    training: AutoencoderTraining, code_size: int, hierarchy: Hierarchy, principal: Principal
) -> MeshAutoencoder:
    """The classical network, or a skip with a network beside it."""
    if training.kind == "classical":
        network = MeshAutoencoder(classical(code_size), hierarchy)
        network.standardise(principal.mean, deviations(principal))
        return network
    settings = _tuples(training.network)
    network = MeshAutoencoder(AutoencoderConfiguration(code_size=code_size, skip=True, **settings), hierarchy)
    network.standardise(principal.mean, float(np.sqrt(principal.rest / principal.mean.size)) + _LEAST_MM)
    network.start_skip(principal.basis[:code_size], principal.spread[:code_size])
    network.skip_encoder.requires_grad_(False)
    network.skip_decoder.requires_grad_(False)
    return network


def local_network(
    training: AutoencoderTraining,
    code_size: int,
    hierarchy: Hierarchy,
    principal: Principal,
    rest: NDArray[Any],
) -> tuple[LocalAutoencoder, Symmetric]:
    """Our network, started from the components, and the components.

    Args:
        training: sizes among others.
        code_size: Z.
        hierarchy: of the mesh, made with its mirror.
        principal: components of the training meshes.
        rest: (S, 3) mm, the head at rest.
    """
    components = symmetric_components(principal, hierarchy.levels[0].mirror, code_size)
    odd = int((components.sign[:code_size] < 0).sum())
    arguments = _tuples({**training.network, **training.by_code.get(str(code_size), {})})
    configuration = LocalConfiguration(code_size=code_size, odd=odd, **arguments)
    fields = (components.basis * components.spread[:, None]).reshape(len(components.basis), -1, 3)
    smooth, free = allotted(
        fields,
        components.sign,
        code_size,
        Patches.of(hierarchy, configuration.level, rest),
        training.numbers.get(str(code_size), DEFAULT_NUMBERS),
        also=code_size + configuration.up[-1],
    )
    network = LocalAutoencoder(replace(configuration, smooth=smooth, free=free), hierarchy, rest)
    network.start(components.mean, components.basis, components.spread, components.sign)
    return network, components


def local_objective(
    network: LocalAutoencoder, components: Symmetric, training: AutoencoderTraining, hierarchy: Hierarchy
) -> Objective:
    """Mean distance in mm at vertices drawn for each step."""
    settings = training.optimisation
    fields = components.basis.reshape(len(components.basis), -1, 3)
    at_rows = torch.from_numpy(np.ascontiguousarray(fields.transpose(1, 0, 2)))
    pooled = torch.from_numpy(np.stack([network.pool.matrix @ field for field in fields]).astype(np.float32))
    scores = torch.from_numpy(components.train)
    at_rest = torch.from_numpy(-components.mean.ravel() @ components.basis.T)  # scores of no displacement
    sign = torch.from_numpy(components.sign.astype(np.float32))
    mirror = hierarchy.levels[0].mirror.astype(np.int64)
    left = np.flatnonzero(np.arange(len(mirror)) <= mirror)
    # Vertices of the midline come twice, as their own mirror image.
    chance = np.where(mirror[left] == left, 0.5, 1.0)
    chance /= chance.sum()

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([settings.seed, step, worker])
        share = settings.batch // settings.workers
        code_scores = scores[rng.integers(len(scores), size=share)]
        added = round(training.mixed * share)
        if added:
            second = scores[rng.integers(len(scores), size=added)] - at_rest
            mirrored = torch.from_numpy(rng.random((added, 1)) < 0.5)
            code_scores[:added] += torch.where(mirrored, second * sign, second)
        half = left[rng.choice(len(left), size=training.rows // 2, p=chance)]
        rows = torch.from_numpy(np.concatenate([half, mirror[half]]))
        wanted = torch.einsum("bk,rkc->brc", code_scores, at_rows[rows])
        seen = (code_scores @ pooled.flatten(1)).view(share, -1, 3)
        return {"vertices": mean_distance(network.decode_at(network.encode_pooled(seen), rows), wanted)}

    return terms


def whole_objective(network: MeshAutoencoder, meshes: Meshes, training: AutoencoderTraining) -> Objective:
    """Mean distance in mm over whole meshes."""
    settings = training.optimisation

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([settings.seed, step, worker])
        wanted = torch.from_numpy(meshes.take(rng.integers(len(meshes), size=settings.batch // settings.workers)))
        return {"vertices": mean_distance(network(wanted), wanted)}

    return terms


def mean_distance(made: Tensor, wanted: Tensor) -> Tensor:
    """Of vertices (B, r, 3), mm."""
    return torch.sqrt((made - wanted).square().sum(-1) + 1e-6).mean()


def deviations(principal: Principal) -> NDArray[np.float32]:
    """(S, 3) mm, standard deviation of each coordinate, as Ranjan 2018 divides by."""
    squares = np.square(principal.basis * principal.spread[:, None]).sum(0).reshape(-1, 3)
    spread = np.sqrt(squares)
    floored: NDArray[np.float32] = np.maximum(spread, _SMALLEST_DEVIATION * spread.mean()).astype(np.float32)
    return floored


def read_autoencoder(run: Path, hierarchy: Hierarchy) -> tuple[Autoencoder, dict[str, Any]]:
    """The network of a run with its averaged weights, ready to answer, and the checkpoint's header.

    Raises:
        InputFileError: there is no checkpoint, or it holds something else.
    """
    path = run / CHECKPOINT
    tensors, header = read_checkpoint(path)
    try:
        settings = _tuples(header["network"])
        network: Autoencoder
        if header["configuration"]["kind"] == "local":
            network = LocalAutoencoder(LocalConfiguration(**settings), hierarchy)
        else:
            network = MeshAutoencoder(AutoencoderConfiguration(**settings), hierarchy)
        network.load_state_dict(part(tensors, "average."))
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputFileError(
            f"{path}: holds no autoencoder of this program; train it with `face2mesh lab autoencoder train`."
        ) from error
    return network.eval(), header


def _tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's and TOML's lists as a dataclass's tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
