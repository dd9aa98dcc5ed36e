"""Rendered heads with exact truth: what teaches depth.

A person and an expression of the corpus, a skin, hair, glasses and the like, a camera at 0.3 to 3 m, a pose, light, a
background, and what a camera does to a picture. Every random number of a picture comes from its own generator, seeded
by (seed, index), so any part of a set can be made again. Letters: V vertices, S of them skin.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from face2mesh.draw.light import to_linear, to_srgb
from face2mesh.face.camera import rotation_to_ray
from face2mesh.head import BaseHead
from face2mesh.head.corners import corner_uv
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs import hair, occluders
from face2mesh.lab.pairs.colours import gloss_of_parts, paint_parts, parts_openness
from face2mesh.lab.pairs.light import random_light
from face2mesh.lab.pairs.photos import CROP_PIXELS, WIDER
from face2mesh.lab.pairs.skin import TEXTURE_SIDE, Skins, hair_colour, procedural_skin
from face2mesh.lab.pairs.surroundings import Backdrops, background, photographed, with_repeated_border
from face2mesh.lab.render.kernels import PLAIN, SKIN, seen_nearby
from face2mesh.lab.render.picture import Light, Piece, Textures, picture_of
from face2mesh.lab.render.shadows import Shadows
from face2mesh.photo.crop import crop_of_landmarks

FloatArray = NDArray[np.float32]
Generator = np.random.Generator
Pair = dict[str, Any]

AT_ONCE = 64
"""Heads evaluated in one matrix product."""


@dataclass(frozen=True)
class Setting:
    """What all pictures of heads on one base head share, whoever is in them.

    Attributes:
        head: the base head.
        skins: of photos; may be none.
        backdrops: may be none.
        procedural: share of invented skins.
        companions: what else a head (V, 3) has, drawn by who draws its look: eyes, where the base head has none.
    """

    head: BaseHead
    skins: Skins
    backdrops: Backdrops
    procedural: float = 0.08
    companions: Callable[[FloatArray, Generator], list[Piece]] | None = None
    stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what does not change from picture to picture."""
        object.__setattr__(self, "stage", Stage.of(self.head))


