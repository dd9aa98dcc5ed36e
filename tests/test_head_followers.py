"""Eyes, teeth, tongue and lashes follow the skin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up_head
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.head.followers import Followers, gaze_rotations
from face2mesh.store import provenance


def followers_of(head: BaseHead) -> Followers:
    """Followers by an affine fit of a few controls: exact for affine motions, and nothing else is claimed."""
    skin = head.skin_count
    rest = head.vertices[skin:].astype(np.float64)
    controls = np.linspace(0, skin - 1, 40).astype(np.int32)
    system = np.column_stack([np.ones(len(controls)), head.vertices[controls]])
    eyes = np.array([head.part_vertices["left_eye"], head.part_vertices["right_eye"]], np.int32) - skin
    targets = rest.copy()
    for side, (first, last) in enumerate(eyes):
        targets[first:last] = head.eye_centres[side]
    weights = np.column_stack([np.ones(len(rest)), targets]) @ np.linalg.pinv(system)
    expression = np.zeros((52, len(rest), 3), np.float32)
    tongue = np.arange(*head.part_vertices["tongue"]) - skin
    expression[3, tongue] = [0, -5, 2]
    gaze = np.zeros((52, 2, 2), np.float32)
    gaze[0, 0], gaze[1, 1] = (20, 0), (0, -15)
    return Followers(
        rest=head.vertices[skin:],
        controls=controls,
        control_rest=head.vertices[controls],
        weights=weights.astype(np.float32),
        expression=expression,
        gaze_degrees=gaze,
        eyes=eyes,
        eye_centres=head.eye_centres,
    )


@pytest.fixture(scope="module")
def head() -> BaseHead:
    return made_up_head()


@pytest.fixture(scope="module")
def followers(head: BaseHead) -> Followers:
    return followers_of(head)


def weights_of(**columns: float) -> NDArray[np.float32]:
    weights = np.zeros(52, np.float32)
    for column, value in columns.items():
        weights[int(column.removeprefix("e"))] = value
    return weights


def test_rest_gives_rest(head: BaseHead, followers: Followers) -> None:
    skin = head.vertices[: head.skin_count]
    np.testing.assert_allclose(followers.place(skin, skin, weights_of()), head.vertices, atol=1e-4)


def test_a_shift_takes_everything_along(head: BaseHead, followers: Followers) -> None:
    shift = np.array([3, -7, 11], np.float32)
    skin = head.vertices[: head.skin_count] + shift
    np.testing.assert_allclose(followers.place(skin, skin, weights_of()), head.vertices + shift, atol=1e-3)


def test_eyeballs_keep_their_radius_when_the_head_grows(head: BaseHead, followers: Followers) -> None:
    skin = head.vertices[: head.skin_count] * np.float32(1.2)
    placed = followers.place(skin, skin, weights_of())
    first, last = head.part_vertices["left_eye"]
    centre = head.eye_centres[0] * 1.2
    np.testing.assert_allclose(placed[first:last], head.vertices[first:last] - head.eye_centres[0] + centre, atol=1e-3)
    first, last = head.part_vertices["lower_teeth"]
    np.testing.assert_allclose(placed[first:last], head.vertices[first:last] * 1.2, atol=1e-3)


def with_lids(head: BaseHead, followers: Followers) -> tuple[Followers, NDArray[np.float32]]:
    """Lids that ring the eyes, 1 mm before them, and a rest skin that has them."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    out = np.stack([0.8 * np.cos(angle), 0.5 * np.sin(angle), 0.7 + 0 * angle], 1)
    ring = out / np.linalg.norm(out, axis=1, keepdims=True) * (head.eye_radius + 1)
    taken = np.concatenate([followers.controls, head.mirror[followers.controls]])
    left = np.setdiff1d(np.flatnonzero(head.vertices[: head.skin_count, 0] > 1), taken)[:12]
    lids = np.stack([left, head.mirror[left]]).astype(np.int32)
    rest = np.stack([head.eye_centres[0] + ring, head.eye_centres[1] + ring * [-1, 1, 1]]).astype(np.float32)
    skin = head.vertices[: head.skin_count].copy()
    skin[lids] = rest
    return replace(followers, lids=lids, lid_rest=rest), skin


def test_lids_that_come_forward_take_the_eyeball_along(head: BaseHead, followers: Followers) -> None:
    """Only the left eye's lids move, not the controls: without the lids the ball would stay."""
    lidded, skin = with_lids(head, replace(followers, weights=np.zeros_like(followers.weights)))
    skin[lidded.lids[0]] += np.array([0, 0, 3], np.float32)
    moved = lidded.place(skin, skin, weights_of())[head.skin_count :] - followers.rest
    first, last = followers.eyes[0]
    np.testing.assert_allclose(moved[first:last], np.broadcast_to(moved[first], (last - first, 3)), atol=1e-4)
    np.testing.assert_allclose(moved[first], [0, 0, 3], atol=0.2)
    moved[first:last] = 0
    np.testing.assert_allclose(moved, 0, atol=1e-4)


