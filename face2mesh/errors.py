"""What goes wrong with a user's data, in sentences meant for the user."""


class Face2MeshError(Exception):
    """One sentence for the user: which file, what is wrong, what to do. The command line ends with exit code 1."""


class PhotoError(Face2MeshError):
    """A photo cannot be read or holds no usable face."""


class ModelError(Face2MeshError):
    """A packaged model is too old, too new, damaged or absent."""


class OutputError(Face2MeshError):
    """A result cannot be written."""


class InputFileError(Face2MeshError):
    """A file that a command reads, other than a photo or a model, is missing, foreign or stale."""
