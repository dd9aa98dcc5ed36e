"""What Catmull–Clark subdivision costs, and how far it moves a head, on one thread.

    python benchmarks/subdivision.py [--to results/subdivision.json]

For each level: counts; what it takes to make the last step's matrix (the first time a model is subdivided), to apply
all of them to a head, and to make its 52 morphs, which are decoded first; how far the coarse vertices move, by region,
over neutral heads of random people of the packaged model.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from face2mesh.head.subdivision import Subdivision, subdivision
from face2mesh.head.topology import Topology
from face2mesh.model import load
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED
from face2mesh.store import provenance_of_measures, write_document
from face2mesh.write.mesh import MOST_LEVELS, HeadMesh

SEED = 0
PEOPLE = 20
REPETITIONS = 5
REGIONS = ("face", "nose", "lip_upper", "lip_lower", "lid_upper", "lid_lower", "ears", "neck", "scalp")
PARTS = ("left_eye", "upper_teeth", "tongue", "lashes")


def process_ms(call: Any) -> float:
    """The least of a few repetitions, process time."""
    times = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return round(1e3 * min(times), 2)


def kept_rows(coarse: Topology, fine: Topology) -> np.ndarray:
    """(V,), where the coarse vertices are in the fine mesh: a part's first ones."""
    return np.concatenate(
        [np.arange(last - first) + fine.part_vertices[part][0] for part, (first, last) in coarse.part_vertices.items()]
    )


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path("results/subdivision.json"))
    arguments = parser.parse_args()
    origin = provenance_of_measures(
        {"model": PACKAGED / MANIFEST_FILE}, {"people": PEOPLE, "clock": "process time"}, SEED
    )
    model = load()
    head = model.base_head
    people = [model.sample(seed, expression=False).vertices for seed in range(PEOPLE)]
    masks = {name: head.region(name) for name in REGIONS}
    for part in PARTS:
        masks[part] = np.zeros(len(head.vertices), bool)
        masks[part][slice(*head.part_vertices[part])] = True
    face = model.sample(SEED)
    steps: list[Subdivision] = []
    rows = np.arange(len(head.vertices))
    levels: dict[str, Any] = {}

    def applied(values: np.ndarray) -> np.ndarray:
        for step in steps:
            values = step(values)
        return values

    for level in range(1, MOST_LEVELS + 1):
        coarse = steps[-1].fine if steps else head.topology
        step = subdivision(coarse)
        make_ms = process_ms(lambda coarse=coarse: subdivision.__wrapped__(coarse))
        rows = kept_rows(coarse, step.fine)[rows]
        steps.append(step)
        moved = np.array([np.linalg.norm(applied(person)[rows] - person, axis=1) for person in people])
        levels[str(level)] = {
            "vertices": step.fine.vertex_count,
            "quads": len(step.fine.quads),
            "weights_of_the_last_step": len(step.index),
            "making_the_last_step_ms": make_ms,
            "a_head_ms": process_ms(lambda: applied(people[0])),
            "decoding_and_morphs_ms": process_ms(lambda level=level: HeadMesh.of(face, subdivide=level).morphs),
            "coarse_vertices_move_mm": {
                name: {"mean": round(float(moved[:, mask].mean()), 3), "max": round(float(moved[:, mask].max()), 2)}
                for name, mask in masks.items()
            },
        }
    report = {
        "format": "face2mesh/benchmark",
        "vertices": len(head.vertices),
        "quads": len(head.quads),
        "load_average": round(os.getloadavg()[0], 2),
        "levels": levels,
        "provenance": origin,
    }
    print(write_document(arguments.to, report), end="")


if __name__ == "__main__":
    main()
