"""A head's texture from one photo: seen skin, its light, what is hidden, eyes, teeth and all.

Colours are natural logarithms of linear RGB until the end. Letters: R side of the texture, b side of the base level,
h and w rows and columns of the window that photos show, N texels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from face2mesh.draw.light import to_linear, to_srgb
from face2mesh.errors import Face2MeshError
from face2mesh.face import Face
from face2mesh.head import BaseHead
from face2mesh.texture.blend import doubled, filled, halved, smoothed, smoothed_where
from face2mesh.texture.light import shading
from face2mesh.texture.look import View, bare_skin, sampled, trusted, view_of
from face2mesh.texture.parts import paint_parts
from face2mesh.texture.skin import DARKEST, SIDE, FittedSkin, StatisticalSkin, believed, skin_of
from face2mesh.texture.texels import Texels, kept, mirror_of, mirrored, texels_of

LightOf = Literal["photo", "delit"]
SIZES = (512, 1024, 2048)
BASE = 256
"""b, texels a side of the level at which a texture is thought out; finer levels only add detail."""

_MIRROR_SHARE = 0.5
"""What a mirrored texel is worth beside one that is seen."""
_EAR_TINT = (0.04, -0.07, -0.05)
"""Ears are redder than cheeks."""
_MOST_GRAIN = 0.05
_PATCHES = 0.6
"""Share of the large patches of the residual that "delit" takes away."""
_PATCH_LEVELS = 4
_AROUND_LEVELS = 2
"""Surroundings of 2^2 base texels, four millimetres of the face."""
_DETAIL = 0.7
"""Most that detail adds to a logarithm."""

Pixels = NDArray[np.float32]


def texture_of(face: Face, rgb: NDArray[np.uint8], size: int = 1024, light: LightOf = "delit") -> NDArray[np.uint8]:
    """The texture of a whole head, for the texture points `face.uv`.

    Args:
        face: reconstructed from this photo, with the photo's own expression.
        rgb: (H, W, 3) uint8, the upright photo.
        size: R, one of `SIZES`.
        light: "photo" keeps the photo's light where it is seen and continues it where it is not; "delit" takes it away
            as far as nine harmonics can, for renderers that bring their own.

    Returns:
        (R, R, 3) uint8, sRGB; row 0 is at V = 1. Between the islands their colours go on.

    Raises:
        Face2MeshError: another size or light, a picture that is not the face's photo, or a head behind the camera.
    """
    _check(face, rgb, size, light)
    try:
        view = view_of(face)
    except ValueError as error:
        raise Face2MeshError(f"texture: {error}; the photo's pose is not credible.") from error
    head = face.head
    window = kept(head, ("window", size), lambda: _Window.of(head, size))
    photo = window.photo(view, rgb)
    base = texels_of(head, BASE)
    normals = base.lift(view.normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    trust = base.picture(trusted(view, face, rgb, base)) * window.known
    coarse = window.coarse(photo)
    skin = skin_of(head)
    fitted = _fit(skin, coarse, trust, base, normals, face.light)
    model = _extended(skin, fitted.skin)
    shade = filled(base.picture(np.log(shading(fitted.light, normals))), base.covered.astype(np.float32))
    spread = _extended(skin, skin.spread[:, None])[..., 0]

    residual = coarse - shade - fitted.exposure - model
    belief = _belief(residual, trust, spread)
    mirror = mirror_of(head, BASE)
    residual, known = _with_mirror(residual, belief, mirror)
    residual = filled(residual, known)
    if light == "photo":
        albedo = model + residual + shade + fitted.exposure
    else:
        # What is left of large patches of light and dark is mostly light that nine harmonics cannot follow.
        albedo = model + residual - np.float32(_PATCHES) * smoothed(residual, _PATCH_LEVELS)
    texture = albedo + base.picture(base.lift(_ears(head)))[..., None] * np.array(_EAR_TINT, np.float32)
    while len(texture) < size:
        texture = doubled(texture)
    window.add_detail(texture, photo, coarse, belief)
    result = _to_srgb(texture)
    paint_parts(result, face, view, rgb, fitted.exposure, light == "photo")
    return result


def with_texture(face: Face, rgb: NDArray[np.uint8], size: int = 1024, light: LightOf = "delit") -> Face:
    """The same face with its texture, as OBJ, GLB and pictures show it; see `texture_of`."""
    return replace(face, texture=texture_of(face, rgb, size, light))


def _check(face: Face, rgb: NDArray[np.uint8], size: int, light: str) -> None:
    if size not in SIZES:
        raise Face2MeshError(f"texture: {size} is no size; choose {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}.")
    if light not in get_args(LightOf):
        raise Face2MeshError(f"texture: {light!r} is no kind of light; choose photo or delit.")
    wanted = (face.camera.height, face.camera.width, 3)
    if rgb.shape != wanted or rgb.dtype != np.uint8:
        raise Face2MeshError(
            f"texture: the picture is {rgb.shape} {rgb.dtype}, the face's photo {wanted} uint8; give the same photo."
        )


@dataclass(frozen=True, eq=False)
class _Window:
    """The rectangle of the texture that photos show, at full size.

    Attributes:
        texels: the bare skin's.
        rows, columns: first and last + 1, whole base texels.
        cover: (h, w, 1) 1 where a texel is bare skin.
        known: (b, b) share of each base texel that is bare skin.
        twins: (N,) for each of the texels the mirrored one's place in the flattened texture, −1 where there is none.
    """

    texels: Texels
    rows: slice
    columns: slice
    cover: Pixels
    known: Pixels
    twins: NDArray[np.intp]

    @classmethod
    def of(cls, head: BaseHead, size: int) -> _Window:
        whole = texels_of(head, size)
        texels = whole.chosen(whole.lift(bare_skin(head)) > 0)
        scale = size // BASE
        row, column = np.nonzero(texels.covered)
        rows = slice(row.min() // scale * scale, -(-(row.max() + 1) // scale) * scale)
        columns = slice(column.min() // scale * scale, -(-(column.max() + 1) // scale) * scale)
        known = texels.covered.astype(np.float32)[..., None]
        while len(known) > BASE:
            known = halved(known)
        cover = texels.covered[rows, columns].astype(np.float32)[..., None]
        return cls(texels, rows, columns, cover, known[..., 0], mirrored(head, texels))

    def photo(self, view: View, rgb: NDArray[np.uint8]) -> Pixels:
        """(h, w, 3) what the photo shows, 0 where there is no bare skin."""
        corner = view.crop.corner
        pixels = self.texels.lift(view.pixels - corner).astype(np.float64) + corner
        side = int(np.clip(1.2 * view.crop.side, 16, 2 * self.texels.size))
        colours = sampled(rgb, view.crop, side, pixels)
        picture = np.zeros((*self.cover.shape[:2], 3), np.float32)
        picture[self.cover[..., 0] > 0] = _LOGARITHMS[(colours * _STEPS + 0.5).astype(np.int32)]
        return picture

    def coarse(self, photo: Pixels) -> Pixels:
        """(b, b, 3) means over the bare skin of each base texel, of a picture (h, w, 3)."""
        scale = self.texels.size // BASE
        height, width = photo.shape[0] // scale, photo.shape[1] // scale
        sums = photo.reshape(height, scale, width, scale, 3).sum((1, 3))
        count = self.cover.reshape(height, scale, width, scale, 1).sum((1, 3))
        picture = np.zeros((BASE, BASE, 3), np.float32)
        rows, columns = (slice(part.start // scale, part.stop // scale) for part in (self.rows, self.columns))
        picture[rows, columns] = sums / np.maximum(count, 1)
        return picture

    def add_detail(self, texture: Pixels, photo: Pixels, coarse: Pixels, belief: Pixels) -> None:
        """Add to a texture (R, R, 3) what the photo shows beyond its own base level, where it is believed."""
        size, rows, columns = self.texels.size, self.rows, self.columns
        # Base texels without bare skin would leak into their neighbours' interpolation.
        low, share = filled(coarse, (self.known > 0).astype(np.float32)), belief[..., None]
        while len(low) < size:
            low, share = doubled(low), doubled(share)
        detail = np.clip((photo - low[rows, columns]) * self.cover, -_DETAIL, _DETAIL)
        weight = share[rows, columns] * self.cover
        whole = np.zeros((size, size, 4), np.float32)
        whole[rows, columns, :3], whole[rows, columns, 3:] = detail * weight, weight
        flat = whole.reshape(-1, 4)
        other = np.where((self.twins >= 0)[:, None], flat[self.twins], 0)
        own = flat[self.texels.flat]
        added = own[:, :3] + other[:, :3] * (1 - own[:, 3:])
        texture.reshape(-1, 3)[self.texels.flat] += added
        # Skin that nobody saw gets as much grain as skin that is seen, else it looks like wax beside it.
        shown = np.clip(own[:, 3] + other[:, 3], 0, 1)
        bright = added.mean(1)
        sure = shown > 0.9
        strength = float(np.median(np.abs(bright[sure]))) if sure.any() else 0.0
        grain = _grain(size) * np.float32(min(strength, _MOST_GRAIN))
        grain.ravel()[self.texels.flat] *= 1 - shown
        texture += grain[..., None]


@lru_cache(maxsize=2)
def _grain(size: int) -> Pixels:
    """(R, R) noise between one and four base texels fine, of deviation 1; always the same."""
    noise = np.random.default_rng(0).standard_normal((size, size, 1), np.float32)
    fine = noise
    steps = int(np.log2(size // BASE))
    for _ in range(steps - 1):
        fine = doubled(halved(fine))
    grain = (fine - smoothed(noise, steps + 1))[..., 0]
    grain /= grain.std()
    grain.setflags(write=False)
    return grain


def _ears(head: BaseHead) -> Pixels:
    """(V,) 1 on ears."""
    ears: Pixels = head.region("ear").astype(np.float32)
    return ears


def _fit(
    skin: StatisticalSkin, coarse: Pixels, trust: Pixels, base: Texels, normals: Pixels, light: Pixels | None
) -> FittedSkin:
    """The statistical skin fitted to a base level (b, b, 3), at its own coarser one."""
    weight = trust[..., None]
    together = np.concatenate([coarse * weight, base.picture(normals) * weight, weight], 2)
    while len(together) > SIDE:
        together = halved(together)
    rows = together.reshape(-1, 7)[skin.places]
    mean = rows[:, :6] / np.maximum(rows[:, 6:], 1e-6)
    direction = mean[:, 3:] / np.maximum(np.linalg.norm(mean[:, 3:], axis=1, keepdims=True), 1e-6)
    seen = np.clip(rows[:, 6], 0, 1)
    return skin.fit(np.where(seen[:, None] > 0, np.exp(mean[:, :3]), DARKEST), seen, direction, light)


def _extended(skin: StatisticalSkin, values: Pixels) -> Pixels:
    """(b, b, C), what the modelled texels have (n, C), gone on smoothly to ears, scalp and neck."""
    square, known = skin.picture(values)
    picture = filled(square, known)
    while len(picture) < BASE:
        picture = doubled(picture)
    return picture


def _belief(residual: Pixels, trust: Pixels, spread: Pixels) -> Pixels:
    """(b, b) trust where the photo shows bare skin.

    Judged by what surrounds a texel, so that a mole or a scar stays, and skin between strands of hair goes with them.
    """
    around = smoothed_where(residual, trust, _AROUND_LEVELS)
    belief = trust * believed(around.reshape(-1, 3), spread.ravel()).reshape(BASE, BASE)
    company = smoothed(belief[..., None], _AROUND_LEVELS)[..., 0]
    grouped: Pixels = belief * np.clip((company - 0.25) / 0.4, 0, 1)
    return grouped


def _with_mirror(residual: Pixels, belief: Pixels, mirror: NDArray[np.intp]) -> tuple[Pixels, Pixels]:
    """Residuals (b, b, 3) and their weights (b, b), completed by the other half of the face."""
    flat, weight = residual.reshape(-1, 3), belief.ravel()
    other = np.where(mirror >= 0, weight[mirror], 0) * (1 - weight) * np.float32(_MIRROR_SHARE)
    total = weight + other
    mixed = flat * weight[:, None] + flat[mirror] * other[:, None]
    mixed = mixed / np.maximum(total, np.float32(1e-6))[:, None]
    known: Pixels = np.clip(total, 0, 1).astype(np.float32).reshape(belief.shape)
    return mixed.reshape(residual.shape).astype(np.float32), known


_STEPS = 16
"""Steps of the table of logarithms for each of the photo's 256 levels."""
_LOGARITHMS = np.log(np.maximum(to_linear(np.arange(255 * _STEPS + 1) / np.float32(255 * _STEPS)), DARKEST)).astype(
    np.float32
)
_EXPONENTS = (to_srgb(np.exp(np.linspace(np.log(DARKEST) - 1, 0.2, 4096))) * 255 + 0.5).astype(np.uint8)


def _to_srgb(log: Pixels) -> NDArray[np.uint8]:
    """Logarithms of linear colours to sRGB."""
    low = np.float32(np.log(DARKEST) - 1)
    step = np.float32(4095 / (0.2 - low))
    srgb: NDArray[np.uint8] = _EXPONENTS[np.clip((log - low) * step + np.float32(0.5), 0, 4095).astype(np.int16)]
    return srgb
