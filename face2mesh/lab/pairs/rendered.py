"""Rendered heads with exact truth: what teaches depth.

A person and an expression of the corpus, a skin, hair, a camera at 0.4 to 3 m, a pose, light, a background, and what a
camera does to a picture. Every random number of a picture comes from its own generator, seeded by (seed, index), so any
part of a set can be made again. Letters: V vertices, S of them skin, B skins.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from face2mesh.draw.light import harmonics, to_linear, to_srgb
from face2mesh.draw.raster import rasterise
from face2mesh.face.camera import rotation_to_ray
from face2mesh.head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.light import random_light
from face2mesh.lab.pairs.photos import CROP_PIXELS, WIDER
from face2mesh.lab.pairs.skin import hair_colour, procedural_skin
from face2mesh.lab.pairs.surroundings import background, photographed, with_shoulders
from face2mesh.photo.crop import crop_of_landmarks

FloatArray = NDArray[np.float32]
Generator = np.random.Generator
Pair = dict[str, NDArray[Any]]

RENDERED_PIXELS = 240
_IRIS_MM, _PUPIL_MM = 5.9, 2.0


@dataclass(frozen=True)
class World:
    """What all pictures of a set share.

    Attributes:
        head: the base head.
        corpus: on it.
        skins: (B, S, 3) linear RGB, see `skins_of_photos`; may be empty.
        photos: (P, H, W, 3) pictures for backgrounds; may be empty.
        identity: (N, M) the people, one a picture.
        expression: (N, 52).
        seed: of everything else.
        procedural: share of invented skins.
    """

    head: BaseHead
    corpus: Corpus
    skins: FloatArray
    photos: NDArray[np.uint8]
    identity: FloatArray
    expression: FloatArray
    seed: int
    procedural: float = 0.15


def random_rotation(generator: Generator) -> FloatArray:
    """R_net (3, 3) of a head that mostly faces the camera: yaw to ±50°, pitch to ±25°, roll to ±20°."""
    yaw = generator.normal(0, 12) if generator.random() < 0.55 else generator.uniform(-50, 50)
    angles = np.radians([yaw, np.clip(generator.normal(0, 9), -25, 25), np.clip(generator.normal(0, 7), -20, 20)])
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    result: FloatArray = (np.diag([1.0, -1.0, -1.0]) @ tilt @ nod @ turn).astype(np.float32)
    return result


def render_pair(world: World, index: int) -> Pair:
    """Picture `index` of a set and its truth, one row of `rendered-pairs.npz`."""
    generator = np.random.default_rng([world.seed, index])
    head = world.head
    codes, weights = world.identity[index], world.expression[index]
    vertices = world.corpus.heads(codes[None], weights[None])[0]
    rotation = random_rotation(generator)
    distance = float(np.exp(generator.uniform(np.log(400), np.log(3000))))
    ray = np.array([*generator.normal(0, 0.03, 2), 1.0])
    turn = (rotation_to_ray(ray) @ rotation).astype(np.float32)

    def seen(points: FloatArray) -> NDArray[np.float64]:
        """Points in camera axes, (…, 3) mm."""
        placed: NDArray[np.float64] = points @ turn.T + distance * ray
        return placed

    def on_plane(points: FloatArray) -> NDArray[np.float64]:
        """Points in a picture with focal length 1."""
        placed = seen(points)
        flat: NDArray[np.float64] = placed[..., :2] / placed[..., 2:]
        return flat

    crop = crop_of_landmarks(on_plane(head.landmarks(vertices)))
    wide = crop.scaled(WIDER)
    light = random_light(generator)
    picture = _draw(world, vertices, turn, seen, lambda flat: wide.to_crop(flat, RENDERED_PIXELS), light, generator)
    points = wide.to_crop(on_plane(head.dense(vertices)), CROP_PIXELS)
    return {
        "crop": photographed(picture, CROP_PIXELS, generator),
        "points": points.astype(np.float32),
        "inside": ((points >= 0) & (points < CROP_PIXELS)).all(-1),
        "identity": codes,
        "expression": weights,
        "rotation": rotation,
        "offset": ((ray[:2] - crop.centre) / crop.side).astype(np.float32),
        "log_scale": np.float32(np.log(100 / distance / crop.side)),
        "distance": np.float32(distance),
        "light": light,
        "person": np.int64(index),
    }


def _draw(
    world: World,
    vertices: FloatArray,
    turn: FloatArray,
    seen: Callable[[FloatArray], NDArray[np.float64]],
    to_picture: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    light: FloatArray,
    generator: Generator,
) -> NDArray[np.uint8]:
    """The picture before the camera spoils it, (240, 240, 3)."""
    head = world.head
    normals = vertex_normals(vertices, head.triangles)
    colours, hair, covered = _appearance(world, generator)
    grown = vertices.copy()
    skin = head.skin_count
    thickness = generator.uniform(2, 22) * (1 + 0.3 * np.sin(head.vertices[:skin] @ generator.normal(0, 0.03, 3)))
    grown[:skin] += normals[:skin] * (covered * thickness)[:, None].astype(np.float32)
    normals = (vertex_normals(grown, head.triangles) @ turn.T).astype(np.float32)

    def pixels(points: FloatArray) -> NDArray[np.float64]:
        placed = seen(points)
        return np.concatenate([to_picture(placed[:, :2] / placed[:, 2:]), placed[:, 2:]], 1)

    placed = pixels(grown)
    scale = float(np.linalg.norm(placed[head.mirror, :2] - placed[:, :2], axis=1).max() / 175)
    photo = None
    if len(world.photos) and generator.random() < 0.75:
        photo = world.photos[generator.integers(len(world.photos))]
    behind = background(RENDERED_PIXELS, generator, photo)
    if hair is not None and generator.random() < 0.35:
        behind = _long_hair(behind, pixels, hair, generator)
    behind = with_shoulders(behind, placed[head.neck_border, :2], scale, generator)

    lashes = slice(2 * head.part_quads["lashes"][0], 2 * head.part_quads["lashes"][1])
    triangles = np.concatenate([head.triangles, head.triangles[lashes][:, ::-1]])
    fragments = rasterise(placed, triangles, RENDERED_PIXELS, RENDERED_PIXELS, cull="back")
    visible = fragments.covered
    chosen = triangles[fragments.triangle[visible]]
    share = fragments.barycentric[visible]
    eyes = np.zeros((len(vertices), 1), np.float32)
    for part in ("left_eye", "right_eye"):
        eyes[slice(*head.part_vertices[part])] = 1
    attributes = np.concatenate([colours, normals, eyes], 1)
    values = np.einsum("nkc,nk->nc", attributes[chosen], share)
    normal = values[:, 3:6] / np.maximum(np.linalg.norm(values[:, 3:6], axis=1, keepdims=True), 1e-6)
    shaded = values[:, :3] * np.maximum(harmonics(normal) @ light, 0.02)
    shaded += _gloss(normal, values[:, 6], light, generator)
    picture = to_linear(behind / 255.0)
    picture[visible] = shaded
    return (to_srgb(picture) * 255 + 0.5).astype(np.uint8)


def _gloss(normal: FloatArray, eye: FloatArray, light: FloatArray, generator: Generator) -> FloatArray:
    """Highlights of the strongest lamp on skin and, sharper, on the eyes: (N, 3) linear."""
    direction = light[1:4].mean(1) + np.array([0, 0, -1e-3], np.float32)
    half = direction / np.linalg.norm(direction) + np.array([0, 0, -1], np.float32)
    facing = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)
    soft = generator.uniform(0, 0.14) * facing ** generator.uniform(8, 30)
    sharp = generator.uniform(0.1, 0.9) * facing**150
    result: FloatArray = np.repeat(((1 - eye) * soft + eye * sharp)[:, None], 3, axis=1).astype(np.float32)
    return result


def _appearance(world: World, generator: Generator) -> tuple[FloatArray, NDArray[np.float64] | None, FloatArray]:
    """Colours (V, 3) linear, the hair's colour (None if bald), and how much hair covers each skin vertex (S,)."""
    head = world.head
    skin = head.skin_count
    colours = np.empty((len(head.vertices), 3), np.float32)
    if len(world.skins) and generator.random() >= world.procedural:
        chosen = world.skins[generator.integers(len(world.skins))]
        if generator.random() < 0.5:
            chosen = chosen[head.mirror[:skin]]
        tint = np.exp(generator.normal(0, 0.12) + generator.normal(0, 0.02, 3)).astype(np.float32)
        colours[:skin] = np.clip(chosen * tint, 0.003, 0.95)
    else:
        colours[:skin] = procedural_skin(head, generator)
    dark = generator.uniform(0.1, 0.5)
    colours[:skin][head.regions["mouth_cavity"][:skin]] = np.array([0.2, 0.05, 0.045]) * dark
    colours[:skin][head.region("eye_cavity")[:skin]] *= 0.4
    for name, mask in head.regions.items():
        if name.startswith("nostril"):
            colours[:skin][mask[:skin]] *= 0.35
    iris = _iris_colour(generator)
    white = np.array([0.75, 0.71, 0.68]) * generator.uniform(0.55, 1)
    for part, centre in zip(("left_eye", "right_eye"), head.eye_centres, strict=True):
        rows = slice(*head.part_vertices[part])
        local = head.vertices[rows] - centre
        axis = np.where(local[:, 2] > 0, np.hypot(local[:, 0], local[:, 1]), 99)[:, None]
        ball = np.where(axis < _IRIS_MM, iris * np.where(axis > 0.85 * _IRIS_MM, 0.5, 1), white)
        colours[rows] = np.where(axis < _PUPIL_MM, 0.005, ball)
    teeth = np.array([0.7, 0.64, 0.52]) * generator.uniform(0.3, 0.95)
    for part in ("upper_teeth", "lower_teeth"):
        colours[slice(*head.part_vertices[part])] = teeth
    if "gums" in head.regions:
        colours[head.regions["gums"]] = np.array([0.4, 0.12, 0.11]) * dark * 1.5
    colours[slice(*head.part_vertices["tongue"])] = np.array([0.45, 0.13, 0.12]) * (0.3 + dark)
    colours[slice(*head.part_vertices["lashes"])] = 0.012
    if generator.random() < 0.08:
        return colours, None, np.zeros(skin, np.float32)
    hair = hair_colour(generator)
    covered = _hair_cover(head, generator)
    strands = hair * np.exp(generator.normal(0, 0.25, (skin, 1)))
    colours[:skin] = colours[:skin] * (1 - covered[:, None]) + strands * covered[:, None]
    return colours, hair, covered


