"""Textures taken back from pictures of heads whose texture and light are known."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_face

import face2mesh
from face2mesh import Face2MeshError
from face2mesh.draw import part_colours, part_opacity, render
from face2mesh.draw.light import to_linear
from face2mesh.face import Camera, Face, Pose
from face2mesh.head.corners import corner_uv
from face2mesh.texture import SIZES, texture_of, with_texture
from face2mesh.texture.look import bare_skin
from face2mesh.texture.skin import skin_of
from face2mesh.texture.texels import texels_of
from face2mesh.texture.texture import _extended, _to_srgb

SIDE = 400
EVEN = np.zeros((9, 3), np.float32)
EVEN[0] = 1
LAMP = np.tile(np.float32([0.75, 0.35, -0.25, -0.25, 0, 0, 0.05, 0.05, 0])[:, None], 3)


class Person:
    """The model's mean person with a skin of the statistical model's and a mole, and pictures of it."""

    def __init__(self):
        self.model = face2mesh.load()
        head = self.head = self.model.base_head
        skin = skin_of(head)
        self.truth = _to_srgb(_extended(skin, skin.mean + 0.8 * skin.modes[1]))
        texels = texels_of(head, 256)
        rest = texels.lift(head.vertices)
        self.face_texels = texels.flat[texels.lift(bare_skin(head)) > 0.99]
        self.places = texels.picture(rest).reshape(-1, 3)
        self.mole = texels.flat[np.linalg.norm(rest - [38, -48, 20], axis=1) < 2.8]
        self.truth.reshape(-1, 3)[self.mole] = (60, 35, 30)
        self.eyes = texels_of(head, 256, ("left_eye", "right_eye"))
        self.truth.reshape(-1, 3)[self.eyes.flat] = (225, 220, 215)

    def face(self, yaw=0.0):
        turn = np.radians(yaw)
        about = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        camera = Camera.centred(1.9 * SIDE, SIDE, SIDE)
        pose = Pose(np.diag([1.0, -1, -1]) @ about, np.array([0.0, -20, 720]))
        codes = np.zeros(self.model.identity_size, np.float32)
        return Face(self.model, codes, np.zeros(52, np.float32), camera, pose)

    def picture(self, face, light=EVEN, truth=None):
        return render(
            face.vertices,
            face.triangles,
            part_colours(self.head),
            face.camera,
            face.pose,
            light,
            opacities=part_opacity(self.head),
            two_sided=False,
            texture=(self.truth if truth is None else truth, corner_uv(self.head)),
            background=(0.1, 0.5, 0.2),
        )

    def error(self, texture, which=slice(None)):
        """Mean difference over the face's texels, in steps of sRGB, of a texture of 512."""
        coarse = texture.reshape(256, 2, 256, 2, 3).mean((1, 3)).reshape(-1, 3)
        texels = self.face_texels[which]
        return np.abs(coarse[texels] - self.truth.reshape(-1, 3)[texels].astype(float)).mean()

    def side(self, left):
        """Texels of one cheek."""
        x, y, z = self.places[self.face_texels].T
        return ((x > 30) if left else (x < -30)) & (y < -15) & (z > -20)


@pytest.fixture(scope="module")
def person():
    return Person()


@pytest.fixture(scope="module")
def plain(person):
    face = person.face()
    return texture_of(face, person.picture(face), 512, "photo")