@dataclass(frozen=True)
class World:
    """What all pictures of a set share, and who is in them.

    Attributes:
        head: the base head.
        corpus: on it.
        skins: of photos; may be none.
        backdrops: may be none.
        identity: (N, M) the people, one a picture.
        expression: (N, 52).
        seed: of everything else.
        procedural: share of invented skins.
        setting: head, skins and backdrops, prepared.
    """

    head: BaseHead
    corpus: Corpus
    skins: Skins
    backdrops: Backdrops
    identity: FloatArray
    expression: FloatArray
    seed: int
    procedural: float = 0.08
    setting: Setting = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what does not change from picture to picture."""
        object.__setattr__(self, "setting", Setting(self.head, self.skins, self.backdrops, self.procedural))


@dataclass(frozen=True)
class Stage:
    """What belongs to the base head alone: shadows, texture coordinates, the scalp, a few textures of strands."""

    shadows: Shadows
    triangles: NDArray[np.int32]
    material: NDArray[np.uint8]
    uv: FloatArray
    scalp: hair.Scalp
    strands: FloatArray
    no_detail: NDArray[np.uint8]

    @classmethod
    def of(cls, head: BaseHead) -> Stage:
        """For a base head."""
        lashes = slice(2 * head.part_quads["lashes"][0], 2 * head.part_quads["lashes"][1])
        triangles = np.concatenate([head.triangles, head.triangles[lashes][:, ::-1]])
        corners = corner_uv(head)
        material = np.full(len(triangles), PLAIN, np.uint8)
        material[: len(head.skin_triangles)] = SKIN
        generator = np.random.default_rng(20)
        return cls(
            shadows=Shadows.of(head.vertices, head.triangles),
            triangles=triangles,
            material=material,
            uv=np.concatenate([corners, corners[lashes][:, ::-1]]),
            scalp=hair.Scalp.of(head),
            strands=np.stack([hair.strands(256, generator) for _ in range(8)]),
            no_detail=np.full((TEXTURE_SIDE, TEXTURE_SIDE, 3), 128, np.uint8),
        )


def random_rotation(generator: Generator) -> FloatArray:
    """R_net (3, 3) of a head that mostly faces the camera: yaw to ±60°, pitch to ±30°, roll to ±20°."""
    yaw = generator.normal(0, 14) if generator.random() < 0.5 else generator.uniform(-60, 60)
    angles = np.radians([yaw, np.clip(generator.normal(0, 11), -30, 30), np.clip(generator.normal(0, 7), -20, 20)])
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    result: FloatArray = (np.diag([1.0, -1.0, -1.0]) @ tilt @ nod @ turn).astype(np.float32)
    return result


@dataclass(frozen=True)
class View:
    """A pinhole camera of focal length 1 before a head: X_cam = turn · X_head + distance · ray, and its square picture.

    Attributes:
        turn: (3, 3).
        ray: (3,), through the head's origin, z = 1.
        distance: mm, along the camera's axis.
        corner: (2,), upper left, at depth 1.
        side: of the square, at depth 1.
        size: pixels along it.
    """

    turn: FloatArray
    ray: NDArray[np.float64]
    distance: float
    corner: NDArray[np.float64]
    side: float
    size: int = CROP_PIXELS

    def placed(self, points: FloatArray) -> FloatArray:
        """Points (n, 3) of the head in camera axes, mm."""
        result: FloatArray = (points @ self.turn.T + (self.distance * self.ray).astype(np.float32)).astype(np.float32)
        return result

    def pixels(self, placed: FloatArray) -> NDArray[np.float64]:
        """Points in camera axes, in pixels of the picture, with depth."""
        deep = placed[:, 2:].astype(np.float64)
        flat = (placed[:, :2] / deep - self.corner) * (self.size / self.side)
        return np.concatenate([flat, deep], 1)


def render_pair(world: World, index: int, vertices: FloatArray | None = None, look: Generator | None = None) -> Pair:
    """Picture `index` of a set and its truth.

    Args:
        world: the set.
        index: of the picture.
        vertices: (V, 3) of its head, if somebody has evaluated the corpus already.
        look: draws skin, eyes and the hair's colour, where several pictures are to have them in common.

    Returns:
        One row of `rendered-pairs.npz`; the crop as the bytes of a JPEG file, "jpeg".
    """
    generator = np.random.default_rng([world.seed, index])
    head = world.head
    codes, weights = world.identity[index], world.expression[index]
    if vertices is None:
        vertices = world.corpus.heads(codes[None], weights[None])[0]
    rotation = random_rotation(generator)
    distance = float(np.exp(generator.uniform(np.log(300), np.log(3000))))
    ray = np.array([*generator.normal(0, 0.03, 2), 1.0])
    turn = (rotation_to_ray(ray) @ rotation).astype(np.float32)
    placed = head.landmarks(vertices) @ turn.T + distance * ray
    crop = crop_of_landmarks(placed[:, :2] / placed[:, 2:])
    wide = crop.scaled(WIDER)
    view = View(turn, ray, distance, np.array(wide.corner), wide.side)
    points = view.pixels(view.placed(head.dense(vertices)))[:, :2]
    light = random_light(generator)
    picture, seen = draw_head(world.setting, vertices, view, light, generator, look)
    return {
        "jpeg": photographed(picture, generator),
        "points": points.astype(np.float32),
        "inside": ((points >= 0) & (points < CROP_PIXELS)).all(-1),
        "visible": _visible(head, points, seen),
        "identity": codes,
        "expression": weights,
        "rotation": rotation,
        "offset": ((ray[:2] - crop.centre) / crop.side).astype(np.float32),
        "log_scale": np.float32(np.log(100 / distance / crop.side)),
        "distance": np.float32(distance),
        "light": light.total,
        "person": np.int64(index),
    }


def _visible(head: BaseHead, points: NDArray[np.float64], seen: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(468,) whether the camera sees, within a sample of each point, a triangle at one of the point's own vertices."""
    visible = np.zeros(len(points), bool)
    places = points * (len(seen) / CROP_PIXELS)
    seen_nearby(places, head.dense.triangle_vertices, head.triangles, seen, visible)
    return visible


def draw_head(
    setting: Setting,
    vertices: FloatArray,
    view: View,
    light: Light,
    generator: Generator,
    look: Generator | None = None,
) -> tuple[FloatArray, NDArray[np.int32]]:
    """The picture before the camera spoils it, (h, h, 3) sRGB 0 to 1, and the triangle seen at each sample."""
    stage = setting.stage
    scene = dressed(setting, vertices, generator, look or generator)
    placed = view.placed(scene.vertices)
    shadows = [stage.shadows.of_lamp(view.turn.T @ lamp.direction, lamp.sharpness) for lamp in light.lamps]
    pixels = view.pixels(placed)
    drawn, seen = picture_of(scene.pieces, placed, pixels, light, shadows, scene.textures, view.size)
    return before_background(setting, scene, drawn, pixels, generator), seen


