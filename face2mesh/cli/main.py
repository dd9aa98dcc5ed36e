"""`face2mesh`: which command, and what its end means to the shell."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from face2mesh.cli import (
    dataset,
    demo,
    figures,
    fit,
    laboratory,
    reconstruct,
    register,
    sample,
    train,
    transfer,
    view,
    walk,
)
from face2mesh.errors import Face2MeshError

_COMMANDS = (reconstruct, transfer, demo, view, sample, walk, fit, register, dataset, train, figures, laboratory)
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all done; something wrong with the user's data (or with this program); wrong command line; Ctrl-C."""


class _Version(argparse.Action):
    """Print the version, which is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from face2mesh import __version__

        print(f"face2mesh {__version__}")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="face2mesh", description="One front-facing photo in; a clean, named, animatable 3D head out."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None takes the process's own.

    Returns:
        0 when all is done, 1 when something is wrong with the user's data, 130 after Ctrl-C.

    Raises:
        SystemExit: with 2 when the command line itself is wrong, with 0 after --help and --version.
    """
    chosen = make_parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            if not chosen.debug:  # what libraries warn of is for developers
                warnings.simplefilter("ignore")
            code: int | None = chosen.run(chosen)
            sys.stdout.flush()
            return code or DONE
    except Face2MeshError as error:
        if chosen.debug:
            raise
        print(f"face2mesh: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("face2mesh: interrupted; what was finished is kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if chosen.debug:
            raise
        print(f"face2mesh: {unexpected(error)}", file=sys.stderr)
        return FAILED


def unexpected(error: Exception) -> str:
    """What to say of an error that is this program's fault."""
    return f"unexpected {type(error).__name__} ({error}); please report it with what --debug prints."
