"""Meshes of others: OBJ, PLY, STL and GLB as arrays."""

from face2mesh.read.mesh_file import MeshFile
from face2mesh.read.read import SUFFIXES, read_mesh

__all__ = ["SUFFIXES", "MeshFile", "read_mesh"]
