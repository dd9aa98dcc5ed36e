"""A small made-up head for tests: all seven parts, exactly symmetric, without any data file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from face2mesh.face import Camera, CropPose, Face, rotation_from_6d
from face2mesh.head import ARKIT_NAMES, PARTS, BaseHead, Embedding

CENTRE = np.array([0.0, -25.0, -72.0])
RADII = np.array([74.0, 112.0, 84.0])
EYES = np.array([[31.0, 0.0, 0.0], [-31.0, 0.0, 0.0]])
EYE_RADIUS = 12.0
MODES = 5

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class _Piece:
    """One part: vertices (n, 3), quads (q, 4), texture points (u, 2) in the unit square and their quads."""

    vertices: FloatArray
    quads: IndexArray
    uv: FloatArray
    uv_quads: IndexArray

    def mirrored(self) -> _Piece:
        return _Piece(self.vertices * [-1, 1, 1], self.quads[:, ::-1], self.uv, self.uv_quads[:, ::-1])

    def moved(self, centre: FloatArray, radii: FloatArray | float) -> _Piece:
        return _Piece(self.vertices * radii + centre, self.quads, self.uv, self.uv_quads)


def _ball(steps: int, open_below: bool = False) -> _Piece:
    """A unit sphere of six (open below: five) patches of steps² quads; an even `steps` keeps x = 0 an edge loop."""
    ticks = np.linspace(-1, 1, steps + 1)
    second, first = np.meshgrid(ticks, ticks, indexing="ij")
    ahead = np.ones_like(first)
    patches = [
        np.stack(axes, -1).reshape(-1, 3)
        for axes in (
            (first, second, ahead),
            (-first, second, -ahead),
            (ahead, second, -first),
            (-ahead, second, first),
            (first, ahead, -second),
            (first, -ahead, second),
        )
    ][: 5 if open_below else 6]
    corner = np.arange(steps * (steps + 1)).reshape(steps, steps + 1)[:, :-1].ravel()
    patch_quads = np.stack([corner, corner + 1, corner + steps + 2, corner + steps + 1], 1)
    raw = np.concatenate(patches)
    uv_quads = np.concatenate([patch_quads + i * (steps + 1) ** 2 for i in range(len(patches))])
    cells = np.stack([first, second], -1).reshape(-1, 2) * 0.5 + 0.5
    uv = np.concatenate([(cells * 0.9 + 0.05 + [i % 3, i // 3]) / [3, 2] for i in range(len(patches))])
    unique, index = np.unique(np.round(raw, 9), axis=0, return_inverse=True)
    unit = unique / np.linalg.norm(unique, axis=1, keepdims=True)
    return _Piece(unit, index.reshape(-1)[uv_quads], uv, uv_quads)


def _strip() -> _Piece:
    """The left upper lashes: four quads in front of and above the left eye."""
    across = np.linspace(-1, 1, 5)
    lower = np.stack([31 + 11 * across, 6 - 2 * across**2, 14 - 2 * across**2], 1)
    vertices = np.concatenate([lower, lower + np.array([0, 3, 5])])
    corner = np.arange(4)
    quads = np.stack([corner, corner + 1, corner + 6, corner + 5], 1)
    uv = np.stack([np.tile(across * 0.45 + 0.5, 2), np.repeat([0.1, 0.9], 5)], 1)
    return _Piece(vertices, quads, uv, quads)


def _together(left: _Piece, right: _Piece) -> _Piece:
    """Two pieces as one part, side by side in the texture."""
    return _Piece(
        np.concatenate([left.vertices, right.vertices]),
        np.concatenate([left.quads, right.quads + len(left.vertices)]),
        np.concatenate([left.uv * [0.5, 1], right.uv * [0.5, 1] + [0.5, 0]]),
        np.concatenate([left.uv_quads, right.uv_quads + len(left.uv)]),
    )


def _split(vertices: FloatArray, quads: IndexArray) -> IndexArray:
    """Triangles of quads, the diagonal chosen by a key that is the same on both sides of the head."""
    key = np.abs(vertices[:, 0]) * 1e-3 + vertices[:, 1] + vertices[:, 2] * 3.1e-2
    first = np.argmin(np.round(key[quads], 6), axis=1)
    turned = np.take_along_axis(quads, (first[:, None] + np.arange(4)) % 4, axis=1)
    return turned[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def _mirror(vertices: FloatArray, part_vertices: dict[str, tuple[int, int]]) -> IndexArray:
    """The vertex on the other side, looked up within a part (the eyes: in the other eye)."""
    mirror = np.empty(len(vertices), np.int64)
    other = {"left_eye": "right_eye", "right_eye": "left_eye"}
    for part, (first, last) in part_vertices.items():
        start, end = part_vertices[other.get(part, part)]
        distance = np.linalg.norm(vertices[first:last, None] * [-1, 1, 1] - vertices[None, start:end], axis=2)
        assert distance.min(1).max() < 1e-6
        mirror[first:last] = start + distance.argmin(1)
    return mirror


def _embed(vertices: FloatArray, triangles: IndexArray, at: FloatArray) -> Embedding:
    """The front-most surface points at the given (x, y)."""
    corners = vertices[triangles]
    faces_front = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    triangles, corners = triangles[faces_front], corners[faces_front]
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)[:, :2]
    chosen, weights = [], []
    for point in at:
        local = np.linalg.solve(edges, (point - corners[:, 0, :2])[..., None])[..., 0]
        inside = np.concatenate([1 - local.sum(1, keepdims=True), local], 1)
        best = np.argmax(inside.min(1))
        chosen.append(triangles[best])
        weights.append(np.clip(inside[best], 0, 1))
    rows = np.array(weights)
    return Embedding(np.array(chosen, np.int32), (rows / rows.sum(1, keepdims=True)).astype(np.float32))


def landmark_places() -> FloatArray:
    """(68, 2), x and y in mm of made-up iBUG points: the subject's right side first, as iBUG counts."""
    turn = np.linspace(-1, 1, 17) * np.pi / 2
    jaw = np.stack([66 * np.sin(turn), -5 - 92 * np.cos(turn)], 1)
    brow = np.stack([np.linspace(-52, -14, 5), 20 + np.array([0, 5, 6, 5, 3.0])], 1)
    bridge = np.stack([np.zeros(4), [2, -10, -22, -34]], 1)
    nostrils = np.stack([[-12, -6, 0, 6, 12], [-41, -43, -45, -43, -41]], 1)
    eye = np.array([[-43, 0], [-36, 5], [-26, 5], [-19, 0], [-26, -5], [-36, -5.0]])
    outer = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    inner = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    lips = np.stack([-25 * np.cos(outer), -65 + 9 * np.sin(outer)], 1)
    mouth = np.stack([-19 * np.cos(inner), -65 + 4 * np.sin(inner)], 1)
    other_eye = (eye * [-1, 1])[[3, 2, 1, 0, 5, 4]]
    return np.concatenate([jaw, brow, (brow * [-1, 1])[::-1], bridge, nostrils, eye, other_eye, lips, mouth])


