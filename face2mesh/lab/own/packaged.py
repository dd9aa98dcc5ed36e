"""The packaged model read back: its encoder as a torch network again, its decoders as the space of shapes they span.

The package keeps the encoder's weights under their own names, in half precision where they had been rounded to it, so
that nothing is lost; its batch normalisation was folded into the convolutions (`Encoder.fold_normalisation`) and stays
so. The decoders stay the graphs that they are.

Letters: M identity modes, S skin vertices, E = 52 expressions, B batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face2mesh.errors import ModelError
from face2mesh.head import BaseHead
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import Followers
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.model.manifest import (
    BASE_HEAD_FILE,
    ENCODER_FILE,
    EXPRESSION_DECODER_FILE,
    FOLLOWERS_FILE,
    IDENTITY_DECODER_FILE,
    PACKAGED,
    Manifest,
    read_manifest,
    read_model_file,
)
from face2mesh.network import Network

FloatArray = NDArray[np.float32]

STEP = 0.5
"""Of a code's number, up and down, over which a decoder's slope is taken."""
AT_ONCE = 16


@dataclass(frozen=True)
class Packaged:
    """A packaged model's parts.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
        base_head: its topology and rest shape.
        followers: what places eyes, teeth, tongue and lashes.
        identity_decoder: (B, M) to skins (B, S, 3) mm.
        expression_decoder: (B, M) and (B, 52) to displacements (B, S, 3) mm.
        graphs: file name to the bytes of the three `.onnx` files.
    """

    folder: Path
    manifest: Manifest
    base_head: BaseHead
    followers: Followers
    identity_decoder: Graph
    expression_decoder: Graph
    graphs: dict[str, bytes]

    @classmethod
    def load(cls, folder: Path | None = None) -> Packaged:
        """Read a packaged model; None is the one that comes with Face2Mesh.

        Raises:
            ModelError: there is no model, or it is too old, too new, or damaged.
        """
        place = PACKAGED if folder is None else folder
        manifest = read_manifest(place)
        graphs = {
            name: read_model_file(place, manifest, name)
            for name in (ENCODER_FILE, IDENTITY_DECODER_FILE, EXPRESSION_DECODER_FILE)
        }
        return cls(
            place,
            manifest,
            BaseHead.load(place / BASE_HEAD_FILE),
            Followers.load(place / FOLLOWERS_FILE),
            Graph(IDENTITY_DECODER_FILE, graphs[IDENTITY_DECODER_FILE], "neutral"),
            Graph(EXPRESSION_DECODER_FILE, graphs[EXPRESSION_DECODER_FILE], "displacement"),
            graphs,
        )

    @property
    def identity_size(self) -> int:
        """M."""
        return int(self.manifest.normalisation["identity_size"])

    def neutral(self, codes: NDArray[Any]) -> FloatArray:
        """(B, M) to skins (B, S, 3) mm."""
        return self.identity_decoder.of(identity=codes)

    def modes(self, at: NDArray[Any] | None = None) -> FloatArray:
        """(M, S, 3) mm: how the neutral skin moves with each number of the code, about a code (M,), by default 0."""
        size = self.identity_size
        middle = np.zeros(size) if at is None else np.asarray(at)
        steps = STEP * np.eye(size)
        return (self.neutral(middle + steps) - self.neutral(middle - steps)) / np.float32(2 * STEP)

    def expressions(self, at: NDArray[Any] | None = None) -> FloatArray:
        """(52, S, 3) mm: the displacement of each expression at weight 1, of the person of a code (M,)."""
        units = len(ARKIT_NAMES)
        middle = np.zeros(self.identity_size) if at is None else np.asarray(at)
        return self.expression_decoder.of(identity=np.tile(middle, (units, 1)), expression=np.eye(units))

    def encoder(self) -> Encoder:
        """The encoder as it was before its export, in evaluation mode, its normalisation folded.

        Raises:
            ModelError: the model is not one that `face2mesh lab package` wrote.
        """
        try:
            trained: dict[str, Any] = self.manifest.provenance["encoder"]["network"]
            arguments: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in trained.items()
            }
            encoder = Encoder(EncoderConfiguration(**arguments)).eval()
            encoder.fold_normalisation()
            encoder.load_state_dict(weights_of(self.graphs[ENCODER_FILE]))
        except (KeyError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"{self.folder / ENCODER_FILE}: its weights cannot be read back into a network of this program; "
                "name another model with --model, or train one with --from-scratch."
            ) from error
        return encoder


class Graph(nn.Module):
    """An ONNX graph with one output, as a torch module without gradients."""

    def __init__(self, name: str, content: bytes, output: str) -> None:
        super().__init__()
        self._network = Network(name, content, threads=1)
        self._output = output

    def of(self, **inputs: NDArray[Any]) -> FloatArray:
        """Named inputs (B, …) to the output, a few rows at a time."""
        given = {name: np.asarray(values, np.float32) for name, values in inputs.items()}
        count = len(next(iter(given.values())))
        parts = [
            self._network([self._output], **{name: values[start : start + AT_ONCE] for name, values in given.items()})[
                self._output
            ]
            for start in range(0, count, AT_ONCE)
        ]
        whole: FloatArray = np.concatenate(parts)
        return whole

    def forward(self, *inputs: Tensor) -> Tensor:
        """The same on tensors, in the order of a decoder's arguments."""
        names = ("identity", "expression")[: len(inputs)]
        values = {name: value.detach().numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(self.of(**values))


def weights_of(content: bytes) -> dict[str, Tensor]:
    """The weights that an exported network keeps under its own names, as a `state_dict`.

    Args:
        content: bytes of a file that `export_network` wrote, not in fixed point.
    """
    import onnx
    from onnx import numpy_helper

    inside, half = "network.", "_half"
    return {
        constant.name.removeprefix(inside).removesuffix(half): torch.from_numpy(
            numpy_helper.to_array(constant).astype(np.float32)
        )
        for constant in onnx.load_from_string(content).graph.initializer
        if constant.name.startswith(inside)
    }
