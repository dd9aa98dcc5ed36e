"""Arrays with their provenance in one `.npz` file, without pickles.

Every step of the laboratory reads such files and writes one. Beside its arrays a file holds a JSON manifest: its format
and version, the command that made it, its configuration, the SHA-256 of the inputs, the seed and the library versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError, OutputError

MANIFEST = "manifest_json"
_VERSIONED_LIBRARIES = ("numpy", "scipy", "torch", "onnxruntime")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if sys.version_info >= (3, 11) else _sha256(file)


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside `path` and rename it there, so that an interrupted run leaves the old file whole.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            write(file)
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder or free some space."
        ) from error
    finally:
        # Where the folder itself is none, there is nothing to remove, and the first error is the one to tell.
        with contextlib.suppress(OSError):
            beside.unlink()


def provenance(
    inputs: Mapping[str, Path] | None = None, configuration: Mapping[str, Any] | None = None, seed: int | None = None
) -> dict[str, Any]:
    """How a file came to be: command, configuration, seed, hashes of the inputs, versions, machine."""
    # Only who writes arrays needs these, and they take as long to import as all the rest.
    import platform
    from importlib import metadata

    versions = {"python": platform.python_version()}
    for library in _VERSIONED_LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {
        # Of absolute paths only the last name: where things lie on a machine is nobody's business.
        "command": " ".join(Path(word).name if Path(word).is_absolute() else word for word in sys.argv),
        "configuration": dict(configuration or {}),
        "seed": seed,
        "inputs": {name: {"file": path.name, "sha256": sha256(path)} for name, path in (inputs or {}).items()},
        "versions": versions,
        "machine": platform.machine(),
    }


def provenance_of_measures(
    inputs: Mapping[str, Path] | None = None, configuration: Mapping[str, Any] | None = None, seed: int | None = None
) -> dict[str, Any]:
    """How figures came to be: what `provenance` says, and which system and how many processors the machine had."""
    import platform

    origin = provenance(inputs, configuration, seed)
    return {**origin, "system": platform.platform(), "processors": os.cpu_count()}


def write_document(path: Path, content: Mapping[str, Any]) -> str:
    """Write JSON that people can read and compare: indented, keys sorted; parent folders are made.

    Returns:
        What was written.

    Raises:
        OutputError: it cannot be written.
    """
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(text.encode()))
    return text


def write_arrays(
    path: Path, kind: str, version: int, arrays: Mapping[str, NDArray[Any]], origin: Mapping[str, Any]
) -> None:
    """Write arrays and their manifest as a compressed `.npz`.

    Args:
        path: the file; parent folders are made.
        kind: what it is, for instance "base-head".
        version: of that kind's format.
        arrays: name to array; no object arrays.
        origin: what `provenance` gave.
    """
    manifest = {"format": f"face2mesh/{kind}", "version": version, **origin}
    path.parent.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = {MANIFEST: np.array(json.dumps(manifest, sort_keys=True)), **arrays}
    write_atomically(path, lambda file: np.savez_compressed(file, **contents))


def read_arrays(path: Path, kind: str, version: int, made_by: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_arrays` wrote.

    Args:
        path: the file.
        kind: expected kind.
        version: expected format version.
        made_by: the command to name when the file cannot be used, for instance "face2mesh lab corpus".

    Returns:
        The arrays by name, and the manifest.

    Raises:
        InputFileError: missing, damaged, of another kind or of another version.
    """
    if not path.exists():
        raise InputFileError(f"{path}: not found; make it with `{made_by}`.")
    try:
        # Opened here, not by NumPy, which leaves a damaged file open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            manifest = json.loads(str(archive[MANIFEST]))
            arrays = {name: archive[name] for name in archive.files if name != MANIFEST}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: damaged or not a Face2Mesh file; make it again with `{made_by}`.") from error
    if manifest.get("format") != f"face2mesh/{kind}":
        raise InputFileError(f"{path}: holds {manifest.get('format')}, not face2mesh/{kind}; `{made_by}` makes it.")
    if manifest.get("version") != version:
        raise InputFileError(
            f"{path}: format version {manifest.get('version')}, this program reads {version}; "
            f"make it again with `{made_by}`."
        )
    return arrays, manifest


@contextlib.contextmanager
def refusal_of(path: Path, what: str, made_by: str) -> Iterator[None]:
    """Refuse a file whose arrays could be read but do not make what it should hold.

    Args:
        path: the file.
        what: it should hold, for instance "a valid corpus".
        made_by: the command to name.

    Raises:
        InputFileError: in place of what a missing or unfit array raises.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: not {what} ({error}); make it again with `{made_by}`.") from error
