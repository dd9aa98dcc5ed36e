"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type for argparse: a whole number from `least` (0 or more) to `most`, or of any size."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            reach = f"from {least} to {most}" if most is not None else f"of {least} or more"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {reach}")
        return int(text)

    return number


def add_seed(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--seed`, 0 unless it is given: of `what`."""
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help=f"{what} (default: 0)")


def add_time_limit(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--time-limit`, which is given in minutes and read in seconds, None where it is not given."""
    parser.add_argument("--time-limit", type=_minutes, metavar="MINUTES", help=what)


def add_model(
    parser: argparse.ArgumentParser, what: str = "another packaged model than the one that is installed"
) -> None:
    """Add `--model`."""
    parser.add_argument("--model", type=Path, metavar="DIR", help=what)


def _minutes(text: str) -> float:
    """Seconds."""
    try:
        minutes = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes") from error
    if not minutes >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not 0 or more")
    return 60 * minutes


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
