"""Rendered pairs: the truth fits the pixels, seeds reproduce, light and skins are what they say."""

import io
from pathlib import Path
from typing import Any

import made_up_build
import numpy as np
import pytest
from made_up import made_up_head
from numpy.typing import NDArray
from PIL import Image

from face2mesh.draw.light import harmonics, to_linear
from face2mesh.errors import InputFileError
from face2mesh.face.camera import Camera, Pose
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.splits import TRAIN
from face2mesh.lab.pairs import files, read_pairs, rendered
from face2mesh.lab.pairs.light import lamp_harmonics, random_light
from face2mesh.lab.pairs.rendered import World, random_rotation, render_pair, render_pairs
from face2mesh.lab.pairs.skin import Fill, Skins, _cast, procedural_skin, skins_of_photos
from face2mesh.lab.pairs.surroundings import Backdrops, filled, with_repeated_border
from face2mesh.lab.render.picture import picture_of
from face2mesh.photo.crop import Crop
from face2mesh.store import provenance


def world(seed: int = 1, count: int = 6) -> World:
    head = made_up_head(made_up_build.STEPS)
    identity, expression = TRAIN.draw(count, made_up_build.POPULATION)
    corpus = made_up_build.corpus_of(Path("unused"))
    return World(head, corpus, Skins.none(head), Backdrops.none(), identity, expression, seed)


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def test_the_same_seed_gives_the_same_pictures_in_any_order() -> None:
    one = world()
    together = render_pairs(one)
    for index in (4, 1):
        alone = render_pair(one, index)
        assert together["jpeg"][index] == alone.pop("jpeg")
        for name, value in alone.items():
            np.testing.assert_array_equal(together[name][index], value)
    assert render_pair(world(seed=2), 1)["jpeg"] != together["jpeg"][1]


def test_a_time_limit_gives_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "AT_ONCE", 2)
    assert render_pairs(world(), time_limit=-1.0)["jpeg"] == []
    assert len(render_pairs(world(), time_limit=1000.0)["jpeg"]) == 6


