"""The packaged model at work, on networks whose every answer is known (see `tiny_model`)."""

import threading

import numpy as np
import pytest
from made_up import MODES, made_up_corpus, made_up_head
from tiny_model import JAW, TONGUE, WEIGHTS, disk, tiny_followers, tiny_model

import face2mesh
from face2mesh.errors import Face2MeshError, ModelError, PhotoError
from face2mesh.head.arkit import ARKIT_NAMES, OPPOSITES
from face2mesh.model import manifest as manifest_module
from face2mesh.model.manifest import BASE_HEAD_FILE, ENCODER_FILE, FOLLOWERS_FILE
from face2mesh.model.sampling import PARTS
from face2mesh.photo import Box

HEAD = made_up_head()
RADIUS = 40.0
"""Pixels of the disk, which stand for 75 mm."""


def _box(centre, side=110.0):
    return Box(centre[0] - side / 2, centre[1] - side / 2, side, side)


def test_decodes_what_the_networks_say(model):
    people, actions = made_up_corpus()
    identity = np.float32([1, -2, 0.5, 0, 3])
    expression = np.linspace(0, 1, 52).astype(np.float32)
    neutral = HEAD.vertices + np.tensordot(identity, people, 1)
    expressed = neutral + (1 + 0.1 * identity[0]) * np.tensordot(expression, actions, 1)
    skin = HEAD.skin_count
    np.testing.assert_allclose(model.decode(identity)[:skin], neutral[:skin], atol=1e-3)
    np.testing.assert_allclose(model.decode(identity, expression)[:skin], expressed[:skin], atol=1e-3)
    assert model.decode(identity).shape == HEAD.vertices.shape


def test_one_person_with_several_expressions(model):
    identity, weights = np.random.default_rng(4).normal(size=model.identity_size), np.eye(52)[:4]
    together = model.decode(identity, weights)
    assert together.shape == (4, *model.base_head.vertices.shape)
    for vertices, own in zip(together, weights, strict=True):
        np.testing.assert_allclose(vertices, model.decode(identity, own), atol=1e-4)
    np.testing.assert_array_equal(model.decode(identity, np.zeros((2, 52)))[1], model.decode(identity))


def test_mean_head_is_the_base_head(model):
    np.testing.assert_allclose(model.decode(np.zeros(MODES)), HEAD.vertices, atol=1e-3)


def test_followers_follow(model):
    people, _ = made_up_corpus()
    controls = tiny_followers().controls
    moved = np.mean(people[2][controls], axis=0)
    skin = HEAD.skin_count
    identity = np.eye(MODES, dtype=np.float32)[2]
    np.testing.assert_allclose(model.decode(identity)[skin:], HEAD.vertices[skin:] + moved, atol=1e-3)


def test_batch_equals_one_by_one(model):
    generator = np.random.default_rng(0)
    identity, expression = generator.normal(size=(3, MODES)), generator.uniform(size=(3, 52))
    together = model.decode(identity, expression)
    one_by_one = [model.decode(a, b) for a, b in zip(identity, expression, strict=True)]
    np.testing.assert_allclose(together, one_by_one, atol=1e-4)


@pytest.mark.parametrize("centre", [(160.0, 120.0), (150.0, 130.0), (60.0, 200.0)])
def test_finds_the_heads_place_and_size(model, centre):
    photo = disk(320, 260, centre, RADIUS)
    # The box is off, to the right, downwards, and too large: the second pass must not mind.
    face = model.reconstruct(photo, box=_box((centre[0] + 15, centre[1] + 10), 140))
    assert (face.camera.width, face.camera.height) == (320, 260)
    depth = face.pose.translation_mm[2]
    assert face.camera.fx * 75 / depth == pytest.approx(RADIUS, rel=0.01)
    assert face.camera.fx == pytest.approx(max(1.2 * 320, 8 * RADIUS * 100 / 75), rel=0.01)
    u, v = face.camera.project(face.pose.translation_mm)
    # The smaller of the second pass's crops cuts a little off this made-up head's disk.
    assert (u, v) == pytest.approx(centre, abs=0.5)
    # Frontal against the ray: the subject's left (+X) is on the right of the picture, and up is up.
    left, up = (face.project(np.array([[0, 0, 0], axis])) for axis in ([10.0, 0, 0], [0, 10.0, 0]))
    assert left[1, 0] > left[0, 0]
    assert up[1, 1] < up[0, 1]


