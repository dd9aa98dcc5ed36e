"""A model trained from scratch on one's own template: a thousand vertices, tiny networks, a handful of pictures."""

import numpy as np
import pytest
from own_people import data_set, family, packaged, small_template

import face2mesh
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.own.scratch import ScratchTuning, _people, no_followers, train_from_scratch

TINY = ScratchTuning(
    pictures=10,
    steps=2,
    decoder_steps=3,
    modes=6,
    encoder={
        "widths": (4, 4, 4, 8, 8),
        "blocks": (1, 1, 1, 1),
        "features": 16,
        "shape_size": 20,
        "context": 4,
        "descriptor": 1,
        "fine_descriptor": 1,
    },
    decoder={"channels": (6, 6, 8), "added": (0, 4, 8)},
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scratch") / "set"
    template, kept = small_template()
    return data_set(folder, template, family()[:, kept])


def test_what_is_known_of_faces_is_carried_onto_the_template(made):
    """The template's vertices are some of ours: what is carried is what ours do."""
    shapes, head, corpus, followers, carried = _people(made, packaged(), TINY)
    _, kept = small_template()
    ours = packaged().expressions()[:, kept]
    there = corpus.expression
    jaw = ARKIT_NAMES.index("jawOpen")
    assert np.linalg.norm(there[jaw] - ours[jaw], axis=1).mean() < 0.05 * np.linalg.norm(ours[jaw], axis=1).max()
    assert shapes.mean.shape == (len(kept), 3) == head.vertices.shape
    assert followers.rest.shape == (0, 3)
    assert carried is not None
    assert corpus.heads(np.zeros((2, 6)), np.zeros((2, 52))).shape == (2, len(kept), 3)


def test_no_followers_are_placed_beside_a_skin():
    skin = np.random.default_rng(0).normal(size=(3, 7, 3)).astype(np.float32)
    assert np.array_equal(no_followers().place(skin, skin, np.zeros((3, 52))), skin)


def test_our_own_head_needs_no_carrying(made, tmp_path):
    base = packaged().base_head
    heads = packaged().followers.place(family(), family(), np.zeros((len(family()), 52)))
    ours = data_set(tmp_path / "ours", base, heads)
    *_, followers, carried = _people(ours, packaged(), TINY)
    assert carried is None
    assert followers is packaged().followers


@pytest.mark.slow
def test_a_model_of_ones_own_template(made, capsys):
    trained = train_from_scratch(made.folder, made.folder / "model", TINY)
    assert "5 sculpts give 4 directions" in trained.lines()[0]
    model = face2mesh.load(made.folder / "model")
    assert model.identity_size == 6
    head = model.sample(1)
    assert head.vertices.shape == made.template.vertices.shape
    rest = model.decode(np.zeros(6))
    assert np.linalg.norm(rest - trained.shapes.mean, axis=1).mean() < 10
    picture = np.full((200, 200, 3), 128, np.uint8)
    assert model.reconstruct(picture, box=(60, 60, 80, 80)).vertices.shape == head.vertices.shape
    # A second run takes what is there.
    again = train_from_scratch(made.folder, made.folder / "again", TINY)
    assert again.size == pytest.approx(trained.size, rel=1e-3)
    one, other = (face2mesh.load(made.folder / name).decode(np.ones(6)) for name in ("model", "again"))
    assert np.abs(one - other).max() < 1e-3
