"""Training pairs: labelled photos with their fits, and rendered photos with exact truth."""

from face2mesh.lab.pairs.files import read_pairs

__all__ = ["read_pairs"]