def test_landmarks_px_are_the_projection(model):
    face = model.reconstruct(disk(300, 300, (140, 150), RADIUS), box=_box((140, 150)))
    np.testing.assert_allclose(face.landmarks_px, face.project(face.landmarks), atol=1e-6)
    np.testing.assert_allclose(face.landmarks, HEAD.landmarks(face.vertices), atol=1e-4)


def test_second_pass_corrects_the_first(model):
    centre = (150.0, 150.0)
    # The first crop cuts the disk, so its centre of mass is wrong; the refined crop holds it whole.
    face = model.reconstruct(disk(300, 300, centre, RADIUS), box=_box((205.0, 150.0), 95))
    u, v = face.camera.project(face.pose.translation_mm)
    crop = face2mesh.photo.crop_of_box(_box((205.0, 150.0), 95))
    look = model.looker.look(face2mesh.photo.read_photo(disk(300, 300, centre, RADIUS)), [crop])
    first = look.camera.project(look.poses[0].translation_mm)
    assert 3 * np.hypot(u - centre[0], v - centre[1]) < np.hypot(*(first - centre))


def test_a_mirrored_photo_gives_a_mirrored_place(model):
    photo = disk(320, 240, (110, 100), RADIUS)
    face = model.reconstruct(photo, box=_box((115, 105)))
    mirrored = model.reconstruct(photo[:, ::-1].copy(), box=_box((320 - 115, 105)))
    np.testing.assert_allclose(
        mirrored.pose.translation_mm, face.pose.translation_mm * [-1, 1, 1], rtol=1e-3, atol=0.05
    )


def test_a_black_picture_is_the_mean_head_with_known_weights(model):
    face = model.reconstruct(np.zeros((200, 200, 3), np.uint8), box=(50, 50, 100, 100))
    assert tuple(face.expression) == ARKIT_NAMES
    weights = np.array(list(face.expression.values()))
    expected = WEIGHTS.copy()
    expected[TONGUE] = 0
    # The tiny encoder's weights grow with their index, so of two opposites the one named first gives way.
    expected[[min(pair) for pair in OPPOSITES]] = 0
    assert {min(JAW), max(JAW)} in [set(pair) for pair in OPPOSITES]
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(face.identity, 0, atol=1e-6)


def test_neutral_has_no_expression(model):
    face = model.reconstruct(np.zeros((200, 200, 3), np.uint8), box=(50, 50, 100, 100))
    np.testing.assert_allclose(face.neutral().vertices, HEAD.vertices, atol=1e-3)
    assert np.abs(face.vertices - HEAD.vertices).max() > 0.1


def test_several_faces_share_a_camera(model, monkeypatch):
    photo = np.maximum(disk(640, 300, (150, 150), 30), disk(640, 300, (450, 150), 60))
    boxes = [_box((150, 150), 90), _box((450, 150), 170)]
    monkeypatch.setattr("face2mesh.model.looking.find_faces", lambda rgb, small=False: boxes)
    faces = model.reconstruct_all(photo)
    assert len(faces) == 2
    assert faces[0].camera == faces[1].camera
    # The largest comes first, and is nearer.
    assert faces[0].camera.project(faces[0].pose.translation_mm)[0] == pytest.approx(450, abs=1)
    assert faces[1].pose.translation_mm[2] / faces[0].pose.translation_mm[2] == pytest.approx(2, rel=0.03)
    second = model.reconstruct(photo, face=2)
    np.testing.assert_allclose(second.vertices, faces[1].vertices, atol=1e-4)
    np.testing.assert_allclose(second.pose.translation_mm, faces[1].pose.translation_mm, rtol=1e-5)
    alone = model.reconstruct(photo)
    np.testing.assert_allclose(alone.vertices, faces[0].vertices, atol=1e-4)
    with pytest.raises(PhotoError, match="has no face number 3: 2 found"):
        model.reconstruct(photo, face=3)


def test_no_face(model):
    with pytest.raises(PhotoError, match="no face found"):
        model.reconstruct(np.full((100, 100, 3), 90, np.uint8))


@pytest.mark.parametrize("box", [(300, 0, 10, 10), (-50, -50, 40, 40)])
def test_box_outside(model, box):
    with pytest.raises(PhotoError, match="outside the picture of 200×100"):
        model.reconstruct(np.zeros((100, 200, 3), np.uint8), box=box)


@pytest.mark.parametrize("box", [(1, 2, 3), (0, 0, 0, 5), (0, 0, -4, 5), "abcd", (0, 0, float("nan"), 5)])
def test_box_that_is_none(model, box):
    with pytest.raises(PhotoError, match="is not x, y, width, height"):
        model.reconstruct(np.zeros((100, 200, 3), np.uint8), box=box)


