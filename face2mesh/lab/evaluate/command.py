"""`face2mesh lab evaluate`: the measures of a packaged model in one results file."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from face2mesh.lab.data import data_folder
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED
from face2mesh.store import provenance, write_atomically

FORMAT = "face2mesh/results"
VERSION = 1
MEASURES = ("vertices", "fairface", "london", "detection", "costs")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `evaluate` to the laboratory's commands."""
    parser = subparsers.add_parser("evaluate", help="measure a packaged model")
    parser.add_argument("--model", type=Path, metavar="DIR", help="packaged model (default: the one that is installed)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="JSON file of the results")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, metavar="MEASURE", help="only some")
    parser.add_argument("--limit", type=int, metavar="N", help="measure only N pictures of each set, for a quick look")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and write the results."""
    from face2mesh.lab.evaluate.costs import measure_costs
    from face2mesh.lab.evaluate.photos import measure_detection, measure_fairface, measure_london, measure_people
    from face2mesh.model import load

    folder = arguments.model or PACKAGED
    model = load(folder)
    limit: int | None = arguments.limit
    measures: dict[str, Any] = {}
    inputs = {"model": folder / MANIFEST_FILE}
    if "vertices" in arguments.only:
        from face2mesh.lab.corpus.corpus import Corpus
        from face2mesh.lab.evaluate.vertex_error import measure_vertices

        heldout = arguments.build / "rendered-heldout.npz"
        corpus = Corpus.load(arguments.build / "corpus.npz", arguments.build / "base-head.npz")
        measures["vertices"] = measure_vertices(model, heldout, corpus, limit)
        inputs |= {"heldout": heldout, "corpus": arguments.build / "corpus.npz"}
    if {"fairface", "london", "detection", "costs"} & set(arguments.only):
        data = data_folder(arguments)
    if "fairface" in arguments.only:
        measures["fairface"] = measure_fairface(model, data, limit)
        inputs["fairface"] = data / "fairface-val.npz"
    if "london" in arguments.only:
        measures["london"] = measure_london(model, data, limit)
        inputs["london"] = data / "london" / "points189.json"
    if "detection" in arguments.only:
        measures["detection"] = measure_detection(data)
    if "costs" in arguments.only:
        portraits = [data / "london" / f"{person}-neutral.jpg" for person in measure_people(data)]
        measures["costs"] = measure_costs(folder, portraits)
    results = {
        "format": FORMAT,
        "version": VERSION,
        "model": {"name": model.name, "version": model.version},
        "measures": measures,
        "provenance": {
            **provenance(inputs, {"only": list(arguments.only), "limit": limit}),
            "system": platform.platform(),
            "processors": os.cpu_count(),
        },
    }
    text = json.dumps(results, indent=1, sort_keys=True) + "\n"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.output, lambda file: file.write(text.encode()))
    print(text, end="")
    return 0
