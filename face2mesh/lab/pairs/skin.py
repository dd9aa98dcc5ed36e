"""Skins: unwrapped from fitted training photos, taken apart into tone, features and detail, and mixed to new people.

A skin's logarithm is a sum: `tone`, smooth over some centimetres; `features`, what is left of it at vertices (brows,
lips, beard); and `detail`, what a texture adds between vertices. Two people's parts add up to a third person.
Letters: S skin vertices, B skins, R side of the texture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from face2mesh.draw.light import harmonics, to_linear
from face2mesh.head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.fit import project, yaw_degrees
from face2mesh.lab.pairs.photos import CROP_PIXELS, in_pixels
from face2mesh.lab.render.kernels import DETAIL_STEPS_PER_OCTAVE
from face2mesh.lab.render.rasteriser import rasterise
from face2mesh.lab.render.uv import TexelMap

FloatArray = NDArray[np.float32]
Generator = np.random.Generator

TEXTURE_SIDE = 256
_TONE_REACH = 60.0
"""Strength of the smoothing that leaves the tone: in edge lengths squared, so about 8 edges, two centimetres."""
_DARKEST, _LIGHTEST = 0.004, 0.95
_DETAIL = 0.8
"""Most that the texture adds to a logarithm between vertices."""


@dataclass(frozen=True)
class Skins:
    """Skins taken apart, natural logarithms of linear RGB but for the texture.

    Attributes:
        tone: (B, S, 3) float16.
        features: (B, S, 3) float16.
        detail: (B, R, R, 3) uint8, see `kernels.DETAIL_STEPS_PER_OCTAVE`.
    """

    tone: NDArray[np.float16]
    features: NDArray[np.float16]
    detail: NDArray[np.uint8]

    def __len__(self) -> int:
        """How many."""
        return len(self.tone)

    @classmethod
    def none(cls, head: BaseHead) -> Skins:
        """No photos: every skin is invented."""
        empty = np.zeros((0, head.skin_count, 3), np.float16)
        return cls(empty, empty, np.zeros((0, TEXTURE_SIDE, TEXTURE_SIDE, 3), np.uint8))

    def joined(self, other: Skins) -> Skins:
        """These and others."""
        both = (self, other)
        return Skins(*(np.concatenate([getattr(one, name) for one in both]) for name in ("tone", "features", "detail")))

    def mixed(self, head: BaseHead, generator: Generator) -> tuple[FloatArray, NDArray[np.uint8]]:
        """A person: the tone of one photo, the features and the detail of the same or of another.

        Returns:
            (S, 3) linear RGB at vertices, and the (R, R, 3) detail.
        """
        tone = feature = int(generator.integers(len(self)))
        if generator.random() < 0.5:
            feature = int(generator.integers(len(self)))
        mirror = head.mirror[: head.skin_count]
        features, detail = self.features[feature], self.detail[feature]
        if generator.random() < 0.5:
            # The face's texture points are mirror images; elsewhere the detail is next to nothing.
            features, detail = features[mirror], np.ascontiguousarray(detail[:, ::-1])
        smooth = self.tone[tone] if generator.random() < 0.5 else self.tone[tone][mirror]
        # Skin and hair keep their contrast only roughly; a tint and an exposure are another day's.
        log = smooth.astype(np.float32) + features.astype(np.float32) * np.float32(generator.uniform(0.85, 1.1))
        log += (generator.normal(0, 0.1) + generator.normal(0, 0.03, 3)).astype(np.float32)
        return np.clip(np.exp(log), _DARKEST, _LIGHTEST), detail


@dataclass(frozen=True)
class Fill:
    """Spreads colours over the skin from vertices that have one: the minimiser of Σ weight · (c − c₀)² + ε · cᵀ L c.

    Attributes:
        laplacian: (S, S) sparse, D − A of the skin's edges.
        mirror: (S,) the vertex on the other side.
    """

    laplacian: sparse.csc_matrix
    mirror: NDArray[np.int32]

    @classmethod
    def of(cls, head: BaseHead) -> Fill:
        """For a base head."""
        count = head.skin_count
        quads = head.skin_quads
        first, second = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
        both = np.concatenate([first, second]), np.concatenate([second, first])
        adjacency = sparse.coo_matrix((np.ones(len(both[0])), both), (count, count)).tocsr()
        adjacency.data[:] = 1
        laplacian = sparse.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency
        return cls(sparse.csc_matrix(laplacian), head.mirror[:count])

    def __call__(self, colours: FloatArray, weight: FloatArray) -> FloatArray:
        """Fill (S, 3) colours where `weight` (S,) is small: first from the mirror image, then smoothly."""
        other = np.clip(0.3 * weight[self.mirror] - weight, 0, None)
        total = weight + other
        mixed = (weight[:, None] * colours + other[:, None] * colours[self.mirror]) / np.maximum(total, 1e-6)[:, None]
        system = self.laplacian * 0.02 + sparse.diags(total + 1e-6)
        result: FloatArray = _factors(system).solve(total[:, None] * mixed).astype(np.float32)
        return result

    def smoother(self, reach: float) -> Callable[[FloatArray], FloatArray]:
        """A function that smooths (S, C) values: (I + reach · L)⁻¹."""
        factors = _factors(sparse.identity(self.laplacian.shape[0]) + reach * self.laplacian)
        return lambda values: factors.solve(values.astype(np.float64)).astype(np.float32)


def _factors(system: sparse.spmatrix) -> SuperLU:
    """Factors of a symmetric positive definite matrix; an ordering for symmetric ones halves their fill."""
    return splu(
        sparse.csc_matrix(system), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )


def skins_of_photos(
    head: BaseHead,
    corpus: Corpus,
    pairs: dict[str, NDArray[Any]],
    rows: NDArray[np.intp],
    pictures: dict[int, tuple[NDArray[np.uint8], FloatArray]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Skins:
    """Skins of people in accepted, nearly frontal training photos; those that look least like bare skin are left out.

    A vertex takes the pixel that its fit projects to, weighted by how much it faces the camera, if nothing of the head
    is in front of it. The photo's own light, nine harmonics fitted to the brightness, is divided out, so far as it is
    not the skin's own pattern.

    Args:
        head, corpus: what the photos were fitted with; the corpus may have more modes behind those of the fits.
        pairs: photo pairs (see `read_pairs`).
        rows: of the photos to try (see `usable_rows`); two thirds of them are kept.
        pictures: for rows of `pairs`, a sharper picture and (3,) what takes pixels of the crop to its own: factor,
            shift in x and y (see `looks`).
        progress: told how many are done.

    Returns:
        The skins, in the order of `rows`.
    """
    fill = Fill.of(head)
    smooth = fill.smoother(_TONE_REACH)
    texels = TexelMap.of(head, TEXTURE_SIDE)
    shown = _shown(head)
    spectacles = _around_eyes(head)
    tone, features, details, doubt = [], [], [], []
    for done, row in enumerate(rows):
        picture, fit_in = (pictures or {}).get(int(row), (pairs["crop"][row], np.array([1, 0, 0], np.float32)))
        one = slice(row, row + 1)
        codes = np.zeros((1, len(corpus.identity)), np.float32)
        codes[:, : pairs["identity"].shape[1]] = pairs["identity"][one]
        vertices = corpus.skin(codes, pairs["expression"][one])
        placed = in_pixels(project(vertices, pairs["rotation"][one], pairs["offset"][one], pairs["log_scale"][one]))[0]
        turned = vertices[0] @ pairs["rotation"][row].T
        normals = vertex_normals(vertices[0], head.skin_triangles) @ pairs["rotation"][row].T
        weight = np.clip(-normals[:, 2] - 0.25, 0, None) ** 2 * shown * _in_front(placed, turned[:, 2], head)
        weight = (weight * ((placed > 1) & (placed < CROP_PIXELS - 1)).all(1)).astype(np.float32)
        if weight.sum() < 0.3 * shown.sum() * 0.3:
            continue
        pixels = placed * fit_in[0] + fit_in[1:]
        seen = to_linear(_bilinear(picture, pixels))
        albedo = fill(_without_light(seen, normals, weight), weight)
        log = np.log(np.clip(albedo, _DARKEST, _LIGHTEST))
        low = smooth(log)
        cast = _cast(np.average(low, axis=0, weights=weight))
        log, low = log - cast, low - cast
        between = np.log(np.clip(to_linear(_bilinear(picture, texels.lift(pixels))), 0.002, 1))
        between = np.clip(between - texels.lift(np.log(np.clip(seen, 0.002, 1))), -_DETAIL, _DETAIL)
        detail = _completed(between, texels, np.clip(weight[texels.vertices].min(1) / 0.05, 0, 1))
        asymmetry = (shown[:, None] * np.abs(log - log[fill.mirror])).sum() / shown.sum()
        doubt.append(asymmetry / 3 + 2 * (detail.astype(np.float32)[spectacles] - 128).std() / 128)
        tone.append(low.astype(np.float16))
        features.append((log - low).astype(np.float16))
        details.append(detail)
        if progress:
            progress(done + 1)
    kept = np.sort(np.argsort(doubt)[: max(1, round(len(doubt) * 2 / 3))])
    return Skins(*(np.stack([values[i] for i in kept]) for values in (tone, features, details)))


def usable_rows(pairs: dict[str, NDArray[Any]], generator: Generator) -> NDArray[np.intp]:
    """Rows of photo pairs that show a whole face nearly from the front and were fitted well, shuffled."""
    usable = pairs["accepted"] & (np.abs(yaw_degrees(pairs["rotation"])) < 22) & (pairs["residual"] < 0.009)
    usable &= pairs["inside"].mean(1) > 0.97
    rows: NDArray[np.intp] = generator.permutation(np.flatnonzero(usable))
    return rows


def _cast(tone: FloatArray) -> FloatArray:
    """(3,) what a photo's colour cast adds to a face's mean logarithm (3,), as far as no skin has such a colour."""
    red, green = tone[0] - tone[1], tone[1] - tone[2]
    # Linear sRGB of human skin, all tones: about 1.3 to 2.2 times as much red as green, 1.15 to 2 of green to blue.
    wanted = np.array([np.clip(red, 0.26, 0.8), np.clip(green, 0.12, 0.75)])
    shift = np.array([red - wanted[0], 0, wanted[1] - green])
    result: FloatArray = (shift - shift.mean()).astype(np.float32)
    return result


def _shown(head: BaseHead) -> FloatArray:
    """(S,) 1 where photos show bare skin: the face's front, not cavities, not what hair and collars cover."""
    skin = head.skin_count
    mask = head.regions["face"][:skin].astype(np.float32)
    for name, hidden in head.regions.items():
        if name.startswith(("mouth_cavity", "eye_cavity", "nostril")):
            mask[hidden[:skin]] = 0
    return mask


