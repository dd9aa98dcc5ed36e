"""`face2mesh lab base-head`: makes the base head from its sources."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.errors import Face2MeshError
from face2mesh.lab.base import points_command
from face2mesh.lab.base.assemble import assemble
from face2mesh.lab.base.check import check
from face2mesh.lab.base.embeddings import TABLE
from face2mesh.lab.base.measure import fit_mm
from face2mesh.lab.base.register import AGREEMENT, LINE_WEIGHT, POINT_WEIGHT, REACH_MM, STEPS, STIFFNESS
from face2mesh.lab.base.sources import SCAN_FILE, makehuman_source, read_makehuman, read_scan_mean
from face2mesh.lab.base.topology import NECK
from face2mesh.lab.data import data_folder
from face2mesh.lab.options import add_makehuman
from face2mesh.store import provenance, write_document

BASE_HEAD = "base-head.npz"
REPORT = "base-head.json"
CONFIGURATION = {
    "neck_loop": NECK,
    "steps": STEPS,
    "stiffness": STIFFNESS,
    "point_weight": POINT_WEIGHT,
    "line_weight": LINE_WEIGHT,
    "reach_mm": REACH_MM,
    "agreement": AGREEMENT,
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `base-head` and `base-points` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "base-head",
        description=f"Reads MakeHuman's hm08 and the data's {SCAN_FILE}; writes BUILD/{BASE_HEAD} and BUILD/{REPORT}.",
    )
    add_makehuman(parser)
    parser.set_defaults(run=run)
    points_command.add_parser(subparsers)


def run(arguments: argparse.Namespace) -> None:
    """Make the base head, check it, measure it and write both files.

    Raises:
        Face2MeshError: the head violates a check; nothing is written.
        InputFileError: a source is missing or damaged.
    """
    build: Path = arguments.build
    source, data = makehuman_source(arguments.makehuman), data_folder(arguments)
    scan = read_scan_mean(data)
    head, wrapped = assemble(read_makehuman(source), scan)
    wrong = check(head)
    if wrong:
        raise Face2MeshError(f"The base head is not sound, nothing was written: {'; '.join(wrong)}.")
    fit = fit_mm(head, scan, wrapped.origin)
    inputs = {"scans": data / SCAN_FILE, "mediapipe_points": TABLE}
    if source.is_file():
        inputs["makehuman"] = source
    origin = provenance(inputs=inputs, configuration=CONFIGURATION)
    head.save(build / BASE_HEAD, origin)
    report = {
        "format": "face2mesh/base-head-report",
        "fit_mm": fit,
        "vertices": {part: last - first for part, (first, last) in head.part_vertices.items()},
        "quads": len(head.quads),
        "eye_radius_mm": round(head.eye_radius, 3),
        "origin_in_scans_mm": [round(float(value), 4) for value in wrapped.origin],
        "provenance": origin,
    }
    write_document(build / REPORT, report)
    print(
        f"{build / BASE_HEAD}: {head.skin_count} vertices of skin, {len(head.vertices)} in all; "
        f"{fit['all']['mean']:.3f} mm from the scans' mean (99th percentile {fit['all']['p99']:.3f})."
    )
