"""The three ONNX networks of a packaged model, behind plain functions on arrays.

Letters: B batch, M identity modes, S skin vertices.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

CROP_SIZE = 128
"""Pixels along the side of the picture that the encoder sees."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Codes:
    """What the encoder says of B crops, as `docs/architecture.md` defines it.

    Attributes:
        identity: (B, M), whitened.
        expression: (B, 52), 0 to 1.
        rotation6d: (B, 6).
        offset: (B, 2), in units of the crop's side.
        log_scale: (B,).
        light: (B, 9, 3), spherical harmonics of degree 0 to 2 for red, green and blue.
        landmark_log_sigma: (B, 68), natural logarithm of the landmarks' deviation in units of the crop's side.
    """

    identity: FloatArray
    expression: FloatArray
    rotation6d: FloatArray
    offset: FloatArray
    log_scale: FloatArray
    light: FloatArray
    landmark_log_sigma: FloatArray


class Network:
    """One ONNX graph; its session is made at the first call, which costs time and memory."""

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        """Keep the graph's bytes.

        Args:
            name: of the file, for messages.
            content: the `.onnx` file's bytes.
            threads: for the operators of one call.
        """
        self.name = name
        self._content: bytes | None = content
        self._threads = threads
        self._lock = threading.Lock()
        self._session: onnxruntime.InferenceSession | None = None

    def _open(self) -> onnxruntime.InferenceSession:
        with self._lock:
            if self._session is None:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                # Threads that wait by spinning steal the time of a photo that is decoded meanwhile.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                # The arena keeps the largest batch's memory for ever; without it the encoder is as fast.
                options.enable_cpu_mem_arena = False
                options.log_severity_level = 3
                try:
                    self._session = onnxruntime.InferenceSession(
                        self._content, options, providers=["CPUExecutionProvider"]
                    )
                except Exception as error:  # onnxruntime's own exceptions share no public base class
                    raise ModelError(
                        f"{self.name}: ONNX Runtime {onnxruntime.__version__} cannot load it ({error}); "
                        "upgrade onnxruntime, or package the model again."
                    ) from error
                self._content = None
            return self._session

    def __call__(self, **inputs: FloatArray) -> dict[str, NDArray[Any]]:
        """Named inputs to named outputs; safe from several threads."""
        session = self._session or self._open()
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    @cached_property
    def identity_size(self) -> int:
        """M, from the declared shape of the input `identity`."""
        shapes = {value.name: value.shape for value in self._open().get_inputs()}
        return int(shapes["identity"][1])


class Networks:
    """Encoder and decoders."""

    def __init__(self, encoder: bytes, identity_decoder: bytes, expression_decoder: bytes, threads: int = 1) -> None:
        """Keep the graphs' bytes; no session is made yet.

        Args:
            encoder, identity_decoder, expression_decoder: the `.onnx` files' bytes.
            threads: for one call. One is as fast for a portrait, whose networks take a few milliseconds, and leaves the
                other cores to other photos.
        """
        self._encoder = Network("encoder.onnx", encoder, threads)
        self._identity_decoder = Network("identity_decoder.onnx", identity_decoder, threads)
        self._expression_decoder = Network("expression_decoder.onnx", expression_decoder, threads)

    @property
    def identity_size(self) -> int:
        """M, how many numbers an identity code has."""
        return self._identity_decoder.identity_size

    def encode(self, crops: NDArray[np.uint8]) -> Codes:
        """Crops (B, 128, 128, 3) uint8 RGB to codes."""
        picture = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        outputs = self._encoder(crop=picture)
        outputs["log_scale"] = outputs["log_scale"][:, 0]
        return Codes(**outputs)

    def neutral(self, identity: FloatArray) -> FloatArray:
        """Identity codes (B, M) to the skin of neutral heads (B, S, 3), mm."""
        result: FloatArray = self._identity_decoder(identity=np.asarray(identity, np.float32))["neutral"]
        return result

    def displacement(self, identity: FloatArray, expression: FloatArray) -> FloatArray:
        """Identity codes (B, M) and weights (B, 52) to what moves the skin (B, S, 3), mm."""
        result: FloatArray = self._expression_decoder(
            identity=np.asarray(identity, np.float32), expression=np.asarray(expression, np.float32)
        )["displacement"]
        return result