def test_distance_between_the_eyes_sets_the_scale(model):
    photo, box = disk(300, 300, (150, 150), RADIUS), _box((150, 150))
    plain = model.reconstruct(photo, box=box)
    known = model.reconstruct(photo, box=box, ipd_mm=70)
    factor = 70 / 62  # the made-up head's eyes are 62 mm apart
    assert plain.scale_source != known.scale_source
    np.testing.assert_allclose(known.vertices, plain.vertices * factor, rtol=1e-3, atol=0.15)
    np.testing.assert_allclose(known.landmarks_px, plain.landmarks_px, atol=0.05)
    for wrong in (5, 500, float("nan")):
        with pytest.raises(Face2MeshError, match="between the eyes"):
            model.reconstruct(photo, box=box, ipd_mm=wrong)


def test_samples(model):
    first, again, other = model.sample(1), model.sample(1), model.sample(2)
    np.testing.assert_array_equal(first.vertices, again.vertices)
    assert np.abs(first.vertices - other.vertices).max() > 0.5
    assert set(model.sample(1, expression=False).expression.values()) == {0.0}
    drawn = np.array([model.sample(seed).weights for seed in range(200)])
    assert 2 < (drawn > 0).any(1).mean() + (drawn > 0).sum(1).mean() < 6
    for part in PARTS:  # at most one movement of each part, and both sides of it
        moved = [(drawn[:, [ARKIT_NAMES.index(name) for name in movement]] > 0) for movement in part]
        assert all((sides.all(1) == sides.any(1)).all() for sides in moved)
        assert max(sum(sides.any(1).astype(int) for sides in moved)) == 1
    assert drawn.max() <= 1
    many = np.array([model.sample(seed).identity for seed in range(200)])
    assert np.abs(many.mean(0)).max() < 0.3
    assert np.abs(many.std(0) - 1).max() < 0.2
    u, v = first.camera.project(first.pose.translation_mm)
    assert (u, v) == pytest.approx((first.camera.width / 2, first.camera.height / 2))
    assert first.pose.translation_mm[2] == pytest.approx(800)


def test_several_threads(tiny_folder):
    model = face2mesh.load(tiny_folder)
    photo, box = disk(300, 300, (150, 150), RADIUS), _box((150, 150))
    results = [None] * 6

    def work(i):
        results[i] = model.reconstruct(photo, box=box).vertices

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_same_photo_same_head(model):
    photo, box = disk(300, 300, (150, 150), RADIUS), _box((150, 150))
    np.testing.assert_array_equal(
        model.reconstruct(photo, box=box).vertices, model.reconstruct(photo, box=box).vertices
    )


def test_damaged_file_is_refused(tmp_path):
    folder = tiny_model(tmp_path)
    path = folder / BASE_HEAD_FILE
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match="damaged"):
        face2mesh.load(folder)


def test_too_new_model_is_refused(tmp_path, monkeypatch):
    folder = tiny_model(tmp_path)
    monkeypatch.setattr(manifest_module, "NEWEST_VERSION", 0)
    monkeypatch.setattr(manifest_module, "OLDEST_VERSION", 0)
    with pytest.raises(ModelError, match="too new"):
        face2mesh.load(folder)


def test_network_that_onnxruntime_cannot_load(tmp_path):
    model = face2mesh.load(tiny_model(tmp_path, **{ENCODER_FILE: b"nonsense"}))
    with pytest.raises(ModelError, match=r"encoder\.onnx: ONNX Runtime .* cannot load it"):
        model.reconstruct(np.zeros((100, 100, 3), np.uint8), box=(20, 20, 50, 50))


def test_followers_of_another_head(tmp_path):
    folder = tiny_model(tmp_path / "good")
    import dataclasses

    other = tiny_followers()
    cut = dataclasses.replace(
        other, rest=other.rest[:-1], weights=other.weights[:-1], expression=other.expression[:, :-1]
    )
    cut.save(tmp_path / "followers.npz", {})
    content = (tmp_path / "followers.npz").read_bytes()
    with pytest.raises(ModelError, match="belong to another head"):
        face2mesh.load(tiny_model(tmp_path / "bad", **{FOLLOWERS_FILE: content}))
    assert face2mesh.load(folder).name == "tiny"


def test_foreign_base_head(tmp_path):
    with pytest.raises(ModelError, match="does not fit this program"):
        face2mesh.load(tiny_model(tmp_path, **{BASE_HEAD_FILE: b"nonsense"}))
