"""Pictures of heads: where things are, that light obeys, that nothing fails at the edges."""

import dataclasses

import numpy as np
import pytest
from made_up import made_up_face, made_up_head

from face2mesh.draw import (
    VIEWS,
    contact_sheet,
    frame,
    part_colours,
    part_opacity,
    part_shine,
    photo_colours,
    portrait,
    preview,
    render,
    with_photo_colours,
)
from face2mesh.draw.light import harmonics, to_linear, to_srgb
from face2mesh.face import Camera, Pose, project

HEAD = made_up_head()
FACE = made_up_face()
EVEN = np.zeros((9, 3), np.float32)
EVEN[0] = 1


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_the_whole_head(name):
    camera, pose = frame(HEAD.vertices, VIEWS[name], 120, 150, margin=0.1)
    pixels = project(HEAD.vertices, camera, pose)
    assert pixels.min() >= 11.9
    assert (pixels.max(0) <= [108.1, 135.1]).all()
    # As large as fits, in one of the two directions.
    spans = np.ptp(pixels, axis=0) / [96, 120]
    assert max(spans) == pytest.approx(1, abs=1e-6)


def test_sides_of_the_views():
    nose, left_ear, crown = np.array([[0.0, -20, 30], [75, 0, -70], [0, 90, -70]])
    camera, pose = frame(HEAD.vertices, VIEWS["front"], 100, 100)
    assert project(left_ear, camera, pose)[0] > project(nose, camera, pose)[0]
    assert project(crown, camera, pose)[1] < project(nose, camera, pose)[1]
    # From the subject's left the nose is on the left of the picture.
    camera, pose = frame(HEAD.vertices, VIEWS["side"], 100, 100)
    assert project(nose, camera, pose)[0] < project(left_ear, camera, pose)[0]
    assert pose.apply(left_ear)[2] < pose.apply(-left_ear)[2]
    # From below the chin is nearer than the crown.
    _, pose = frame(HEAD.vertices, VIEWS["below"], 100, 100)
    assert pose.apply(np.array([0.0, -130, -60]))[2] < pose.apply(crown)[2]


def test_scale_of_a_view():
    camera, pose = frame(HEAD.vertices, VIEWS["front"], 100, 100, scale_px=0.4)
    middle = (HEAD.vertices.min(0) + HEAD.vertices.max(0)) / 2
    ends = project(middle + np.array([[-10.0, 0, 0], [10, 0, 0]]), camera, pose)
    assert ends[1, 0] - ends[0, 0] == pytest.approx(8, rel=1e-3)


def test_even_light_shows_the_colours_as_they_are():
    camera, pose = frame(HEAD.vertices, VIEWS["front"], 80, 80)
    colours = np.tile([0.8, 0.4, 0.2], (len(HEAD.vertices), 1))
    picture = render(HEAD.vertices, HEAD.triangles, colours, camera, pose, EVEN, background=(0, 0, 1))
    np.testing.assert_allclose(picture[40, 40], np.array([0.8, 0.4, 0.2]) * 255, atol=1)
    np.testing.assert_array_equal(picture[0, 0], [0, 0, 255])


def test_background_picture_and_opacity():
    camera, pose = frame(HEAD.vertices, VIEWS["front"], 60, 50)
    behind = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    colours = np.ones((len(HEAD.vertices), 3))
    hidden = render(HEAD.vertices, HEAD.triangles, colours, camera, pose, background=behind, opacity=0.0)
    np.testing.assert_array_equal(hidden, behind)
    half = render(HEAD.vertices, HEAD.triangles, colours, camera, pose, EVEN, background=behind, opacity=0.5)
    np.testing.assert_allclose(half[25, 30], behind[25, 30] * 0.5 + 127.5, atol=1)


def test_the_key_light_comes_from_the_left_of_the_picture_and_above():
    camera, pose = frame(HEAD.vertices, VIEWS["front"], 100, 120)
    picture = render(HEAD.vertices, HEAD.triangles, np.full(HEAD.vertices.shape, 0.7), camera, pose).astype(float)
    head = np.abs(picture - picture[0, 0]).sum(2) > 10
    left, right = picture[:, :50][head[:, :50]].mean(), picture[:, 50:][head[:, 50:]].mean()
    assert left > right + 5