def test_what_is_seen_comes_back(person, plain):
    assert plain.shape == (512, 512, 3)
    assert plain.dtype == np.uint8
    assert person.error(plain) < 3
    row, column = np.array([person.mole // 256, person.mole % 256]) * 2
    assert np.median(plain[row, column].mean(1)) < 85


def test_light_is_taken_away(person):
    face = person.face()
    picture = person.picture(face, LAMP)
    kept, taken = (texture_of(replace(face, light=LAMP), picture, 512, light) for light in ("photo", "delit"))
    cheeks = [person.face_texels[person.side(left)] for left in (True, False)]

    def contrast(texture):
        coarse = to_linear(texture[::2, ::2] / 255.0).reshape(-1, 3)
        return np.log(coarse[cheeks[0]].mean() / coarse[cheeks[1]].mean())

    assert contrast(kept) > 0.35
    assert abs(contrast(taken)) < 0.35 * contrast(kept)


def test_the_hidden_half_is_completed(person):
    face = person.face(yaw=40)
    texture = texture_of(face, person.picture(face), 512, "delit")
    left, right = (person.error(texture, person.side(side)) for side in (True, False))
    assert max(left, right) < 14
    # Where nothing but symmetry tells, the mirrored mole does: the head was seen from its right or from its left.
    mean = texture[::2, ::2].reshape(-1, 3).mean(1)
    assert np.ptp(mean[person.face_texels[person.side(True)]]) < 150


def test_scalp_and_neck_are_skin(person, plain):
    head = person.head
    hidden = (head.regions["scalp"] | head.regions["neck"]).astype(np.float32)
    texels = texels_of(head, 512)
    colours = plain.reshape(-1, 3)[texels.flat[texels.lift(hidden) > 0.99]].astype(float)
    tone = np.median(plain.reshape(-1, 3)[texels.flat[texels.lift(bare_skin(head)) > 0.99]], axis=0)
    assert np.abs(colours.mean(0) - tone).max() < 25
    assert colours.std(0).max() < 12
    assert (colours[:, 1] < colours[:, 0]).all()  # nothing of the green background


def test_hair_over_the_forehead_is_not_skin(person, plain):
    face = person.face()
    picture = person.picture(face).copy()
    fringe = face.project(np.array([[0.0, 32, 30]]))[0, 1]
    picture[: int(fringe)] = (35, 25, 20)
    texture = texture_of(face, picture, 512, "photo")
    y = person.places[person.face_texels][:, 1]
    assert person.error(texture, y > 36) < 22
    assert person.error(texture, (y < 15) & (y > -60)) < 5


def test_a_grey_photo_gives_a_grey_skin(person):
    face = person.face()
    grey = np.repeat(person.picture(face).mean(2, keepdims=True), 3, 2).astype(np.uint8)
    texture = texture_of(face, grey, 512, "photo")
    colours = texture[::2, ::2].reshape(-1, 3)[person.face_texels].astype(float)
    assert np.ptp(colours, axis=1).mean() < 12


@pytest.mark.parametrize("value", [0, 255])
def test_a_photo_without_anything_in_it(person, value):
    face = person.face()
    texture = texture_of(face, np.full((SIDE, SIDE, 3), value, np.uint8), 512)
    assert texture[100:200, 200:300].std() < 60


def test_irises_have_the_persons_colour(person):
    face = person.face()
    found = []
    for colour in ((110, 150, 200), (95, 60, 35)):
        truth = person.truth.copy()
        iris = texels_of(person.head, 256, ("left_eye", "right_eye"))
        around = iris.chosen(iris.lift((person.head.regions["iris"]).astype(np.float32)) > 0.2)
        truth.reshape(-1, 3)[around.flat] = colour
        texture = texture_of(face, person.picture(face, truth=truth), 512, "photo")
        painted = texture[::2, ::2].reshape(-1, 3)[around.flat].astype(float)
        found.append(np.median(painted, axis=0))
    blue, brown = found
    assert blue[2] > blue[0] + 20
    assert brown[0] > brown[2] + 10


def test_eyes_teeth_and_tongue_have_their_colours(person, plain):
    def colour(part):
        return plain.reshape(-1, 3)[texels_of(person.head, 512, (part,)).flat].astype(float)

    assert colour("left_eye").max() > 190
    assert colour("left_eye").min() < 30  # the pupil
    red, green, _ = colour("tongue").mean(0)
    assert red > green + 40
    assert np.quantile(colour("upper_teeth").mean(1), 0.9) > 200
    assert colour("lashes").max() < 60


@pytest.mark.parametrize("size", SIZES)
def test_sizes_agree(person, plain, size):
    face = person.face()
    texture = texture_of(face, person.picture(face), size, "photo")
    assert texture.shape == (size, size, 3)
    scale = size // 512
    coarse = texture.reshape(512, scale, 512, scale, 3).mean((1, 3)).reshape(-1, 3)
    texels = texels_of(person.head, 512)
    seen = texels.flat[texels.lift(bare_skin(person.head)) > 0.99]
    assert np.abs(coarse[seen] - plain.reshape(-1, 3)[seen].astype(float)).mean() < 2


def test_the_same_photo_gives_the_same_texture(person, plain):
    face = person.face()
    np.testing.assert_array_equal(texture_of(face, person.picture(face), 512, "photo"), plain)
    held = with_texture(face, person.picture(face), 512, "photo")
    np.testing.assert_array_equal(held.texture, plain)
    assert held.neutral().texture is held.texture


def test_points_that_the_photo_shows_elsewhere_draw_the_texture_there(person):
    face = person.face()
    picture = person.picture(face)
    shifted = np.roll(picture, 5, axis=1)
    points = person.head.dense(face.project(face.vertices))
    drawn = texture_of(replace(face, points_px=points + np.array([5.0, 0])), shifted, 512, "photo")
    astray = texture_of(face, shifted, 512, "photo")
    middle = np.abs(person.places[person.face_texels][:, 0]) < 45
    assert person.error(drawn, middle) < 0.6 * person.error(astray, middle)


def test_a_head_whose_skin_nobody_learnt():
    face = made_up_face()
    photo = np.random.default_rng(0).integers(120, 180, (480, 640, 3)).astype(np.uint8)
    texture = texture_of(face, photo, 512)
    assert texture.shape == (512, 512, 3)


def test_refusals(person):
    face = person.face()
    picture = person.picture(face)
    with pytest.raises(Face2MeshError, match="1000 is no size; choose 512, 1024 or 2048"):
        texture_of(face, picture, 1000)
    with pytest.raises(Face2MeshError, match="choose photo or delit"):
        texture_of(face, picture, 512, "unlit")
    with pytest.raises(Face2MeshError, match="give the same photo"):
        texture_of(face, picture[:-1], 512)
    with pytest.raises(Face2MeshError, match="give the same photo"):
        texture_of(face, picture.astype(np.float32), 512)
    behind = replace(face, pose=Pose(face.pose.rotation, np.array([0.0, 0, 20])))
    with pytest.raises(Face2MeshError, match="behind the camera"):
        texture_of(behind, picture, 512)
