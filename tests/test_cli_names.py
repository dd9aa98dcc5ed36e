from pathlib import Path

import pytest
from PIL import Image

from face2mesh.cli.names import meshes_of, photos_of, result_names
from face2mesh.errors import InputFileError, PhotoError


def names(*photos, numbered=False, neutral=False):
    return result_names([Path(photo) for photo in photos], numbered, ["-neutral"] * neutral)


def test_usually_the_stem():
    assert names("x/anna.jpg", "y/ben.b.png") == ["anna", "ben.b"]


def test_same_stem():
    assert names("anna.jpg", "anna.png", "ben.jpg") == ["anna-jpg", "anna-png", "ben"]


def test_case_does_not_tell_names_apart():
    assert names("anna.jpg", "ANNA.png") == ["anna-jpg", "ANNA-png"]


def test_same_file_name_in_two_folders():
    assert names("x/anna.jpg", "y/anna.jpg") == ["x-anna-jpg", "y-anna-jpg"]


def test_a_name_that_another_makes_way_to():
    first, second, third = names("v/anna.jpg", "v/anna.png", "v/anna-jpg.png")
    assert (first, second, third) == ("v-anna-jpg", "anna-png", "anna-jpg")


def test_numbers_of_faces():
    assert names("anna.jpg", "anna-1.jpg") == ["anna", "anna-1"]
    assert names("anna.jpg", "anna-1.jpg", numbered=True) == ["anna-jpg", "anna-1-jpg"]


def test_neutral_heads():
    assert names("anna.jpg", "anna-neutral.jpg") == ["anna", "anna-neutral"]
    assert names("anna.jpg", "anna-neutral.jpg", neutral=True) == ["anna-jpg", "anna-neutral-jpg"]
    both = names("anna.jpg", "anna-2-neutral.jpg", numbered=True, neutral=True)
    assert both == ["anna-jpg", "anna-2-neutral-jpg"]


def test_nothing_tells_them_apart():
    with pytest.raises(PhotoError, match="same names; reconstruct them in two calls"):
        names("x/a/anna.jpg", "y/a/anna.jpg")


def test_photos_of_a_folder(tmp_path):
    for name in ("b.png", "a.JPG", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert [path.name for path in photos_of(tmp_path)] == ["a.JPG", "b.png"]
    assert photos_of(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_folder_without_photos(tmp_path):
    with pytest.raises(PhotoError, match="holds no photos"):
        photos_of(tmp_path)
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    assert len(photos_of(tmp_path)) == 1


def test_meshes_of_a_folder(tmp_path):
    for name in ("b.PLY", "a.obj", "a.mtl", ".c.obj"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in meshes_of(tmp_path)] == ["a.obj", "b.PLY"]
    assert meshes_of(tmp_path / "no.stl") == [tmp_path / "no.stl"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputFileError, match="holds no meshes; name meshes or a folder with some"):
        meshes_of(tmp_path / "nothing")
