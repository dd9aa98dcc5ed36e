"""One file a format: OBJ, PLY, STL, GLB, NPZ, JSON; .blend and .fbx where Blender is."""

from face2mesh.write.document import document, write_json
from face2mesh.write.mesh import HeadMesh, decoded_morphs
from face2mesh.write.write import BLENDER_WRITERS, WRITERS, write

__all__ = ["BLENDER_WRITERS", "WRITERS", "HeadMesh", "decoded_morphs", "document", "write", "write_json"]
