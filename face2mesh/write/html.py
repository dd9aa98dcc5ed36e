"""A page for the browser that holds the head as a GLB and shows it (see `face2mesh.view`)."""

from __future__ import annotations

import io
from typing import IO

from face2mesh.view import page_of
from face2mesh.write.glb import write_glb
from face2mesh.write.mesh import HeadMesh


def write_html(mesh: HeadMesh, file: IO[bytes]) -> None:
    """Write the page."""
    glb = io.BytesIO()
    write_glb(mesh, glb)
    file.write(page_of(glb.getvalue()))
