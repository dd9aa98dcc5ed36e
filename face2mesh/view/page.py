"""The page: one template, its style, its program and a GLB, in one HTML file."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path

SCRIPTS = ("matrices", "glb", "shape", "expressions", "orbit", "shaders", "picture", "panel", "main")
"""The program's files in the order in which they are put together; each uses those before it."""

_FOLDER = Path(__file__).parent / "page"


def page_of(glb: bytes) -> bytes:
    """An HTML page that shows a GLB, from a disk as well as from a server, and asks for nothing else.

    The GLB lies in it as base64, byte for byte; the program too, packed, because the page should stay small.

    Args:
        glb: a binary glTF 2.0 file that `check_glb` let pass.

    Returns:
        UTF-8; 4/3 of the GLB's length and less than 40 kB.
    """
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:  # the same bytes each time
        file.write(program().encode())
    page = _text("viewer.html")
    parts = {"style": _text("viewer.css"), "program": _base64(packed.getvalue()), "glb": _base64(glb)}
    for name, text in parts.items():
        before, after = page.split(f"{{{{{name}}}}}")
        page = before + text + after
    return page.encode()


def program() -> str:
    """The page's JavaScript, of one piece."""
    inner = "\n".join(_text(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{inner}}})();\n//# sourceURL=viewer.js\n'


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