@lru_cache
def made_up_head(steps: int = 12) -> BaseHead:
    """A valid base head: an ellipsoid open at the neck, eyeballs that bulge out of it, the rest inside.

    Args:
        steps: even, at least 4; how many quads along a side of the skin's five patches.
    """
    eye = _ball(6).moved(EYES[0], EYE_RADIUS)
    lashes = _strip()
    pieces = {
        "skin": _ball(steps, open_below=True).moved(CENTRE, RADII),
        "left_eye": eye,
        "right_eye": eye.mirrored(),
        "upper_teeth": _ball(2).moved(np.array([0.0, -58.0, -12.0]), np.array([24.0, 5.0, 16.0])),
        "lower_teeth": _ball(2).moved(np.array([0.0, -70.0, -13.0]), np.array([22.0, 5.0, 15.0])),
        "tongue": _ball(2).moved(np.array([0.0, -64.0, -25.0]), np.array([14.0, 4.0, 24.0])),
        "lashes": _together(lashes, lashes.mirrored()),
    }
    part_vertices, part_quads, quads, uv, uv_quads = {}, {}, [], [], []
    vertex, quad, point = 0, 0, 0
    for i, part in enumerate(PARTS):
        piece = pieces[part]
        part_vertices[part] = (vertex, vertex + len(piece.vertices))
        part_quads[part] = (quad, quad + len(piece.quads))
        quads.append(piece.quads + vertex)
        uv.append((piece.uv * 0.96 + 0.02 + [i % 3, i // 3]) / 3)
        uv_quads.append(piece.uv_quads + point)
        vertex, quad, point = part_vertices[part][1], part_quads[part][1], point + len(piece.uv)
    vertices = np.concatenate([pieces[part].vertices for part in PARTS])
    mirror = _mirror(vertices, part_vertices)
    vertices = (vertices + vertices[mirror] * [-1, 1, 1]) / 2
    all_quads = np.concatenate(quads)
    triangles = _split(vertices, all_quads)
    skin = part_vertices["skin"][1]
    front = triangles[: 2 * part_quads["skin"][1]]
    order = np.arange(468) + 0.5
    spiral = np.sqrt(order / 468)[:, None] * np.stack([np.cos(order * 2.399963), np.sin(order * 2.399963)], 1)
    x, y, z = vertices.T
    of_skin = np.arange(len(vertices)) < skin
    before = of_skin & (z > -30)
    face = of_skin & (z > -60)
    ears = of_skin & (np.abs(x) > 60) & (np.abs(y) < 40)
    brows = before & (np.abs(y - 20) < 12) & (np.abs(x) > 8)
    nothing = np.zeros(len(vertices), bool)
    regions = {
        "face": face,
        "lip_upper": before & (np.abs(x) < 26) & (y > -65) & (y < -52),
        "lip_lower": before & (np.abs(x) < 26) & (y < -65) & (y > -80),
        "nose": before & (np.abs(x) < 14) & (y < 0) & (y > -48),
        "chin": before & (np.abs(x) < 30) & (y < -80),
        "brow_left": brows & (x > 0),
        "brow_right": brows & (x < 0),
        "ear_left": ears & (x > 0),
        "ear_right": ears & (x < 0),
        "face_and_ears": face | ears,
        "mouth_cavity": nothing,
        "eye_cavity_left": nothing,
        "eye_cavity_right": nothing,
        "nostril_left": nothing,
        "nostril_right": nothing,
        "scalp": of_skin & ((y > 40) | (z < -100)),
        "neck": of_skin & (y < -100),
    }
    return BaseHead(
        vertices=vertices.astype(np.float32),
        quads=all_quads.astype(np.int32),
        triangles=triangles.astype(np.int32),
        uv=np.concatenate(uv).astype(np.float32),
        uv_quads=np.concatenate(uv_quads).astype(np.int32),
        part_vertices=part_vertices,
        part_quads=part_quads,
        mirror=mirror.astype(np.int32),
        regions=regions,
        landmarks=_embed(vertices, front, landmark_places()),
        dense=_embed(vertices, front, spiral * [55, 75] + [0, -25]),
        neck_border=_border(all_quads[: part_quads["skin"][1]]).astype(np.int32),
        eye_centres=EYES.astype(np.float32),
        eye_radius=EYE_RADIUS,
    )


def _border(quads: IndexArray) -> IndexArray:
    """The single border loop of a quad mesh, in order."""
    edges = {(int(a), int(b)) for quad in quads for a, b in zip(quad, np.roll(quad, -1), strict=True)}
    following = {a: b for a, b in edges if (b, a) not in edges}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return np.array(loop)


@lru_cache
def made_up_corpus(steps: int = 12, modes: int = MODES) -> tuple[FloatArray, FloatArray]:
    """Smooth made-up displacements in mm: identity (modes, V, 3) and expression (52, V, 3)."""
    rest = made_up_head(steps).vertices.astype(np.float64)
    generator = np.random.default_rng(7)

    def waves(count: int, size: float) -> FloatArray:
        phase, along = generator.uniform(0, 6, (count, 1, 3)), generator.normal(size=(count, 3, 3)) / 60
        return size * np.sin(np.einsum("vc,kcd->kvd", rest, along) + phase)

    return waves(modes, 2.0), waves(52, 1.5)


@dataclass(frozen=True)
class MadeUpDecoder:
    """A linear decoder on the made-up head: identity (M,) and expression (52,) to vertices (V, 3) float32 mm."""

    steps: int = 12
    name: str = "made-up"
    version: str = "0"
    identity_size: int = MODES

    @property
    def base_head(self) -> BaseHead:
        return made_up_head(self.steps)

    def decode(self, identity: NDArray[np.floating], expression: NDArray[np.floating]) -> NDArray[np.float32]:
        people, actions = made_up_corpus(self.steps, len(identity))
        moved = np.tensordot(identity, people, 1) + np.tensordot(expression, actions, 1)
        return (made_up_head(self.steps).vertices + moved).astype(np.float32)


def made_up_face(steps: int = 12) -> Face:
    """A made-up person with an open jaw, turned a little, in a photo of 640 × 480 pixels."""
    generator = np.random.default_rng(3)
    weights = np.zeros(52, np.float32)
    weights[ARKIT_NAMES.index("jawOpen")] = 0.6
    camera = Camera.centred(700.0, 640, 480)
    crop_pose = CropPose(rotation_from_6d(np.array([0.96, 0.05, 0.25, -0.04, 1.0, 0.1])), np.array([0.1, 0.05]), -0.9)
    pose = crop_pose.pose(camera, (300.0, 220.0), 300.0)
    return Face(MadeUpDecoder(steps), generator.normal(size=MODES), weights, camera, pose)
