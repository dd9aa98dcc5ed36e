"""The base head: topology, parts, regions, landmarks, UVs, normals, and what follows the skin."""

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import PARTS, BaseHead
from face2mesh.head.embedding import Embedding
from face2mesh.head.topology import Topology

__all__ = ["ARKIT_NAMES", "PARTS", "BaseHead", "Embedding", "Topology"]
