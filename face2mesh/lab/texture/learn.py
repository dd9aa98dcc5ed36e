"""Photos on the skin to a statistical skin.

Letters: B photos, n modelled texels (left half first, then their mirror images in the same order), K modes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import to_linear
from face2mesh.head import BaseHead
from face2mesh.texture.light import fit_light, shading
from face2mesh.texture.skin import DARKEST, SIDE, StatisticalSkin, believed
from face2mesh.texture.texels import texels_of

Pixels = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]

_LIGHT_ROUNDS = 3
_FILLING_ROUNDS = 8
_MIDDLE = 0.26
"""Linear brightness towards which exposures are drawn, and how far."""
_EXPOSURE_SHARE = 0.3
_LEAST_SPREAD = 0.06
_FIRST_SPREAD = 0.25
_SPREAD_UNDER_HAIR = 0.09
_LEAST_SUPPORT = 0.35
"""Share of the usual evidence that a texel needs to be modelled."""
_SEEN = 0.35
"""Mean trust that a photo needs."""


@dataclass(frozen=True)
class PhotosOnSkin:
    """What photos show of the modelled texels.

    Attributes:
        colours: (B, n, 3) uint8 sRGB.
        trust: (B, n) uint8, 255 is 1.
        normals: (B, n, 3) int8, 127 is 1, camera axes.
        light: (B, 9, 3), the network's.
    """

    colours: NDArray[np.uint8]
    trust: NDArray[np.uint8]
    normals: NDArray[np.int8]
    light: Pixels


def learn_skin(
    photos: PhotosOnSkin,
    places: NDArray[np.int32],
    hair: NDArray[np.bool_],
    modes: int,
    progress: Callable[[str], None] = lambda _: None,
) -> StatisticalSkin:
    """Mean and modes of skins, symmetric.

    Each photo's light is divided out, its exposure brought nearer to the middle, its halves averaged by their trust.
    What is not believed to be bare skin (hair, hands, spectacles) counts as missing, and the principal components are
    found with missing values filled by the model so far (Roweis 1998).

    Args:
        photos: on the skin.
        places: (n,) the texels, left half first.
        hair: (n,) where hair may hang over the skin: there skin may not differ much from a person's tone.
        modes: K.
        progress: told what has been done.
    """
    half = len(places) // 2
    keep = np.flatnonzero(photos.trust.mean(1) > _SEEN * 255)
    linear = to_linear(photos.colours[keep] / np.float32(255))
    trust = photos.trust[keep] / np.float32(255)
    log = np.log(np.maximum(linear, DARKEST))
    normals = photos.normals[keep] / np.float32(127)
    most = np.where(hair, _SPREAD_UNDER_HAIR, np.inf).astype(np.float32)
    spread = np.minimum(np.full(len(places), _FIRST_SPREAD, np.float32), most)
    skins = np.repeat(_level(log, trust)[:, None], len(places), axis=1)
    belief = trust * np.stack([believed(a - b, 2 * spread) for a, b in zip(log, skins, strict=True)])
    mean, components, own = np.zeros((half, 3), np.float32), np.zeros((0, half, 3), np.float32), skins[:, :half]
    for step in range(_LIGHT_ROUNDS):
        without = np.empty_like(log)
        for i in range(len(log)):
            light = fit_light(linear[i], np.exp(skins[i]), normals[i], belief[i], photos.light[keep[i]])
            without[i] = log[i] - np.log(shading(light, normals[i]))
            level = _level(without[i : i + 1], belief[i : i + 1])[0]
            without[i] += _exposed(level) - level
        both = belief[:, :half] + belief[:, half:]
        folded = belief[:, :half, None] * without[:, :half] + belief[:, half:, None] * without[:, half:]
        folded /= np.maximum(both, 1e-6)[..., None]
        mean, components, own = _components(folded, np.minimum(both, 1), modes)
        residual = without - np.concatenate([own, own], 1)
        spread = np.minimum(np.tile(_spread(residual, belief, half), 2), most)
        skins = np.concatenate([own, own], 1)
        belief = trust * np.stack([believed(one, spread) for one in residual])
        progress(f"round {step + 1}: {len(keep)} skins, spread {spread.mean():.3f}, believed {belief.mean():.2f}")
    support = np.minimum(belief[:, :half] + belief[:, half:], 1).mean(0)
    kept = np.tile(support > _LEAST_SUPPORT * np.quantile(support, 0.95), 2)
    return StatisticalSkin(
        places[kept],
        np.tile(mean, (2, 1))[kept],
        np.tile(components, (1, 2, 1))[:, kept],
        np.maximum(spread, _LEAST_SPREAD)[kept],
    )


def under_hair(head: BaseHead, places: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) whether hair may hang there: above the brows, and beside the eyes down to the mouth."""
    texels = texels_of(head, SIDE)
    rest = texels.picture(texels.lift(head.vertices)).reshape(-1, 3)[places]
    above = rest[:, 1] > head.vertices[head.region("brow"), 1].max() + 1
    beside = np.abs(rest[:, 0]) > np.abs(head.vertices[head.region("lid_upper"), 0]).max() + 4
    hair: NDArray[np.bool_] = above | (beside & (rest[:, 1] > head.vertices[head.region("lip_upper"), 1].min()))
    return hair


