"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from face2mesh.errors import Face2MeshError


def add_debug(parser: argparse.ArgumentParser, default: Any = False) -> None:
    """Add `--debug`."""
    parser.add_argument(
        "--debug", action="store_true", default=default, help="print tracebacks and libraries' warnings"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each photo")


@contextmanager
def laboratory_needed(command: str) -> Iterator[None]:
    """Say what to install where a command opens the laboratory and it is not there.

    Args:
        command: as the user calls it, for instance "lab corpus".

    Raises:
        Face2MeshError: what the laboratory needs is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "face2mesh").startswith("face2mesh"):
            raise
        raise Face2MeshError(
            f"`face2mesh {command}` needs the laboratory ({error.name} is missing): pip install 'face2mesh[train]'"
        ) from error


def needing_laboratory(command: str, run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """A command's `run` that says what to install where the laboratory is not there."""

    def guarded(arguments: argparse.Namespace) -> int:
        with laboratory_needed(command):
            return run(arguments)

    return guarded
