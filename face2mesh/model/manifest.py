"""The packaged model's manifest: which files belong to it, byte for byte, and how they came to be.

A packaged model is a folder: `manifest.json` beside the files that it lists. A model that is too old, one that is too
new and one that is damaged are three different sentences.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from face2mesh.errors import ModelError

PACKAGED = Path(__file__).parent / "packaged"
"""The model that comes with Face2Mesh."""
MANIFEST_FILE = "manifest.json"
FORMAT = "face2mesh/model"
OLDEST_VERSION = 2
"""The oldest format version that this program reads."""
NEWEST_VERSION = 2
"""The newest format version that this program reads, and the one that it writes."""

ENCODER_FILE = "encoder.onnx"
IDENTITY_DECODER_FILE = "identity_decoder.onnx"
EXPRESSION_DECODER_FILE = "expression_decoder.onnx"
BASE_HEAD_FILE = "base-head.npz"
FOLLOWERS_FILE = "followers.npz"
LANDMARKS_FILE = "landmarks.npz"
CONTACT_FILE = "contact.npz"
"""Not in every model: without it heads are as they are decoded."""
MIRROR_FILE = "mirror.npz"
"""Not in every model: without it a photo's mirror image is not looked at."""
PEOPLE_FILE = "people.npz"
"""Not in every model: without it random heads have normally distributed codes."""
MODEL_FILES = (
    ENCODER_FILE,
    IDENTITY_DECODER_FILE,
    EXPRESSION_DECODER_FILE,
    BASE_HEAD_FILE,
    FOLLOWERS_FILE,
    LANDMARKS_FILE,
)


@dataclass(frozen=True)
class FileRecord:
    """Size and SHA-256 (hexadecimal) of one file of the model."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> FileRecord:
        """The record of these bytes."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """What a packaged model says of itself.

    Attributes:
        name: of the model, for instance "face2mesh".
        version: of the model, for instance "0.1.0"; codes of two versions do not mean the same.
        format_version: of the folder's format.
        files: file name to its size and hash.
        normalisation: what the encoder expects and gives: crop side in pixels, value range, identity's prior.
        provenance: of each part: command, configuration, seed, hashes of the inputs, library versions.
        licence: SPDX identifier.
        created: date and time in UTC, ISO 8601.
    """

    name: str
    version: str
    format_version: int
    files: Mapping[str, FileRecord]
    normalisation: Mapping[str, Any]
    provenance: Mapping[str, Any]
    licence: str
    created: str

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a packaged model.

    Raises:
        ModelError: there is no model, or it is too old, too new, or damaged.
    """
    path = folder / MANIFEST_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(
            f"{folder}: no packaged model here (it has no {MANIFEST_FILE}); reinstall face2mesh, "
            "or make a model with `face2mesh lab package`."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); reinstall face2mesh, or package it again.") from error
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise _damaged(path, f"its format is not {FORMAT}")
    version = fields.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise _damaged(path, "it has no format version")
    if version < OLDEST_VERSION:
        raise ModelError(
            f"{folder}: this model is too old: its format is version {version}, this program reads {_range()}; "
            "package it again with this version's `face2mesh lab package`."
        )
    if version > NEWEST_VERSION:
        raise ModelError(
            f"{folder}: this model is too new: its format is version {version}, this program reads {_range()}; "
            "upgrade with `pip install --upgrade face2mesh`."
        )
    try:
        manifest = Manifest(
            name=str(fields["name"]),
            version=str(fields["version"]),
            format_version=version,
            files={
                str(name): FileRecord(int(record["size"]), str(record["sha256"]))
                for name, record in fields["files"].items()
            },
            normalisation=dict(fields["normalisation"]),
            provenance=dict(fields["provenance"]),
            licence=str(fields["licence"]),
            created=str(fields["created"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, "a field is missing or of the wrong kind") from error
    absent = [name for name in MODEL_FILES if name not in manifest.files]
    if absent:
        raise _damaged(path, f"it does not list {absent[0]}")
    return manifest


def read_model_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of one of the model's files, checked against the manifest.

    Raises:
        ModelError: the file is missing or its bytes are not those that were packaged.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, "it is missing or cannot be read") from error
    record = manifest.files[name]
    if len(content) != record.size:
        raise _damaged(path, f"it has {len(content)} bytes instead of {record.size}")
    if FileRecord.of(content) != record:
        raise _damaged(path, "its SHA-256 is not the manifest's")
    return content


def _range() -> str:
    if OLDEST_VERSION == NEWEST_VERSION:
        return f"version {NEWEST_VERSION}"
    return f"versions {OLDEST_VERSION} to {NEWEST_VERSION}"


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(f"{path}: this model is damaged: {what}; reinstall face2mesh or package the model again.")