def test_mirrored_head_under_mirrored_light():
    camera, pose = frame(HEAD.vertices, VIEWS["front"], 90, 90)
    light = np.random.default_rng(2).normal(0, 0.2, (9, 3)).astype(np.float32)
    light[0] = 0.8
    signs = harmonics(np.array([-2.0, 3, 5])) / harmonics(np.array([2.0, 3, 5]))
    colours = part_colours(HEAD)
    one = render(HEAD.vertices, HEAD.triangles, colours, camera, pose, light)
    other = render(HEAD.vertices, HEAD.triangles, colours, camera, pose, light * signs[:, None].astype(np.float32))
    different = np.abs(one.astype(int) - other[:, ::-1].astype(int)).max(2) > 3
    assert different.mean() < 0.01


def test_quads_are_drawn_and_their_diagonals_are_not():
    vertices = np.array([[-40.0, -40, 0], [40, -40, 0], [40, 40, 0], [-40, 40, 0]])
    quads, triangles = np.array([[0, 1, 2, 3]]), np.array([[0, 1, 2], [0, 2, 3]])
    camera, pose = Camera.centred(1000.0, 100, 100), Pose(np.diag([1.0, -1, -1]), np.array([0.0, 0, 1000]))
    colours = np.ones((4, 3))
    picture = render(vertices, triangles, colours, camera, pose, EVEN, quads=quads, background=(1, 1, 1))
    assert picture[11:89, 11:89].min() == 255  # inside, the diagonal too
    for edge in (picture[10, 20:80], picture[89, 20:80], picture[20:80, 10], picture[20:80, 89]):
        assert edge.max() < 200


def test_a_sheer_sheet_before_a_wall():
    square = np.array([[-40.0, -40, 0], [40, -40, 0], [40, 40, 0], [-40, 40, 0]])
    vertices = np.concatenate([square, square * 0.5 + [0, 0, 5], square * 0.5 + [0, 0, -5]])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7], [8, 9, 10], [8, 10, 11]])
    colours = np.repeat([[1.0, 1, 1], [0, 0, 0], [1, 0, 0]], 4, axis=0)
    opacities = np.repeat([1.0, 0.25, 0.5], 4)
    camera, pose = Camera.centred(1000.0, 100, 100), Pose(np.diag([1.0, -1, -1]), np.array([0.0, 0, 1000]))
    picture = render(vertices, triangles, colours, camera, pose, EVEN, opacities=opacities)
    np.testing.assert_allclose(picture[50, 50], 0.75 * 255, atol=1)  # the red one behind the wall does not show
    np.testing.assert_array_equal(picture[15, 15], 255)


def test_part_colours_and_shine():
    colours, shine = part_colours(HEAD), part_shine(HEAD)
    first, last = HEAD.part_vertices["left_eye"]
    front = first + int(HEAD.vertices[first:last, 2].argmax())
    back = first + int(HEAD.vertices[first:last, 2].argmin())
    assert colours[front].sum() < 0.3 < 2.5 < colours[back].sum()  # pupil in front, white behind
    np.testing.assert_array_equal(colours, colours[HEAD.mirror])
    assert shine[first] == 1
    assert shine[0] == 0
    first, last = HEAD.part_vertices["lashes"]
    opacity = part_opacity(HEAD)
    assert (opacity[:first] == 1).all()
    assert opacity[first:last].max() < 1


def test_named_regions_come_before_positions():
    mask = np.zeros(len(HEAD.vertices), bool)
    mask[HEAD.part_vertices["right_eye"][0]] = True
    named = dataclasses.replace(HEAD, regions={**HEAD.regions, "iris": mask, "pupil": ~mask & False, "gums": mask})
    colours = part_colours(named)
    first, last = HEAD.part_vertices["left_eye"]
    assert len(np.unique(colours[first:last], axis=0)) == 1


