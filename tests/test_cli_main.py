import io
import os
import subprocess
import sys

import pytest

from face2mesh.cli import laboratory, main
from face2mesh.cli import progress as progress_module
from face2mesh.cli.head_options import FORMATS
from face2mesh.cli.progress import Progress
from face2mesh.write import BLENDER_WRITERS, WRITERS


def run_apart(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


def misused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("face2mesh 0.")


@pytest.mark.parametrize("arguments", [["--help"], ["reconstruct", "--help"], ["demo", "--help"], ["lab", "--help"]])
def test_help(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "usage: face2mesh" in capsys.readouterr().out


def test_wrong_command_lines(capsys):
    assert "COMMAND" in misused(capsys)
    assert "invalid choice" in misused(capsys, "nonsense")
    assert "-o" in misused(capsys, "reconstruct", "a.jpg")
    assert "PATH" in misused(capsys, "reconstruct", "-o", "x")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--format", "obj,dae", "'dae' is not one of obj, glb, html, ply, stl, npz"),
        ("--face", "0", "'0' is not largest, all or a number"),
        ("--face", "biggest", "'biggest' is not"),
        ("--box", "1,2,3", "is not x,y,w,h"),
        ("--box", "1,2,0,5", "is not x,y,w,h"),
        ("--box", "1,2,nan,5", "is not x,y,w,h"),
        ("--ipd", "wide", "'wide' is not a number of millimetres"),
        ("--ipd", "6.3", "people have 30 to 90 mm"),
    ],
)
def test_wrong_options(capsys, option, value, sentence):
    assert sentence in misused(capsys, "reconstruct", "a.jpg", "-o", "x", f"{option}={value}")


def test_formats_are_those_that_can_be_written():
    assert set(FORMATS) == {*WRITERS, *BLENDER_WRITERS}


def test_help_loads_nothing_heavy():
    code = """
import sys, face2mesh.cli
try: face2mesh.cli.main(["lab", "--help"])
except SystemExit: pass
heavy = {"torch", "scipy", "onnxruntime", "onnx", "numba"} & set(sys.modules)
assert not heavy, heavy
assert not [name for name in sys.modules if name.startswith("face2mesh.lab")]
"""
    done = run_apart(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["pairs", "train"])
def test_a_laboratory_command_without_the_laboratory(command):
    code = f"""
import sys
for name in ("torch", "scipy", "onnx"): sys.modules[name] = None
from face2mesh.cli import main
sys.exit(main(["lab", "{command}", *{{"pairs": ["photos"], "train": ["encoder"]}}["{command}"]]))
"""
    done = run_apart(code)
    assert done.returncode == 1
    assert "needs the laboratory" in done.stderr
    assert "pip install 'face2mesh[train]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", list(laboratory.COMMANDS))
def test_every_laboratory_command_is_where_the_list_says(capsys, command):
    pytest.importorskip("torch", reason="the laboratory is of the extra [train]")
    with pytest.raises(SystemExit) as caught:
        main(["lab", command, "--help"])
    assert caught.value.code == 0
    assert f"usage: face2mesh lab {command}" in capsys.readouterr().out


def test_common_options_before_or_after(monkeypatch):
    seen = []

    class Room:
        @staticmethod
        def add_parser(subparsers):
            parser = subparsers.add_parser("pairs").add_subparsers(required=True).add_parser("photos")
            parser.add_argument("--count", type=int)
            parser.set_defaults(run=lambda arguments: seen.append(arguments) or 0)

    monkeypatch.setattr(laboratory, "import_module", lambda name: Room)
    assert main(["lab", "--build", "b", "--data", "d", "pairs", "photos", "--count", "3"]) == 0
    assert main(["lab", "pairs", "photos", "--count", "3", "--data", "d", "--build", "b", "--debug"]) == 0
    assert main(["lab", "pairs", "photos"]) == 0
    assert [(str(one.build), str(one.data), one.count) for one in seen[:2]] == [("b", "d", 3)] * 2
    assert (str(seen[2].build), seen[2].data, seen[2].debug) == ("build", None, False)
    assert seen[1].debug


def test_unexpected_errors_have_no_traceback(capsys, monkeypatch):
    class Room:
        @staticmethod
        def add_parser(subparsers):
            subparsers.add_parser("corpus").set_defaults(run=lambda arguments: 1 / 0)

    monkeypatch.setattr(laboratory, "import_module", lambda name: Room)
    assert main(["lab", "corpus"]) == 1
    error = capsys.readouterr().err
    assert "unexpected ZeroDivisionError" in error
    assert "--debug" in error
    assert "Traceback" not in error
    with pytest.raises(ZeroDivisionError):
        main(["lab", "corpus", "--debug"])


def test_no_model_here(capsys, tmp_path):
    assert main(["demo", "--model", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert "no packaged model here" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    terminal, elsewhere = Terminal(), io.StringIO()
    with Progress(100, "photos", terminal) as progress, Progress(100, "photos", elsewhere) as silent:
        for done in range(1, 11):
            now[0] += 1
            progress.show(done)
            silent.show(done)
    assert "10 of 100 photos, 1 min 30 s left" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
    assert elsewhere.getvalue() == ""


def test_no_progress_on_what_is_quick(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    terminal = Terminal()
    with Progress(4, "photos", terminal) as progress:
        for done in range(1, 5):
            now[0] += 0.4
            progress.show(done)
    assert terminal.getvalue() == ""


def test_a_reader_that_has_gone(tmp_path):
    code = "import sys; from face2mesh.cli import main; sys.exit(main(sys.argv[1:]))"
    missing = [str(tmp_path / f"{i}.jpg") for i in range(3)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "reconstruct", *missing, "-o", str(tmp_path / "o"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert "Traceback" not in error
    assert "BrokenPipe" not in error
