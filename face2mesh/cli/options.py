"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import Any


def add_debug(parser: argparse.ArgumentParser, default: Any = False) -> None:
    """Add `--debug`."""
    parser.add_argument(
        "--debug", action="store_true", default=default, help="print tracebacks and libraries' warnings"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each photo")
