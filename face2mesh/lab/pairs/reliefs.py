"""Coins and medals, drawn: discs of metal with a head or a symbol in low relief, which the face detector must not take
for faces.

A relief is a height over a disc; its slopes are lit from the side, as metal is. The heads are the corpus's, seen from
all sides, their depth pressed flat. Letters: N reliefs, S pixels along the side of one, K and L heads and symbols.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, zoom

from face2mesh.lab.render.rasteriser import rasterise

RELIEF_SIDE = 96
_SIDE = 160  # of the drawing, which is then made smaller
# Of these colours the metals are, from dark to bright: silver, bronze, copper, gold, verdigris, iron.
_METALS = ((225, 225, 220), (190, 160, 115), (205, 140, 100), (235, 205, 120), (130, 165, 140), (120, 120, 125))

FloatArray = NDArray[np.float32]


def drawn_reliefs(
    heads: FloatArray, triangles: NDArray[np.int32], symbols: Sequence[NDArray[np.uint8]], count: int, seed: int
) -> NDArray[np.uint8]:
    """Coins and medals, two in three with a head.

    Args:
        heads: (K, V, 3) mm, +Y up and +Z out of the face.
        triangles: (T, 3) rows of a head.
        symbols: (L, L, 4) uint8 each, RGB and opacity: things whose brightness becomes a height.
        count: N.
        seed: of everything.

    Returns:
        (N, 96, 96, 4) uint8, RGB and opacity.
    """
    generator = np.random.default_rng(seed)
    drawn = np.empty((count, RELIEF_SIDE, RELIEF_SIDE, 4), np.uint8)
    for relief in drawn:
        if not symbols or generator.random() < 2 / 3:
            motif = _head(heads[generator.integers(len(heads))], triangles, generator)
        else:
            motif = _symbol(symbols[int(generator.integers(len(symbols)))], generator)
        relief[:] = _struck(motif, generator)
    return drawn


def trays(reliefs: NDArray[np.uint8], side: int, count: int, seed: int) -> NDArray[np.uint8]:
    """Pictures of several reliefs beside each other on a plain ground.

    Args:
        reliefs: (N, S, S, 4) uint8.
        side: of the pictures, pixels.
        count: of the pictures.
        seed: of the choices.

    Returns:
        (count, side, side, 3) uint8.
    """
    generator = np.random.default_rng(seed)
    pictures = np.empty((count, side, side, 3), np.uint8)
    for picture in pictures:
        across = int(generator.integers(1, 6))
        cell = side / across
        ground = generator.uniform(10, 240) + generator.uniform(-15, 15, 3) + _noise(generator, side, 6)[..., None] * 8
        tray = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
        for place in range(across * across):
            if generator.random() < 0.12:
                continue
            size = max(8, round(cell * generator.uniform(0.65, 1.0)))
            relief = Image.fromarray(reliefs[generator.integers(len(reliefs))])
            relief = relief.rotate(float(generator.normal(0, 12)), Image.Resampling.BILINEAR)
            relief = relief.resize((size, size), Image.Resampling.BOX)
            x, y = ((place % across + 0.5) * cell, (place // across + 0.5) * cell)
            corner = (round(x - size / 2), round(y - size / 2))
            shadow = relief.getchannel("A").point([value // 2 for value in range(256)])
            tray.paste((0, 0, 0), (corner[0] + max(1, size // 24), corner[1] + max(1, size // 24)), shadow)
            tray.paste(relief.convert("RGB"), corner, relief.getchannel("A"))
        picture[:] = np.asarray(tray)
    return pictures


def _head(head: FloatArray, triangles: NDArray[np.int32], generator: np.random.Generator) -> FloatArray:
    """Height (S, S) of a head in relief, 0 beside it and up to about 1: most are profiles, as on coins."""
    kind = generator.random()
    yaw = generator.uniform(65, 115) if kind < 0.55 else generator.uniform(20, 65) if kind < 0.8 else 0.0
    yaw = np.radians(yaw + generator.normal(0, 5)) * generator.choice([-1, 1])
    tilt = np.radians(generator.normal(0, 8))
    cos, sin = np.cos(yaw), np.sin(yaw)
    turned = head @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    x, y = turned[:, 0], -turned[:, 1]
    across = np.stack([np.cos(tilt) * x - np.sin(tilt) * y, np.sin(tilt) * x + np.cos(tilt) * y], 1)
    low, high = across.min(0), across.max(0)
    scale = _SIDE * generator.uniform(0.5, 0.8) / float((high - low).max())
    middle = _SIDE / 2 + generator.normal(0, 3, 2)
    points = np.column_stack([(across - (low + high) / 2) * scale + middle, -turned[:, 2]])
    seen = rasterise(points, triangles, _SIDE, _SIDE, perspective=False)
    covered = seen.covered
    if not covered.any():
        return np.zeros((_SIDE, _SIDE), np.float32)
    depth = np.where(covered, seen.depth, np.inf)
    near, far = depth[covered].min(), depth[covered].max()
    height = np.where(covered, (far - depth) / max(far - near, 1e-6), 0)
    # Pressed flat: what is far back falls only a little below what is near, and the outline stands out.
    height = np.where(covered, generator.uniform(0.1, 0.4) + height ** generator.uniform(0.6, 1.2), 0)
    # Hair: locks over the crown and the back of the head.
    places = seen.interpolate(head.astype(np.float32), triangles)
    hair = covered & ((places[..., 1] > generator.uniform(45, 70)) | (places[..., 2] < generator.uniform(-40, 0)))
    locks = np.sin(_noise(generator, _SIDE, int(generator.integers(4, 9))) * generator.uniform(6, 16))
    height = height + hair * (0.12 + generator.uniform(0.05, 0.2) * locks)
    return np.asarray(height, np.float32)


def _symbol(thing: NDArray[np.uint8], generator: np.random.Generator) -> FloatArray:
    """Height (S, S) of a thing in relief."""
    image = Image.fromarray(thing)
    size = round(_SIDE * generator.uniform(0.45, 0.75))
    image = image.rotate(float(generator.normal(0, 10)), Image.Resampling.BILINEAR).resize((size, size))
    values = np.asarray(image, np.float32) / 255
    solid = values[..., 3]
    brightness = values[..., :3].mean(-1)
    height = np.zeros((_SIDE, _SIDE), np.float32)
    start = (_SIDE - size) // 2
    height[start : start + size, start : start + size] = solid * (0.4 + 0.6 * gaussian_filter(brightness, 1.5))
    return height


def _struck(motif: FloatArray, generator: np.random.Generator) -> NDArray[np.uint8]:
    """A disc (96, 96, 4) with the motif, a rim, dots or letters, worn and lit."""
    y, x = np.mgrid[:_SIDE, :_SIDE] + 0.5 - _SIDE / 2
    angle, distance = np.arctan2(y, x), np.hypot(x, y)
    radius = _SIDE * generator.uniform(0.44, 0.49)
    outline = radius * (
        1 + sum(generator.normal(0, 0.012) * np.cos(n * angle + generator.uniform(0, 6)) for n in (2, 3, 5))
    )
    height = motif * generator.uniform(0.5, 1.2) + _legend(radius, generator)
    if generator.random() < 0.7:
        width = radius * generator.uniform(0.02, 0.08)
        height = np.maximum(height, 0.5 * np.exp(-(((distance - outline + 1.5 * width) / width) ** 2)))
    # Wear: tops are rubbed down, the ground is pitted, edges become soft.
    cap = generator.uniform(0.7, 2.0)
    height = cap * np.tanh(height / cap)
    height = height + generator.uniform(0, 0.12) * _noise(generator, _SIDE, 5)
    height = height + generator.uniform(0, 0.08) * generator.normal(0, 1, height.shape)
    height = gaussian_filter(height, generator.uniform(0.5, 2.2))
    steepness = np.exp(generator.uniform(np.log(4), np.log(22)))
    slope_y, slope_x = np.gradient(height * steepness)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    around, up = generator.uniform(0, 2 * np.pi), np.radians(generator.uniform(25, 75))
    light = np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
    diffuse = np.clip(normal @ light, 0, 1)
    halfway = light + np.array([0, 0, 1])
    shine = np.clip(normal @ halfway / np.linalg.norm(halfway), 0, 1) ** generator.uniform(8, 40)
    recess = np.clip(gaussian_filter(height, 5) - height, 0, None)
    light_level = 0.25 + 0.75 * diffuse - generator.uniform(0, 1.5) * recess
    if generator.random() < 0.35:
        metal = np.full(3, generator.uniform(80, 230))  # as in a photograph without colours
    else:
        metal = np.array(_METALS[generator.integers(len(_METALS))]) * generator.uniform(0.5, 1.05)
    stains = 1 + generator.uniform(0, 0.25) * _noise(generator, _SIDE, 4)
    colour = metal * (light_level * stains)[..., None] + 255 * generator.uniform(0, 0.5) * shine[..., None]
    opacity = np.clip(outline - distance + 0.5, 0, 1) * 255
    coin = np.concatenate([np.clip(colour, 0, 255), opacity[..., None]], -1).astype(np.uint8)
    return np.asarray(Image.fromarray(coin).resize((RELIEF_SIDE, RELIEF_SIDE), Image.Resampling.BOX))


def _legend(radius: float, generator: np.random.Generator) -> FloatArray:
    """Height (S, S) of a ring of dots, or of letters around the edge, or of neither."""
    image = Image.new("L", (_SIDE, _SIDE))
    kind = generator.random()
    if kind < 0.35:
        pen, count = ImageDraw.Draw(image), int(generator.integers(30, 70))
        for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
            x, y = _SIDE / 2 + 0.9 * radius * np.cos(turn), _SIDE / 2 + 0.9 * radius * np.sin(turn)
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=140)
    elif kind < 0.75:
        size = int(generator.integers(12, 24))
        font = ImageFont.load_default(size)
        start, share = generator.uniform(0, 2 * np.pi), generator.uniform(0.3, 1)
        for turn in np.arange(start, start + share * 2 * np.pi, 0.8 * size / radius):
            letter = Image.new("L", (2 * size, 2 * size))
            text = chr(int(generator.integers(65, 91)))
            ImageDraw.Draw(letter).text((size, size), text, fill=140, font=font, anchor="mm")
            letter = letter.rotate(-float(np.degrees(turn)) - 90, Image.Resampling.BILINEAR)
            x, y = _SIDE / 2 + 0.82 * radius * np.cos(turn), _SIDE / 2 + 0.82 * radius * np.sin(turn)
            image.paste(140, (round(x - size), round(y - size)), letter)
    return np.asarray(np.asarray(image) / 255, np.float32)


def _noise(generator: np.random.Generator, side: int, cells: int) -> NDArray[np.float64]:
    """Smooth noise (side, side) of unit deviation: coarse lumps, half of them in finer ones."""
    total: NDArray[np.float64] = np.zeros((side, side))
    for octave in range(3):
        count = cells * 2**octave
        lumps = zoom(generator.normal(0, 1, (count, count)), (side + 2) / count, order=3, mode="nearest")
        total += 0.5**octave * lumps[:side, :side]
    total /= total.std()
    return total