@pytest.mark.parametrize("index", range(3))
def test_points_lie_on_the_drawn_head(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def keep(pieces: Any, *rest: Any) -> Any:
        picture, seen = picture_of(pieces, *rest)
        drawn.append((seen >= 0) & (seen < len(pieces[0].triangles)))
        return picture, seen

    monkeypatch.setattr(rendered, "picture_of", keep)
    pair = render_pair(world(), index)
    head = drawn[0]
    x, y = np.clip(pair["points"] * 2, 0, len(head) - 1).astype(int).T
    # Where a point is visible the head is drawn, and its picture ends 160 mm beyond its points at the latest.
    assert head[y, x][pair["visible"]].mean() > 0.9
    reach = 160 / 100 * np.exp(pair["log_scale"]) * 128 * 2
    assert not head[:, : max(int(2 * pair["points"][:, 0].min() - reach), 0)].any()


def test_what_is_behind_is_not_visible() -> None:
    scene = world(count=40)
    pairs = render_pairs(scene)
    normals = vertex_normals(scene.head.vertices, scene.head.triangles)
    points = scene.head.dense(normals)
    facing = -np.einsum("bij,nj->bni", pairs["rotation"], points)[..., 2]
    assert pairs["visible"][facing > 0.7].mean() > pairs["visible"][facing < -0.3].mean() + 0.3


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
    lights = [random_light(generator) for _ in range(200)]
    brightness = np.stack([facing @ light.total for light in lights]).mean((1, 2))
    assert brightness.min() > 0.2
    assert brightness.max() < 1.35
    parts = lights[0].even + sum(lamp.harmonics for lamp in lights[0].lamps)
    np.testing.assert_allclose(lights[0].total, parts, rtol=1e-5)


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
    skins = skins_of_photos(head, corpus, pairs, np.arange(count))
    assert len(skins) == 2  # of three photos the one that looks least like bare skin is left out
    colours = np.exp(skins.tone.astype(np.float32) + skins.features.astype(np.float32))
    hue = colours / colours.mean(2, keepdims=True)
    assert np.ptp(hue, axis=1).max() < 0.05
    wanted = to_linear(np.array([200, 150, 120]) / 255)
    np.testing.assert_allclose(hue[0, 0], wanted / wanted.mean(), atol=0.05)
    assert np.abs(skins.detail.astype(int) - 128).max() <= 1


def test_mixed_people_have_colours_of_the_photos() -> None:
    head = made_up_head()
    count = head.skin_count
    tones = np.log(np.array([[0.1, 0.05, 0.03], [0.6, 0.4, 0.3]]))
    tone = np.repeat(tones[:, None], count, 1).astype(np.float16)
    detail = np.full((2, 256, 256, 3), 128, np.uint8)
    skins = Skins(tone, np.zeros_like(tone), detail)
    seen = np.stack([skins.mixed(head, np.random.default_rng(i))[0].mean(0) for i in range(30)])
    assert len(skins.joined(skins)) == 4
    assert len(Skins.none(head).joined(skins)) == 2
    assert seen.min() > 0.01
    assert seen[:, 0].max() > 3 * seen[:, 0].min()


def test_a_colour_cast_that_no_skin_has_is_taken_out() -> None:
    human = np.log(np.array([0.4, 0.25, 0.18], np.float32))
    np.testing.assert_allclose(_cast(human), 0, atol=1e-6)
    green = np.log(np.array([0.2, 0.4, 0.3], np.float32))
    mended = green - _cast(green)
    assert mended[0] > mended[1] > mended[2]
    assert mended.mean() == pytest.approx(green.mean(), abs=1e-5)


def test_filling_a_picture_leaves_what_is_known() -> None:
    picture = np.zeros((160, 160, 3), np.uint8)
    picture[:, :80], picture[:, 80:] = 200, 40
    known = np.ones((160, 160), bool)
    known[40:120, 20:60] = False
    mended = filled(np.where(known[..., None], picture, 0).astype(np.uint8), known)
    np.testing.assert_array_equal(mended[known], picture[known])
    assert np.abs(mended[~known].astype(int) - 200).max() < 40


def test_a_frame_repeats_its_border() -> None:
    picture = np.arange(100, dtype=np.float32).reshape(10, 10, 1)
    framed = with_repeated_border(picture, np.array([2, 3, 8, 9], np.float32))
    np.testing.assert_array_equal(framed[3:9, 2:8], picture[3:9, 2:8])
    np.testing.assert_array_equal(framed[0, :, 0], framed[3, :, 0])
    assert framed[5, 0, 0] == picture[5, 2, 0]
    assert framed[9, 9, 0] == picture[8, 7, 0]


def test_files_are_read_back_from_their_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROWS_A_PIECE", 2)
    pairs = render_pairs(world(count=5))
    jpegs = pairs.pop("jpeg")
    written = files.write_pairs(tmp_path / "rendered-pairs.npz", "rendered-pairs", pairs, jpegs, provenance())
    assert [path.name for path in written][1:] == ["rendered-pairs-part01.npz", "rendered-pairs-part02.npz"]
    back = read_pairs(tmp_path / "rendered-pairs.npz")
    assert back["crop"].shape == (5, 160, 160, 3)
    np.testing.assert_array_equal(back["crop"][3], decoded(jpegs[3]))
    assert np.abs(back["points"] - pairs["points"]).max() <= 1 / 128
    for name in ("identity", "rotation", "light", "visible", "crop"):
        np.testing.assert_array_equal(read_pairs(tmp_path / "rendered-pairs.npz", first=3)[name], back[name][:3])
    for name in ("identity", "rotation", "light", "visible"):
        np.testing.assert_array_equal(back[name], pairs[name])


def test_pieces_of_different_sets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROWS_A_PIECE", 2)
    path = tmp_path / "rendered-pairs.npz"
    for seed in (1, 2):
        pairs = render_pairs(world(seed, count=3))
        jpegs = pairs.pop("jpeg")
        files.write_pairs(path, "rendered-pairs", pairs, jpegs, provenance())
        if seed == 1:
            first = path.read_bytes()
    path.write_bytes(first)
    with pytest.raises(InputFileError, match="another set"):
        read_pairs(path)
    files.part_of(path, 1).unlink()
    with pytest.raises(InputFileError, match="not found"):
        read_pairs(path)


def test_jpegs_keep_a_crop_nearly_as_it_is() -> None:
    y, x = np.mgrid[:160, :160]
    crop = np.stack([x, y, 255 - x], -1).astype(np.uint8)
    assert np.abs(decoded(files.jpeg_of(crop)).astype(int) - crop).mean() < 2
