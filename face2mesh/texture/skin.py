"""The statistical skin: what faces have in common, and how they differ; fitted to what a photo shows.

Colours are natural logarithms of linear RGB, so that light and exposure are sums. Letters: n modelled texels of a
coarse texture of side R, K modes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.store import read_arrays, refusal_of, write_arrays
from face2mesh.texture.light import fit_light, shading
from face2mesh.texture.look import bare_skin
from face2mesh.texture.texels import texels_of

KIND = "skin"
VERSION = 1
MADE_BY = "face2mesh lab skin"
PACKAGED = Path(__file__).with_name("skin.npz")

SIDE = 128
"""R, texels along a side of the texture that the skin is modelled in."""
DARKEST = 0.004
"""Linear; nothing darker is told apart."""
_PLAIN = (0.46, 0.25, 0.17)
_PLAIN_SPREAD = 0.3
_ROUNDS = 4
_TOGETHER = 25.0
"""How many neighbouring texels err together and count as one."""
_EXPOSURE = np.diag([0.25, 0.08, 0.08])
"""Deviation of a photo's exposure, and of its cast along red against blue and along green against both."""
_CHROMA = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])
_TRUSTED = 0.5
_LIGHTS_SPREAD, _LIGHTS_LEAST = 1.5, 0.22
"""How much more skin differs before its light is known, and by how much at least."""
_COLOUR = 2.0
OUTLIER = 2.2
"""Deviations at which a texel is half believed to be skin."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StatisticalSkin:
    """A mean skin and the ways in which people's skins differ; both are symmetric.

    Attributes:
        places: (n,) int32, the modelled texels in the flattened texture of `SIDE` × `SIDE`: bare skin of the face.
        mean: (n, 3).
        modes: (K, n, 3), for one standard deviation each.
        spread: (n,), what the modes leave, one standard deviation.
    """

    places: NDArray[np.int32]
    mean: Pixels
    modes: Pixels
    spread: Pixels

    @classmethod
    def plain(cls, head: BaseHead) -> StatisticalSkin:
        """Of one colour without modes, for a head whose texture nobody has learnt."""
        texels = texels_of(head, SIDE)
        places = texels.flat[texels.lift(bare_skin(head)) > 0].astype(np.int32)
        mean = np.tile(np.log(np.array(_PLAIN, np.float32)), (len(places), 1))
        return cls(places, mean, np.zeros((0, len(places), 3), np.float32), np.full(len(places), _PLAIN_SPREAD))

    def picture(self, values: Pixels) -> tuple[Pixels, Pixels]:
        """Values (n, C) of the modelled texels in the square: (R, R, C), and (R, R) 1 where there are any."""
        square = np.zeros((SIDE * SIDE, values.shape[1]), np.float32)
        known = np.zeros(SIDE * SIDE, np.float32)
        square[self.places], known[self.places] = values, 1
        return square.reshape(SIDE, SIDE, -1), known.reshape(SIDE, SIDE)

    def fit(self, linear: Pixels, trust: Pixels, normals: Pixels, light: Pixels | None) -> FittedSkin:
        """The skin, the light and the exposure that explain a photo best.

        In turn: the light, given the skin (`fit_light`); skin and exposure, given the light (a ridge regression whose
        prior is the spread of people and of photos); and what is believed to be bare skin, given both.

        Args:
            linear: (n, 3) linear RGB.
            trust: (n,) 0 to 1.
            normals: (n, 3) unit, camera axes.
            light: (9, 3), the network's, or None.
        """
        log = np.log(np.maximum(linear, DARKEST))
        tint = _EXPOSURE @ _CHROMA
        basis = np.concatenate([self.modes, np.broadcast_to(tint[:, None], (3, len(self.mean), 3))]).astype(np.float32)
        flat = basis.reshape(len(basis), -1)
        skin, belief = self.mean, self._first_belief(log, trust)
        for _ in range(_ROUNDS):
            fitted = fit_light(linear, np.exp(skin), normals, belief, light)
            without = log - np.log(shading(fitted, normals))
            weight = np.repeat(belief / (self.spread**2 * _TOGETHER), 3)
            weighted = flat * weight
            system = weighted @ flat.T + np.eye(len(flat))
            codes = np.linalg.solve(system, weighted @ (without - self.mean).ravel())
            exposure = (codes[-3:] @ tint).astype(np.float32)
            skin = self.mean + np.tensordot(codes[:-3].astype(np.float32), self.modes, 1)
            belief = trust * believed(without - skin - exposure, self.spread)
        return FittedSkin(skin, exposure, fitted, belief)

    def _first_belief(self, log: Pixels, trust: Pixels) -> Pixels:
        """(n,) trust without what the mean skin in the photo's middle tone is far from, whatever the light: hair."""
        away = log - self.mean
        if not (trust > _TRUSTED).any():
            return trust
        tone = np.median(away[trust > _TRUSTED], axis=0)
        return trust * believed(away - tone, np.maximum(_LIGHTS_SPREAD * self.spread, _LIGHTS_LEAST))

    def save(self, path: Path, head: BaseHead, origin: dict[str, Any]) -> None:
        """Write it for a head, in whole numbers of 8 and 16 bits; only the left half, the right one is its mirror."""
        column = self.places % SIDE
        left = column < SIDE // 2
        factor = np.abs(self.modes).max((1, 2)) / 127
        arrays = {
            "places": self.places[left],
            "mean": self.mean[left].astype(np.float16),
            "modes": np.rint(self.modes[:, left] / factor[:, None, None]).astype(np.int8),
            "mode_factors": factor.astype(np.float32),
            "spread": self.spread[left].astype(np.float16),
            "uv_sha256": np.array(texture_hash(head)),
        }
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path = PACKAGED) -> tuple[StatisticalSkin, str]:
        """Read what `save` wrote: the skin, and the hash of the texture points that it belongs to.

        Raises:
            InputFileError: missing, damaged, or of another format version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "a valid skin", MADE_BY):
            row, column = arrays["places"] // SIDE, arrays["places"] % SIDE
            places = np.concatenate([arrays["places"], row * SIDE + SIDE - 1 - column])
            modes = arrays["modes"] * arrays["mode_factors"][:, None, None]
            skin = cls(
                places,
                np.tile(arrays["mean"].astype(np.float32), (2, 1)),
                np.tile(modes, (1, 2, 1)),
                np.tile(arrays["spread"].astype(np.float32), 2),
            )
            return skin, str(arrays["uv_sha256"])


@dataclass(frozen=True)
class FittedSkin:
    """What `StatisticalSkin.fit` found at the modelled texels.

    Attributes:
        skin: (n, 3), the person's skin without light.
        exposure: (3,), what the photo adds to it.
        light: (9, 3), of mean 1.
        belief: (n,) 0 to 1, trust where the photo shows bare skin.
    """

    skin: Pixels
    exposure: Pixels
    light: Pixels
    belief: Pixels


def believed(residual: Pixels, spread: Pixels) -> Pixels:
    """(N,) 0 to 1, how likely a texel is skin, from its residual (N, 3) beside what is usual there (N,).

    A colour that is off counts `_COLOUR` times as much as a brightness: light and shade are usual, green skin is not.
    """
    brightness = residual.mean(1, keepdims=True)
    squared = brightness[:, 0] ** 2 + _COLOUR**2 * ((residual - brightness) ** 2).mean(1)
    belief: Pixels = (1 / (1 + (squared / (OUTLIER * spread) ** 2) ** 2)).astype(np.float32)
    return belief


def texture_hash(head: BaseHead) -> str:
    """Of the texture points, in steps that survive rounding: tells whose texture a skin was learnt in."""
    steps = np.rint(head.uv.astype(np.float64) * 65536).astype("<i4")
    return hashlib.sha256(steps.tobytes() + head.uv_quads.astype("<i4").tobytes()).hexdigest()


@lru_cache(maxsize=2)
def _packaged() -> tuple[StatisticalSkin, str]:
    return StatisticalSkin.load()


def skin_of(head: BaseHead) -> StatisticalSkin:
    """The packaged skin, if it was learnt in this head's texture; else a plain one."""
    skin, known = _packaged()
    return skin if known == texture_hash(head) else StatisticalSkin.plain(head)
