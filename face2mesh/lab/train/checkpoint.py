"""Checkpoints that explain and resume themselves: tensors in parts of `.safetensors`, all else in `checkpoint.json`.

A checkpoint holds the weights, their moving average, the optimiser's state, the step and the configuration, so that a
run that was killed goes on where it was. Its parts are small: they travel to machines that take little at a time.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from face2mesh.errors import InputFileError
from face2mesh.store import write_atomically

FORMAT = "face2mesh/checkpoint"
VERSION = 2
CHECKPOINT = "checkpoint.json"
LARGEST_PART = 15_000_000
"""Bytes of tensors in one part; a larger tensor has a part of its own."""


def write_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, header: dict[str, Any]
) -> None:
    """Write a checkpoint; an interrupted write leaves the old one whole.

    The parts carry their content's hash in their names, so that new ones lie beside the old until the JSON file, which
    says which ones count, has taken the old one's place.

    Args:
        path: the JSON file; the parts lie beside it.
        network, average, optimiser: what is kept.
        header: what else it must tell: kind, configuration, provenance, step.
    """
    tensors = {f"weights.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors |= {
        f"optimiser.{index}.{name}": value
        for index, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [_write_part(path, part) for part in _parts(tensors)]
    text = json.dumps({"format": FORMAT, "version": VERSION, "parts": parts, **header})
    write_atomically(path, lambda file: file.write(text.encode()))
    for old in path.parent.glob(f"{path.stem}-*.safetensors"):
        if old.name not in parts:
            old.unlink()


def _parts(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The tensors in their order, cut where a part would become too large."""
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        if parts[-1] and size + value.nbytes > LARGEST_PART:
            parts.append({})
            size = 0
        # Contiguous copies, since channels-last weights and shared buffers are not what the format stores.
        parts[-1][name] = value.detach().cpu().contiguous().clone()
        size += value.nbytes
    return parts


def _write_part(path: Path, tensors: dict[str, Tensor]) -> str:
    data = save(tensors)
    name = f"{path.stem}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    if not (path.parent / name).exists():
        write_atomically(path.parent / name, lambda file: file.write(data))
    return name


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors by name and the header.

    Raises:
        InputFileError: not there, damaged, a part is missing, or of another version.
    """
    if not path.exists():
        raise InputFileError(f"{path}: no checkpoint; train one with `face2mesh lab train`.")
    try:
        header = json.loads(path.read_text())
        if header.get("format") != FORMAT or header.get("version") != VERSION:
            raise InputFileError(
                f"{path}: checkpoint version {header.get('version')}, this program reads {VERSION}; train again."
            )
        tensors: dict[str, Tensor] = {}
        for part in header.pop("parts"):
            tensors |= load((path.parent / part).read_bytes())
    except (OSError, SafetensorError, AttributeError, KeyError, ValueError) as error:
        raise InputFileError(f"{path}: damaged or not a checkpoint; train again with `face2mesh lab train`.") from error
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

    So a network goes on from a run on another corpus, or of other last layers. A layer that got more inputs, after
    those it had, starts as if they were zero.

    Raises:
        InputFileError: there is no checkpoint, or nothing of it fits.
    """
    path = run / CHECKPOINT
    tensors, _ = read_checkpoint(path)
    own = network.state_dict()
    shared = {}
    for name, value in part(tensors, "average.").items():
        grown = value.ndim == 2 and name in own and own[name].shape[0] == len(value)
        if grown and own[name].shape[1] > value.shape[1]:
            value = torch.nn.functional.pad(value, (0, own[name].shape[1] - value.shape[1]))
        if name in own and own[name].shape == value.shape:
            shared[name] = value
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
