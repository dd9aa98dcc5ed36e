"""Writes the folder of a packaged model: all of it or nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from face2mesh.errors import Face2MeshError, OutputError
from face2mesh.model.manifest import MANIFEST_FILE, NEWEST_VERSION, FileRecord, Manifest

LARGEST_BYTES = 24_000_000
"""The most that all files of a packaged model may take together."""
LICENCE = "MIT"


def make_manifest(
    name: str,
    version: str,
    contents: Mapping[str, bytes],
    normalisation: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Manifest:
    """The manifest of a model made of these files, in the newest format.

    The date is that of SOURCE_DATE_EPOCH where this is set, so that a package can be made again byte for byte.
    """
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return Manifest(
        name=name,
        version=version,
        format_version=NEWEST_VERSION,
        files={file: FileRecord.of(content) for file, content in sorted(contents.items())},
        normalisation=normalisation,
        provenance=provenance,
        licence=LICENCE,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
    )


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something else than a packaged model.

    Raises:
        OutputError: it does.
    """
    if folder.exists() and not (folder / MANIFEST_FILE).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: exists and is not a packaged model; choose another folder.")


def write_model_folder(
    folder: Path, manifest: Manifest, contents: Mapping[str, bytes], largest: int | None = LARGEST_BYTES
) -> int:
    """Write a packaged model beside `folder`, then put it in its place.

    Args:
        folder: where the model goes; a model that is there already is replaced as a whole.
        manifest: lists exactly these files.
        contents: file name to bytes.
        largest: the most bytes of a model that comes with Face2Mesh; None for a user's own.

    Returns:
        The size of all files in bytes.

    Raises:
        Face2MeshError: the model is larger than that; nothing is written.
        OutputError: the folder holds something else, or cannot be written.
    """
    files = {**contents, MANIFEST_FILE: manifest.to_json().encode()}
    size = sum(map(len, files.values()))
    if largest is not None and size > largest:
        raise Face2MeshError(
            f"{folder}: the model takes {size / 1e6:.1f} MB, more than the {largest / 1e6:.0f} MB that a "
            "package may hold; train a narrower encoder or decoder."
        )
    check_free(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        beside.mkdir(parents=True)
        for name, content in files.items():
            (beside / name).write_bytes(content)
        if folder.exists():
            os.replace(folder, old)
        os.replace(beside, folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); choose another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return size
