"""`face2mesh lab label FOLDER -o FILE`: a folder of face photos becomes training data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from face2mesh.errors import InputFileError
from face2mesh.lab.label.files import write_labels
from face2mesh.lab.label.folder import label_folder, photos_in
from face2mesh.lab.label.marker import mediapipe_marker
from face2mesh.photo import find_faces
from face2mesh.store import provenance


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `label` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "label",
        description="Marks MediaPipe's 478 points on every face of every photo, for "
        "`face2mesh lab pairs photos --labels FILE --photos FOLDER`.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="photos, in folders below it too")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the labels, a .npz file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Label a folder; one line for each photo without a row or with several, and the sum.

    Returns:
        Exit code: 1 where photos failed (the others are labelled all the same), else 0.

    Raises:
        InputFileError: the folder is none or holds no photos.
        Face2MeshError: MediaPipe is not installed.
        OutputError: the file cannot be written.
    """
    from face2mesh.lab.progress import progress_to

    folder: Path = arguments.folder
    if not folder.is_dir():
        raise InputFileError(f"{folder}: not a folder; name one with photos.")
    count = len(photos_in(folder))
    if not count:
        raise InputFileError(f"{folder}: holds no photos.")
    with mediapipe_marker() as marker:
        found = label_folder(folder, marker, find_faces, progress_to(count, "photos"))
        origin = provenance({}, {"marker": marker.name, "photos": count, "failed": sorted(found.failed)})
    write_labels(arguments.output, found.labels, found.depth, origin)
    for name, faces in found.several.items():
        print(f"{folder / name}: {faces} faces, a row each.", file=sys.stderr)
    for sentence in found.failed.values():
        print(sentence, file=sys.stderr)
    rows = len(found.labels.files)
    print(f"{arguments.output}: {rows} faces in {count - len(found.failed)} of {count} photos")
    return 1 if found.failed else 0
