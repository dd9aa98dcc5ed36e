"""The two files of training pairs: `photo-pairs.npz` and `rendered-pairs.npz`, one row a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.store import read_arrays

VERSION = 1
MADE_BY = {"photo-pairs": "face2mesh lab pairs photos", "rendered-pairs": "face2mesh lab pairs rendered"}
SHARED = ("crop", "points", "inside", "identity", "expression", "rotation", "offset", "log_scale", "distance")
OWN = {"photo-pairs": ("residual", "accepted", "photo_id", "age"), "rendered-pairs": ("light", "person")}


def read_pairs(path: Path) -> dict[str, NDArray[Any]]:
    """Read pairs; the file's name starts with their kind ("photo-pairs…" or "rendered-pairs…").

    Returns:
        Name to array, one row a picture (N): `crop` (N, 160, 160, 3) uint8; `points` (N, 468, 2) in pixels of the crop
        and `inside` (N, 468), whether they count; `identity` (N, M), `expression` (N, 52), `rotation` (N, 3, 3) R_net;
        `offset` (N, 2) and `log_scale` (N,) of the canonical crop (the middle 128 pixels); `distance` (N,) mm from the
        camera to the head's origin along the axis. Photos: `residual` (N,) in face boxes, `accepted` (N,), `photo_id`,
        `age`. Rendered heads: `light` (N, 9, 3), `person` (N,).

    Raises:
        InputFileError: missing, damaged, of another version, or rows do not match.
    """
    kind = "photo-pairs" if path.name.startswith("photo") else "rendered-pairs"
    arrays, _ = read_arrays(path, kind, VERSION, MADE_BY[kind])
    names = SHARED + OWN[kind]
    if any(name not in arrays for name in names) or len({len(arrays[name]) for name in names}) != 1:
        raise InputFileError(f"{path}: its arrays do not belong together; make it again with `{MADE_BY[kind]}`.")
    return arrays
