"""`face2mesh lab package-detector`: the face detector's network and its description, ready to ship."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from face2mesh.photo.detect import DETECTOR_FILE
from face2mesh.store import provenance

# Most pictures show one face: a further one is asked for better odds, by this factor.
FURTHER_ODDS = 2.0


def add_detector(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `package-detector` to the laboratory's commands."""
    parser = subparsers.add_parser("package-detector")
    parser.add_argument("--run", dest="trained", type=Path, metavar="RUN", help="default: BUILD/runs/detector")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of its two files")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Package what the arguments name.

    Raises:
        InputFileError: the run, `scenery.npz` or the data is missing or damaged.
        Face2MeshError: the exported network says something else than the original, or is too large.
    """
    from face2mesh.lab.data import data_folder
    from face2mesh.lab.package.detector import (
        SEED,
        calibrated,
        exported,
        read_trained,
        simplified,
        with_true_sizes,
        write_detector,
    )
    from face2mesh.lab.pairs.pasted import read_pieces
    from face2mesh.lab.pairs.scenery import Scenery
    from face2mesh.lab.train.checkpoint import CHECKPOINT

    trained: Path = arguments.trained or arguments.build / "runs" / "detector"
    scenery_file = arguments.build / "scenery.npz"
    scenery = Scenery.load(scenery_file)
    detector, header = read_trained(trained)
    held = header["configuration"]["held_faces"]
    pieces = read_pieces(data_folder(arguments), scenery, held=True, held_faces=held)
    detector, offset = with_true_sizes(simplified(detector), pieces)
    content = exported(detector)
    weights, threshold, report = calibrated(content, pieces, scenery)
    odds = FURTHER_ODDS * threshold / (1 - threshold)
    origin = provenance({"run": trained / CHECKPOINT, "scenery": scenery_file}, seed=SEED)
    report["sizes_were"] = [round(float(factor), 4) for factor in np.exp(offset)]
    origin = {**origin, "training": header, "calibration": report}
    write_detector(arguments.output, content, weights, threshold, odds / (1 + odds), origin)
    print(
        f"{arguments.output / DETECTOR_FILE}: {len(content) / 1e6:.2f} MB; from score {threshold:g} on "
        f"{report['found']} of {report['faces']} held-out faces, {report['false_alarms']} false alarms on "
        f"{report['pictures_without_faces']} pictures",
        file=sys.stderr,
    )
