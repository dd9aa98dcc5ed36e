"""What stands between a camera and a head, or on it: glasses, hats, scarves, masks, hands, clothes.

All of it stands in the base head's rest frame and follows the vertices it is bound to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face2mesh.head import BaseHead
from face2mesh.lab.pairs.hair import Scalp, grid_triangles
from face2mesh.lab.render.kernels import HAIR
from face2mesh.lab.render.picture import Piece

FloatArray = NDArray[np.float32]
Generator = np.random.Generator


def cloth_colour(generator: Generator) -> NDArray[np.float64]:
    """Linear RGB: often black, white, grey or dull, sometimes bright."""
    value = np.exp(generator.uniform(np.log(0.01), np.log(0.75)))
    hue = generator.normal(0, 0.55 if generator.random() < 0.4 else 0.15, 3)
    result: NDArray[np.float64] = np.clip(value * np.exp(hue - hue.max() * 0.5), 0.004, 0.85)
    return result


def ring_triangles(rings: int, count: int) -> NDArray[np.int32]:
    """Triangles between closed rings of `count` vertices, one after the other."""
    corner = np.arange(count)
    after = (corner + 1) % count
    one = np.concatenate(
        [np.stack([corner, corner + count, after + count], 1), np.stack([corner, after + count, after], 1)]
    )
    return np.concatenate([one + ring * count for ring in range(rings - 1)]).astype(np.int32)


def clothes(head: BaseHead, vertices: FloatArray, skin: FloatArray, generator: Generator) -> Piece:
    """Neck and shoulders: the neck's border goes on as skin down to a collar, then as cloth over the shoulders.

    Args:
        head: the base head.
        vertices: (V, 3) of this head.
        skin: (3,) the neck's colour.
        generator: of cut and colour.
    """
    border = vertices[head.neck_border]
    count = len(border)
    middle = border.mean(0)
    flat = (border - middle) * [1, 0, 1]
    outward = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    cloth = cloth_colour(generator)
    wide, deep = generator.uniform(150, 215), generator.uniform(70, 100)
    shoulder = middle + outward * [wide, 0, deep]
    shoulder[:, 1] = middle[1] - generator.uniform(45, 85) - 0.1 * np.abs(shoulder[:, 0])
    bare = generator.uniform(0, 0.45) if generator.random() < 0.6 else 0.0
    rise = 0.0 if bare else generator.uniform(0, 35)

    def between(share: float) -> FloatArray:
        ring: FloatArray = border + (shoulder - border) * share
        ring[:, 1] += (middle[1] - 30 - border[:, 1]) * 0.3 * share * (1 - share)
        return ring

    collar = between(bare) + outward * (1.5 + 0.06 * rise) + np.array([0, rise, 0])
    below = shoulder + outward * 12 + np.array([0, -260, 0])
    rings = [border, between(bare * 0.5), between(bare), collar]
    rings += [between(share) + outward * 2 for share in (bare * 0.5 + 0.4, 0.8, 1.0)] + [below]
    colours = [skin] * 3 + [cloth] * 5
    return Piece(
        np.concatenate(rings).astype(np.float32),
        ring_triangles(len(rings), count),
        np.repeat(np.array(colours), count, axis=0).astype(np.float32),
        openness=np.repeat([0.55, 0.6, 0.75, 0.8, 0.9, 1, 1, 1], count).astype(np.float32),
    )


def glasses(scalp: Scalp, vertices: FloatArray, generator: Generator) -> tuple[Piece, list[NDArray[np.intp]]]:
    """Spectacles: two rims, a bridge, two temples.

    Returns:
        The frame, and for each lens the rows of its outline.
    """
    count = 22
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    half_width, half_height = generator.uniform(22, 29), generator.uniform(13, 24)
    power = generator.uniform(0.55, 1.0)
    width = np.exp(generator.uniform(np.log(1.0), np.log(4.5)))
    centre = np.array([generator.uniform(32, 34.5), generator.uniform(-8, -1), 0])
    outline = np.stack(
        [
            np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power,
            np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power,
        ],
        1,
    )
    front = generator.uniform(25, 33)

    def bent(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([points, (front - 0.0035 * points[:, :1] ** 2)], 1)

    points: list[NDArray[np.float64]] = []
    triangles: list[NDArray[np.int32]] = []
    lenses = []
    used = 0
    for side in (1, -1):
        inner = bent((outline * [half_width, half_height] + centre[:2]) * [side, 1])
        outer = bent((outline * [half_width + width, half_height + width] + centre[:2]) * [side, 1])
        back = outer - [0, 0, 2.5]
        points += [inner, outer, back]
        triangles.append(ring_triangles(3, count) + used)
        lenses.append(np.arange(used, used + count))
        used += 3 * count
        hinge = np.array([side * (centre[0] + half_width + width), centre[1] + half_height * 0.4])
        start = bent(hinge[None])[0]
        end = np.array([side * 80.0, 4.0, -85.0])
        tall = np.array([0, max(1.2, width * generator.uniform(0.6, 1.3)), 0])
        points.append(np.stack([start + tall / 2, start - tall / 2, end + tall / 2, end - tall / 2]))
        triangles.append(np.array([[0, 1, 2], [1, 3, 2]], np.int32) + used)
        used += 4
    gap = centre[0] - half_width
    high = centre[1] + half_height * generator.uniform(0.0, 0.7)
    bridge = bent(np.array([[-gap, high], [gap, high], [-gap, high - width], [gap, high - width]]))
    points.append(bridge + np.array([0, 0, 1]))
    triangles.append(np.array([[0, 2, 1], [1, 2, 3]], np.int32) + used)
    whole = np.concatenate(points)
    # Spectacles do not bend with the skin: they sit on the bridge of the nose and reach to the ears.
    seat = scalp.tree.query([0, 2, 25])[1]
    move = vertices[scalp.carriers[seat]] - scalp.rest[scalp.carriers[seat]]
    size = np.ptp(vertices[: len(scalp.rest)][scalp.ears, 0]) / np.ptp(scalp.rest[scalp.ears, 0])
    whole = whole * [size, 1, 1] + move
    metal = generator.random() < 0.35
    colour = (
        np.array([0.5, 0.48, 0.42]) if metal else cloth_colour(generator) * generator.choice([0.1, 1], p=[0.7, 0.3])
    )
    frame = Piece(
        whole.astype(np.float32),
        np.concatenate(triangles),
        np.tile(colour, (len(whole), 1)).astype(np.float32),
        gloss=(0.4, 40),
    )
    return frame, lenses


def hat(scalp: Scalp, vertices: FloatArray, generator: Generator) -> list[Piece]:
    """A cap with its peak, a woollen hat, or a scarf around the head."""
    kind = generator.choice(3, p=[0.45, 0.25, 0.3])
    x, y, z = scalp.rest.T
    if kind == 2:
        oval = np.hypot(x / generator.uniform(62, 74), (y + 22) / generator.uniform(72, 88))
        cover = np.where(z > -58, (oval - 1) * 6, 3.0)
        cover = np.where((y < -95) & (z > -60) & (oval < 1.05), -1, cover)
        thickness = generator.uniform(4, 12)
    else:
        low = generator.uniform(38, 66) if kind == 0 else generator.uniform(24, 60)
        back = generator.uniform(0.2, 0.45)
        cover = (y - low + back * np.clip(20 - z, 0, None)) / 4
        thickness = generator.uniform(7, 16)
    colour = cloth_colour(generator)
    placed = vertices[: len(x)] + scalp.normals * (thickness * np.clip(cover * 0.5 + 0.6, 0.2, 1))[:, None]
    folds = 1 + generator.uniform(0, 0.25) * np.sin(scalp.rest @ generator.normal(0, 0.12, 3))
    kept = (cover[scalp.triangles] > -2).any(1)
    # One strand of middling density for all: the edge is where the cover is a half.
    pieces = [
        Piece(
            placed.astype(np.float32),
            scalp.triangles[kept],
            (colour * folds[:, None]).astype(np.float32),
            HAIR,
            np.zeros((1, 3, 2), np.float32),
            (0.5 + cover).astype(np.float32),
            openness=0.9,
            shadow=np.arange(len(x), dtype=np.int32),
        )
    ]
    if kind == 0 and generator.random() < 0.8:
        rows, columns = 5, 17
        out = np.linspace(0, 1, rows)[:, None]
        side = np.linspace(-1, 1, columns)[None] * 1.05
        length = generator.uniform(50, 80)
        px = np.sin(side) * (72 + out * length * 0.25)
        pz = -52 + np.cos(side) * (75 + out * length)
        py = low + 6 - 10 * (1 - np.cos(side)) - out * generator.uniform(0, 30) + 0 * side
        points = np.stack([px, py, pz], -1).reshape(-1, 3)
        peak = colour if generator.random() < 0.7 else cloth_colour(generator)
        pieces.append(
            Piece(
                scalp.carried(points.astype(np.float32), vertices),
                grid_triangles(rows, columns),
                np.tile(peak, (len(points), 1)).astype(np.float32),
                openness=0.7,
            )
        )
    return pieces


def mask(scalp: Scalp, vertices: FloatArray, generator: Generator) -> Piece:
    """Cloth over nose and mouth: a sheet that lies on what stands out."""
    rows, columns = 14, 15
    top, low = generator.uniform(-34, -12), -generator.uniform(108, 124)
    side = np.linspace(-1, 1, columns)[None]
    down = np.linspace(0, 1, rows)[:, None]
    x = side * (66 - 18 * down**2)
    y = top + (low - top) * down - 14 * np.abs(side) * (1 - down) + 26 * np.abs(side) ** 2 * down
    front = vertices[: len(scalp.rest)][scalp.rest[:, 2] > -75]
    _, near = cKDTree(front[:, :2]).query(np.stack([x.ravel(), y.ravel()], 1), 8)
    z = front[near, 2].max(1).reshape(x.shape)
    for _ in range(2):
        padded = np.pad(z, 1, "edge")
        z = np.maximum(z, (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4)
    usual = np.array([[0.8, 0.8, 0.8], [0.35, 0.55, 0.75], [0.02, 0.02, 0.02]])
    colour = usual[generator.integers(3)] if generator.random() < 0.7 else cloth_colour(generator)
    folds = 1 + generator.uniform(0, 0.2) * np.sin(y / generator.uniform(2.5, 5))
    return Piece(
        np.stack([x, y, z + 4], -1).reshape(-1, 3).astype(np.float32),
        grid_triangles(rows, columns),
        (colour * folds.reshape(-1, 1)).astype(np.float32),
    )


def hand(vertices: FloatArray, skin: FloatArray, generator: Generator) -> Piece:
    """A palm and some fingers before a part of the face, in the colour of its skin (3,)."""
    latitude, longitude = np.meshgrid(np.linspace(0, np.pi, 8), np.linspace(0, 2 * np.pi, 10, endpoint=False))
    ball = np.stack(
        [np.sin(latitude) * np.cos(longitude), np.cos(latitude), np.sin(latitude) * np.sin(longitude)], -1
    ).reshape(-1, 3)
    faces = ring_triangles(10, 8)
    faces = np.concatenate([faces, np.stack([np.arange(7) + 72, np.arange(7), np.arange(7) + 1], 1)])
    faces = np.concatenate([faces, np.stack([np.arange(7) + 72, np.arange(7) + 1, np.arange(7) + 73], 1)])
    turn = generator.uniform(-2.4, 2.4)
    up = np.array([np.sin(turn), np.cos(turn), 0.0])
    right = np.array([up[1], -up[0], 0.0])
    places = np.array(
        [[0, -95, 42], [45, -70, 25], [-45, -70, 25], [0, -55, 55], [60, -20, 15], [-60, -20, 15], [0, 40, 38]]
    )
    tip = places[generator.integers(len(places))] + generator.normal(0, 12, 3) * [1, 1, 0.3] + [0, 0, 12]
    points = []
    fingers = int(generator.integers(2, 5))
    spread = generator.uniform(0.02, 0.2)
    knuckle = tip - up * generator.uniform(55, 80)
    for finger in range(fingers):
        aside = finger - (fingers - 1) / 2
        along = up + right * aside * spread
        length = generator.uniform(30, 42)
        middle = knuckle + right * aside * 19 + along * length
        points.append(ball @ np.stack([right * 8.5, along * length, np.array([0, 0, 8.0])]) + middle)
    points.append(ball @ np.stack([right * 40, up * 45, np.array([0, 0, 15.0])]) + knuckle - up * 35)
    whole = np.concatenate(points) * (np.ptp(vertices[:, 1]) / 260)
    count = len(ball)
    triangles = np.concatenate([faces + part * count for part in range(len(points))])
    shade = np.tile(0.8 + 0.2 * np.clip(ball[:, 2], 0, 1), len(points))[:, None]
    return Piece(
        whole.astype(np.float32),
        triangles.astype(np.int32),
        (skin * shade).astype(np.float32),
        openness=0.85,
    )
