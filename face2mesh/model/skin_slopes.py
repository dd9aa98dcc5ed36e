"""How skins change with their codes: derivatives of networks that have none at run time.

ONNX Runtime evaluates and does not differentiate, so slopes are differences of two evaluations, all of them in a few
batches. The identity decoder is so nearly linear that its slopes are taken once.

Letters: B batch, M identity modes, E = 52 expression weights, S skin vertices.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

IDENTITY_STEP, EXPRESSION_STEP = 0.25, 0.02
"""By how much a number of the code is changed: so little that bends do not show, and well above rounding."""
_BATCH = 16


class SkinDecoder(Protocol):
    """Codes to skins, smooth in the codes; `face2mesh.model.networks.Networks` is one."""

    @property
    def identity_size(self) -> int:
        """M."""

    def neutral(self, identity: FloatArray) -> FloatArray:
        """Codes (B, M) to skins of neutral heads (B, S, 3), mm."""

    def displacement(self, identity: FloatArray, expression: FloatArray) -> FloatArray:
        """Codes (B, M) and weights (B, 52) to what moves the skins (B, S, 3), mm."""


class SkinSlopes:
    """Skins of a decoder, and their derivatives with regard to both codes. Safe to use from several threads."""

    def __init__(self, decoder: SkinDecoder) -> None:
        """Take a decoder; nothing is evaluated yet."""
        self._decoder = decoder

    @property
    def modes(self) -> int:
        """M."""
        return self._decoder.identity_size

    def skin(self, identity: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The skin (S, 3) in mm of one code (M,) with weights (52,)."""
        code = identity[None].astype(np.float32)
        skin: NDArray[np.float64] = self._decoder.neutral(code)[0].astype(np.float64)
        if weights.any():
            skin += self._decoder.displacement(code, weights[None].astype(np.float32))[0]
        return skin

    @cached_property
    def of_identity(self) -> FloatArray:
        """(M, S, 3), mm for each unit of each number of the identity, at the average head."""
        steps = IDENTITY_STEP * np.eye(self.modes, dtype=np.float32)
        parts = range(0, self.modes, _BATCH)
        ahead = np.concatenate([self._decoder.neutral(steps[row : row + _BATCH]) for row in parts])
        behind = np.concatenate([self._decoder.neutral(-steps[row : row + _BATCH]) for row in parts])
        slopes: FloatArray = (ahead - behind) / np.float32(2 * IDENTITY_STEP)
        return slopes

    def of_weights(self, identity: NDArray[np.float64], weights: NDArray[np.float64]) -> FloatArray:
        """(52, S, 3), mm for each unit of each weight, at one code (M,) and weights (52,).

        Steps lead from 0 to 1, so that no network is asked for what it never saw.
        """
        steps = np.where(weights + EXPRESSION_STEP <= 1, EXPRESSION_STEP, -EXPRESSION_STEP)
        rows = np.concatenate([weights[None], weights + np.diag(steps)]).astype(np.float32)
        codes = np.repeat(identity[None].astype(np.float32), len(rows), 0)
        parts = range(0, len(rows), _BATCH)
        moved = np.concatenate(
            [self._decoder.displacement(codes[row : row + _BATCH], rows[row : row + _BATCH]) for row in parts]
        )
        slopes: FloatArray = (moved[1:] - moved[0]) / (rows[1:] - rows[0]).sum(1)[:, None, None]
        return slopes
