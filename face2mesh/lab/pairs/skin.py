"""Colours of skin: sampled from fitted training photos, or procedural, one linear RGB colour a vertex.

Letters: V vertices, S of them skin, B photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from face2mesh.draw.light import harmonics, to_linear
from face2mesh.head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.fit import project, yaw_degrees
from face2mesh.lab.pairs.photos import CROP_PIXELS, in_pixels

FloatArray = NDArray[np.float32]
Generator = np.random.Generator


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
        result: FloatArray = splu(sparse.csc_matrix(system)).solve(total[:, None] * mixed).astype(np.float32)
        return result


def skins_of_photos(
    head: BaseHead, corpus: Corpus, pairs: dict[str, NDArray[Any]], count: int, generator: Generator
) -> FloatArray:
    """Albedos of people in accepted, nearly frontal training photos.

    A vertex takes the pixel that its fit projects to, weighted by how much it faces the camera. The photo's own light,
    nine harmonics fitted to the brightness, is divided out, so far as it is not the skin's own pattern.

    Args:
        head, corpus: what the photos were fitted with.
        pairs: photo pairs (see `read_pairs`).
        count: how many at most.
        generator: chooses the photos.

    Returns:
        (B, S, 3) linear RGB.
    """
    fill = Fill.of(head)
    usable = pairs["accepted"] & (np.abs(yaw_degrees(pairs["rotation"])) < 22) & (pairs["residual"] < 0.008)
    usable &= pairs["inside"].mean(1) > 0.97
    rows = generator.permutation(np.flatnonzero(usable))[:count]
    shown = _shown(head)
    skins = []
    for row in rows:
        vertices = corpus.skin(pairs["identity"][row : row + 1], pairs["expression"][row : row + 1])
        rotation = pairs["rotation"][row : row + 1]
        pixels = in_pixels(
            project(vertices, rotation, pairs["offset"][row : row + 1], pairs["log_scale"][row : row + 1])
        )
        normals = vertex_normals(vertices[0], head.skin_triangles) @ rotation[0].T
        weight = np.clip(-normals[:, 2] - 0.25, 0, None) ** 2 * shown
        weight *= ((pixels[0] > 1) & (pixels[0] < CROP_PIXELS - 1)).all(1)
        colours = to_linear(_bilinear(pairs["crop"][row], pixels[0]))
        skins.append(fill(_without_light(colours, normals, weight), weight.astype(np.float32)))
    return np.stack(skins)


def _shown(head: BaseHead) -> FloatArray:
    """(S,) 1 where photos show bare skin: the face's front, not cavities, not what hair and collars cover."""
    skin = head.skin_count
    mask = head.regions["face"][:skin].astype(np.float32)
    for name, hidden in head.regions.items():
        if name.startswith(("mouth_cavity", "eye_cavity", "nostril")):
            mask[hidden[:skin]] = 0
    return mask


def _bilinear(picture: NDArray[np.uint8], pixels: FloatArray) -> FloatArray:
    """Colours (N, 3), 0 to 1, at (N, 2) pixels with centres at +0.5."""
    place = np.clip(pixels - 0.5, 0, CROP_PIXELS - 1.001)
    low = place.astype(np.intp)
    x, y = (place - low).T[..., None]
    column, row = low.T
    image = picture.astype(np.float32) / 255
    top = image[row, column] * (1 - x) + image[row, column + 1] * x
    bottom = image[row + 1, column] * (1 - x) + image[row + 1, column + 1] * x
    result: FloatArray = top * (1 - y) + bottom * y
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
    exposed: FloatArray = np.clip(albedo * (goal / max(mean, 1e-3)), 0.004, 0.95).astype(np.float32)
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
    result: FloatArray = np.clip(colours, 0.004, 0.95).astype(np.float32)
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