def test_a_shift_takes_everything_along_with_lids_too(head: BaseHead, followers: Followers) -> None:
    shift = np.array([3, -7, 11], np.float32)
    lidded, skin = with_lids(head, followers)
    placed = lidded.place(skin[None, None] + shift, skin[None, None] + shift, weights_of()[None, None])
    expected = head.vertices[head.skin_count :] + shift
    np.testing.assert_allclose(placed[0, 0, head.skin_count :], expected, atol=1e-2)


def test_an_expression_moves_its_parts_only(head: BaseHead, followers: Followers) -> None:
    skin = head.vertices[: head.skin_count]
    moved = followers.place(skin, skin, weights_of(e3=0.5)) - head.vertices
    first, last = head.part_vertices["tongue"]
    np.testing.assert_allclose(moved[first:last], np.broadcast_to([0, -2.5, 1], (last - first, 3)), atol=1e-4)
    others = np.ones(len(moved), bool)
    others[first:last] = False
    np.testing.assert_allclose(moved[others], 0, atol=1e-4)


def test_the_expressed_skin_is_kept(head: BaseHead, followers: Followers) -> None:
    skin = head.vertices[: head.skin_count]
    placed = followers.place(skin, skin + np.float32(2), weights_of())
    np.testing.assert_array_equal(placed[: head.skin_count], skin + np.float32(2))
    np.testing.assert_allclose(placed[head.skin_count :], head.vertices[head.skin_count :], atol=1e-4)


@pytest.mark.parametrize(
    ("yaw", "pitch", "looks"),
    [(90, 0, (1, 0, 0)), (-90, 0, (-1, 0, 0)), (0, 90, (0, -1, 0)), (0, -90, (0, 1, 0)), (90, 90, (1, 0, 0))],
)
def test_gaze_turns_as_documented(yaw: float, pitch: float, looks: tuple[float, float, float]) -> None:
    ahead = np.array([0.0, 0.0, 1.0])
    turned = gaze_rotations(np.array(yaw), np.array(pitch)) @ ahead
    np.testing.assert_allclose(turned, looks, atol=1e-6)


def test_one_eye_turns_about_its_own_centre(head: BaseHead, followers: Followers) -> None:
    skin = head.vertices[: head.skin_count]
    placed = followers.place(skin, skin, weights_of(e0=1))
    first, last = head.part_vertices["left_eye"]
    out = placed[first:last] - head.eye_centres[0]
    rest = head.vertices[first:last] - head.eye_centres[0]
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), np.linalg.norm(rest, axis=1), atol=1e-4)
    front = rest[:, 2].argmax()
    assert out[front, 0] > rest[front, 0] + 2, "positive yaw looks to the subject's left, +x"
    first, last = head.part_vertices["right_eye"]
    np.testing.assert_allclose(placed[first:last], head.vertices[first:last], atol=1e-4)


def test_looking_up_raises_the_front_of_the_eye(head: BaseHead, followers: Followers) -> None:
    skin = head.vertices[: head.skin_count]
    placed = followers.place(skin, skin, weights_of(e1=1))
    first, last = head.part_vertices["right_eye"]
    front = first + (head.vertices[first:last, 2]).argmax()
    assert placed[front, 1] > head.vertices[front, 1] + 2


def test_a_batch_equals_one_by_one(head: BaseHead, followers: Followers) -> None:
    rng = np.random.default_rng(0)
    neutral = head.vertices[: head.skin_count] + rng.normal(size=(3, 2, head.skin_count, 3)).astype(np.float32)
    expressed = neutral + np.float32(1)
    expression = rng.uniform(0, 1, (3, 2, 52)).astype(np.float32)
    together = followers.place(neutral, expressed, expression)
    assert together.shape == (3, 2, len(head.vertices), 3)
    assert together.dtype == np.float32
    for row in np.ndindex(3, 2):
        alone = followers.place(neutral[row], expressed[row], expression[row])
        np.testing.assert_allclose(together[row], alone, atol=1e-3)


def test_saved_and_loaded_they_are_the_same(followers: Followers, tmp_path: Path) -> None:
    followers.save(tmp_path / "followers.npz", provenance())
    loaded = Followers.load(tmp_path / "followers.npz")
    for name in Followers.__dataclass_fields__.keys() - {"motion"}:
        np.testing.assert_allclose(
            getattr(loaded, name), getattr(followers, name), rtol=1e-3 if name == "weights" else 0, atol=1e-7
        )


def test_arrays_that_do_not_belong_together_are_refused(followers: Followers) -> None:
    with pytest.raises(ValueError, match="weights"):
        replace(followers, weights=followers.weights[:, 1:])
    with pytest.raises(ValueError, match="eyes"):
        replace(followers, eyes=np.array([[0, 1], [0, 10**6]], np.int32))


def test_a_missing_or_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="not found"):
        Followers.load(tmp_path / "followers.npz")
    (tmp_path / "followers.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputFileError, match="damaged"):
        Followers.load(tmp_path / "followers.npz")
