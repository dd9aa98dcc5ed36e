"""Checkpoints that explain and resume themselves: tensors in `.safetensors`, everything else in a JSON header.

One file holds the weights, their moving average, the optimiser's state, the step and the configuration, so that a run
that was killed goes on where it was.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from face2mesh.errors import InputFileError
from face2mesh.store import write_atomically

FORMAT = "face2mesh/checkpoint"
VERSION = 1
CHECKPOINT = "checkpoint.safetensors"


def write_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, header: dict[str, Any]
) -> None:
    """Write a checkpoint; an interrupted write leaves the old one whole."""
    tensors = {f"weights.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors |= {
        f"optimiser.{index}.{name}": value
        for index, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }
    text = json.dumps({"format": FORMAT, "version": VERSION, **header})
    # Contiguous copies, since channels-last weights and shared buffers are not what the format stores.
    data = save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, {"header": text})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(data))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors by name and the header.

    Raises:
        InputFileError: not there, damaged, or of another version.
    """
    if not path.exists():
        raise InputFileError(f"{path}: no checkpoint; train one with `face2mesh lab train`.")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["header"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputFileError(f"{path}: damaged or not a checkpoint; train again with `face2mesh lab train`.") from error
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise InputFileError(
            f"{path}: checkpoint version {header.get('version')}, this program reads {VERSION}; train again."
        )
    return tensors, header


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, such as "average."."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def load_average(run: Path, network: nn.Module) -> None:
    """Give a network the averaged weights of a run.

    Raises:
        InputFileError: there is no checkpoint, or its network is another one.
    """
    path = run / CHECKPOINT
    tensors, _ = read_checkpoint(path)
    try:
        network.load_state_dict(part(tensors, "average."))
    except RuntimeError as error:
        raise InputFileError(f"{path}: its network differs from the configured one; name another run.") from error


def load_matching(run: Path, network: nn.Module) -> None:
    """Give a network those averaged weights of a run whose names and shapes it shares.

    So a network goes on from a run on another corpus, or of other last layers.

    Raises:
        InputFileError: there is no checkpoint, or nothing of it fits.
    """
    path = run / CHECKPOINT
    tensors, _ = read_checkpoint(path)
    own = network.state_dict()
    shared = {
        name: value
        for name, value in part(tensors, "average.").items()
        if name in own and own[name].shape == value.shape
    }
    if not shared:
        raise InputFileError(f"{path}: nothing of its network fits the configured one; name another run.")
    network.load_state_dict(shared, strict=False)


def restore(
    tensors: dict[str, Tensor], network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Put a checkpoint's tensors back."""
    network.load_state_dict(part(tensors, "weights."))
    average.load_state_dict(part(tensors, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in part(tensors, "optimiser.").items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
