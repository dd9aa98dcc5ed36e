"""A GLB as one page for the browser: everything inside, nothing asked of a network."""

from face2mesh.view.container import check_glb
from face2mesh.view.page import page_of

__all__ = ["check_glb", "page_of"]
