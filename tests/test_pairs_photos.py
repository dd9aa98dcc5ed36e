"""Photo pairs: reading FairFace, the crop's frame, the whole command on made-up photos, refusals."""

import argparse
import io
import json
import tarfile
from pathlib import Path

import made_up_build
import numpy as np
import pytest
from made_up import made_up_head
from PIL import Image

from face2mesh.errors import InputFileError
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.figures import pairs as figure
from face2mesh.lab.label.files import Labels, digest_of, write_labels
from face2mesh.lab.pairs import command, photo_pairs, read_pairs
from face2mesh.lab.pairs.fairface import photos, read_labels
from face2mesh.lab.pairs.fit import project
from face2mesh.lab.pairs.mediapipe import FACE_OVAL, INNER_51, mirror_of_points
from face2mesh.lab.pairs.photos import FITTED, cut_photos, in_crop, in_pixels
from face2mesh.lab.pairs.point_model import point_model

COUNT = 5


def write_fairface(folder: Path, split: str = "train") -> np.ndarray:
    """Photos of noise with the landmarks of the made-up head, seen from the front at different sizes."""
    head = made_up_head(made_up_build.STEPS)
    identity, expression = made_up_build.made_up_corpus(made_up_build.STEPS, made_up_build.MODES)
    model = point_model(head, identity.astype("f4"), expression.astype("f4"), np.zeros((52, 2, 2), np.float32))
    landmarks = np.zeros((COUNT, 478, 3), np.float32)
    frontal = np.diag([1.0, -1, -1]).astype(np.float32)[None]
    generator = np.random.default_rng(0)
    with tarfile.open(folder / f"fairface-{split}-00.tar", "w") as archive:
        for row in range(COUNT):
            codes = generator.normal(size=(1, made_up_build.MODES)).astype(np.float32)
            points = model.points(codes, np.zeros((1, 52), np.float32))
            size = np.log(np.array([0.5 + 0.03 * row], np.float32))
            plane = project(points, frontal, np.zeros((1, 2), np.float32), size)[0]
            landmarks[row, list(FITTED), :2] = plane * 150 + 112
            file = io.BytesIO()
            Image.fromarray(generator.integers(0, 255, (224, 224, 3), np.uint8)).save(file, "JPEG")
            member = tarfile.TarInfo(f"{row + 10}.jpg")
            member.size = file.tell()
            archive.addfile(member, io.BytesIO(file.getvalue()))
    age = np.array(["03-Sep", "Oct-19", "20-29", "0-2", "more than 70"])
    ids = np.arange(10, 10 + COUNT, dtype=np.int32)
    np.savez(folder / f"fairface-{split}.npz", ids=ids, landmarks_64=(landmarks * 64).round().astype(np.int16), age=age)
    return landmarks


def test_tables_name_each_point_once() -> None:
    assert len(IBUG_68) == len(set(IBUG_68)) == 68
    assert len(INNER_51) == 51
    assert len(set(FACE_OVAL)) == 36
    assert max(*IBUG_68, *FACE_OVAL) < 468
    # All of the jaw but the point before the ear's top on each side lies on the oval.
    assert set(IBUG_68[:17]) <= set(FACE_OVAL)


def test_mirrored_points_are_paired_both_ways() -> None:
    generator = np.random.default_rng(0)
    left = generator.uniform([2, -90, -20], [70, 60, 40], (40, 3)).astype(np.float32)
    middle = generator.uniform([0, -90, 0], [0, 60, 40], (7, 3)).astype(np.float32)
    rest = np.concatenate([left, middle, left * np.float32([-1, 1, 1])])
    mirror = mirror_of_points(rest)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(rest)))
    np.testing.assert_array_equal(mirror[:40], np.arange(40) + 47)
    np.testing.assert_array_equal(mirror[40:47], np.arange(40, 47))


def test_labels_and_photos_are_read(tmp_path: Path) -> None:
    landmarks = write_fairface(tmp_path)
    labels = read_labels(tmp_path, "train")
    np.testing.assert_allclose(labels.landmarks, landmarks[..., :2], atol=1 / 64)
    assert labels.age.tolist() == ["3-9", "10-19", "20-29", "0-2", "more than 70"]
    assert [number for number, _ in photos(tmp_path, "train")] == labels.ids.tolist()


