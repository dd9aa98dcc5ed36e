"""`face2mesh lab contact`: what passes through what in the linear corpus, in the moving one and in decoders.

A thousand combinations on fifty people, drawn from held-out splits of the moving corpus's sampler; then the same people
with single movements that must meet: closed lids, and lips that `mouthClose` closes over an open jaw.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.store import provenance, write_atomically

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
        help="count lids in eyeballs and lips in lips, teeth and tongue",
        description="Reads BUILD/base-head.npz, corpus.npz and moving-corpus.npz; writes FILE.",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("results/contact.json"), metavar="FILE")
    parser.add_argument("--decoders", type=Path, metavar="RUN", help="count the heads of these decoders too")
    parser.add_argument("--combinations", type=int, default=COMBINATIONS, metavar="N", help="how many (1000)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Count, and write the results."""
    from face2mesh.lab.corpus.contact import ContactCounter
    from face2mesh.lab.corpus.moving import FILE, MovingCorpus
    from face2mesh.lab.corpus.splits import MOVING_HELD_OUT_PEOPLE

    build: Path = arguments.build
    inputs = {"base_head": build / "base-head.npz", "corpus": build / "corpus.npz", "moving_corpus": build / FILE}
    moving = MovingCorpus.load(inputs["moving_corpus"], inputs["corpus"], inputs["base_head"])
    counter = ContactCounter(moving.base)
    split = MOVING_HELD_OUT_PEOPLE
    people = moving.population.sample(split.generator(stream=2), PEOPLE)
    weights = split.expressions(split.generator(stream=3), arguments.combinations)
    codes = people[np.arange(len(weights)) % PEOPLE]
    sources: dict[str, Heads] = {"linear": moving.linear.heads, "moving": moving.heads}
    if arguments.decoders is not None:
        inputs["decoders"] = arguments.decoders / "checkpoint.json"
        sources["decoders"] = decoded(arguments.decoders, moving, build)
    report: dict[str, Any] = {"format": FORMAT}
    for name, heads in sources.items():
        began = time.process_time()
        report[name] = {**_combinations(counter, heads, codes, weights), **_meetings(counter, heads, people)}
        if name == "decoders":
            report[name]["error"] = _error(moving, heads, codes, weights)
        print(f"{name}: {time.process_time() - began:.0f} s of CPU")
    configuration = {"combinations": arguments.combinations, "people": PEOPLE, "split": split.name}
    report["provenance"] = provenance(inputs, configuration, split.seed)
    text = json.dumps(report, indent=1, sort_keys=True) + "\n"
    write_atomically(arguments.output, lambda file: file.write(text.encode()))
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


def decoded(run: Path, moving: MovingCorpus, build: Path) -> Heads:
    """Heads of the decoders of a training run, followers placed as the runtime does."""
    import torch

    from face2mesh.lab.graph.hierarchy import Hierarchy
    from face2mesh.lab.train.runs import read_decoders

    hierarchy = Hierarchy.load(build / "hierarchy.npz")
    made_of = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")}
    identity, expression, _ = read_decoders(run, moving.base, hierarchy, made_of)
    followers = moving.followers()

    def heads(codes: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            rows = torch.from_numpy(codes)
            neutral = identity(rows)
            expressed = neutral + expression(rows, torch.from_numpy(weights))
        return followers.place(neutral.numpy(), expressed.numpy(), weights)

    return heads


def _error(
    moving: MovingCorpus, heads: Heads, codes: NDArray[np.float32], weights: NDArray[np.float32]
) -> dict[str, float]:
    """Mean distances in mm over face and ears between decoders' heads and the moving corpus's."""
    face = moving.base.regions["face_and_ears"]
    sums = np.zeros(3)
    zero = np.zeros_like(weights[:BATCH])
    for row in range(0, len(codes), BATCH):
        code, weight = codes[row : row + BATCH], weights[row : row + BATCH]
        true, guess = moving.heads(code, weight)[:, face], heads(code, weight)[:, face]
        true_neutral, neutral = moving.heads(code)[:, face], heads(code, zero[: len(code)])[:, face]
        pairs = ((guess, true), (neutral, true_neutral), (guess - neutral, true - true_neutral))
        sums += [np.linalg.norm(one - other, axis=2).mean(1).sum() for one, other in pairs]
    means = sums / len(codes)
    return {
        name: round(float(mean), 4)
        for name, mean in zip(("head_mm", "neutral_mm", "displacement_mm"), means, strict=True)
    }
