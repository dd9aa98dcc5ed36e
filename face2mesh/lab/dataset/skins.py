"""Skins for heads that nobody has photographed: drawn from the packaged statistical skin.

Letters: B skins, S skin vertices, n texels of the statistical skin, R side of its texture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from face2mesh.head import BaseHead
from face2mesh.lab.dataset.carrying import Carrying
from face2mesh.lab.pairs.skin import TEXTURE_SIDE, Fill, Skins
from face2mesh.texture.skin import SIDE, StatisticalSkin

FloatArray = NDArray[np.float32]

TONE_REACH = 60.0
"""Strength of the smoothing that leaves the tone, as for photos' skins."""
LIVELY = 0.85
"""Standard deviations of the modes that are drawn: an average face of the average world looks waxen beyond."""
FAINT = 4.0
"""Deviation of the texture between vertices, in steps of a fortieth of an octave: pores and blotches."""


def drawn_skins(ours: BaseHead, count: int, seed: int, carrying: Carrying | None = None) -> Skins:
    """Skins of people who do not exist.

    The face is a draw of the statistical skin; ears, scalp and neck go on smoothly from it.

    Args:
        ours: the packaged base head, which the statistical skin belongs to.
        count: B.
        seed: of the draws.
        carrying: from ours to another template's vertices; None for ours.
    """
    generator = np.random.default_rng([seed, 7])
    statistical, _ = StatisticalSkin.load()
    skin = ours.skin_count
    texel, known = _texel_of_vertices(ours, statistical)
    fill = Fill.of(ours)
    smooth = fill.smoother(TONE_REACH)
    tone, features, detail = [], [], []
    for _ in range(count):
        codes = generator.normal(0, LIVELY, len(statistical.modes)).astype(np.float32)
        log = statistical.mean + np.tensordot(codes, statistical.modes, 1)
        colours = np.zeros((skin, 3), np.float32)
        colours[known] = log[texel[known]]
        whole = fill(colours, known.astype(np.float32))
        low = smooth(whole)
        rest = whole - low
        if carrying is not None:
            low, rest = carrying(low), carrying(rest)
        tone.append(low.astype(np.float16))
        features.append(rest.astype(np.float16))
        detail.append(_texture(generator))
    return Skins(np.stack(tone), np.stack(features), np.stack(detail))


def _texel_of_vertices(head: BaseHead, statistical: StatisticalSkin) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(S,) the row of the statistical skin's texel that holds each vertex, and whether there is one."""
    row = np.full(SIDE * SIDE, -1, np.intp)
    row[statistical.places] = np.arange(len(statistical.places))
    quads = slice(*head.part_quads["skin"])
    point = np.zeros(len(head.vertices), np.intp)
    point[head.quads[quads].ravel()] = head.uv_quads[quads].ravel()
    uv = head.uv[point[: head.skin_count]]
    column = np.clip((uv[:, 0] * SIDE).astype(np.intp), 0, SIDE - 1)
    line = np.clip(((1 - uv[:, 1]) * SIDE).astype(np.intp), 0, SIDE - 1)
    texel = row[line * SIDE + column]
    return texel, texel >= 0


def _texture(generator: np.random.Generator) -> NDArray[np.uint8]:
    """(R, R, 3) factors between vertices (see `kernels.DETAIL_STEPS_PER_OCTAVE`): pores and blotches."""
    grain = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    for reach, share in ((0.7, 0.5), (1.6, 0.6), (5.0, 0.8)):
        noise = gaussian_filter(generator.normal(size=grain.shape), reach, mode="wrap")
        grain += (share * noise / noise.std()).astype(np.float32)
    tint = np.array([0.8, 1.0, 1.0], np.float32)  # blood shows least in the red
    return np.clip(np.round(128 + FAINT * grain[..., None] * tint), 0, 255).astype(np.uint8)
