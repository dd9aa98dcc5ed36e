"""Where texels lie on the surface, and which mirror which."""

import numpy as np
import pytest
from made_up import made_up_head

import face2mesh
from face2mesh.head.corners import corner_uv
from face2mesh.texture.texels import mirror_of, texels_of


@pytest.fixture(scope="module")
def head():
    return face2mesh.load().base_head


def test_texels_lie_where_their_triangles_texture_points_say(head):
    texels = texels_of(head, 96, ("skin", "left_eye", "tongue"))
    corners = corner_uv(head)[texels.triangles]
    corner = (head.triangles[texels.triangles][:, :, None] == texels.vertices[:, None, :]).argmax(1)
    place = np.einsum("nkc,nk->nc", np.take_along_axis(corners, corner[..., None], 1), texels.weights)
    row, column = np.nonzero(texels.covered)
    np.testing.assert_allclose(place * 96, np.stack([column + 0.5, 96 - row - 0.5], 1), atol=2e-3)


def test_pictures_put_values_back_where_they_are(head):
    texels = texels_of(head, 64)
    values = np.arange(len(texels.flat), dtype=np.float32)
    picture = texels.picture(values, empty=-1)
    np.testing.assert_array_equal(picture[texels.covered], values)
    assert (picture[~texels.covered] == -1).all()
    some = texels.chosen(values % 3 == 0)
    np.testing.assert_array_equal(some.flat, texels.flat[::3])


@pytest.mark.parametrize("which", ["packaged", "made up"])
def test_mirrored_texels_show_mirrored_places(head, which):
    head = head if which == "packaged" else made_up_head()
    size = 128
    texels, mirror = texels_of(head, size), mirror_of(head, size)
    where = texels.picture(texels.lift(head.vertices)).reshape(-1, 3)
    has = np.flatnonzero(mirror >= 0)
    away = np.linalg.norm(where[mirror[has]] * [-1, 1, 1] - where[has], axis=1)
    assert len(has) > 0.9 * len(texels.flat)
    assert np.quantile(away, 0.99) < (4 if which == "packaged" else 10)  # mm; a texel is about 2, or 5
    if which == "packaged":  # its outer skin is laid out symmetrically: exactly the flipped texel
        outer = has[has < 0.7 * size * size]
        np.testing.assert_array_equal(mirror[outer], outer // size * size + size - 1 - outer % size)
        np.testing.assert_array_equal(mirror[mirror[outer]], outer)


def test_made_once(head):
    assert texels_of(head, 64) is texels_of(head, 64)
    assert mirror_of(head, 64) is mirror_of(head, 64)
    assert texels_of(head, 64) is not texels_of(made_up_head(), 64)
