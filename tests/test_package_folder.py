"""The folder of a packaged model: all or nothing, never too large."""

import pytest

from face2mesh.errors import Face2MeshError, OutputError
from face2mesh.lab.package import folder as module
from face2mesh.lab.package.folder import make_manifest, write_model_folder
from face2mesh.model.manifest import MANIFEST_FILE, MODEL_FILES, read_manifest, read_model_file

CONTENTS = {name: name.encode() for name in MODEL_FILES}


def _manifest(contents=CONTENTS):
    return make_manifest("tiny", "0.0.1", contents, {"crop_size": 128}, {"command": "tests"})


def test_writes_what_the_runtime_reads(tmp_path):
    target = tmp_path / "models" / "one"
    size = write_model_folder(target, _manifest(), CONTENTS)
    manifest = read_manifest(target)
    assert {name: read_model_file(target, manifest, name) for name in manifest.files} == CONTENTS
    assert size == sum(path.stat().st_size for path in target.iterdir())
    assert sorted(path.name for path in target.parent.iterdir()) == ["one"]


def test_same_date_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert _manifest().created == "1970-01-01T00:00:00Z"
    assert _manifest().to_json() == _manifest().to_json()


def test_replaces_an_older_model_as_a_whole(tmp_path):
    target = tmp_path / "model"
    write_model_folder(target, _manifest({**CONTENTS, "extra.bin": b"x"}), {**CONTENTS, "extra.bin": b"x"})
    write_model_folder(target, _manifest(), CONTENTS)
    assert {path.name for path in target.iterdir()} == {*MODEL_FILES, MANIFEST_FILE}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_fills_an_empty_folder(tmp_path):
    write_model_folder(tmp_path, _manifest(), CONTENTS)
    assert read_manifest(tmp_path).name == "tiny"


def test_too_large(tmp_path):
    with pytest.raises(Face2MeshError, match="more than"):
        write_model_folder(tmp_path / "model", _manifest(), CONTENTS, largest=100)
    assert not list(tmp_path.iterdir())


def test_leaves_other_folders_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="not a packaged model"):
        write_model_folder(tmp_path, _manifest(), CONTENTS)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_a_file_where_the_folder_should_go(tmp_path):
    (tmp_path / "model").write_text("dear")
    with pytest.raises(OutputError, match="not a packaged model"):
        write_model_folder(tmp_path / "model", _manifest(), CONTENTS)


def test_a_failed_write_leaves_the_old_model(tmp_path, monkeypatch):
    target = tmp_path / "model"
    write_model_folder(target, _manifest(), CONTENTS)
    before = (target / MANIFEST_FILE).read_bytes()
    replace = module.os.replace

    def fails_at_the_second(source, goal):
        if str(source).endswith(".part"):
            raise OSError(28, "No space left on device")
        replace(source, goal)

    monkeypatch.setattr(module.os, "replace", fails_at_the_second)
    with pytest.raises(OutputError, match="No space left"):
        write_model_folder(target, _manifest(), CONTENTS)
    assert (target / MANIFEST_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
