"""The files of training pairs: `photo-pairs…npz` and `rendered-…npz`, one row a picture, in pieces that travel.

A piece stays under 50 MB: crops are JPEG files one after the other (`crop_jpeg` bytes, `crop_offsets` (N + 1)), points
are 64ths of a pixel in int16 (`points_64`). The first piece has the file's own name and says how many there are
(`pieces`), the others are `NAME-part01.npz` and so on; all carry the same `set_hash`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError
from face2mesh.store import read_arrays, write_arrays

VERSION = 1
MADE_BY = {"photo-pairs": "face2mesh lab pairs photos", "rendered-pairs": "face2mesh lab pairs rendered"}
SHARED = ("crop", "points", "inside", "identity", "expression", "rotation", "offset", "log_scale", "distance")
OWN = {"photo-pairs": ("residual", "accepted", "photo_id", "age"), "rendered-pairs": ("light", "person")}
ROWS_A_PIECE = 5000
JPEG_QUALITY = 92

Arrays = dict[str, NDArray[Any]]


def part_of(path: Path, piece: int) -> Path:
    """The file of a piece: `path` itself is number 0."""
    return path if piece == 0 else path.with_name(f"{path.stem}-part{piece:02d}.npz")


def jpeg_of(crop: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """A crop (h, w, 3) as the bytes of a JPEG file with full colour resolution."""
    file = io.BytesIO()
    Image.fromarray(crop).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def write_pairs(
    path: Path,
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    jpegs: Sequence[bytes],
    origin: Mapping[str, Any],
    whole: Mapping[str, NDArray[Any]] | None = None,
) -> list[Path]:
    """Write pairs in pieces, the first one last: a reader never finds a first piece without the others.

    Args:
        path: the first piece; its name starts with "rendered" if and only if the pairs are rendered heads.
        kind: "photo-pairs" or "rendered-pairs".
        arrays: name to array with a row a picture, without `crop`.
        jpegs: the crops (see `jpeg_of`).
        origin: what `provenance` gave.
        whole: arrays that are not by row; they go into the first piece.

    Returns:
        The files.

    Raises:
        OutputError: the folder cannot be written.
    """
    rows = {name: np.asarray(values) for name, values in arrays.items() if name != "points"}
    rows["points_64"] = np.clip(np.round(arrays["points"] * 64), -32768, 32767).astype(np.int16)
    digest = hashlib.sha256()
    for jpeg in jpegs:
        digest.update(jpeg)
    pieces = max(1, -(-len(jpegs) // ROWS_A_PIECE))
    files = []
    for piece in reversed(range(pieces)):
        some = slice(piece * ROWS_A_PIECE, min((piece + 1) * ROWS_A_PIECE, len(jpegs)))
        contents: Arrays = {name: values[some] for name, values in rows.items()}
        lengths = [len(jpeg) for jpeg in jpegs[some]]
        contents["crop_jpeg"] = np.frombuffer(b"".join(jpegs[some]), np.uint8)
        contents["crop_offsets"] = np.cumsum([0, *lengths]).astype(np.int64)
        contents["set_hash"] = np.array(digest.hexdigest())
        contents["pieces"] = np.array(pieces)
        if piece == 0:
            contents.update(whole or {})
        write_arrays(part_of(path, piece), kind, VERSION, contents, origin)
        files.append(part_of(path, piece))
    return files[::-1]


def read_pairs(path: Path, first: int | None = None) -> Arrays:
    """Read pairs: of rendered heads where the file's name starts with "rendered", else of photos.

    Args:
        path: the first piece.
        first: read only so many rows, from the beginning; all by default.

    Returns:
        Name to array, one row a picture (N): `crop` (N, 160, 160, 3) uint8; `points` (N, 468, 2) in pixels of the crop
        and `inside` (N, 468), whether they count; `identity` (N, M), `expression` (N, 52), `rotation` (N, 3, 3) R_net;
        `offset` (N, 2) and `log_scale` (N,) of the canonical crop (the middle 128 pixels); `distance` (N,) mm from the
        camera to the head's origin along the axis. Photos: `residual` (N,) in face boxes, `accepted` (N,), `photo_id`,
        `age`. Rendered heads: `light` (N, 9, 3), `person` (N,), `visible` (N, 468), whether the camera sees a point.

    Raises:
        InputFileError: missing, damaged, of another version, or rows or pieces do not match.
    """
    kind = "rendered-pairs" if path.name.startswith("rendered") else "photo-pairs"
    arrays, _ = read_arrays(path, kind, VERSION, MADE_BY[kind])
    if "crop_jpeg" in arrays:
        arrays = _joined(path, kind, arrays, first)
    names = SHARED + OWN[kind]
    if any(name not in arrays for name in names) or len({len(arrays[name]) for name in names}) != 1:
        raise InputFileError(f"{path}: its arrays do not belong together; make it again with `{MADE_BY[kind]}`.")
    return arrays


def _joined(path: Path, kind: str, start: Arrays, first: int | None) -> Arrays:
    """All pieces, of which `start` is number 0, as one set of arrays, crops and points as they are used."""
    pieces = [start]
    for piece in range(1, int(start["pieces"])):
        if first is not None and first <= piece * ROWS_A_PIECE:
            break
        part, _ = read_arrays(part_of(path, piece), kind, VERSION, MADE_BY[kind])
        if str(part.get("set_hash")) != str(start["set_hash"]):
            raise InputFileError(
                f"{part_of(path, piece)}: belongs to another set than {path.name}; "
                f"make both again with `{MADE_BY[kind]}`."
            )
        pieces.append(part)
    by_row = [name for name in start if name not in ("pieces", "set_hash", "crop_jpeg", "crop_offsets")]
    count = len(start["points_64"])
    arrays: Arrays = {}
    for name in by_row:
        rows = start[name].ndim > 0 and len(start[name]) == count and all(name in part for part in pieces)
        arrays[name] = np.concatenate([part[name] for part in pieces])[:first] if rows else start[name]
    arrays["points"] = arrays.pop("points_64").astype(np.float32) / 64
    crops = None
    row = 0
    for part in pieces:
        offsets = part["crop_offsets"]
        for begin, end in pairwise(offsets[: 1 + len(arrays["points"]) - row]):
            try:
                with Image.open(io.BytesIO(part["crop_jpeg"][begin:end].tobytes())) as image:
                    crop = np.asarray(image.convert("RGB"))
            except OSError as error:
                raise InputFileError(f"{path}: picture {row} is damaged; make it again.") from error
            if crops is None:
                crops = np.empty((len(arrays["points"]), *crop.shape), np.uint8)
            crops[row] = crop
            row += 1
    arrays["crop"] = np.zeros((0, 160, 160, 3), np.uint8) if crops is None else crops
    return arrays
