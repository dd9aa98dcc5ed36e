"""The compiled rasteriser against the NumPy one, by mirror symmetry, and what shading makes of known colours."""

import made_up_build
import numpy as np
import pytest
from made_up import made_up_head

from face2mesh.draw import raster
from face2mesh.head.corners import corner_uv
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.render import kernels
from face2mesh.lab.render.picture import Lamp, Light, Piece, Textures, picture_of
from face2mesh.lab.render.rasteriser import rasterise
from face2mesh.lab.render.shadows import Shadows
from face2mesh.lab.render.uv import TexelMap

SIDE = 90


def seen_from(yaw: float, pitch: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    head = made_up_head(made_up_build.STEPS)
    (cy, cp), (sy, sp) = np.cos(np.radians([yaw, pitch])), np.sin(np.radians([yaw, pitch]))
    turn = np.diag([1.0, -1, -1]) @ [[1, 0, 0], [0, cp, -sp], [0, sp, cp]] @ [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]
    placed = head.vertices @ turn.T + [0, 0, 700.0]
    pixels = np.concatenate([placed[:, :2] / placed[:, 2:] * 230 + SIDE / 2, placed[:, 2:]], 1)
    return pixels, head.triangles


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("cull", ["back", None])
@pytest.mark.parametrize("yaw", [0.0, 38.0])
def test_it_sees_what_the_numpy_rasteriser_sees(perspective: bool, cull: str | None, yaw: float) -> None:
    pixels, triangles = seen_from(yaw, 11.0)
    ours = rasterise(pixels, triangles, SIDE, SIDE, perspective=perspective, cull=cull)
    theirs = raster.rasterise(pixels, triangles, SIDE, SIDE, perspective=perspective, cull=cull)
    assert theirs.covered.sum() > 1000
    assert (ours.covered == theirs.covered).mean() > 0.9995
    same = (ours.triangle == theirs.triangle) & theirs.covered
    assert same.sum() > 0.998 * theirs.covered.sum()
    np.testing.assert_allclose(ours.depth[same], theirs.depth[same], rtol=1e-5)
    np.testing.assert_allclose(ours.barycentric[same], theirs.barycentric[same], atol=1e-4)


def test_the_mirrored_head_gives_the_mirrored_picture() -> None:
    pixels, triangles = seen_from(25.0)
    mirrored = pixels * [-1, 1, 1] + [SIDE, 0, 0]
    one = rasterise(pixels, triangles, SIDE, SIDE, cull="back")
    other = rasterise(mirrored, triangles[:, ::-1], SIDE, SIDE, cull="back")
    assert (one.covered == other.covered[:, ::-1]).mean() > 0.999
    both = one.covered & other.covered[:, ::-1]
    np.testing.assert_allclose(one.depth[both], other.depth[:, ::-1][both], rtol=1e-3)


def test_what_cannot_be_seen_is_left_out() -> None:
    points = np.array([[1, 1, 5], [8, 1, 5], [1, 8, 5], [1, 1, -5], [np.nan, 2, 3], [4, 4, 5]])
    triangles = np.array([[0, 1, 3], [0, 1, 4], [0, 0, 1]])
    assert not rasterise(points, triangles, 10, 10).covered.any()


def test_normals_are_those_of_the_head() -> None:
    head = made_up_head()
    found = np.zeros((len(head.vertices), 3), np.float32)
    kernels.vertex_normals(head.vertices, head.triangles, found)
    np.testing.assert_allclose(found, vertex_normals(head.vertices, head.triangles), atol=1e-4)


def square(material: int, **more: object) -> Piece:
    """A wall of 20 mm that faces the camera."""
    corners = np.array([[-10, 10, 0], [10, 10, 0], [10, -10, 0], [-10, -10, 0]], np.float32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    triangles = np.array([[0, 3, 2], [0, 2, 1]], np.int32)
    return Piece(corners, triangles, np.full((4, 3), 0.5, np.float32), material, uv[triangles], **more)


def draw(piece: Piece, textures: Textures, light: Light | None = None, size: int = 16) -> np.ndarray:
    """The wall at 100 mm, filling the middle half of the picture."""
    placed = (piece.vertices * [1, -1, 1] + [0, 0, 100]).astype(np.float32)
    pixels = np.concatenate([placed[:, :2] * size / 40 + size / 2, placed[:, 2:]], 1).astype(np.float64)
    even = np.zeros((9, 3), np.float32)
    even[0] = 1
    light = light or Light(even, [])
    return picture_of([piece], placed, pixels, light, [np.ones(4, np.float32)] * len(light.lamps), textures, size)[0]


def textures(detail: int = 128, strands: float = 0.2) -> Textures:
    return Textures(np.full((32, 32, 3), detail, np.uint8), np.full((8, 8), strands, np.float32), 0.0)


def test_a_wall_in_even_light_has_its_colour() -> None:
    picture = draw(square(kernels.PLAIN), textures())
    assert np.abs(picture[5:11, 5:11] - [0.5, 0.5, 0.5, 1]).max() < 1e-6
    assert not picture[:3].any()


def test_a_byte_of_detail_is_a_factor() -> None:
    octave = kernels.DETAIL_STEPS_PER_OCTAVE
    picture = draw(square(kernels.SKIN), textures(128 + octave))
    np.testing.assert_allclose(picture[5:11, 5:11, :3], 1.0, rtol=1e-4)


def test_texture_lies_as_its_coordinates_say() -> None:
    detail = np.full((32, 32, 3), 128, np.uint8)
    detail[:16, :16] += 2 * kernels.DETAIL_STEPS_PER_OCTAVE  # V = 1 is the texture's first row
    picture = draw(square(kernels.SKIN), Textures(detail, np.zeros((4, 4), np.float32)))
    np.testing.assert_allclose(picture[5, 5, :3], 2.0, rtol=1e-4)
    np.testing.assert_allclose(picture[[5, 10, 10], [10, 5, 10], :3], 0.5, rtol=1e-4)


def test_hair_has_holes_where_it_covers_less_than_its_strands() -> None:
    for cover, expected in ((0.1, 0.0), (0.3, 1.0)):
        picture = draw(square(kernels.HAIR, cover=np.full(4, cover, np.float32)), textures(strands=0.2))
        assert (picture[5:11, 5:11, 3] == expected).all()


def test_a_lamp_adds_its_harmonics_and_a_shadow_takes_them() -> None:
    harmonics = np.zeros((9, 3), np.float32)
    harmonics[0] = 0.6
    towards = np.array([0, 0, -1], np.float32)
    lamp = Lamp(towards, harmonics, np.ones(3, np.float32), 100.0)
    even = np.zeros((9, 3), np.float32)
    even[0] = 0.4
    lit = draw(square(kernels.PLAIN), textures(), Light(even, [lamp]))
    np.testing.assert_allclose(lit[8, 8, :3], 0.5, rtol=1e-5)
    piece = square(kernels.PLAIN, shadow=np.arange(4, dtype=np.int32))
    placed = (piece.vertices * [1, -1, 1] + [0, 0, 100]).astype(np.float32)
    pixels = np.concatenate([placed[:, :2] * 0.4 + 8, placed[:, 2:]], 1).astype(np.float64)
    dark, _ = picture_of([piece], placed, pixels, Light(even, [lamp]), [np.zeros(4, np.float32)], textures(), 16)
    np.testing.assert_allclose(dark[8, 8, :3], 0.2, rtol=1e-5)


def test_light_from_the_front_reaches_the_front() -> None:
    head = made_up_head(made_up_build.STEPS)
    shadows = Shadows.of(head.vertices, head.triangles)
    skin = slice(0, head.skin_count)
    normals = vertex_normals(head.vertices, head.triangles)[skin]
    reached = shadows.of_lamp(np.array([0, 0, 1], np.float32), 60.0)[skin]
    assert reached[normals[:, 2] > 0.8].mean() > 0.9
    assert reached[normals[:, 2] < -0.6].mean() < 0.2
    # The head is a mirror image of itself, and so are its shadows.
    side = np.array([0.8, 0.0, 0.6], np.float32)
    one = shadows.of_lamp(side, 20.0)[skin]
    other = shadows.of_lamp(side * np.array([-1, 1, 1], np.float32), 20.0)[skin]
    assert np.abs(one - other[head.mirror[skin]]).mean() < 0.06


def test_corners_keep_their_texture_points() -> None:
    head = made_up_head()
    corners = corner_uv(head)
    for triangle in (0, 7, len(head.triangles) - 1):
        quad = triangle // 2
        for vertex, uv in zip(head.triangles[triangle], corners[triangle], strict=True):
            place = head.quads[quad].tolist().index(vertex)
            np.testing.assert_array_equal(uv, head.uv[head.uv_quads[quad, place]])


def test_texels_lie_where_their_texture_points_say() -> None:
    head = made_up_head(made_up_build.STEPS)
    size = 64
    texels = TexelMap.of(head, size)
    at_vertex = np.zeros((head.skin_count, 2), np.float32)
    quads = slice(*head.part_quads["skin"])
    at_vertex[head.quads[quads]] = head.uv[head.uv_quads[quads]]
    row, column = np.nonzero(texels.covered)
    own = np.stack([(column + 0.5) / size, 1 - (row + 0.5) / size], 1)
    lifted = texels.lift(at_vertex)
    assert np.median(np.abs(lifted - own)) < 1e-3  # at seams a vertex has several