def _around_eyes(head: BaseHead) -> NDArray[np.bool_]:
    """(R, R) texels of a band below the eyes and across the nose, where spectacles leave their marks."""
    texels = TexelMap.of(head, TEXTURE_SIDE)
    x, y, z = texels.lift(head.vertices[: head.skin_count]).T
    band = np.zeros(texels.covered.shape, bool)
    band[texels.covered] = (np.abs(x) < 60) & (y > -28) & (y < -12) & (z > -20)
    band[texels.covered] |= (np.abs(x) < 10) & (y > -15) & (y < 12) & (z > 0)
    return band


def _in_front(placed: FloatArray, depth: FloatArray, head: BaseHead) -> FloatArray:
    """(S,) 1 where no other skin is more than 4 mm nearer to the camera."""
    points = np.concatenate([placed, depth[:, None]], 1)
    nearest = rasterise(points, head.skin_triangles, CROP_PIXELS, CROP_PIXELS, perspective=False).depth
    column, row = np.clip(placed, 0, CROP_PIXELS - 1).astype(np.intp).T
    result: FloatArray = (depth < nearest[row, column] + 4).astype(np.float32)
    return result


def _completed(detail: FloatArray, texels: TexelMap, weight: FloatArray) -> NDArray[np.uint8]:
    """Detail (N, 3) of covered texels, its gaps from the mirror image, as bytes of a texture (R, R, 3)."""
    side = len(texels.covered)
    values, weights = np.zeros((side, side, 3), np.float32), np.zeros((side, side, 1), np.float32)
    values[texels.covered], weights[texels.covered] = detail, weight[:, None]
    other = np.clip(weights[:, ::-1] - weights, 0, 1)
    mixed = values * weights + values[:, ::-1] * other
    codes = 128 + mixed * (DETAIL_STEPS_PER_OCTAVE / np.log(2)) + 0.5
    texture: NDArray[np.uint8] = np.clip(codes, 0, 255).astype(np.uint8)
    return texture


