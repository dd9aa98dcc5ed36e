"""`face2mesh view`: a GLB becomes one page for the browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.cli.options import add_debug


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `view` to the command line."""
    parser = subparsers.add_parser(
        "view",
        help="a GLB as a page for the browser",
        description="Write one HTML file that shows a GLB and moves its shapes, offline, from disk.",
    )
    parser.add_argument("glb", type=Path, metavar="FILE.glb", help="binary glTF 2.0")
    parser.add_argument("-o", "--output", type=_page, metavar="FILE.html", help="default: beside the GLB")
    add_debug(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print its path.

    Raises:
        InputFileError: the GLB cannot be read or shown.
        OutputError: the page cannot be written.
    """
    from face2mesh.errors import InputFileError
    from face2mesh.store import write_atomically
    from face2mesh.view import check_glb, page_of

    source: Path = arguments.glb
    try:
        content = source.read_bytes()
    except OSError as error:
        raise InputFileError(f"{source}: cannot be read ({error.strerror}); name a GLB file.") from error
    check_glb(content, str(source))
    page = page_of(content)
    target: Path = arguments.output or source.with_suffix(".html")
    write_atomically(target, lambda file: file.write(page))
    print(target)
    return 0


def _page(text: str) -> Path:
    if not text.lower().endswith((".html", ".htm")):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .html")
    return Path(text)
