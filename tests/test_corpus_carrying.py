"""Carrying the scans' own topology onto itself is exact, mirrored and rigid where it must be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from face2mesh.head import PARTS, BaseHead, Embedding
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.corpus.blink import lids_of
from face2mesh.lab.corpus.build import bring_together, build_corpus
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.correspondence import lip_sides
from face2mesh.lab.corpus.eyes import scanned_centres
from face2mesh.lab.corpus.scans import EYE_SOCKETS, FACE, HEAD, MOUTH_SOCKET, TEETH, Scans, read_scans
from face2mesh.lab.corpus.tongue import TongueOut

pytestmark = pytest.mark.data
EYE_RADIUS = 14.0


@pytest.fixture(scope="module")
def scans() -> Scans:
    folder = os.environ.get("FACE2MESH_DATA")
    if not folder:
        pytest.skip("FACE2MESH_DATA is not set")
    whole = read_scans(Path(folder))
    return Scans(whole.vertices, whole.triangles, whole.identity[:6], whole.expression, whole.names, whole.mirror)


def ball(centre: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """An octahedron as eight quads with a doubled corner."""
    points = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float) * EYE_RADIUS
    faces = np.array([[0, 2, 4, 4], [2, 1, 4, 4], [1, 3, 4, 4], [3, 0, 4, 4], [2, 0, 5, 5], [1, 2, 5, 5]])
    return (points * [-1, 1, 1] if mirrored else points) + centre, faces


@pytest.fixture(scope="module")
def base(scans: Scans) -> BaseHead:
    """The scans' own skin as a base head, with simple followers."""
    offset = -scanned_centres(scans).mean(0)
    skin_count = EYE_SOCKETS[1][1]
    skin = scans.vertices[:skin_count] + offset
    triangles = scans.triangles_within((0, skin_count))
    centres = scanned_centres(scans) + offset
    teeth = scans.vertices[slice(*TEETH)] + offset
    half = teeth[:, 1] > -68
    lash = np.array([[31.0, 8, 14], [33, 8, 14], [33, 10, 16], [31, 10, 16]])
    strip = np.array([[0, 1, 2, 3]])
    pieces = {
        "skin": (skin, triangles[:, [0, 1, 2, 2]]),
        "left_eye": ball(centres[0], False),
        "right_eye": ball(centres[1], True),
        "upper_teeth": (teeth[half][:300], strip),
        "lower_teeth": (teeth[~half][:300], strip),
        "tongue": (np.random.default_rng(0).normal(size=(10, 3)) * 5 + [0, -70, 0], strip),
        "lashes": (np.concatenate([lash, lash * [-1, 1, 1]]), np.concatenate([strip, strip + 4])),
    }
    vertices, quads, part_vertices, part_quads, first, at = [], [], {}, {}, 0, 0
    for part in PARTS:
        points, faces = pieces[part]
        part_vertices[part], part_quads[part] = (first, first + len(points)), (at, at + len(faces))
        vertices.append(points)
        quads.append(faces + first)
        first, at = first + len(points), at + len(faces)
    every = np.concatenate(vertices).astype(np.float32)
    all_quads = np.concatenate(quads).astype(np.int32)
    mirror = np.arange(len(every))
    both = scans.mirror[:skin_count]
    paired = (both < skin_count) & (scans.mirror[both] == np.arange(skin_count))
    mirror[:skin_count][paired] = both[paired]
    for left, right in (("left_eye", "right_eye"), ("lashes", "lashes")):
        a, b = part_vertices[left], part_vertices[right]
        if left == right:
            middle = (a[0] + a[1]) // 2
            a, b = (a[0], middle), (middle, b[1])
        mirror[slice(*a)], mirror[slice(*b)] = np.arange(*b), np.arange(*a)
    count = len(every)
    index = np.arange(count)
    mouth = (index >= MOUTH_SOCKET[0]) & (index < MOUTH_SOCKET[1])
    eyes = (index >= EYE_SOCKETS[0][0]) & (index < EYE_SOCKETS[1][1])
    nothing = np.zeros(count, bool)
    upper, lower = nothing.copy(), nothing.copy()
    upper[: FACE[1]], lower[: FACE[1]] = (lip[: FACE[1]] for lip in lip_sides(scans))
    point = Embedding(np.zeros((1, 3), np.int32), np.array([[1, 0, 0]], np.float32))
    return BaseHead(
        vertices=every,
        quads=all_quads,
        triangles=all_quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3),
        uv=np.zeros((1, 2), np.float32),
        uv_quads=np.zeros_like(all_quads),
        part_vertices=part_vertices,
        part_quads=part_quads,
        mirror=mirror.astype(np.int32),
        regions={
            "lip_upper": upper,
            "lip_lower": lower,
            "face_and_ears": index < FACE[1],
            "skull": nothing,
            "nostrils": nothing,
            "mouth_cavity": mouth,
            "eye_cavity_left": eyes & (every[:, 0] > 0),
            "eye_cavity_right": eyes & (every[:, 0] < 0),
        },
        landmarks=point,
        dense=point,
        neck_border=np.zeros(0, np.int32),
        eye_centres=centres.astype(np.float32),
        eye_radius=EYE_RADIUS,
    )


