"""The three ONNX networks of a packaged model, behind plain functions on arrays.

Letters: B batch, M identity modes, S skin vertices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.network import Network

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
        points: (B, N, 2), where the network sees the dense points, relative to the crop's centre, in units of its side;
            None where the graph does not tell.
    """

    identity: FloatArray
    expression: FloatArray
    rotation6d: FloatArray
    offset: FloatArray
    log_scale: FloatArray
    light: FloatArray
    landmark_log_sigma: FloatArray
    points: FloatArray | None = None

    def __getitem__(self, rows: slice) -> Codes:
        """Some of the crops."""
        chosen: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            chosen[field.name] = None if value is None else value[rows]
        return Codes(**chosen)

    def rescaled(self, factor: float) -> Codes:
        """What codes of crops `factor` times as large, about the same centres, say of the crops themselves."""
        shift = np.float32(np.log(factor))
        return replace(
            self,
            offset=self.offset * np.float32(factor),
            log_scale=self.log_scale + shift,
            landmark_log_sigma=self.landmark_log_sigma + shift,
            points=None if self.points is None else self.points * np.float32(factor),
        )

    @classmethod
    def mean(cls, opinions: Sequence[Codes]) -> Codes:
        """The mean of several opinions of the same B crops."""
        means: dict[str, Any] = {}
        for field in fields(cls):
            values = [getattr(codes, field.name) for codes in opinions]
            means[field.name] = None if values[0] is None else np.mean(values, axis=0)
        return cls(**means)


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

    def open(self) -> None:
        """Make the sessions that are not made yet, in the order in which a photo needs them."""
        for network in (self._encoder, self._identity_decoder, self._expression_decoder):
            network.open()

    @property
    def identity_size(self) -> int:
        """M, how many numbers an identity code has, from the graph's declaration."""
        return int(self._identity_decoder.input_shape("identity")[1])

    def encode(self, crops: NDArray[np.uint8]) -> Codes:
        """Crops (B, 128, 128, 3) uint8 RGB to codes."""
        picture = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        told = self._encoder.outputs()
        wanted = [code.name for code in fields(Codes) if code.name != "points" or "points" in told]
        outputs = self._encoder(wanted, crop=picture)
        outputs["log_scale"] = outputs["log_scale"][:, 0]
        return Codes(**outputs)

    def neutral(self, identity: FloatArray) -> FloatArray:
        """Identity codes (B, M) to the skin of neutral heads (B, S, 3), mm."""
        result: FloatArray = self._identity_decoder(["neutral"], identity=np.asarray(identity, np.float32))["neutral"]
        return result

    def displacement(self, identity: FloatArray, expression: FloatArray) -> FloatArray:
        """Identity codes (B, M) and weights (B, 52) to what moves the skin (B, S, 3), mm."""
        result: FloatArray = self._expression_decoder(
            ["displacement"], identity=np.asarray(identity, np.float32), expression=np.asarray(expression, np.float32)
        )["displacement"]
        return result