def _bilinear(picture: NDArray[np.uint8], pixels: FloatArray) -> FloatArray:
    """Colours (N, 3), 0 to 1, at (N, 2) pixels with centres at +0.5; the border is repeated."""
    height, width = picture.shape[:2]
    place = np.clip(pixels - 0.5, 0, [width - 1.001, height - 1.001])
    low = place.astype(np.intp)
    x, y = (place - low).astype(np.float32).T[..., None]
    column, row = low.T
    top = picture[row, column] * (1 - x) + picture[row, column + 1] * x
    bottom = picture[row + 1, column] * (1 - x) + picture[row + 1, column + 1] * x
    result: FloatArray = (top * (1 - y) + bottom * y) / 255
    return result


def _without_light(colours: FloatArray, normals: FloatArray, weight: FloatArray) -> FloatArray:
    basis = harmonics(normals)
    brightness = colours.mean(1)
    root = np.sqrt(weight)[:, None]
    prior = np.eye(9) * 0.02 * weight.sum()
    prior[0, 0] = 0
    light = np.linalg.solve((basis * root).T @ (basis * root) + prior, basis.T @ (weight * brightness))
    shading = np.clip(basis @ light, 0.02, None)
    shading /= np.average(shading, weights=weight)
    albedo: FloatArray = (colours / np.clip(shading, 0.45, 1.8)[:, None]).astype(np.float32)
    # Exposure is not the skin's: very dark and very bright pictures come nearer to the middle.
    mean = np.average(albedo.mean(1), weights=weight)
    goal = np.clip(mean, 0.1, 0.5) ** 0.7 * 0.26**0.3
    exposed: FloatArray = np.clip(albedo * (goal / max(mean, 1e-3)), _DARKEST, _LIGHTEST).astype(np.float32)
    return exposed


