"""Networks from their runs' checkpoints: the weights' moving average, ready to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from face2mesh.errors import InputFileError
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.lab.train.checkpoint import part, read_checkpoint
from face2mesh.lab.train.loop import CHECKPOINT


def read_encoder(run: Path) -> tuple[Encoder, dict[str, Any]]:
    """The encoder of a run, and its checkpoint's header.

    Raises:
        InputFileError: there is no checkpoint, or it holds something else.
    """
    path = run / CHECKPOINT
    tensors, header = read_checkpoint(path)
    try:
        encoder = Encoder(EncoderConfiguration(**_tuples(header["configuration"]["encoder"])))
        encoder.load_state_dict(part(tensors, "average."))
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputFileError(f"{path}: holds no encoder of this program; train it again.") from error
    return encoder.eval(), header


def _tuples(arguments: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as a dataclass's tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
