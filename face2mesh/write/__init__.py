"""One file a format: OBJ, PLY, STL, GLB, NPZ, JSON."""

from face2mesh.write.document import document, write_json
from face2mesh.write.mesh import HeadMesh
from face2mesh.write.write import WRITERS, write

__all__ = ["WRITERS", "HeadMesh", "document", "write", "write_json"]
