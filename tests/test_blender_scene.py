"""A head in Blender's axes and units, and the photo's camera in Blender's terms, without Blender."""

import dataclasses
import io
import json

import numpy as np
import pytest
from made_up import made_up_face
from PIL import Image

from face2mesh.blender.scene import camera_document, scene_arrays, to_blender
from face2mesh.face import Camera, Pose, project
from face2mesh.head import ARKIT_NAMES, PARTS
from face2mesh.write import HeadMesh

FACE = made_up_face()
MESH = HeadMesh.of(FACE)


def test_axes_by_hand():
    # The subject's left, up, out of the face.
    np.testing.assert_allclose(to_blender(np.eye(3) * 1000, 1.0), [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_allclose(to_blender(np.array([[10.0, 20.0, 30.0]]), 0.01), [[1, -3, 2]])


def _blender_projects(points, given):
    """What Blender's camera shows of points in scene units, in pixels from the upper left corner; by its manual:
    the sensor is fitted to the picture's width, shifts are in widths, pixels are stretched by their aspects."""
    local = np.c_[points, np.ones(len(points))] @ np.linalg.inv(np.array(given["matrix"])).T
    slopes = local[:, :2] / -local[:, 2:3]
    widths = slopes * given["lens"] / given["sensor"] - [given["shift_x"], given["shift_y"]]
    pixels = widths * given["width"] * [1, given["aspect_x"] / given["aspect_y"]]
    return pixels * [1, -1] + [given["width"] / 2, given["height"] / 2]


@pytest.mark.parametrize("unit", [1.0, 0.01])
@pytest.mark.parametrize(
    "camera",
    [
        Camera.centred(700.0, 640, 480),
        Camera(700.0, 700.0, 300.0, 260.0, 640, 480),
        Camera(500.0, 650.0, 350.0, 220.0, 480, 640),
        Camera(800.0, 650.0, 250.0, 300.0, 640, 480),
    ],
)
def test_camera_shows_what_the_photos_camera_saw(camera, unit):
    pose = FACE.pose
    given = camera_document(camera, pose, unit)
    assert min(given["aspect_x"], given["aspect_y"]) == 1
    points = FACE.landmarks.astype(np.float64)
    shown = _blender_projects(to_blender(points, unit).astype(np.float64), given)
    np.testing.assert_allclose(shown, project(points, camera, pose), atol=1e-2)


def test_a_frontal_camera_by_hand():
    given = camera_document(Camera.centred(1000.0, 500, 500), Pose(np.diag([1.0, -1, -1]), np.array([0, 0, 800.0])), 1)
    # 80 cm before the face, upright, looking along +Y.
    np.testing.assert_allclose(given["matrix"], [[1, 0, 0, 0], [0, 0, -1, -0.8], [0, 1, 0, 0], [0, 0, 0, 1]], atol=1e-7)
    assert (given["lens"], given["shift_x"], given["shift_y"]) == (72, 0, 0)


def test_arrays_hold_the_head():
    arrays = scene_arrays(MESH, 1.0)
    document = json.loads(str(arrays["document_json"]))
    np.testing.assert_allclose(arrays["positions"], to_blender(MESH.neutral, 1.0))
    for number, name in enumerate(document["keys"]):
        np.testing.assert_allclose(arrays["morphs"][number], to_blender(MESH.morphs[name], 1.0))
    assert document["keys"] == list(ARKIT_NAMES)
    assert document["weights"] == list(MESH.weights.values())
    assert [part["name"] for part in document["parts"]] == list(PARTS)
    assert document["bones"] == []
    assert not {"bone_weights", "texture_png", "photo_jpeg"} & set(arrays)
    np.testing.assert_allclose(arrays["colours"][:, :3] * 255, MESH.colours, atol=1e-4)
    np.testing.assert_array_equal(arrays["colours"][:, 3], MESH.opacity)
    assert all(array.dtype != object for array in arrays.values())


def test_texture_and_photo_travel_as_files():
    texture = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    photo = np.full((48, 64, 3), (10, 200, 30), np.uint8)
    arrays = scene_arrays(HeadMesh.of(dataclasses.replace(FACE, texture=texture), photo), 1.0)
    read = {name: np.asarray(Image.open(io.BytesIO(arrays[name].tobytes()))) for name in ("texture_png", "photo_jpeg")}
    np.testing.assert_array_equal(read["texture_png"], texture)
    np.testing.assert_allclose(read["photo_jpeg"].astype(int), photo, atol=4)


class _OneSmile:
    """A decoder whose people only smile, with the skin alone."""

    name, version = "smile", "0"
    base_head = FACE.head

    def decode(self, identity, expression):
        head = np.repeat(self.base_head.vertices[None], len(np.atleast_2d(expression)), 0)
        skin = self.base_head.skin_count
        head[:, :skin, 0] += np.atleast_2d(expression)[:, [ARKIT_NAMES.index("mouthSmileLeft")]]
        return head if np.ndim(expression) == 2 else head[0]


def test_parts_have_the_shapes_that_move_them():
    mesh = HeadMesh.of(dataclasses.replace(FACE, decoder=_OneSmile()))
    parts = {part["name"]: part["keys"] for part in json.loads(str(scene_arrays(mesh, 1.0)["document_json"]))["parts"]}
    # The skin's sliders move the others', so it has all.
    assert parts.pop("skin") == list(ARKIT_NAMES)
    assert set(map(tuple, parts.values())) == {()}
