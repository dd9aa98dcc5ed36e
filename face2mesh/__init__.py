"""One front-facing photo in; a clean, named, animatable 3D head out.

    import face2mesh

    face = face2mesh.load().reconstruct("portrait.jpg")
    face.save("portrait.obj")

The names in `__all__` are the public surface. They are loaded at their first use, so that `import face2mesh` costs
nothing and brings in neither the networks' runtime nor the laboratory.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from face2mesh.errors import Face2MeshError, InputFileError, ModelError, OutputError, PhotoError

if TYPE_CHECKING:
    from face2mesh.face import Face
    from face2mesh.head import BaseHead
    from face2mesh.model import Model, load

    __version__: str

__all__ = [
    "BaseHead",
    "Face",
    "Face2MeshError",
    "InputFileError",
    "Model",
    "ModelError",
    "OutputError",
    "PhotoError",
    "__version__",
    "load",
]

_HOMES = {
    "BaseHead": "face2mesh.head",
    "Face": "face2mesh.face",
    "Model": "face2mesh.model",
    "load": "face2mesh.model",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("face2mesh")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'face2mesh' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
