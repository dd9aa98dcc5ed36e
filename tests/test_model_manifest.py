"""The packaged model's manifest: too old, too new and damaged are three sentences."""

import json

import pytest

from face2mesh.errors import ModelError
from face2mesh.model.manifest import (
    MANIFEST_FILE,
    MODEL_FILES,
    NEWEST_VERSION,
    OLDEST_VERSION,
    FileRecord,
    Manifest,
    read_manifest,
    read_model_file,
)


@pytest.fixture
def folder(tmp_path):
    contents = {name: name.encode() * 3 for name in MODEL_FILES}
    manifest = Manifest(
        name="tiny",
        version="0.0.1",
        format_version=NEWEST_VERSION,
        files={name: FileRecord.of(content) for name, content in contents.items()},
        normalisation={"crop_size": 128},
        provenance={"command": "none"},
        licence="MIT",
        created="2026-01-01T00:00:00Z",
    )
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / MANIFEST_FILE).write_text(manifest.to_json())
    return tmp_path


def _change(folder, **fields):
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_reads_what_was_written(folder):
    manifest = read_manifest(folder)
    assert (manifest.name, manifest.version, manifest.licence) == ("tiny", "0.0.1", "MIT")
    assert json.loads(manifest.to_json()) == json.loads((folder / MANIFEST_FILE).read_text())
    for name in MODEL_FILES:
        assert read_model_file(folder, manifest, name) == name.encode() * 3


def test_hash_of_known_bytes():
    # The SHA-256 of "abc" is the first example of FIPS 180-2.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert FileRecord.of(b"abc") == FileRecord(3, expected)


def test_too_old(folder):
    _change(folder, format_version=OLDEST_VERSION - 1)
    with pytest.raises(ModelError, match=r"too old.*package it again"):
        read_manifest(folder)


def test_too_new(folder):
    _change(folder, format_version=NEWEST_VERSION + 1)
    with pytest.raises(ModelError, match=r"too new.*upgrade"):
        read_manifest(folder)


def test_absent(tmp_path):
    with pytest.raises(ModelError, match="no packaged model here"):
        read_manifest(tmp_path)
    with pytest.raises(ModelError, match="no packaged model here"):
        read_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": "other"}', '{"format": "face2mesh/model"}'])
def test_damaged_manifest(folder, text):
    (folder / MANIFEST_FILE).write_text(text)
    with pytest.raises(ModelError, match="damaged"):
        read_manifest(folder)


@pytest.mark.parametrize("field", ["name", "version", "files", "normalisation", "provenance", "licence", "created"])
def test_missing_field(folder, field):
    path = folder / MANIFEST_FILE
    fields = json.loads(path.read_text())
    del fields[field]
    path.write_text(json.dumps(fields))
    with pytest.raises(ModelError, match="damaged"):
        read_manifest(folder)


def test_manifest_that_is_no_text(folder):
    (folder / MANIFEST_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot be read"):
        read_manifest(folder)


@pytest.mark.parametrize("version", [None, "1", 1.0, True])
def test_version_that_is_no_number(folder, version):
    _change(folder, format_version=version)
    with pytest.raises(ModelError, match="damaged"):
        read_manifest(folder)


def test_manifest_without_a_needed_file(folder):
    _change(folder, files={})
    with pytest.raises(ModelError, match=r"damaged: it does not list encoder\.onnx"):
        read_manifest(folder)


def test_changed_byte(folder):
    path = folder / MODEL_FILES[0]
    path.write_bytes(b"X" + path.read_bytes()[1:])
    with pytest.raises(ModelError, match="damaged: its SHA-256"):
        read_model_file(folder, read_manifest(folder), MODEL_FILES[0])


def test_truncated_file(folder):
    path = folder / MODEL_FILES[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged: it has"):
        read_model_file(folder, read_manifest(folder), MODEL_FILES[0])


def test_missing_file(folder):
    (folder / MODEL_FILES[0]).unlink()
    with pytest.raises(ModelError, match="damaged: it is missing"):
        read_model_file(folder, read_manifest(folder), MODEL_FILES[0])
