"""`face2mesh register`: scans of heads, in any topology, onto the base head."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face2mesh.cli.options import add_debug, add_model, needing_laboratory

if TYPE_CHECKING:
    from face2mesh.cli.job import Outcome

UNITS = ("um", "mm", "cm", "in", "m")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `register` to the command line."""
    parser = subparsers.add_parser(
        "register",
        help="scans of heads onto the base head",
        description="Find the face of each scan, fit the model to it, and draw the base head's mesh onto it: "
        "DIR/<scan>.obj, .npz, .json, and .png, which shows both. Results that are newer than their scans are kept.",
    )
    parser.add_argument("scans", nargs="+", type=Path, metavar="SCAN", help="OBJ, PLY, STL or GLB, and folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--unit", choices=UNITS, help="of the scans; guessed from the head's size where it is not given"
    )
    parser.add_argument(
        "--landmarks",
        type=Path,
        metavar="FILE",
        help="some of the 68 landmarks of the scan (JSON), where its face is not found; a folder with <scan>.json for "
        "several scans",
    )
    parser.add_argument("--expression", action="store_true", help="the scans show expressions; else faces are neutral")
    parser.add_argument("--overwrite", action="store_true", help="also do again what is done")
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each scan")
    add_debug(parser)
    parser.set_defaults(run=needing_laboratory("register", _run), misuse=parser.error)


def _run(arguments: argparse.Namespace) -> int:
    """Register each scan; what goes wrong with one does not stop the others.

    Raises:
        Face2MeshError: the model cannot be loaded, the folder cannot be made, or two scans' results have one name.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.cli.heads import make_folder
    from face2mesh.cli.job import failed, report_failures
    from face2mesh.cli.names import meshes_of, result_names
    from face2mesh.cli.progress import Progress
    from face2mesh.lab.registration.register import Registrar
    from face2mesh.model import load

    scans = list(dict.fromkeys(scan for given in arguments.scans for scan in meshes_of(given)))
    if arguments.landmarks and not arguments.landmarks.is_dir() and len(scans) > 1:
        arguments.misuse("--landmarks FILE is for one scan; name a folder with a <scan>.json for each")
    names = result_names(scans, numbered=False)
    registrar = Registrar(load(arguments.model))
    make_folder(arguments.output)
    outcomes = []
    with Progress(len(scans), "scans") as progress:
        for done, (scan, name) in enumerate(zip(scans, names, strict=True), 1):
            try:
                outcome, line = _register(registrar, scan, name, arguments)
            except Exception as error:
                outcome, line = failed(scan, error, arguments.debug), ""
                if arguments.json:
                    line = json.dumps({"scan": str(scan), "error": outcome.error})
            progress.clear()
            if line:
                print(line, flush=True)
            outcomes.append(outcome)
            progress.show(done)
    return report_failures(outcomes)


def _register(registrar: Any, path: Path, name: str, arguments: argparse.Namespace) -> tuple[Outcome, str]:
    """One scan from file to files, and the line to print.

    Args:
        registrar: the laboratory's `Registrar`, which the command line does not know by type.
        path: the scan.
        name: of its results.
        arguments: of the command.

    Raises:
        InputFileError: it cannot be read or registered, or its results would replace it.
    """
    from face2mesh.cli.job import Outcome
    from face2mesh.errors import InputFileError
    from face2mesh.lab.registration import results
    from face2mesh.lab.registration.scan import Scan
    from face2mesh.read import read_mesh

    folder: Path = arguments.output
    target = folder / f"{name}{path.suffix.lower()}"
    if target.exists() and path.exists() and target.samefile(path):
        raise InputFileError(f"{path}: would be replaced by its own result; choose another folder with -o.")
    marks: Path | None = arguments.landmarks
    if marks is not None and marks.is_dir():
        own = marks / f"{path.stem}.json"
        marks = own if own.exists() else None
    sources = [source for source in (path, marks) if source is not None and source.exists()]
    if not arguments.overwrite and path.exists() and results.is_done(folder, name, sources):
        done = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return Outcome(str(path)), json.dumps(done) if arguments.json else f"{name}: kept, newer than {path.name}"
    mesh = read_mesh(path)
    landmarks = None if marks is None else results.read_marks(marks, mesh.vertices)
    scan = Scan.of(mesh.vertices, mesh.triangles, str(path))
    registered = registrar(scan, str(path), unit=arguments.unit, landmarks=landmarks, expression=arguments.expression)
    results.write_results(registered, registrar.model, path, folder, name)
    if arguments.json:
        return Outcome(str(path)), json.dumps(results.document_of(registered, registrar.model, path))
    return Outcome(str(path)), results.line_of(registered, name)