def _level(log: Floats, weight: Floats) -> Pixels:
    """(B, 3) median logarithm of the trusted texels."""
    levels: Pixels = np.stack(
        [
            np.median(one[w > 0.5], axis=0) if (w > 0.5).any() else one.mean(0)
            for one, w in zip(log, weight, strict=True)
        ]
    ).astype(np.float32)
    return levels


def _exposed(level: Pixels) -> Pixels:
    """A face's mean logarithm (3,) in a more usual exposure, with a colour that skin has."""
    red, green = level[0] - level[1], level[1] - level[2]
    # Linear sRGB of human skin, all tones: about 1.3 to 2.2 times as much red as green, 1.15 to 2 of green to blue.
    wanted = np.array([np.clip(red, 0.26, 0.8), np.clip(green, 0.12, 0.75)])
    shift = np.array([wanted[0] - red, 0, green - wanted[1]])
    shift = shift - shift.mean()
    darker = _EXPOSURE_SHARE * (np.log(_MIDDLE) - float(np.log(np.exp(level).mean())))
    exposed: Pixels = (level + shift + darker).astype(np.float32)
    return exposed


def _components(values: Floats, weight: Floats, modes: int) -> tuple[Pixels, Pixels, Pixels]:
    """Mean (h, 3), components (K, h, 3) for one deviation each, and everybody's (B, h, 3), of values (B, h, 3)."""
    count, half = weight.shape
    mean = np.stack(
        [np.average(values[..., channel], axis=0, weights=weight + 1e-6) for channel in range(3)], -1
    ).astype(np.float32)
    mean = _robust_mean(values, weight, mean)
    repeated = np.repeat(weight, 3, axis=1)
    away = (values - mean).reshape(count, -1) * (repeated > 0)
    guess = np.zeros_like(away)
    basis = np.zeros((0, away.shape[1]), np.float32)
    for _ in range(_FILLING_ROUNDS):
        whole = repeated * away + (1 - repeated) * guess
        value, vector = np.linalg.eigh(whole @ whole.T / count)
        value, vector = value[::-1][:modes], vector[:, ::-1][:, :modes]
        basis = ((vector / np.sqrt(np.maximum(value, 1e-9))).T @ whole / np.sqrt(count)).astype(np.float32)
        # Unit vectors; each person's share of them by a regression on what is seen, drawn to none.
        noise = max(float(((whole - whole @ basis.T @ basis) ** 2).mean()), 1e-6)
        guess = np.empty_like(away)
        for i in range(count):
            weighted = basis * repeated[i]
            system = weighted @ basis.T + np.diag(noise * 25 / np.maximum(value, 1e-9))
            guess[i] = np.linalg.solve(system, weighted @ away[i]) @ basis
    components = basis * np.sqrt(np.maximum(value, 0))[:, None]
    own = (guess.reshape(count, half, 3) + mean).astype(np.float32)
    return mean, components.reshape(-1, half, 3).astype(np.float32), own


def _robust_mean(values: Floats, weight: Floats, mean: Pixels) -> Pixels:
    """The mean skin (h, 3) without those who are far from it: fringes and hands weigh nothing."""
    tone = np.average(values, axis=1, weights=np.repeat(weight[..., None] + 1e-6, 3, axis=2))[:, None]
    pattern = values - tone
    middle = mean - mean.mean(0)
    for _ in range(5):
        away = np.sqrt(((pattern - middle) ** 2).mean(2))
        robust = weight / (1 + (away / 0.25) ** 4)
        middle = (pattern * robust[..., None]).sum(0) / np.maximum(robust.sum(0), 1e-6)[:, None]
    result: Pixels = (middle + tone.mean(0)).astype(np.float32)
    return result


def _spread(residual: Floats, weight: Floats, half: int) -> Pixels:
    """(h,) what is usual at each texel: 1.5 times the weighted median of the residual's length, both halves."""
    size = np.sqrt((residual**2).mean(2))
    size = np.concatenate([size[:, :half], size[:, half:]])
    weight = np.concatenate([weight[:, :half], weight[:, half:]])
    order = np.argsort(size, axis=0)
    total = np.cumsum(np.take_along_axis(weight, order, 0), axis=0)
    place = (total < total[-1] / 2).sum(0)
    median = np.take_along_axis(np.take_along_axis(size, order, 0), np.minimum(place, len(size) - 1)[None], 0)[0]
    result: Pixels = (1.5 * median).astype(np.float32)
    return result
