"""One texture of several photos of one person.

Letters: R side of the texture, b side of the base level.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import to_linear, to_srgb
from face2mesh.errors import Face2MeshError
from face2mesh.face import Face
from face2mesh.texture.blend import doubled, smoothed
from face2mesh.texture.look import trusted, view_of
from face2mesh.texture.texels import texels_of
from face2mesh.texture.texture import BASE, LightOf, texture_of

Pixels = NDArray[np.float32]

_FIRST = 0.02
"""Trust in the first photo where none shows anything, and in eyes, teeth and all that is not skin."""
_SMOOTHING_LEVELS = 2
"""Trust changes over 2^2 base texels, so that no seam is seen where one photo takes over from another."""


def with_textures(
    person: Face, seen: Iterable[tuple[Face, NDArray[np.uint8]]], size: int = 1024, light: LightOf = "delit"
) -> Face:
    """A person with the texture that several photos make together.

    Each photo's texture is made by itself, with the photo's own face (see `texture_of`); each texel is their mean in
    linear light, weighted by how far each photo can be trusted to show it. Eyes, teeth and tongue are the first one's.
    With light "photo" the photos' lights are mixed; "delit" fits together better.

    Args:
        person: whose texture it becomes; on the same base head as the faces.
        seen: each photo's own face and its upright picture (H, W, 3) uint8; taken one after the other, so that they
            need not all be in memory.
        size: R, texels along a side (see `texture_of`).
        light: "photo" or "delit".

    Raises:
        Face2MeshError: there is no photo, or one has no texture (see `texture_of`).
    """
    total: Pixels | None = None
    weights: Pixels | None = None
    for face, rgb in seen:
        texture = to_linear(texture_of(face, rgb, size, light) / np.float32(255))
        weight = _trust(face, rgb, size, first=total is None)
        if total is None or weights is None:
            total, weights = texture * weight, weight
        else:
            total, weights = total + texture * weight, weights + weight
    if total is None or weights is None:
        raise Face2MeshError("texture: there is no photo to take it from; give at least one.")
    mean: NDArray[Any] = to_srgb(total / np.maximum(weights, np.float32(1e-6)))
    return replace(person, texture=(np.clip(mean, 0, 1) * 255 + 0.5).astype(np.uint8))


def _trust(face: Face, rgb: NDArray[np.uint8], size: int, first: bool) -> Pixels:
    """(R, R, 1), how far a photo shows each texel."""
    texels = texels_of(face.head, BASE)
    trust = smoothed(texels.picture(trusted(view_of(face), face, rgb, texels))[..., None], _SMOOTHING_LEVELS)
    while len(trust) < size:
        trust = doubled(trust)
    # The first photo decides where nobody sees anything.
    return trust + np.float32(_FIRST if first else 0)