def _hair_cover(head: BaseHead, generator: Generator) -> FloatArray:
    """(S,) 0 to 1: above a hairline that runs from the forehead in front of the ears to the nape."""
    skin = head.skin_count
    x, y, z = head.vertices[:skin].T
    top = generator.normal(66, 7)
    slope = generator.uniform(0.75, 1.05)
    wave = 3 * np.sin(x / 12 + generator.uniform(0, 6)) + 0.002 * x**2 * generator.uniform(-1, 1.5)
    height = y - top + slope * np.clip(18 - z, 0, None) + wave
    cover = 0.5 + 0.5 * np.tanh(height / generator.uniform(4, 10))
    ears = (head.regions["ear_left"] | head.regions["ear_right"])[:skin]
    cover[ears] *= 0.0 if generator.random() < 0.7 else 1.0
    result: FloatArray = (cover * (y > -90)).astype(np.float32)
    return result


def _iris_colour(generator: Generator) -> NDArray[np.float64]:
    """Linear RGB: brown mostly, else hazel, green, blue, grey."""
    kinds = ((0.05, 0.022, 0.01), (0.12, 0.07, 0.03), (0.1, 0.12, 0.06), (0.1, 0.17, 0.25), (0.18, 0.2, 0.21))
    chosen = np.array(kinds)[generator.choice(5, p=[0.62, 0.12, 0.07, 0.13, 0.06])]
    result: NDArray[np.float64] = chosen * np.exp(generator.normal(0, 0.3))
    return result


