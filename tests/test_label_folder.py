"""Labelling a folder: a stand-in marks bright squares; the real MediaPipe where it is installed."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.label import command
from face2mesh.lab.label.files import read_folder_labels, write_labels
from face2mesh.lab.label.folder import label_folder, mark_all, photos_in
from face2mesh.lab.label.marker import MediaPipeMarker, mediapipe_marker
from face2mesh.lab.pairs.photos import cut_photos
from face2mesh.photo import Box
from face2mesh.store import provenance

SHARE = np.random.default_rng(0).uniform(0, 1, (478, 2))  # where the points lie in a face's square
SHARE[:4] = [[0, 0], [1, 0], [0, 1], [1, 1]]


class SquareMarker:
    """Marks white squares of at least `smallest` of the picture's side."""

    name = "squares"

    def __init__(self, smallest: float = 0.2) -> None:
        self.smallest = smallest

    def mark(self, rgb: np.ndarray) -> list[np.ndarray]:
        return [
            np.concatenate([SHARE * side + [x, y], np.full((478, 1), 3.0)], 1).astype(np.float32)
            for x, y, side in squares(rgb)
            if side >= self.smallest * max(rgb.shape[:2])
        ]


def squares(rgb: np.ndarray) -> list[tuple[float, float, float]]:
    """Corner and side of white squares that stand side by side."""
    columns = (rgb[..., 0] > 128).any(0)
    edges = np.flatnonzero(np.diff(np.r_[0, columns.astype(int), 0]))
    found = []
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        rows = np.flatnonzero((rgb[:, left:right, 0] > 128).any(1))
        found.append((float(left), float(rows[0]), float(right - left)))
    return found


def finder(rgb: np.ndarray) -> list[Box]:
    return [Box(x, y, side, side) for x, y, side in squares(rgb)]


