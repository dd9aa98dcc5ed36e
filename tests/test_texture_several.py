"""One texture of several photos."""

import dataclasses

import numpy as np
import pytest
from made_up import made_up_face

from face2mesh.draw import render
from face2mesh.draw.light import to_linear
from face2mesh.errors import Face2MeshError
from face2mesh.face import Camera, CropPose, rotation_from_6d
from face2mesh.texture import texture_of, with_textures
from face2mesh.texture.look import trusted, view_of
from face2mesh.texture.texels import texels_of

FACE = made_up_face()


def turned(degrees):
    """The made-up face, turned to a side, in the middle of a picture of 300 × 300."""
    camera = Camera.centred(500.0, 300, 300)
    angle = np.radians(degrees)
    six = np.array([np.cos(angle), 0, -np.sin(angle), 0, 1, 0])
    pose = CropPose(rotation_from_6d(six), np.zeros(2), -0.9).pose(camera, (150.0, 130.0), 260.0)
    return dataclasses.replace(FACE, camera=camera, pose=pose)


def photo(face, colour):
    colours = np.tile(np.float32(colour), (len(face.vertices), 1))
    return render(face.vertices, face.triangles, colours, face.camera, face.pose)


LEFT, RIGHT = turned(-40), turned(40)
RED, BLUE = photo(LEFT, (0.75, 0.45, 0.4)), photo(RIGHT, (0.5, 0.45, 0.65))


def test_one_photo_is_its_own_texture():
    alone = with_textures(FACE, [(LEFT, RED)], 512, "photo")
    difference = alone.texture.astype(int) - texture_of(LEFT, RED, 512, "photo")
    assert np.abs(difference).max() <= 1


def test_each_photo_where_it_sees():
    together = with_textures(FACE, iter([(LEFT, RED), (RIGHT, BLUE)]), 512, "photo").texture
    texels = texels_of(FACE.head, 256)
    trust = [trusted(view_of(face), face, rgb, texels) for face, rgb in ((LEFT, RED), (RIGHT, BLUE))]
    own = [texture_of(face, rgb, 512, "photo") for face, rgb in ((LEFT, RED), (RIGHT, BLUE))]
    at = np.stack(np.nonzero(texels.covered), 1) * 2
    for one, other in ((0, 1), (1, 0)):
        sees = (trust[one] > 0.9) & (trust[other] == 0)
        assert sees.sum() > 50
        there = tuple(at[sees].T)
        near = np.abs(together[there].astype(int) - own[one][there]).mean()
        assert near < 0.4 * np.abs(together[there].astype(int) - own[other][there]).mean()
    # Between the two nothing lies outside what they say.
    low, high = np.minimum(*own).astype(int), np.maximum(*own).astype(int)
    assert ((together >= low - 1) & (together <= high + 1)).all()


def test_the_mean_is_one_of_light():
    """Two photos from the same side, black and white as it were: half of the light, not half of the number."""
    dark, bright = photo(LEFT, (0.3, 0.3, 0.3)), photo(LEFT, (0.8, 0.8, 0.8))
    own = [to_linear(texture_of(LEFT, rgb, 512, "photo") / np.float32(255)) for rgb in (dark, bright)]
    both = to_linear(with_textures(FACE, [(LEFT, dark), (LEFT, bright)], 512, "photo").texture / np.float32(255))
    texels = texels_of(FACE.head, 256)
    sees = trusted(view_of(LEFT), LEFT, dark, texels) > 0.95
    there = tuple((np.stack(np.nonzero(texels.covered), 1)[sees] * 2).T)
    np.testing.assert_allclose(both[there].mean(), np.mean(own, 0)[there].mean(), rtol=0.03)


def test_no_photo():
    with pytest.raises(Face2MeshError, match="no photo to take it from"):
        with_textures(FACE, [])
