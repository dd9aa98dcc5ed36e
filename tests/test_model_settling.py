"""Lids and lips of the packaged model's heads, as users get them: they touch, and pass through nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face2mesh import Model, load
from face2mesh.contact import Contact
from face2mesh.errors import InputFileError
from face2mesh.head import ARKIT_NAMES
from face2mesh.head.arkit import mirror_names
from face2mesh.lab.corpus.contact import ContactCounter, count_contact
from face2mesh.lab.corpus.moving_sampler import sample_moving
from face2mesh.model.manifest import CONTACT_FILE, PACKAGED
from face2mesh.store import write_arrays
from face2mesh.write import HeadMesh


@pytest.fixture(scope="module")
def model() -> Model:
    return load()


@pytest.fixture(scope="module")
def counter(model: Model) -> ContactCounter:
    return ContactCounter(model.base_head)


def people(model: Model, count: int, seed: int = 0) -> np.ndarray:
    return 0.8 * np.random.default_rng(seed).standard_normal((count, model.identity_size)).astype(np.float32)


def weights(**named: float) -> np.ndarray:
    row = np.zeros(52, np.float32)
    for name, value in named.items():
        for whole in (name,) if name in ARKIT_NAMES else (f"{name}Left", f"{name}Right"):
            row[ARKIT_NAMES.index(whole)] = value
    return row


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return sample_moving(np.random.default_rng(1), 25)


@pytest.fixture(scope="module")
def heads(model: Model, rows: np.ndarray) -> np.ndarray:
    return model.decode(people(model, len(rows)), rows)


def test_nothing_passes_through_anything(heads: np.ndarray, counter: ContactCounter) -> None:
    for name, found in count_contact(counter, heads).items():
        if name != "lower_front_teeth_in_lower_lip":  # mouthRollLower draws the lip over them
            assert found["heads_beyond"] == 0, name


def test_neutral_heads_are_settled_too(model: Model, counter: ContactCounter) -> None:
    found = count_contact(counter, model.decode(people(model, 6)))
    assert found["lids_in_eyeballs"]["deepest_mm"] < 1e-3
    assert max(found[f"{one}_lip_in_{two}_lip"]["deepest_mm"] for one, two in PAIRS) < 0.2


PAIRS = (("lower", "upper"), ("upper", "lower"))


def test_without_settling_there_is_something_to_settle(
    model: Model, heads: np.ndarray, rows: np.ndarray, counter: ContactCounter
) -> None:
    decoded = model.unsettled().decode(people(model, len(rows)), rows)
    assert count_contact(counter, decoded)["lids_in_eyeballs"]["heads_beyond"] > 10
    apart = np.linalg.norm(heads - decoded, axis=2)
    assert apart.mean() < 0.05
    still = model.base_head.regions["face"] & ~model.base_head.region("lip_upper")
    still[np.concatenate([model._contact.lips.soft, model._contact.lids.zone.ravel()])] = False
    assert apart[:, still].max() == 0


def test_blinks_close_in_proportion_and_meet(model: Model, counter: ContactCounter) -> None:
    for code in people(model, 4, 2):
        several = np.array([weights(eyeBlink=amount) for amount in (0, 0.25, 0.5, 0.75, 1)])
        gaps = [counter.lid_gaps(head).max() for head in model.decode(code, several)]
        assert np.all(np.diff(gaps) < -0.5)
        assert gaps[2] == pytest.approx(gaps[0] / 2, rel=0.35)
        assert gaps[4] < 0.3


def test_a_wink_closes_one_eye(model: Model, counter: ContactCounter) -> None:
    code = people(model, 1, 3)[0]
    wink, neutral = model.decode(code, np.array([weights(eyeBlinkLeft=1), weights()]))
    columns = len(counter.lid_gaps(wink)) // 2
    assert counter.lid_gaps(wink)[:columns].max() < 0.3
    np.testing.assert_allclose(counter.lid_gaps(wink)[columns:], counter.lid_gaps(neutral)[columns:], atol=0.5)


@pytest.mark.parametrize("jaw", [0.3, 1.0])
def test_lips_meet_over_an_open_jaw(model: Model, counter: ContactCounter, jaw: float) -> None:
    closed = model.decode(people(model, 5, 4), np.repeat(weights(jawOpen=jaw, mouthClose=jaw)[None], 5, 0))
    assert max(counter.lip_gaps(head).max() for head in closed) < 0.3


def test_an_open_mouth_stays_open(model: Model, counter: ContactCounter) -> None:
    code = people(model, 1, 5)[0]
    settled, decoded = (source.decode(code, weights(jawOpen=0.8)) for source in (model, model.unsettled()))
    np.testing.assert_allclose(counter.lip_gaps(settled), counter.lip_gaps(decoded), atol=0.05)
    assert counter.lip_gaps(settled).max() > 5


def test_a_batch_is_its_heads_one_by_one(model: Model, heads: np.ndarray, rows: np.ndarray) -> None:
    codes = people(model, len(rows))
    for k in range(0, len(rows), 5):
        np.testing.assert_allclose(model.decode(codes[k], rows[k]), heads[k], atol=0.02)
    same = model.decode(codes[0], rows[:6])
    for k in range(6):
        np.testing.assert_allclose(model.decode(codes[0], rows[k]), same[k], atol=0.02)


def test_settling_is_the_same_on_both_sides(model: Model, rows: np.ndarray) -> None:
    """Lids and lips of the average head, mirrored before or after."""
    contact, base = model._contact, model.base_head
    head = model.unsettled().decode(np.zeros(model.identity_size), rows[:8]).astype(np.float64)
    other = head[:, base.mirror] * [-1, 1, 1]
    contact.lips.settle(head)
    contact.lips.settle(other)
    apart = np.abs(head[:, base.mirror] * [-1, 1, 1] - other)
    assert np.quantile(apart[:, contact.lips.soft], 0.99) < 0.05
    skins = model.unsettled().decode(np.zeros(model.identity_size), rows[:8])[:, : base.skin_count].astype(np.float64)
    turned = skins[:, base.mirror[: base.skin_count]] * [-1, 1, 1]
    centres = np.repeat(base.eye_centres[None].astype(np.float64), 8, 0)
    ahead = np.broadcast_to([0.0, 0.0, 1.0], (8, 2, 3))
    settled = []
    for skin, blink in ((skins, rows[:8]), (turned, rows[:8, list(mirror_names())])):
        amount = blink[:, [ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight")]]
        out = contact.lids.around(skin, centres)
        contact.lids.settle(out, out.copy(), amount, ahead)
        contact.lids.put(skin, out, centres)
        settled.append(skin)
    np.testing.assert_allclose(settled[0][:, base.mirror[: base.skin_count]] * [-1, 1, 1], settled[1], atol=1e-3)


def test_lashes_go_with_the_settled_lids(model: Model) -> None:
    code = people(model, 1, 6)[0]
    motion = model._followers.motion
    share = motion.lash_shares[:, None]
    lashes = slice(*model.base_head.part_vertices["lashes"])

    def hairs(head: np.ndarray) -> np.ndarray:
        roots = (1 - share) * head[motion.lash_roots[:, 0]] + share * head[motion.lash_roots[:, 1]]
        return np.asarray(np.linalg.norm(head[lashes] - roots, axis=1))

    closed = weights(eyeBlink=1)
    np.testing.assert_allclose(
        hairs(model.decode(code, closed)), hairs(model.unsettled().decode(code, closed)), atol=1e-3
    )


def test_a_model_without_contact_decodes_as_before(model: Model) -> None:
    assert model.unsettled()._contact is None
    assert model._contact is not None


def test_contact_is_written_and_read_back(model: Model, tmp_path: Path) -> None:
    model._contact.save(tmp_path / "contact.npz", {})
    again = Contact.load(tmp_path / "contact.npz")
    for part in ("lids", "lips", "closing", "lining"):
        for name, value in vars(getattr(again, part)).items():
            np.testing.assert_array_equal(value, getattr(getattr(model._contact, part), name))
    assert (PACKAGED / CONTACT_FILE).stat().st_size < 50_000


def test_a_file_that_is_no_contact_is_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "contact.npz", "contact", 1, {"lids_zone": np.zeros((2, 3), np.uint16)}, {})
    with pytest.raises(InputFileError, match="not valid contact"):
        Contact.load(tmp_path / "contact.npz")


def test_jaw_and_mouth_close_add_up_to_the_closed_mouth(model: Model, counter: ContactCounter) -> None:
    mesh = HeadMesh.of(model.sample(0, expression=False))
    added = mesh.neutral + mesh.morphs["jawOpen"] + mesh.morphs["mouthClose"]
    closed = model.decode(mesh.face.identity, weights(jawOpen=1, mouthClose=1)) * mesh.face.scale
    np.testing.assert_allclose(added, closed, atol=1e-3)
    assert counter.lip_gaps(added).max() < 0.3
