"""Decoders taught the moving corpus: what they are shown, and what counts more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from moving_heads import MODES, moving_corpus, weights

from face2mesh.errors import InputFileError
from face2mesh.lab.train.configuration import DecoderTraining, DecoderWeights, read_configuration
from face2mesh.lab.train.decoders import moving_heads
from face2mesh.lab.train.mesh_distance import MeshDistance

CONFIGURATIONS = Path(__file__).parents[1] / "configurations"


def test_heads_are_the_moving_corpus_s_and_zero_without_weights() -> None:
    corpus = moving_corpus()
    codes = np.random.default_rng(0).standard_normal((2, MODES)).astype(np.float32)
    rows = np.concatenate([weights(), weights(jawOpen=0.5, eyeBlink=1.0)])
    neutral, displacement = moving_heads(corpus)(torch.from_numpy(codes), torch.from_numpy(rows))
    np.testing.assert_allclose(neutral.numpy(), corpus.skin(codes), atol=1e-4)
    np.testing.assert_allclose((neutral + displacement).numpy(), corpus.skin(codes, rows), atol=1e-4)
    assert displacement[0].abs().max() == 0
    assert displacement[1].abs().max() > 5


def test_lips_and_lids_can_count_more() -> None:
    base = moving_corpus().base
    even = MeshDistance.on(base, DecoderWeights(), torch.device("cpu")).importance
    more = MeshDistance.on(base, DecoderWeights(), torch.device("cpu"), contact=6).importance
    lip, nose = (int(np.flatnonzero(base.region(name))[0]) for name in ("lip_lower", "nose"))
    assert even[lip] == even[nose]
    assert more[lip] == pytest.approx(6 * float(more[nose]))
    assert float(more.mean()) == pytest.approx(1, abs=1e-5)


def test_configurations_name_a_corpus_that_exists(tmp_path: Path) -> None:
    assert read_configuration(CONFIGURATIONS / "decoders-moving.toml", DecoderTraining).corpus == "moving"
    assert read_configuration(CONFIGURATIONS / "decoders-contact.toml", DecoderTraining).contact == 6
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('corpus = "bent"\n')
    with pytest.raises(InputFileError, match="linear or moving"):
        read_configuration(wrong, DecoderTraining)