def test_the_canonical_crop_is_the_middle_of_the_stored_one(tmp_path: Path) -> None:
    write_fairface(tmp_path)
    labels = read_labels(tmp_path, "train")
    crops, points, rows = cut_photos(photos(tmp_path, "train"), labels)
    assert crops.shape == (COUNT, 160, 160, 3)
    assert rows.tolist() == list(range(COUNT))
    box = points[:, list(IBUG_68)]
    side = np.sqrt(np.prod(box.max(1) - box.min(1), axis=1))
    np.testing.assert_allclose(1.7 * side, 128, rtol=1e-4)
    centre = (box.max(1) + box.min(1)) / 2
    np.testing.assert_allclose(centre, np.broadcast_to([80, 80 + 0.05 * 128], centre.shape), atol=1e-3)
    np.testing.assert_allclose(in_pixels(in_crop(points)), points, atol=1e-3)
    assert in_crop(np.array([80.0, 144.0])).tolist() == [0, 0.5]


def test_the_command_fits_and_the_figure_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("face2mesh.lab.pairs.photo_pairs.CALIBRATION_PHOTOS", 3)
    write_fairface(tmp_path)
    made_up_build.write_base(tmp_path)
    arguments = argparse.Namespace(build=tmp_path, data=tmp_path, count=None, workers=1, labels=None, photos=None)
    command.make_photo_pairs(arguments)
    pairs = read_pairs(tmp_path / "photo-pairs.npz")
    assert pairs["accepted"].all()
    assert pairs["residual"].max() < 0.01
    assert (pairs["distance"] == 1000).all()
    assert pairs["photo_id"].tolist() == list(range(10, 10 + COUNT))
    report = json.loads((tmp_path / "photo-pairs.json").read_text())
    assert report["nme_51_percent"] < 1
    assert set(report["inputs"]) == {"base_head", "corpus", "labels"}
    assert report["by_age"]["3-9"]["photos"] == 1
    assert set(report["rejected"]) == {"residual", "identity", "yaw", "outliers"}
    files = figure.draw(tmp_path, tmp_path / "pictures")
    assert [file.name for file in files] == ["pairs-photos.png", "pairs-photos-worst.png"]
    assert all(file.stat().st_size > 1000 for file in files)


@pytest.mark.parametrize(
    "broken", ["labels missing", "labels damaged", "no archive", "archive damaged", "photo missing"]
)
def test_unusable_data_is_refused_in_a_sentence(tmp_path: Path, broken: str) -> None:
    write_fairface(tmp_path)
    labels, archive = tmp_path / "fairface-train.npz", tmp_path / "fairface-train-00.tar"
    if broken == "labels missing":
        labels.unlink()
    elif broken == "labels damaged":
        labels.write_bytes(labels.read_bytes()[:200])
    elif broken == "no archive":
        archive.unlink()
    elif broken == "archive damaged":
        archive.write_bytes(b"not a tar" * 100)
    else:
        with np.load(labels) as stored:
            arrays = dict(stored)
        arrays["ids"] = arrays["ids"] + 1
        np.savez(labels, **arrays)
    with pytest.raises(InputFileError, match=r"fairface|FairFace"):
        cut_photos(photos(tmp_path, "train"), read_labels(tmp_path, "train"))


def test_labels_of_a_folder_are_fitted_too(tmp_path: Path) -> None:
    landmarks = write_fairface(tmp_path)
    made_up_build.write_base(tmp_path)
    folder = tmp_path / "own"
    folder.mkdir()
    names, digests = [], []
    for number, rgb in photos(tmp_path, "train"):
        Image.fromarray(rgb).save(folder / f"{number}.png")
        names.append(f"{number}.png")
        digests.append(digest_of(folder / f"{number}.png"))
    labels = Labels(
        np.array(names),
        np.array(digests),
        np.full((COUNT, 2), 224, np.int32),
        landmarks[..., :2],
        np.full(COUNT, "", "<U12"),
    )
    write_labels(tmp_path / "labels.npz", labels, landmarks[..., 2], {})
    arguments = argparse.Namespace(
        build=tmp_path, data=None, count=None, workers=1, labels=tmp_path / "labels.npz", photos=folder
    )
    photo_pairs.make_photo_pairs(arguments)
    pairs = read_pairs(tmp_path / "photo-pairs.npz")
    assert pairs["accepted"].all()
    assert pairs["photo_id"].tolist() == list(range(COUNT))
    with pytest.raises(InputFileError, match="--photos"):
        photo_pairs.make_photo_pairs(argparse.Namespace(**{**vars(arguments), "photos": None}))


def test_pairs_whose_rows_differ_are_refused(tmp_path: Path) -> None:
    made_up_build.write_base(tmp_path)
    made_up_build.write_pairs(tmp_path, 3)
    with np.load(tmp_path / "photo-pairs.npz") as stored:
        arrays = dict(stored)
    arrays["residual"] = arrays["residual"][:2]
    np.savez(tmp_path / "photo-pairs.npz", **arrays)
    with pytest.raises(InputFileError, match="do not belong together"):
        read_pairs(tmp_path / "photo-pairs.npz")
