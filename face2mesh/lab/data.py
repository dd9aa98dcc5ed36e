"""Where the training data lies: a folder that the user names."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from face2mesh.errors import InputFileError

VARIABLE = "FACE2MESH_DATA"


def data_folder(arguments: argparse.Namespace) -> Path:
    """The folder of `--data`, else of the variable FACE2MESH_DATA.

    Raises:
        InputFileError: neither is given, or it is no folder.
    """
    named = arguments.data or os.environ.get(VARIABLE)
    if not named:
        raise InputFileError(f"The training data's folder is not given; name it with --data or {VARIABLE}.")
    folder = Path(named)
    if not folder.is_dir():
        raise InputFileError(f"{folder}: not a folder; name the training data's folder with --data or {VARIABLE}.")
    return folder
