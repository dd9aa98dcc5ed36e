"""The command line, a thin layer over the other rooms."""

from face2mesh.cli.main import main

__all__ = ["main"]
