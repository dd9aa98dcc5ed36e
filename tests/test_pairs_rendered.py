"""Rendered pairs: the truth fits the pixels, seeds reproduce, light and skins are what they say."""

from pathlib import Path

import made_up_build
import numpy as np
import pytest
from made_up import made_up_head
from PIL import Image

from face2mesh.draw.light import harmonics
from face2mesh.face.camera import Camera, Pose
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import TRAIN
from face2mesh.lab.pairs import read_pairs, rendered
from face2mesh.lab.pairs.light import lamp_harmonics, random_light
from face2mesh.lab.pairs.rendered import World, random_rotation, render_pair, render_pairs
from face2mesh.lab.pairs.skin import Fill, procedural_skin, skins_of_photos
from face2mesh.photo.crop import Crop


def world(seed: int = 1, count: int = 6) -> World:
    head = made_up_head(made_up_build.STEPS)
    identity, expression = TRAIN.draw(count, made_up_build.POPULATION)
    none = np.zeros((0, head.skin_count, 3), np.float32)
    corpus = made_up_build.corpus_of(Path("unused"))
    return World(head, corpus, none, np.zeros((0, 8, 8, 3), np.uint8), identity, expression, seed, 1.0)


def test_the_same_seed_gives_the_same_pictures_in_any_order() -> None:
    one, other = world(), world()
    together = render_pairs(one)
    for index in (4, 1):
        alone = render_pair(other, index)
        for name, value in alone.items():
            np.testing.assert_array_equal(together[name][index], value)
    assert (render_pair(world(seed=2), 1)["crop"] != together["crop"][1]).any()


@pytest.mark.parametrize("index", range(3))
def test_points_lie_on_the_drawn_head(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    blue = np.array([0, 0, 255], np.uint8)
    monkeypatch.setattr(rendered, "background", lambda size, generator, photo: np.tile(blue, (size, size, 1)))
    monkeypatch.setattr(rendered, "with_shoulders", lambda picture, *rest: picture)
    monkeypatch.setattr(rendered, "_long_hair", lambda behind, *rest: behind)
    monkeypatch.setattr(rendered, "photographed", lambda picture, size, generator: picture)
    scene = world()
    pair = render_pair(scene, index)
    drawn = (pair["crop"] != blue).any(-1)
    scale = rendered.RENDERED_PIXELS / rendered.CROP_PIXELS
    x, y = np.clip(pair["points"] * scale, 0, rendered.RENDERED_PIXELS - 1).astype(int).T
    assert drawn[y, x].mean() > 0.99
    # The head's picture ends where its vertices end (hair adds up to 30 mm).
    limit = np.exp(pair["log_scale"]) * 128 * scale * 0.3
    assert drawn[:, : max(int(pair["points"][:, 0].min() * scale - 3 * limit), 0)].sum() == 0


def test_the_truth_means_what_the_runtime_makes_of_it() -> None:
    scene = world()
    pair = render_pair(scene, 2)
    # A picture of focal length 1000 px in which the crop is known, up to which of them it is: the canonical one.
    focal = 1000.0
    side = focal * 100 / float(pair["distance"]) / np.exp(float(pair["log_scale"]))
    vertices = scene.corpus.heads(pair["identity"][None], pair["expression"][None])[0]
    canonical = Crop((500.0, 400.0), side)
    origin = np.asarray(pair["offset"]) * side + canonical.centre
    # The principal point is not stored; where the rays are nearly parallel its place hardly matters.
    camera = Camera(focal, focal, float(origin[0]), float(origin[1]), 1000, 800)
    pose = Pose(pair["rotation"].astype(np.float64), np.array([0, 0, float(pair["distance"])]))
    pixels = camera.project(pose.apply(scene.head.dense(vertices).astype(np.float64)))
    found = canonical.scaled(1.25).to_crop(pixels, 160)
    assert np.abs(found - pair["points"]).mean() < 1.0


def test_light_of_a_lamp_is_its_expansion() -> None:
    generator = np.random.default_rng(0)
    normals = generator.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    direction = np.array([0.3, -0.7, -0.4])
    cosine = normals @ direction / np.linalg.norm(direction)
    expected = 0.25 + cosine / 2 + 5 / 32 * (3 * cosine**2 - 1)
    np.testing.assert_allclose(harmonics(normals) @ lamp_harmonics(direction), expected, atol=1e-6)


def test_a_surface_that_faces_the_camera_is_lit() -> None:
    generator = np.random.default_rng(0)
    facing = harmonics(np.array([[0.0, 0.0, -1.0]]))
    lights = np.stack([random_light(generator) for _ in range(200)])
    brightness = (facing @ lights).mean((1, 2))
    assert brightness.min() > 0.6
    assert brightness.max() < 1.25


def test_rotations() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        rotation = random_rotation(generator)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)


def test_filling_keeps_known_colours_and_takes_the_other_side() -> None:
    head = made_up_head()
    skin = head.skin_count
    x = head.vertices[:skin, 0]
    weight = np.where(x > 0, 1.0, 0.0).astype(np.float32)
    colours = np.stack([head.vertices[:skin, 1] / 200 + 0.6] * 3, 1).astype(np.float32)
    wrong = np.where(x[:, None] > 0, colours, 0).astype(np.float32)
    filled = Fill.of(head)(wrong, weight)
    assert np.abs(filled - colours).mean() < 0.02


def test_invented_skins_are_colours() -> None:
    head = made_up_head()
    tones = np.stack([procedural_skin(head, np.random.default_rng(i)).mean(0) for i in range(30)])
    assert tones.min() > 0
    assert tones.max() < 1
    assert tones[:, 0].max() > 4 * tones[:, 0].min()  # light and dark people


def test_a_skin_comes_back_from_the_picture_of_it(tmp_path: Path) -> None:
    made_up_build.write_base(tmp_path)
    corpus = Corpus.load(tmp_path / "corpus.npz", tmp_path / "base-head.npz")
    head = made_up_head(made_up_build.STEPS)
    count = 3
    rotation = np.repeat(np.diag([1.0, -1, -1])[None], count, 0).astype(np.float32)
    pairs = {
        "accepted": np.ones(count, bool),
        "residual": np.zeros(count, np.float32),
        "inside": np.ones((count, 468), bool),
        "rotation": rotation,
        "offset": np.zeros((count, 2), np.float32),
        "log_scale": np.full(count, -1, np.float32),
        "identity": np.zeros((count, made_up_build.MODES), np.float32),
        "expression": np.zeros((count, 52), np.float32),
        "crop": np.zeros((count, 160, 160, 3), np.uint8) + np.uint8([200, 150, 120]),
    }
    skins = skins_of_photos(head, corpus, pairs, count, np.random.default_rng(0))
    assert skins.shape == (count, head.skin_count, 3)
    hue = skins / skins.mean(2, keepdims=True)
    assert np.ptp(hue, axis=1).max() < 0.05


def test_files_are_read_back(tmp_path: Path) -> None:
    made_up_build.write_base(tmp_path)
    made_up_build.write_pairs(tmp_path, 4)
    pairs = read_pairs(tmp_path / "rendered-pairs.npz")
    assert pairs["crop"].shape == (4, 160, 160, 3)
    assert Image.fromarray(pairs["crop"][0]).size == (160, 160)
    assert "accepted" in read_pairs(tmp_path / "photo-pairs.npz")