def before_background(
    setting: Setting, scene: Dressed, drawn: FloatArray, pixels: NDArray[np.float64], generator: Generator
) -> FloatArray:
    """A drawn head before what stands behind it, (h, h, 3) sRGB 0 to 1.

    Args:
        setting: whose backdrops.
        scene: what was drawn.
        drawn: (h, h, 4) linear RGB times coverage, and coverage.
        pixels: (V, 3) where the scene's vertices are in the picture.
        generator: of every choice.
    """
    size = len(drawn)
    backdrop, frame = None, None
    if len(setting.backdrops):
        chosen = int(generator.integers(len(setting.backdrops)))
        if generator.random() < 0.85:
            backdrop = setting.backdrops.pictures[chosen]
        if generator.random() < 0.6:
            frame = setting.backdrops.frames[chosen]
    behind = to_linear(background(size, generator, backdrop) / np.float32(255))
    picture = to_srgb(drawn[..., :3] + behind * (1 - drawn[..., 3:]))
    if scene.lenses:
        rows = len(setting.head.vertices)  # the frame is the piece after the head
        outlines = [pixels[rows + lens, :2] for lens in scene.lenses]
        picture = _through_lenses(picture, outlines, scene.tint, generator)
    if frame is not None:
        picture = with_repeated_border(picture, frame * np.float32(size / CROP_PIXELS))
    return picture


@dataclass(frozen=True)
class Dressed:
    """A head and all that is on it.

    Attributes:
        pieces: the head first.
        textures: of skin and hair.
        lenses: outlines of spectacles, rows of the second piece; none where nobody wears any.
        tint: of the lenses, 0 to 1.
    """

    pieces: list[Piece]
    textures: Textures
    lenses: list[NDArray[np.intp]]
    tint: float

    @property
    def vertices(self) -> FloatArray:
        """(V, 3) of all pieces, one after the other, mm, head axes."""
        return np.concatenate([piece.vertices for piece in self.pieces])


def dressed(setting: Setting, vertices: FloatArray, generator: Generator, look: Generator) -> Dressed:
    """Give a head (V, 3) a skin, hair and clothes, and sometimes things to wear.

    Args:
        setting: whose skins and companions.
        vertices: mm, head axes.
        generator: of every choice but the look.
        look: draws skin, eyes and the hair's colour.
    """
    head, stage, scalp = setting.head, setting.stage, setting.stage.scalp
    skin = head.skin_count
    colours = np.empty((len(head.vertices), 3), np.float32)
    detail = stage.no_detail
    if len(setting.skins) and look.random() >= setting.procedural:
        colours[:skin], detail = setting.skins.mixed(head, look)
    else:
        colours[:skin] = procedural_skin(head, look)
    neck = colours[head.neck_border].mean(0)
    tone = colours[:skin][head.regions["face"][:skin]].mean(0)
    paint_parts(head, colours, look)
    strand_colour = hair_colour(look)
    hatted = generator.random() < 0.12
    kind = generator.random()
    bald, long = kind < 0.07, kind > 0.58
    worn: list[Piece] = [] if setting.companions is None else setting.companions(vertices, look)
    if not bald:
        line = hair.hair_line(scalp, generator)
        cover = np.clip(0.5 + line, 0, 1)[:, None] * generator.uniform(0.5, 1)
        colours[:skin] = colours[:skin] * (1 - cover) + strand_colour * cover
        if not hatted:
            worn.append(hair.shell(scalp, line, vertices, strand_colour, generator))
            if generator.random() < (0.35 if long else 0.1):
                worn.append(hair.fringe(scalp, vertices, strand_colour, generator))
        if long:
            worn.append(hair.curtain(scalp, vertices, strand_colour, generator))
    if hatted:
        worn += occluders.hat(scalp, vertices, generator)
    if generator.random() < 0.04:
        worn.append(occluders.mask(scalp, vertices, generator))
    if generator.random() < 0.06:
        worn.append(occluders.hand(vertices, tone, generator))
    worn.append(occluders.clothes(head, vertices, neck, generator))
    body = Piece(
        vertices,
        stage.triangles,
        colours,
        stage.material,
        stage.uv,
        gloss=gloss_of_parts(head, generator),
        openness=parts_openness(head, stage.shadows.openness, generator),
        shadow=np.arange(len(vertices), dtype=np.int32),
        two_sided=False,
    )
    lenses: list[NDArray[np.intp]] = []
    tint = 0.0
    if generator.random() < 0.16:
        frame, lenses = occluders.glasses(scalp, vertices, generator)
        tint = float(generator.uniform(0.6, 0.97) if generator.random() < 0.25 else generator.uniform(0, 0.12))
        worn.insert(0, frame)
    strands = stage.strands[generator.integers(len(stage.strands))]
    textures = Textures(detail, strands, float(generator.uniform(0.3, 1.1)))
    return Dressed([body, *worn], textures, lenses, tint)


