"""Networks from their runs' checkpoints: the weights' moving average, ready to answer or to be trained further."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.lab.nets.local_decoder import (
    LocalDecoderConfiguration,
    LocalExpressionDecoder,
    LocalIdentityDecoder,
)
from face2mesh.lab.train.checkpoint import CHECKPOINT, part, read_checkpoint
from face2mesh.store import sha256


def read_encoder(run: Path) -> tuple[Encoder, dict[str, Any]]:
    """The encoder of a run, and its checkpoint's header.

    The encoder speaks of codes, not of shapes: a later base head with the same modes may take its place beside it, so
    its inputs' hashes are recorded in the model and not compared.

    Args:
        run: folder that `face2mesh lab train encoder` or `all` wrote.

    Raises:
        InputFileError: there is no checkpoint, or it holds something else.
    """
    path = run / CHECKPOINT
    tensors, header = read_checkpoint(path)
    try:
        together = header["kind"] == "all"
        encoder = Encoder(
            EncoderConfiguration(**as_tuples(header["network"]["encoder"] if together else header["network"]))
        )
        encoder.load_state_dict(part(tensors, "average.encoder." if together else "average."))
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputFileError(f"{path}: holds no encoder of this program; train it again.") from error
    return encoder.eval(), header


def read_decoders(
    run: Path, base_head: BaseHead, hierarchy: Hierarchy, inputs: Mapping[str, Path]
) -> tuple[LocalIdentityDecoder, LocalExpressionDecoder, dict[str, Any]]:
    """The identity and the expression decoder of a run, and the checkpoint's header.

    Args:
        run: folder that `face2mesh lab train decoders` or `all` wrote.
        base_head, hierarchy: what they were trained on.
        inputs: name to file, of what the decoders must have been trained on.

    Raises:
        InputFileError: there is no checkpoint, it holds something else, or it was trained on other files.
    """
    path = run / CHECKPOINT
    tensors, header = read_checkpoint(path)
    _check_inputs(path, header, inputs)
    rest = base_head.vertices[: base_head.skin_count]
    try:
        settings = header["network"]
        identity = LocalIdentityDecoder(LocalDecoderConfiguration(**as_tuples(settings["identity"])), hierarchy, rest)
        expression = LocalExpressionDecoder(LocalDecoderConfiguration(**as_tuples(settings["expression"])), hierarchy)
        both = nn.ModuleDict({"identity": identity, "expression": expression})
        own = part(tensors, "average.")
        both.load_state_dict({name: value for name, value in own.items() if not name.startswith("encoder.")})
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputFileError(f"{path}: holds no decoders of this program; train them again.") from error
    return identity.eval(), expression.eval(), header


def _check_inputs(path: Path, header: Mapping[str, Any], inputs: Mapping[str, Path]) -> None:
    """Refuse a run that was trained on other files than these."""
    recorded = header.get("provenance", {}).get("inputs", {})
    for name, file in inputs.items():
        if recorded.get(name, {}).get("sha256") != sha256(file):
            raise InputFileError(f"{path}: was trained on another {name} than {file}; train it again.")


def as_tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's lists as a dataclass's tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
