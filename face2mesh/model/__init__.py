"""The packaged model: photo to codes to vertices with ONNX Runtime."""

from face2mesh.model.model import Model, load

__all__ = ["Model", "load"]
