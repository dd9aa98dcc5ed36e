"""Finding and running Blender, with small programs in its place; none is needed here."""

import sys

import numpy as np
import pytest
from made_up import made_up_face

from face2mesh.blender import BLENDER_VARIABLE, find_blender, program, run_in_blender, save
from face2mesh.cli import main
from face2mesh.cli.demo import ASTRONAUT
from face2mesh.errors import OutputError
from face2mesh.write import BLENDER_WRITERS, HeadMesh, write

FACE = made_up_face()


def _program(folder, code, name="python"):
    """A program that runs this code instead of the script that it is given."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nowhere(monkeypatch):
    """A machine without Blender."""
    monkeypatch.delenv(BLENDER_VARIABLE, raising=False)
    monkeypatch.setattr(program, "find_spec", lambda name: None)


@pytest.mark.parametrize("suffix", BLENDER_WRITERS)
def test_without_blender_one_sentence_says_what_to_install(nowhere, tmp_path, suffix):
    path = tmp_path / f"head.{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"pip install 'face2mesh\[blender\]'.*Python 3\.11 or 3\.13") as caught:
        FACE.save(path)
    assert BLENDER_VARIABLE in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_command_line_says_it_once_and_before_the_work(nowhere, tmp_path, capsys):
    photos = [str(ASTRONAUT), str(ASTRONAUT)]
    assert main(["reconstruct", *photos, "-o", str(tmp_path / "out"), "--format", "obj,fbx"]) == 1
    said = capsys.readouterr()
    assert said.err.count("face2mesh[blender]") == 1
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_the_variable_goes_before_this_python(monkeypatch, tmp_path):
    named = _program(tmp_path, "")
    monkeypatch.setenv(BLENDER_VARIABLE, str(named))
    assert find_blender() == named
    monkeypatch.setenv(BLENDER_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(OutputError, match=rf"nothing: no such program.*{BLENDER_VARIABLE}"):
        find_blender()


def test_this_python_where_it_has_bpy(monkeypatch):
    monkeypatch.delenv(BLENDER_VARIABLE, raising=False)
    monkeypatch.setattr(program, "find_spec", lambda name: object() if name == "bpy" else None)
    assert str(find_blender()) == sys.executable


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("python3.11", ["-I"]),
        ("blender", ["--background", "--factory-startup", "--python-exit-code", "1", "--python"]),
        ("Blender-5.0", ["--background", "--factory-startup", "--python-exit-code", "1", "--python"]),
    ],
)
def test_how_programs_are_asked(monkeypatch, tmp_path, name, before):
    told = tmp_path / "told"
    code = f"Path({str(told)!r}).write_text('\\n'.join(sys.argv[1:]))"
    monkeypatch.setenv(BLENDER_VARIABLE, str(_program(tmp_path, code, name)))
    run_in_blender(tmp_path / "script.py", tmp_path / "given", told)
    words = [str(tmp_path / name) for name in ("script.py", "given", "told")]
    assert told.read_text().split("\n") == [*before, words[0], "--", *words[1:]]


def test_what_the_worker_writes_is_what_is_saved(monkeypatch, tmp_path):
    code = "Path(sys.argv[-1]).write_bytes(Path(sys.argv[-2]).read_bytes())"
    monkeypatch.setenv(BLENDER_VARIABLE, str(_program(tmp_path, code)))
    write(HeadMesh.of(FACE), tmp_path / "head.BLEND")
    with np.load(tmp_path / "head.BLEND", allow_pickle=False) as scene:
        assert scene["positions"].shape == FACE.vertices.shape


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ModuleNotFoundError('No module named bpy')", "No module named bpy"),
        ("sys.exit(3)", "exit code 3"),
        ("Path(sys.argv[-1]).write_bytes(b'half'); sys.exit(1)", "exit code 1"),
        ("pass", "no file"),
    ],
)
@pytest.mark.parametrize("suffix", BLENDER_WRITERS)
def test_a_blender_that_fails_leaves_the_old_file(monkeypatch, tmp_path, code, said, suffix):
    monkeypatch.setenv(BLENDER_VARIABLE, str(_program(tmp_path, code)))
    out = tmp_path / "out"
    out.mkdir()
    (out / f"head.{suffix}").write_bytes(b"old")
    with pytest.raises(OutputError, match=rf"python: Blender could not write the file \(.*{said}.*\)"):
        FACE.save(out / f"head.{suffix}")
    assert (out / f"head.{suffix}").read_bytes() == b"old"
    assert len(list(out.iterdir())) == 1


def test_a_program_that_cannot_be_run(monkeypatch, tmp_path):
    (tmp_path / "python").write_text("not a program")
    monkeypatch.setenv(BLENDER_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(OutputError, match="python: cannot be run") as caught:
        FACE.save(tmp_path / "head.fbx")
    # The command line takes an OSError behind it for a folder that cannot be written.
    assert caught.value.__cause__ is None


def test_the_worker_is_a_file_of_the_package():
    assert save.WORKER.is_file()
    # It runs in a Python that may not have Face2Mesh.
    assert "face2mesh" not in [line.split()[1] for line in save.WORKER.read_text().splitlines() if "import " in line]
