"""Training on photos of people instead of renderings: the London set's, with the packaged model's heads as sculpts."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import face2mesh
from face2mesh.cli import main
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.own.train import Tuning, fine_tune

PEOPLE = ("001", "003", "005", "007", "009")


@pytest.mark.data
@pytest.mark.skipif("FACE2MESH_DATA" not in os.environ, reason="needs the training data: set FACE2MESH_DATA")
def test_photos_are_learnt_from_and_expressions_left_alone(tmp_path, capsys):
    photos = Path(os.environ["FACE2MESH_DATA"]) / "london"
    model = face2mesh.load()
    place = tmp_path / "set"
    assert main(["dataset", "init", str(place)]) == 0
    names = [name for name in PEOPLE if (photos / f"{name}-neutral.jpg").exists()]
    for name in names:
        for expression, end in (("neutral", ""), ("smiling", "-smile"))[: 1 + (name == names[0])]:
            file = photos / f"{name}-{expression}.jpg"
            face = model.reconstruct(file)
            (face if end else face.neutral()).save(place / "sculpts" / f"p{name}{end}.obj")
            shutil.copy(file, place / "photos" / f"p{name}{end}.jpg")
    last = f"p{names[-1]}"
    assert main(["dataset", "collect", str(place), "--held-out", last]) == 0
    dataset = Dataset.load(place)
    assert (~dataset.heads.neutral).sum() == 1  # the smile
    capsys.readouterr()
    tuning = Tuning(pictures=6, steps=2)
    trained = fine_tune(place, place / "model", tuning)
    assert trained.shapes.sculpts == len(names) - 1  # neither the smile nor who is held out
    # The sculpts are the packaged model's own answers: nothing can be better.
    assert trained.trust is not None
    assert trained.trust.share == 0
    assert trained.held_out.after_mm < 0.3
    # What a run made is kept: another one is the same.
    again = fine_tune(place, place / "model", tuning)
    assert again.held_out == trained.held_out
    told = face2mesh.load(place / "model").reconstruct(photos / f"{names[-1]}-neutral.jpg")
    packaged = model.reconstruct(photos / f"{names[-1]}-neutral.jpg")
    assert np.abs(told.landmarks_px - packaged.landmarks_px).max() < 0.02 * np.ptp(packaged.landmarks_px)