def photo(*places: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> np.ndarray:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y, side in places:
        picture[y : y + side, x : x + side] = 255
    return picture


def folder_of_photos(folder: Path) -> Path:
    (folder / "below").mkdir(parents=True)
    Image.fromarray(photo((30, 40, 90))).save(folder / "one.png")
    Image.fromarray(photo((20, 20, 80), (150, 50, 120))).save(folder / "below" / "two.png")
    Image.fromarray(photo()).save(folder / "nobody.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no photo")
    return folder


def test_every_face_has_a_row_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = folder_of_photos(tmp_path / "photos")
    done: list[int] = []
    found = label_folder(folder, SquareMarker(), finder, done.append)
    assert found.photos == 4
    assert done == [1, 2, 3, 4]
    assert found.labels.files.tolist() == ["below/two.png", "below/two.png", "one.png"]
    assert found.several == {"below/two.png": 2}
    assert set(found.failed) == {"nobody.png", "broken.jpg"}
    assert "no face found" in found.failed["nobody.png"]
    assert "broken.jpg" in found.failed["broken.jpg"]
    # The larger face comes first.
    np.testing.assert_allclose(found.labels.landmarks[0], SHARE * 120 + [150, 50], atol=1e-3)
    np.testing.assert_allclose(found.labels.landmarks[2], SHARE * 90 + [30, 40], atol=1e-3)
    assert found.labels.sizes.tolist() == [[300, 200]] * 3


def test_a_small_face_is_marked_in_a_close_up() -> None:
    picture = photo((20, 20, 300), (700, 500, 40), size=(1000, 800))
    faces = mark_all(picture, SquareMarker(), finder)
    assert len(faces) == 2
    np.testing.assert_allclose(faces[0][:, :2], SHARE * 300 + [20, 20], atol=1e-3)
    np.testing.assert_allclose(faces[1][:, :2], SHARE * 40 + [700, 500], atol=1.0)


def test_labels_come_back_and_make_crops(tmp_path: Path) -> None:
    folder = folder_of_photos(tmp_path / "photos")
    found = label_folder(folder, SquareMarker(), finder)
    path = tmp_path / "labels.npz"
    write_labels(path, found.labels, found.depth, provenance({}, {"marker": "squares"}))
    labels = read_folder_labels(path)
    np.testing.assert_allclose(labels.landmarks, found.labels.landmarks, atol=1 / 64)
    assert labels.inside.all()
    assert labels.age.tolist() == ["", "", ""]
    crops, points, rows = cut_photos(labels.pictures(folder), labels)
    assert rows.tolist() == [0, 1, 2]
    assert crops.shape == (3, 160, 160, 3)
    inside = points[:, :4].astype(int)
    for crop, corners in zip(crops, inside, strict=True):
        (left, top), (right, bottom) = corners[0], corners[3]
        assert crop[top + 3 : bottom - 3, left + 3 : right - 3].min() > 200


def test_a_photo_that_changed_or_left_is_refused(tmp_path: Path) -> None:
    folder = folder_of_photos(tmp_path / "photos")
    labels = label_folder(folder, SquareMarker(), finder).labels
    Image.fromarray(photo((50, 40, 90))).save(folder / "one.png")
    with pytest.raises(InputFileError, match="not the photo that was labelled"):
        list(labels.pictures(folder))
    (folder / "one.png").unlink()
    with pytest.raises(InputFileError, match="not found"):
        list(labels.pictures(folder))


def test_the_command_tells_each_failure_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of_photos(tmp_path / "photos")

    class Open:
        def __enter__(self) -> SquareMarker:
            return SquareMarker()

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(command, "mediapipe_marker", Open)
    monkeypatch.setattr(command, "find_faces", finder)
    arguments = SimpleNamespace(folder=folder, output=tmp_path / "labels.npz")
    assert command.run(arguments) == 1
    told = capsys.readouterr()
    assert "3 faces in 2 of 4 photos" in told.out
    lines = told.err.strip().splitlines()
    assert len(lines) == 3
    assert "two.png: 2 faces" in lines[0]
    assert len(read_folder_labels(tmp_path / "labels.npz").files) == 3


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_folder_without_photos_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "photos"
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(InputFileError, match=r"not a folder|holds no photos"):
        command.run(SimpleNamespace(folder=folder, output=tmp_path / "labels.npz"))
    assert not (tmp_path / "labels.npz").exists()


def test_rows_that_do_not_match_are_refused(tmp_path: Path) -> None:
    folder = folder_of_photos(tmp_path / "photos")
    found = label_folder(folder, SquareMarker(), finder)
    path = tmp_path / "labels.npz"
    write_labels(path, found.labels, found.depth, provenance())
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["sizes"] = arrays["sizes"][:1]
    np.savez(path, **arrays)
    with pytest.raises(InputFileError, match="do not belong together"):
        read_folder_labels(path)


def test_without_mediapipe_one_sentence_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(Face2MeshError, match=r"face2mesh\[label\]"), mediapipe_marker():
        pass
    monkeypatch.setitem(sys.modules, "mediapipe", SimpleNamespace(__version__="0.9"))
    with pytest.raises(Face2MeshError, match=r"0\.10\.21 is needed"), mediapipe_marker():
        pass


def test_mediapipe_sees_the_picture_with_its_border_repeated() -> None:
    seen: list[np.ndarray] = []

    def process(picture: np.ndarray) -> SimpleNamespace:
        seen.append(picture)
        face = SimpleNamespace(landmark=[SimpleNamespace(x=0.5, y=0.25, z=0.1)] * 478)
        return SimpleNamespace(multi_face_landmarks=[face])

    picture = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
    faces = MediaPipeMarker(SimpleNamespace(process=process)).mark(picture)
    assert seen[0].shape == (352, 352, 3)
    np.testing.assert_array_equal(seen[0][64:-64, 64:-64], picture)
    np.testing.assert_array_equal(seen[0][0, 0], picture[0, 0])
    np.testing.assert_allclose(faces[0][0], [352 * 0.5 - 64, 352 * 0.25 - 64, 35.2], rtol=1e-6)


@pytest.mark.data
@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="MediaPipe has an environment of its own")
def test_mediapipe_marks_the_astronaut() -> None:
    picture = np.asarray(Image.open(Path(command.__file__).parents[2] / "cli" / "astronaut.jpg").convert("RGB"))
    with mediapipe_marker() as marker:
        faces = marker.mark(picture)
    assert len(faces) == 1
    left_iris, right_iris = faces[0][473, :2], faces[0][468, :2]
    assert left_iris[0] > right_iris[0]


def test_photos_are_sorted_and_others_left_out(tmp_path: Path) -> None:
    folder = folder_of_photos(tmp_path / "photos")
    assert [path.name for path in photos_in(folder)] == ["two.png", "broken.jpg", "nobody.png", "one.png"]