@pytest.fixture(scope="module")
def corpus(base: BaseHead, scans: Scans) -> Corpus:
    rest = np.random.default_rng(0).normal(size=(10, 3)) * 0.5
    return build_corpus(base, scans, bring_together(base, scans), TongueOut(rest, np.full((10, 3), 0.2)))


def test_the_frame_is_found(base: BaseHead, scans: Scans) -> None:
    np.testing.assert_allclose(bring_together(base, scans).offset, -scanned_centres(scans).mean(0), atol=1e-3)


def test_identities_are_the_scans_own(corpus: Corpus, scans: Scans) -> None:
    error = np.linalg.norm(corpus.identity[:, : HEAD[1]] - scans.identity[:, : HEAD[1]], axis=2)
    assert np.quantile(error, 0.99) < 0.02
    assert error.mean() < 0.005


def test_expressions_are_the_scans_own(corpus: Corpus, scans: Scans) -> None:
    for name, theirs in (("jawOpen", "jawOpen"), ("mouthSmileLeft", "mouthSmile_L"), ("eyeBlinkRight", "eyeBlink_R")):
        mine = corpus.expression[ARKIT_NAMES.index(name), : FACE[1]]
        error = np.linalg.norm(mine - scans.shape(theirs)[: FACE[1]], axis=1)
        assert np.quantile(error, 0.95) < 0.1, name


def test_teeth_do_not_deform(corpus: Corpus, base: BaseHead) -> None:
    first, last = base.part_vertices["lower_teeth"]
    rest = base.vertices[first:last]
    opened = rest + corpus.expression[ARKIT_NAMES.index("jawOpen"), first:last]
    assert opened[:, 1].mean() < rest[:, 1].mean() - 15
    lengths = [np.linalg.norm(np.diff(points, axis=0), axis=1) for points in (rest, opened)]
    np.testing.assert_allclose(lengths[0], lengths[1], atol=0.1)
    upper = corpus.expression[:-1, slice(*base.part_vertices["upper_teeth"])]
    np.testing.assert_array_equal(upper, 0)


def test_eyeballs_stay_spheres(corpus: Corpus, base: BaseHead) -> None:
    rng = np.random.default_rng(3)
    heads = corpus.heads(rng.normal(size=(4, 6)), rng.uniform(0, 1, (4, 52)))
    for part in ("left_eye", "right_eye"):
        first, last = base.part_vertices[part]
        centre = (heads[:, first] + heads[:, first + 1]) / 2  # opposite corners of the octahedron
        radius = np.linalg.norm(heads[:, first:last] - centre[:, None], axis=2)
        np.testing.assert_allclose(radius, EYE_RADIUS, atol=1e-3)


def test_a_blink_closes_the_eye(corpus: Corpus, base: BaseHead, scans: Scans) -> None:
    for side, name in enumerate(("eyeBlinkLeft", "eyeBlinkRight")):
        lids = lids_of(base, side)
        rest = base.vertices[: base.skin_count] - base.eye_centres[side]
        closed = rest + corpus.expression[ARKIT_NAMES.index(name), : base.skin_count]
        inner = slice(len(lids.places) // 5, -len(lids.places) // 5)
        assert np.degrees(lids.opening(rest)[inner]).min() > 15
        assert np.degrees(lids.opening(closed)[inner]).max() < 2


def test_batch_equals_single_and_skin_equals_head(corpus: Corpus) -> None:
    rng = np.random.default_rng(4)
    codes, weights = rng.normal(size=(3, 6)), rng.uniform(0, 1, (3, 52))
    heads = corpus.heads(codes, weights)
    for row in range(3):
        np.testing.assert_allclose(heads[row], corpus.heads(codes[row : row + 1], weights[row : row + 1])[0], atol=1e-3)
    np.testing.assert_allclose(corpus.skin(codes, weights), heads[:, : corpus.skin_count], atol=1e-3)
