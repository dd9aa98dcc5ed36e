"""Finding a Blender and running a script in it, outside of this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from face2mesh.errors import OutputError

BLENDER_VARIABLE = "FACE2MESH_BLENDER"
"""Environment variable: the file of a Blender program, or of a Python that has `bpy`."""

_HOW = (
    "install it with `pip install 'face2mesh[blender]'` (Python 3.11 or 3.13), or name Blender's program, or a Python "
    f"that has bpy, in the environment variable {BLENDER_VARIABLE}"
)


_AT_ONCE = threading.BoundedSemaphore(4)
"""Each Blender takes some 400 MB, and a folder of photos is done on all cores."""


def find_blender() -> Path | None:
    """The program that `FACE2MESH_BLENDER` names; else this Python, where it has `bpy`; else None.

    Raises:
        OutputError: the variable names something that is not there.
    """
    named = os.environ.get(BLENDER_VARIABLE)
    if named:
        program = Path(named)
        if not program.is_file():
            raise OutputError(f"{program}: no such program; correct the environment variable {BLENDER_VARIABLE}.")
        return program
    return Path(sys.executable) if find_spec("bpy") else None


def require_blender() -> Path:
    """The program that `find_blender` finds.

    Raises:
        OutputError: there is none.
    """
    program = find_blender()
    if program is None:
        raise OutputError(f"files for Blender need Blender itself: {_HOW}.")
    return program


def run_in_blender(script: Path, given: Path, output: Path) -> None:
    """Run a script in Blender and wait for it; what Blender prints is kept from the user.

    Args:
        script: reads the names of two files behind `--`.
        given: the first, which it reads.
        output: the second, which it writes.

    Raises:
        OutputError: there is no Blender, or the script failed.
    """
    program = require_blender()
    words = [*_command(program), str(script), "--", str(given), str(output)]
    try:
        with _AT_ONCE:
            ran = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        # Without its cause, which would say that the user's folder cannot be written.
        raise OutputError(f"{program}: cannot be run ({error.strerror or error}); {_HOW}.") from None
    if ran.returncode or not output.is_file():
        ended = f"exit code {ran.returncode}" if ran.returncode else "no file, though nothing went wrong"
        said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1:]
        raise OutputError(f"{program}: Blender could not write the file ({': '.join([ended, *said])}); {_HOW}.")


def _command(program: Path) -> list[str]:
    """How a program runs a Python file: Blender's own, or a Python's."""
    if program.stem.lower().startswith("blender"):
        return [str(program), "--background", "--factory-startup", "--python-exit-code", "1", "--python"]
    # -I: neither this environment nor the modules beside the script are for the other Python.
    return [str(program), "-I"]
