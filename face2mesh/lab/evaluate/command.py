"""`face2mesh lab evaluate` and `tables`: a packaged model's measures in one results file, and the page made of it."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from face2mesh.cli.options import add_model, whole_number
from face2mesh.errors import InputFileError
from face2mesh.lab.data import data_folder
from face2mesh.lab.evaluate import intervals
from face2mesh.lab.evaluate.contact import add_parser as add_contact
from face2mesh.lab.options import add_output
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED
from face2mesh.store import provenance_of_measures, write_atomically, write_document

FORMAT = "face2mesh/results"
VERSION = 2
MEASURES = ("vertices", "outside", "fairface", "london", "detection", "morphs", "same-person", "fusion", "costs")
HELD_OUT, OUTSIDE, PEOPLE_OUTSIDE = "rendered-heldout.npz", "rendered-outside.npz", "out-of-span.npz"
SAME_PERSON, SAME_PERSON_FOR_VALIDATION = "rendered-same-person.npz", "rendered-same-person-validation.npz"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `evaluate` and `tables` to the laboratory's commands."""
    parser = subparsers.add_parser("evaluate")
    add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="JSON file of the results")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=MEASURES,
        default=MEASURES,
        metavar="MEASURE",
        help=f"some of {', '.join(MEASURES)}",
    )
    parser.add_argument(
        "--limit", type=whole_number(1), metavar="N", help="measure only N pictures of each set, for a quick look"
    )
    parser.add_argument(
        "--mediapipe-python",
        type=Path,
        metavar="FILE",
        help="a Python that has mediapipe 0.10.21, to measure it beside the model",
    )
    parser.set_defaults(run=run)
    tables = subparsers.add_parser("tables")
    tables.add_argument("results", nargs="+", type=Path, metavar="FILE", help="what `evaluate` wrote")
    add_output(tables, "docs/evaluation.md")
    tables.set_defaults(run=run_tables)
    add_contact(subparsers)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and write the results."""
    from face2mesh.model import load

    folder = arguments.model or PACKAGED
    model = load(folder)
    began = time.monotonic()
    measures: dict[str, Any] = {}
    configuration = {
        "only": list(arguments.only),
        "limit": arguments.limit,
        "resamples": intervals.RESAMPLES,
        "level": intervals.LEVEL,
    }
    # Before a long run, in which inputs may change.
    origin = provenance_of_measures(_inputs(folder, arguments), configuration, intervals.SEED)
    for name in arguments.only:
        started = time.monotonic()
        found = _measure(name, model, folder, arguments)
        measures[name] = {**found, "seconds": round(time.monotonic() - started, 1)}
    results = {
        "format": FORMAT,
        "version": VERSION,
        "model": {
            "name": model.name,
            "version": model.version,
            "files": {name: record.sha256 for name, record in sorted(model.manifest.files.items())},
        },
        "measures": measures,
        "seconds": round(time.monotonic() - began, 1),
        "provenance": origin,
    }
    print(write_document(arguments.output, results), end="")
    return 0


def _inputs(folder: Path, arguments: argparse.Namespace) -> dict[str, Path]:
    """The files that the chosen measures depend on, by name.

    Raises:
        InputFileError: one is missing.
    """
    build = arguments.build
    inputs = {"model": folder / MANIFEST_FILE}
    rendered = {"vertices": HELD_OUT, "outside": OUTSIDE}
    for name in arguments.only:
        if name in rendered:
            inputs |= {"corpus": build / "corpus.npz", name: build / rendered[name]}
        if name == "outside":
            inputs["people_outside"] = build / PEOPLE_OUTSIDE
        if name in ("fairface", "detection"):
            inputs["fairface"] = data_folder(arguments) / "fairface-val.npz"
        if name == "same-person":
            inputs |= {"corpus": build / "corpus.npz", "same_person": build / SAME_PERSON}
        if name == "fusion":
            inputs["same_person_for_validation"] = build / SAME_PERSON_FOR_VALIDATION
        if name in ("london", "same-person"):
            inputs["london"] = data_folder(arguments) / "london" / "points189.json"
    missing = [path for path in inputs.values() if not path.exists()]
    if missing:
        raise InputFileError(
            f"{missing[0]}: not found; see docs/training.md for what makes it, or leave its measure out with --only."
        )
    return inputs


def _measure(name: str, model: Any, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One measure."""
    build, limit = arguments.build, arguments.limit
    if name in ("vertices", "outside"):
        from face2mesh.lab.corpus.corpus import Corpus
        from face2mesh.lab.corpus.out_of_span import OutOfSpan
        from face2mesh.lab.evaluate.vertex_error import measure_vertices

        corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
        if name == "vertices":
            return measure_vertices(model, build / HELD_OUT, corpus, limit)
        return measure_vertices(model, build / OUTSIDE, corpus, limit, OutOfSpan.load(build / PEOPLE_OUTSIDE))
    if name == "morphs":
        from face2mesh.lab.evaluate.morphs import measure_morphs

        return measure_morphs(model, limit)
    if name == "fusion":
        from face2mesh.lab.evaluate.fusion import measure_fusion

        return measure_fusion(model, build / SAME_PERSON_FOR_VALIDATION, limit)
    data = data_folder(arguments)
    if name == "same-person":
        from face2mesh.lab.corpus.corpus import Corpus
        from face2mesh.lab.evaluate.same_person import measure_same_person

        corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
        return measure_same_person(model, build / SAME_PERSON, corpus, data, limit)
    if name == "fairface":
        from face2mesh.lab.evaluate.fairface import measure_fairface

        return measure_fairface(model, data, limit, arguments.mediapipe_python)
    if name == "london":
        from face2mesh.lab.evaluate.london import measure_london

        return measure_london(model, data, limit, arguments.mediapipe_python)
    if name == "detection":
        from face2mesh.lab.evaluate.detection import measure_detection

        return measure_detection(data, limit)
    from face2mesh.lab.evaluate.costs import measure_costs
    from face2mesh.lab.evaluate.london import measure_people, neutral_photo

    return measure_costs(folder, [neutral_photo(data, person) for person in measure_people(data)])


def run_tables(arguments: argparse.Namespace) -> None:
    """Write the page of tables from results files.

    Raises:
        InputFileError: a file cannot be read or is none of this version's results.
    """
    from face2mesh.lab.evaluate.tables import page

    results = {path.name if path.is_absolute() else path.as_posix(): read_results(path) for path in arguments.results}
    text = page(results)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.output, lambda file: file.write(text.encode()))
    print(arguments.output)


def read_results(path: Path) -> dict[str, Any]:
    """What `evaluate` wrote.

    Raises:
        InputFileError: missing, damaged, or of another version.
    """
    again = "make it again with `face2mesh lab evaluate -o FILE`"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path}: cannot be read ({error}); {again}.") from error
    if not isinstance(results, dict) or (results.get("format"), results.get("version")) != (FORMAT, VERSION):
        raise InputFileError(f"{path}: holds no results of version {VERSION}; {again}.")
    return results
