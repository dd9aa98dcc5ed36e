"""Reading the JSON beside a head, so that the same head comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from face2mesh.errors import InputFileError
from face2mesh.face import Camera, Face, HeadDecoder, Pose
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.photo.box import Box
from face2mesh.write.document import FORMAT, VERSION

_AGAIN = "reconstruct the photo again, or save the head again"


def read_json(path: Path, decoder: HeadDecoder) -> Face:
    """The head of a JSON file, with its expression, scale, camera and pose; colours and texture are not in it.

    Args:
        path: what `write_json` wrote.
        decoder: the model that made it.

    Raises:
        InputFileError: it cannot be read, is none of our files, or is of another format or model.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise InputFileError(f"{path}: cannot be read ({reason}); name a JSON file that Face2Mesh wrote.") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise InputFileError(f"{path}: holds no head ({FORMAT}); name a JSON file that Face2Mesh wrote beside one.")
    version = told.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        way = "upgrade Face2Mesh" if newer else _AGAIN
        raise InputFileError(f"{path}: its format is version {version}, this program reads {VERSION}; {way}.")
    try:
        made_by = told["model"]["name"], told["model"]["version"]
        if made_by == (decoder.name, decoder.version):
            return _face(decoder, told)
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: is damaged ({error}); {_AGAIN}.") from error
    raise InputFileError(
        f"{path}: its codes belong to the model {made_by[0]} {made_by[1]}, this is {decoder.name} {decoder.version}; "
        f"load that model, or {_AGAIN}."
    )


def _face(decoder: HeadDecoder, told: dict[str, Any]) -> Face:
    """The head that a document describes.

    Raises:
        KeyError, TypeError, ValueError: something is missing or is no number.
    """
    identity = np.array(told["identity"], np.float32)
    if identity.shape != (decoder.identity_size,) or not np.isfinite(identity).all():
        raise ValueError(f"the identity is not {decoder.identity_size} numbers")
    weights = np.array([told["expression"][name] for name in ARKIT_NAMES], np.float32)
    if not np.isfinite(weights).all():
        raise ValueError("an expression weight is no number")
    camera, pose = told["camera"], told["pose"]
    return Face(
        decoder,
        identity,
        weights,
        Camera(**{name: camera[name] for name in Camera.__dataclass_fields__}),
        Pose(np.array(pose["rotation"], np.float64), np.array(pose["translation_mm"], np.float64)),
        scale=float(told["scale"]),
        scale_source=str(told["scale_source"]),
        box=Box(*(float(value) for value in told["face_box"])) if told["box_found"] else None,
    )