def _through_lenses(
    picture: FloatArray, outlines: list[NDArray[np.float64]], tint: float, generator: Generator
) -> FloatArray:
    """Darken or brighten what lies behind the lenses: (n, 2) pixels of each outline."""
    size = len(picture)
    image = Image.new("L", (2 * size, 2 * size))
    pen = ImageDraw.Draw(image)
    for outline in outlines:
        pen.polygon([(float(x), float(y)) for x, y in outline * 2], fill=255)
    share = np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float32)[..., None] / 255
    dark = tint > 0.3
    colour = generator.uniform(0.0, 0.12, 3) if dark else generator.uniform(0.5, 1, 3)
    above, below = generator.uniform(0.6, 1.4, 2)
    ramp = np.linspace(above, below, size)[:, None, None]
    share = np.clip(share * tint * ramp, 0, 1)
    result: FloatArray = (picture * (1 - share) + colour * share).astype(np.float32)
    return np.clip(result, 0, 1)


_world: World | None = None


def _enter(world: World) -> None:
    global _world
    _world = world


def _render_block(first: int) -> list[Pair]:
    if _world is None:
        raise RuntimeError("the worker was not given its world")
    return list(_block(_world, first))


def _block(world: World, first: int) -> Iterator[Pair]:
    rows = slice(first, min(first + AT_ONCE, len(world.identity)))
    heads = world.corpus.heads(world.identity[rows], world.expression[rows])
    for index, vertices in enumerate(heads, first):
        yield render_pair(world, index, vertices)


def render_pairs(
    world: World, workers: int = 1, progress: Callable[[int], None] | None = None, time_limit: float | None = None
) -> Pair:
    """All pictures of a world, in order, whatever the number of processes.

    Args:
        world: the set.
        workers: processes.
        progress: told how many are done.
        time_limit: seconds after which no further block of pictures is begun; the result is then shorter.

    Returns:
        Name to array with one row a picture (see `read_pairs`); "jpeg" is a list of files' bytes.
    """
    blocks = _blocks(world, workers, None if time_limit is None else time.monotonic() + time_limit)
    return stacked(chain.from_iterable(blocks), progress)


def stacked(pairs: Iterable[Pair], progress: Callable[[int], None] | None = None) -> Pair:
    """Pairs one by one as arrays with a row a picture; "jpeg" is a list of files' bytes.

    Args:
        pairs: what `render_pair` gives.
        progress: told how many are done.
    """
    kept: list[Pair] = []
    for pair in pairs:
        kept.append(pair)
        if progress:
            progress(len(kept))
    names = kept[0].keys() - {"jpeg"} if kept else set()
    arrays: Pair = {name: np.stack([np.asarray(pair[name]) for pair in kept]) for name in sorted(names)}
    return arrays | {"jpeg": [pair["jpeg"] for pair in kept]}


def _blocks(world: World, workers: int, deadline: float | None) -> Iterator[list[Pair]]:
    """The pictures, `AT_ONCE` by `AT_ONCE`, in order."""
    firsts = list(range(0, len(world.identity), AT_ONCE))

    def late() -> bool:
        return deadline is not None and time.monotonic() > deadline

    if workers == 1:
        for first in firsts:
            if late():
                return
            yield list(_block(world, first))
        return
    with ProcessPoolExecutor(workers, get_context("fork"), _enter, (world,)) as pool:
        # A few blocks ahead of the writer, no more: at a time limit little is thrown away.
        waiting: deque[Future[list[Pair]]] = deque()
        while firsts or waiting:
            while firsts and len(waiting) < 2 * workers and not late():
                waiting.append(pool.submit(_render_block, firsts.pop(0)))
            if not waiting:
                return
            yield waiting.popleft().result()