def procedural_skin(head: BaseHead, generator: Generator) -> FloatArray:
    """(S, 3) linear RGB of an invented person: a tone of the human range, lips, brows, beard, freckles."""
    skin = head.skin_count
    rest = head.vertices[:skin]
    melanin = generator.uniform(0, 1)
    tone = np.array([0.72, 0.45, 0.33]) * (1 - melanin) ** 1.2 + np.array([0.07, 0.035, 0.022]) * melanin**0.8
    tone = tone * np.exp(generator.normal(0, 0.04, 3))
    colours = np.tile(tone, (skin, 1))
    lips = (head.regions["lip_upper"] | head.regions["lip_lower"])[:skin]
    colours[lips] *= np.array([0.95, 0.55, 0.6]) ** generator.uniform(0.3, 1.3)
    hair = hair_colour(generator)
    brow = (head.regions["brow_left"] | head.regions["brow_right"])[:skin]
    distance = np.sqrt(((rest[:, None] - rest[brow][None]) ** 2).sum(-1).min(1))
    cover = (np.exp(-((distance / generator.uniform(3, 6)) ** 2)) * generator.uniform(0.3, 0.9))[:, None]
    colours = colours * (1 - cover) + hair * cover
    if generator.random() < 0.3:
        beard = 1 / (1 + np.exp((rest[:, 1] + generator.uniform(45, 60)) / 4)) * (rest[:, 2] > -40) * ~lips
        cover = (beard * generator.uniform(0.15, 0.85))[:, None]
        colours = colours * (1 - cover) + hair * cover
    cheeks = np.exp(-(((np.abs(rest[:, 0]) - 42) / 18) ** 2) - ((rest[:, 1] + 40) / 18) ** 2)[:, None]
    colours *= 1 - cheeks * np.array([0, 0.25, 0.2]) * generator.uniform(0, 1)
    colours *= np.exp(generator.normal(0, 0.04, (skin, 1)))
    result: FloatArray = np.clip(colours, _DARKEST, _LIGHTEST).astype(np.float32)
    return result


def hair_colour(generator: Generator) -> NDArray[np.float64]:
    """Linear RGB from black over brown and red to blond and grey."""
    black, brown, light_brown = (0.012, 0.01, 0.009), (0.05, 0.025, 0.012), (0.14, 0.07, 0.03)
    blond, red, grey = (0.4, 0.26, 0.11), (0.25, 0.07, 0.02), (0.4, 0.4, 0.39)
    kinds = np.array([black, brown, light_brown, blond, red, grey])
    chosen = kinds[generator.choice(6, p=[0.4, 0.26, 0.13, 0.09, 0.04, 0.08])]
    varied = chosen * np.exp(generator.normal(0, 0.25)) * np.exp(generator.normal(0, 0.04, 3))
    result: NDArray[np.float64] = np.clip(varied, 0.004, 0.8)
    return result
