"""Files that Blender itself writes: .blend and .fbx, by a Blender that runs beside this program.

`bpy`, Blender as a Python module, pins its Python and its NumPy and changes the process that imports it. So nothing
here imports it: `scene` describes a head in Blender's axes and units, `worker` is run as a file by a Python that has
`bpy` (or by Blender's own program), `program` finds and runs that, `save` puts the three together.
"""

from face2mesh.blender.program import BLENDER_VARIABLE, find_blender, require_blender, run_in_blender
from face2mesh.blender.save import write_blend, write_fbx

__all__ = ["BLENDER_VARIABLE", "find_blender", "require_blender", "run_in_blender", "write_blend", "write_fbx"]
