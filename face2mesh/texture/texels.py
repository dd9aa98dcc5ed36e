"""Where each texel of the head's texture lies on the surface; needs the base head only, so it is made once a size.

Letters: V vertices, T triangles, R side of the texture, N texels that a triangle covers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.raster import rasterise
from face2mesh.head import BaseHead
from face2mesh.head.corners import corner_uv

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Texels:
    """Where the texels of a part, or of several, lie.

    Attributes:
        covered: (R, R) bool, row 0 at the top (V = 1).
        vertices: (N, 3) int32, rows of the head's vertices around each covered texel, in the order of `covered`.
        weights: (N, 3) float32 of them.
        triangles: (N,) int32, rows of the head's triangles.
    """

    covered: Mask
    vertices: NDArray[np.int32]
    weights: Pixels
    triangles: NDArray[np.int32]

    @property
    def size(self) -> int:
        """R."""
        return len(self.covered)

    @cached_property
    def flat(self) -> NDArray[np.intp]:
        """(N,), the covered texels' places in the flattened texture."""
        return np.flatnonzero(self.covered)

    def lift(self, values: NDArray[Any]) -> Pixels:
        """Values at the head's vertices, (V,) or (V, C), to covered texels, (N,) or (N, C) float32."""
        values = np.asarray(values, np.float32)
        weights = self.weights if values.ndim == 1 else self.weights[..., None]
        lifted: Pixels = values[self.vertices[:, 0]] * weights[:, 0]
        lifted += values[self.vertices[:, 1]] * weights[:, 1]
        lifted += values[self.vertices[:, 2]] * weights[:, 2]
        return lifted

    def picture(self, values: NDArray[Any], empty: float = 0.0) -> Pixels:
        """Values of covered texels, (N,) or (N, C), as a picture (R, R) or (R, R, C)."""
        picture = np.full((self.size * self.size, *values.shape[1:]), empty, np.float32)
        picture[self.flat] = values
        return picture.reshape(self.size, self.size, *values.shape[1:])

    def chosen(self, keep: Mask) -> Texels:
        """Only those of the covered texels that `keep` (N,) names."""
        covered = np.zeros(self.covered.size, bool)
        covered[self.flat[keep]] = True
        return Texels(
            covered.reshape(self.covered.shape), self.vertices[keep], self.weights[keep], self.triangles[keep]
        )


class _Kept:
    """What depends on a base head alone, kept in memory as long as the head is."""

    def __init__(self) -> None:
        self._values: WeakKeyDictionary[BaseHead, dict[Hashable, Any]] = WeakKeyDictionary()
        self._lock = threading.RLock()

    def get(self, head: BaseHead, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            values = self._values.setdefault(head, {})
            if key not in values:
                values[key] = make()
            found: T = values[key]
            return found


_kept = _Kept()


def texels_of(head: BaseHead, size: int, parts: tuple[str, ...] = ("skin",)) -> Texels:
    """The texels of some parts at one size; kept in memory as long as the head is.

    Args:
        head: the base head.
        size: R, texels along a side of the square.
        parts: names of parts.
    """
    return _kept.get(head, ("texels", size, parts), lambda: _texels(head, size, parts))


def mirror_of(head: BaseHead, size: int) -> NDArray[np.intp]:
    """(R · R,) for each texel of the skin the texel that shows the head's mirrored place; −1 where there is none."""

    def make() -> NDArray[np.intp]:
        texels = texels_of(head, size)
        result = np.full(size * size, -1, np.intp)
        result[texels.flat] = mirrored(head, texels)
        return result

    return _kept.get(head, ("mirror", size), make)


def kept(head: BaseHead, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives, made once for a head and a key, and kept in memory as long as the head is."""
    return _kept.get(head, key, make)


def _texels(head: BaseHead, size: int, parts: tuple[str, ...]) -> Texels:
    ranges = [np.arange(2 * first, 2 * last) for first, last in (head.part_quads[part] for part in parts)]
    triangles = np.concatenate(ranges)
    flat = _upper_left(corner_uv(head)[triangles].reshape(-1, 2)) * size
    points = np.concatenate([flat, np.ones((len(flat), 1))], 1)
    found = rasterise(points, np.arange(len(points)).reshape(-1, 3), size, size, perspective=False)
    covered = found.covered
    own = triangles[found.triangle[covered]].astype(np.int32)
    return Texels(covered, head.triangles[own].astype(np.int32), found.barycentric[covered], own)


def mirrored(head: BaseHead, texels: Texels) -> NDArray[np.intp]:
    """(N,) for texels of the skin the place in the flattened texture of the mirrored texel; −1 where there is none.

    Found with the head's mirror table, so the texture itself need not be symmetric.
    """
    size, skin = texels.size, head.skin_triangles
    images = head.mirror[skin]

    def key(rows: NDArray[Any]) -> NDArray[np.int64]:
        low = np.sort(rows, axis=1).astype(np.int64)
        keys: NDArray[np.int64] = (low[:, 0] * len(head.vertices) + low[:, 1]) * len(head.vertices) + low[:, 2]
        return keys

    order = np.argsort(key(skin))
    keys = key(skin)[order]
    twin = order[np.minimum(np.searchsorted(keys, key(images)), len(keys) - 1)]
    same = key(skin)[twin] == key(images)
    # For each corner the twin's corner that is its mirror image, and where that lies in the texture.
    corner = (skin[twin][:, None, :] == images[:, :, None]).argmax(2)
    places = np.take_along_axis(_upper_left(corner_uv(head)[: len(skin)])[twin], corner[..., None], axis=1)
    at = sum(places[texels.triangles, k] * texels.weights[:, k, None] for k in range(3)) * np.float32(size)
    # A texel's centre comes back a rounding error beside a centre, never at the border between two texels.
    column, row = np.clip(at, 0, size - 1).astype(np.intp).T
    inside = same[texels.triangles] & texels_of(head, size).covered[row, column]
    result: NDArray[np.intp] = np.where(inside, row * size + column, -1)
    return result


def _upper_left(uv: Pixels) -> Pixels:
    """Texture points with the origin at the upper left, as pictures have it."""
    flipped: Pixels = uv * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)
    return flipped
