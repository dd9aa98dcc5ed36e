"""Decoders taught the moving corpus: what they are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from moving_heads import MODES, moving_corpus, weights

from face2mesh.errors import InputFileError
from face2mesh.lab.train.configuration import DecoderTraining, read_configuration
from face2mesh.lab.train.decoders import moving_heads

CONFIGURATIONS = Path(__file__).parents[1] / "configurations"


def test_heads_are_the_moving_corpus_s_before_contact_and_zero_without_weights() -> None:
    corpus = moving_corpus()
    codes = np.random.default_rng(0).standard_normal((2, MODES)).astype(np.float32)
    rows = np.concatenate([weights(), weights(jawOpen=0.5, eyeBlink=1.0)])
    neutral, displacement = moving_heads(corpus)(torch.from_numpy(codes), torch.from_numpy(rows))
    np.testing.assert_allclose(neutral.numpy(), corpus.linear.heads(codes)[:, : corpus.base.skin_count], atol=1e-4)
    np.testing.assert_allclose((neutral + displacement).numpy(), corpus.before_contact(codes, rows), atol=1e-4)
    assert displacement[0].abs().max() < 1e-4
    assert displacement[1].abs().max() > 5


def test_settling_moves_only_lids_and_lips() -> None:
    corpus = moving_corpus()
    codes = np.random.default_rng(0).standard_normal((2, MODES)).astype(np.float32)
    rows = np.concatenate([weights(jawOpen=0.5, mouthSmile=0.7), weights(browInnerUp=0.8, eyeBlink=0.6)])
    apart = np.linalg.norm(corpus.skin(codes, rows) - corpus.before_contact(codes, rows), axis=2)
    touched = np.concatenate([corpus.contact.lips.soft, corpus.contact.lids.zone.ravel()])
    assert apart[1, corpus.contact.lids.zone.ravel()].max() > 0.5
    apart[:, touched] = 0
    assert apart.max() < 1e-4


def test_configurations_name_a_corpus_that_exists(tmp_path: Path) -> None:
    assert read_configuration(CONFIGURATIONS / "decoders.toml", DecoderTraining).corpus == "moving"
    assert read_configuration(CONFIGURATIONS / "decoders-linear.toml", DecoderTraining).corpus == "linear"
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('corpus = "bent"\n')
    with pytest.raises(InputFileError, match="linear or moving"):
        read_configuration(wrong, DecoderTraining)