def test_a_portrait_is_the_head_in_its_plain_colours():
    camera, pose = frame(HEAD.vertices, VIEWS["three_quarter"], 80, 100)
    shine, opacities = part_shine(HEAD), part_opacity(HEAD)
    by_hand = render(HEAD.vertices, HEAD.triangles, part_colours(HEAD), camera, pose, shine=shine, opacities=opacities)
    np.testing.assert_array_equal(portrait(HEAD, HEAD.vertices, VIEWS["three_quarter"], 80, 100), by_hand)
    eye = HEAD.vertices[slice(*HEAD.part_vertices["left_eye"])]
    close = portrait(HEAD, HEAD.vertices, VIEWS["front"], 60, 60, framed=eye, wireframe=True)
    assert close.shape == (60, 60, 3)
    assert close[30, 30].max() < 80  # the pupil in the middle


def test_srgb_by_hand_and_back():
    assert float(to_linear(np.array(0.5))) == pytest.approx(0.21404, abs=1e-5)
    ramp = np.linspace(0, 1, 256)
    np.testing.assert_allclose(to_srgb(to_linear(ramp)), ramp, atol=1e-5)


def test_sheet():
    cells = [np.full((20, 30, 3), value, np.uint8) for value in (0, 50, 100)]
    sheet = contact_sheet(cells, columns=2, gap=3)
    assert sheet.shape == (2 * 23 + 3, 2 * 33 + 3, 3)
    assert (sheet[3:23, 3:33] == 0).all()
    assert (sheet[26:46, 3:33] == 100).all()
    labelled = contact_sheet(cells, columns=2, labels=["one", "a very long label that does not fit", ""], gap=3)
    assert len(labelled) > len(sheet)
    with pytest.raises(ValueError, match="no pictures"):
        contact_sheet([])
    with pytest.raises(ValueError, match="2 labels for 3 pictures"):
        contact_sheet(cells, labels=["a", "b"])


def _painted(face):
    """A photo of the face in which the subject's left is red and its right is green, on blue."""
    colours = np.zeros((len(face.vertices), 3))
    colours[:, 0] = face.head.vertices[:, 0] >= 0
    colours[:, 1] = face.head.vertices[:, 0] < 0
    return render(face.vertices, face.triangles, colours, face.camera, face.pose, EVEN, background=(0, 0, 1.0))


def test_photo_colours_find_the_sides():
    colours = photo_colours(FACE, _painted(FACE)).astype(int)
    head = FACE.head
    front = np.arange(len(colours)) < head.skin_count
    front &= (head.vertices[:, 2] > -35) & (np.abs(head.vertices[:, 0]) > 14) & (np.abs(head.vertices[:, 0]) < 45)
    left = front & (head.vertices[:, 0] > 0)
    right = front & (head.vertices[:, 0] < 0)
    # Turned a little, so that one side is completed from the other in part.
    assert np.median(colours[left, 0] - colours[left, 1]) > 100
    assert np.median(colours[right, 1] - colours[right, 0]) > 100
    # The background's blue did not come in: every vertex has a colour of the face.
    assert (colours[: head.skin_count, 2] < 100).all()
    assert (colours[: head.skin_count].sum(1) > 100).all()


def test_photo_colours_of_a_mirrored_photo_are_mirrored():
    face = dataclasses.replace(
        FACE, pose=Pose(np.diag([1.0, -1, -1]), np.array([0.0, 0, 700])), identity=np.zeros(5), weights=np.zeros(52)
    )
    generator = np.random.default_rng(1)
    photo = np.kron(generator.integers(0, 256, (12, 16, 3)), np.ones((40, 40, 1))).astype(np.uint8)
    one, other = photo_colours(face, photo), photo_colours(face, photo[:, ::-1].copy())
    difference = np.abs(one.astype(int) - other[face.head.mirror].astype(int))
    assert np.percentile(difference, 99) <= 3


@pytest.mark.parametrize("translation", [(0, 0, 5.0), (5000.0, 0, 800), (0, 0, -400.0)])
def test_a_face_outside_the_photo_keeps_plain_colours(translation):
    face = dataclasses.replace(FACE, pose=Pose(FACE.pose.rotation, np.array(translation)))
    colours = photo_colours(face, np.zeros((480, 640, 3), np.uint8))
    np.testing.assert_allclose(colours, part_colours(face.head) * 255, atol=1)


def test_preview():
    photo = _painted(FACE)
    picture = preview(FACE, photo)
    assert picture.shape == (400, 1608, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, preview(with_photo_colours(FACE, photo), photo))
    for column in range(5):
        assert picture[:, column * 322 : column * 322 + 320].std() > 10
