"""The laboratory's commands about own sculpts."""

from face2mesh.lab.own.demonstration import add_parser

__all__ = ["add_parser"]
