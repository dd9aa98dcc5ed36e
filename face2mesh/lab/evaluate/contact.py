"""`face2mesh lab contact`: what passes through what in the corpora, and in the heads that users get.

A thousand combinations on fifty people, drawn from held-out splits of the moving corpus's sampler; then the same people
with single movements that must meet: closed lids, and lips that `mouthClose` closes over an open jaw.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.cli.options import add_model, whole_number
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.options import add_output
from face2mesh.store import provenance_of_measures, write_document

if TYPE_CHECKING:
    from face2mesh.lab.corpus.contact import ContactCounter
    from face2mesh.lab.corpus.moving import MovingCorpus

FORMAT = "face2mesh/contact"
COMBINATIONS, PEOPLE, BATCH = 1000, 50, 50
# Weights of jawOpen and mouthClose at which lips must touch.
CLOSED_JAWS = (0.3, 0.6, 1.0)

Heads = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""Codes (B, M) and weights (B, 52) to heads (B, V, 3) mm."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `contact` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "contact",
        description="Reads BUILD/base-head.npz, corpus.npz and moving-corpus.npz and a packaged model; writes FILE.",
    )
    add_output(parser, "results/contact.json")
    add_model(parser)
    parser.add_argument(
        "--combinations",
        type=whole_number(1),
        default=COMBINATIONS,
        metavar="N",
        help=f"how many expressions (default: {COMBINATIONS})",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Count, and write the results."""
    from face2mesh.lab.corpus.contact import ContactCounter
    from face2mesh.lab.corpus.moving import FILE, MovingCorpus
    from face2mesh.lab.corpus.splits import MOVING_HELD_OUT_PEOPLE
    from face2mesh.model import load
    from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED

    build: Path = arguments.build
    inputs = {"base_head": build / "base-head.npz", "corpus": build / "corpus.npz", "moving_corpus": build / FILE}
    moving = MovingCorpus.load(inputs["moving_corpus"], inputs["corpus"], inputs["base_head"])
    inputs["model"] = (arguments.model or PACKAGED) / MANIFEST_FILE
    model = load(arguments.model)
    counter = ContactCounter(moving.base)
    split = MOVING_HELD_OUT_PEOPLE
    people = moving.population.sample(split.generator(stream=2), PEOPLE)
    weights = split.expressions(split.generator(stream=3), arguments.combinations)
    codes = people[np.arange(len(weights)) % PEOPLE]
    sources: dict[str, Heads] = {
        "linear": moving.linear.heads,
        "moving": moving.heads,
        "networks": model.unsettled().decode,
        "model": model.decode,
    }
    report: dict[str, Any] = {"format": FORMAT}
    for name, heads in sources.items():
        began = time.process_time()
        report[name] = {**_combinations(counter, heads, codes, weights), **_meetings(counter, heads, people)}
        if name in ("networks", "model"):
            report[name]["from_moving_corpus_mm"] = _differences(moving, heads, codes, weights)
        print(f"{name}: {time.process_time() - began:.0f} s of CPU")
    configuration = {"combinations": arguments.combinations, "people": PEOPLE, "split": split.name}
    report["provenance"] = provenance_of_measures(inputs, configuration, split.seed)
    write_document(arguments.output, report)
    print(arguments.output)


def _combinations(
    counter: ContactCounter, heads: Heads, codes: NDArray[np.float32], weights: NDArray[np.float32]
) -> dict[str, Any]:
    """Contact of all the combinations, and of the people without expression."""
    from face2mesh.lab.corpus.contact import count_contact

    parts = range(0, len(codes), BATCH)
    made = np.concatenate([heads(codes[row : row + BATCH], weights[row : row + BATCH]) for row in parts])
    neutral = heads(codes[:PEOPLE], np.zeros_like(weights[:PEOPLE]))
    return {"combinations": count_contact(counter, made), "neutral": count_contact(counter, neutral)}


def _meetings(counter: ContactCounter, heads: Heads, people: NDArray[np.float32]) -> dict[str, Any]:
    """How far what should meet stays apart: of each person's greatest gap, mean, 95th percentile and maximum, mm."""
    report = {}
    blink = _weights({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, len(people))
    report["lids_at_blink_1"] = _summary([counter.lid_gaps(head).max() for head in heads(people, blink)])
    for jaw in CLOSED_JAWS:
        closed = heads(people, _weights({"jawOpen": jaw, "mouthClose": jaw}, len(people)))
        report[f"lips_closed_over_jaw_{jaw:g}"] = _summary([counter.lip_gaps(head).max() for head in closed])
    return {"gaps_mm": report}


def _weights(named: Mapping[str, float], count: int) -> NDArray[np.float32]:
    rows = np.zeros((count, len(ARKIT_NAMES)), np.float32)
    for name, value in named.items():
        rows[:, ARKIT_NAMES.index(name)] = value
    return rows


def _summary(gaps: list[Any]) -> dict[str, float]:
    values = np.array(gaps, np.float64)
    return {
        "mean": round(float(values.mean()), 4),
        "p95": round(float(np.quantile(values, 0.95)), 4),
        "max": round(float(values.max()), 4),
    }


def _differences(
    moving: MovingCorpus, heads: Heads, codes: NDArray[np.float32], weights: NDArray[np.float32]
) -> dict[str, float]:
    """Mean distances in mm from the moving corpus's heads: over face and ears, and over lips and lids apart."""
    base = moving.base
    regions = {"face": base.regions["face_and_ears"]}
    for name in ("lip", "lid"):
        regions[f"{name}s"] = base.region(f"{name}_upper") | base.region(f"{name}_lower")
    sums = dict.fromkeys(regions, 0.0)
    for row in range(0, len(codes), BATCH):
        code, weight = codes[row : row + BATCH], weights[row : row + BATCH]
        apart = np.linalg.norm(moving.heads(code, weight) - heads(code, weight), axis=2)
        for name, region in regions.items():
            sums[name] += float(apart[:, region].mean(1).sum())
    return {name: round(total / len(codes), 4) for name, total in sums.items()}
