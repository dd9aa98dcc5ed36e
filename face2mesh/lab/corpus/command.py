"""`face2mesh lab corpus`: identity and expression spaces on the base head."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.build import CONTROLS, JAW, bring_together, build_corpus, importance, people_carrier
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.eyes import GAZE_DEGREES
from face2mesh.lab.corpus.makehuman import read_targets
from face2mesh.lab.corpus.measure import carrying_error, eye_contact, follower_error, people_error, span_error
from face2mesh.lab.corpus.moving import FILE as MOVING
from face2mesh.lab.corpus.moving import make_moving
from face2mesh.lab.corpus.out_of_span import FILE as OUT_OF_SPAN
from face2mesh.lab.corpus.out_of_span import SEED as OUT_OF_SPAN_SEED
from face2mesh.lab.corpus.out_of_span import detail_targets, draw_out_of_span
from face2mesh.lab.corpus.people import TARGETS
from face2mesh.lab.corpus.people_modes import MODES, PEOPLE, find_modes, relative_to_neutral
from face2mesh.lab.corpus.scans import FILE, read_scans
from face2mesh.lab.corpus.tongue import JAW_SHARE, read_tongue_out
from face2mesh.lab.data import data_folder
from face2mesh.lab.options import add_makehuman
from face2mesh.store import provenance, write_document

BASE_HEAD = "base-head.npz"
CORPUS = "corpus.npz"
REPORT = "corpus.json"
# How many people out of the modes' span are drawn to measure on.
STRANGERS = 200


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `corpus` and `moving-corpus` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "corpus",
        description=f"Reads BUILD/{BASE_HEAD}, the data's {FILE} and MakeHuman's targets; writes BUILD/{CORPUS}, "
        f"BUILD/{OUT_OF_SPAN} and BUILD/{REPORT}.",
    )
    add_makehuman(parser)
    parser.set_defaults(run=run)
    moving = subparsers.add_parser(
        "moving-corpus",
        description=f"Reads BUILD/{BASE_HEAD} and BUILD/{CORPUS}; writes BUILD/{MOVING}.",
    )
    moving.set_defaults(run=run_moving)


def run_moving(arguments: argparse.Namespace) -> None:
    """Make the moving corpus."""
    build: Path = arguments.build
    inputs = {"base_head": build / BASE_HEAD, "corpus": build / CORPUS}
    linear, base = Corpus.load(inputs["corpus"], inputs["base_head"]), BaseHead.load(inputs["base_head"])
    moving = make_moving(linear, base)
    moving.save(build / MOVING, provenance(inputs, {"tongue_jaw_share": JAW_SHARE}))
    opening = ARKIT_NAMES.index("jawOpen")
    degrees, slide = np.degrees(np.linalg.norm(moving.jaw.rotation[opening])), np.linalg.norm(moving.jaw.slide[opening])
    print(f"{build / MOVING}: jawOpen turns by {degrees:.1f} degrees and slides by {slide:.1f} mm.")


def run(arguments: argparse.Namespace) -> None:
    """Make the corpus, measure it and write both."""
    build: Path = arguments.build
    head_path, scans_path = build / BASE_HEAD, data_folder(arguments) / FILE
    base = BaseHead.load(head_path)
    scans = read_scans(scans_path.parent)
    carrying = bring_together(base, scans)
    tongue = read_tongue_out(arguments.makehuman)
    targets = read_targets(arguments.makehuman, TARGETS)
    carrier = people_carrier(base, carrying, targets)
    fields = carrier.carry(relative_to_neutral(targets.displacements))
    people = find_modes(fields, importance(base, carrying))
    corpus = build_corpus(base, scans, carrying, tongue, people)
    details = carrier.carry(read_targets(arguments.makehuman, detail_targets()).displacements)
    strangers = draw_out_of_span(base, corpus, fields, details, STRANGERS)
    origin = provenance(
        inputs={"base_head": head_path, "scans": scans_path},
        configuration={
            "controls": CONTROLS,
            "jaw": JAW,
            "tongue_jaw_share": JAW_SHARE,
            "gaze_degrees": GAZE_DEGREES,
            "people_modes": MODES,
            "people": PEOPLE,
        },
    )
    corpus.save(build / CORPUS, origin)
    strangers.save(
        build / OUT_OF_SPAN, provenance({"base_head": head_path, "corpus": build / CORPUS}, seed=OUT_OF_SPAN_SEED)
    )
    correspondence = carrying.correspondence
    report = {
        "format": "face2mesh/corpus-report",
        "offset_mm": np.round(carrying.offset, 4).tolist(),
        "trusted_share": round(float(correspondence.trusted.mean()), 4),
        "untrusted_outer": int((~correspondence.trusted & carrying.labels.outer).sum()),
        "carrying_mm": carrying_error(base, corpus, scans, carrying.offset, carrying.labels.measured),
        "people_mm": people_error(base, corpus, fields),
        "out_of_span_mm": span_error(base, corpus, strangers.vertices),
        "eye_contact_mm": eye_contact(base, corpus),
        "eye_contact_children_mm": eye_contact(base, corpus, oldest=10.0),
        "followers_mm": follower_error(base, corpus),
        "provenance": origin,
    }
    write_document(build / REPORT, report)
    people = report["carrying_mm"]["people"]
    print(f"{build / CORPUS}: carried to {people['mean']:.3f} mm (99th percentile {people['p99']:.3f}) on 50 people.")