def _long_hair(
    behind: NDArray[np.uint8],
    pixels: Callable[[FloatArray], NDArray[np.float64]],
    hair: NDArray[np.float64],
    generator: Generator,
) -> NDArray[np.uint8]:
    """Hair that falls behind the head: a rounded shape of its colour."""
    width, low = generator.uniform(85, 125), generator.uniform(-190, -70)
    angle = np.linspace(0, np.pi, 16)
    arc = np.stack([width * np.cos(angle), 25 + 95 * np.sin(angle), np.full(16, -75.0)], 1)
    flare = generator.uniform(0.9, 1.25)
    outline = np.concatenate([arc, [[-width * flare, low, -75], [width * flare, low, -75]]]).astype(np.float32)
    image = Image.fromarray(behind)
    colour = tuple(int(v) for v in to_srgb(hair * generator.uniform(0.5, 1)) * 255)
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in pixels(outline)[:, :2]], fill=colour)
    return np.asarray(image)


_world: World | None = None


def _enter(world: World) -> None:
    global _world
    _world = world


def _render_in_worker(index: int) -> Pair:
    if _world is None:
        raise RuntimeError("the worker was not given its world")
    return render_pair(_world, index)


def render_pairs(world: World, workers: int = 1, progress: Callable[[int], None] | None = None) -> Pair:
    """All pictures of a world, in order, whatever the number of processes.

    Returns:
        Name to array with one row a picture (see `read_pairs`).
    """
    count = len(world.identity)
    arrays: Pair = {}

    def store(index: int, pair: Pair) -> None:
        for name, value in pair.items():
            array = np.asarray(value)
            if name not in arrays:
                arrays[name] = np.empty((count, *array.shape), array.dtype)
            arrays[name][index] = array
        if progress:
            progress(index + 1)

    if workers == 1:
        for index in range(count):
            store(index, render_pair(world, index))
        return arrays
    with ProcessPoolExecutor(workers, get_context("fork"), _enter, (world,)) as pool:
        for index, pair in enumerate(pool.map(_render_in_worker, range(count), chunksize=16)):
            store(index, pair)
    return arrays
