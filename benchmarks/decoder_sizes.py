"""What order, widths and levels of a mesh decoder bring and cost; what finer meshes cost.

    python benchmarks/decoder_sizes.py [--build build] [--to results/decoder-sizes.json]

Error: expression decoders of many sizes are trained alike, a few hundred steps, on the skin's pooling level 1 (1,060
vertices), on displacements of the moving corpus; the error is the mean distance in mm on held-out people, against the
mean of not moving at all. One trunk (widths 16, 20, 32, 32, K = 3, at last 4) is varied; the packaged decoder, a linear
base with local bases, is taught alike beside them. Time: process time of one thread for a face of the same decoder on
the whole skin (4,242 vertices), forward and in training. Finer meshes: the same trunk with one more level on top,
against decoding the skin and subdividing it (Catmull–Clark).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from face2mesh.head.base_head import BaseHead
from face2mesh.head.subdivision import subdivision
from face2mesh.lab.corpus.moving import FILE, MovingCorpus
from face2mesh.lab.corpus.splits import MOVING_HELD_OUT_PEOPLE, MOVING_TRAIN, Split
from face2mesh.lab.graph.hierarchy import Hierarchy, Level
from face2mesh.lab.graph.laplacian import edges_of_faces
from face2mesh.lab.nets.decoder import EXPRESSIONS, Trunk, TrunkConfiguration
from face2mesh.lab.nets.local_decoder import LocalDecoderConfiguration, LocalExpressionDecoder, start_expression
from face2mesh.store import provenance_of_measures, write_document

TRAINING, HELD_OUT, STEPS, BATCH, RATE = 800, 160, 300, 16, 4e-3
SEED = 0
TRUNK = TrunkConfiguration()
SIZES: dict[str, TrunkConfiguration] = {
    "trunk": TRUNK,
    "K = 1": TrunkConfiguration(order=1, last_order=1),
    "K = 2": TrunkConfiguration(order=2, last_order=2),
    "K = 6": TrunkConfiguration(order=6, last_order=6),
    "half the widths": TrunkConfiguration((8, 10, 16, 16), (0, 3, 8, 16)),
    "twice the widths": TrunkConfiguration((32, 40, 64, 64), (0, 12, 32, 64)),
    "two levels": TrunkConfiguration((16, 20), (0, 6)),
    "three levels": TrunkConfiguration((16, 20, 32), (0, 6, 32)),
}


def seconds(call: Callable[[], object], repetitions: int) -> float:
    """The least process time of some calls."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def without_finest(hierarchy: Hierarchy) -> Hierarchy:
    """The levels from 1 on."""
    return Hierarchy(
        hierarchy.levels[1:], hierarchy.pool[1:], hierarchy.unpool_vertices[1:], hierarchy.unpool_weights[1:]
    )


def with_finer(hierarchy: Hierarchy, base: BaseHead, steps: int) -> Hierarchy:
    """Levels of the subdivided skin on top: a new vertex lies between the ends of its edge, or among three corners."""
    topology = base.topology
    levels, pool = list(hierarchy.levels), list(hierarchy.pool)
    vertices, weights = list(hierarchy.unpool_vertices), list(hierarchy.unpool_weights)
    for _ in range(steps):
        quads = topology.quads[: topology.part_quads["skin"][1]]
        coarse = topology.part_vertices["skin"][1]
        edges = np.unique(np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1), axis=0)
        own = np.repeat(np.arange(coarse)[:, None], 3, 1)
        table = np.concatenate([own, edges[:, [0, 1, 0]], quads[:, :3]]).astype(np.int32)
        share = np.concatenate([np.tile([1.0, 0, 0], (coarse, 1)), np.tile([0.5, 0.5, 0], (len(edges), 1))])
        share = np.concatenate([share, np.full((len(quads), 3), 1 / 3)]).astype(np.float32)
        topology = subdivision(topology).fine
        count = topology.part_vertices["skin"][1]
        faces = topology.quads[: topology.part_quads["skin"][1]]
        everything = np.arange(count, dtype=np.int32)
        triangles = topology.triangles[: 2 * len(faces)]
        levels.insert(0, Level(everything, triangles, edges_of_faces(faces), everything))
        pool.insert(0, np.arange(coarse, dtype=np.int32))
        vertices.insert(0, table)
        weights.insert(0, share)
    return Hierarchy(tuple(levels), tuple(pool), tuple(vertices), tuple(weights))


def drawn(moving: MovingCorpus, split: Split, count: int, kept: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (n, 52), codes (n, M) and displacements (n, n_1, 3) in mm at the kept vertices."""
    codes = moving.population.sample(split.generator(11), count)
    weights = split.expressions(split.generator(12), count)
    parts = range(0, count, 40)
    moved = [
        (moving.skin(codes[row : row + 40], weights[row : row + 40]) - moving.skin(codes[row : row + 40]))[:, kept]
        for row in parts
    ]
    return (
        torch.from_numpy(weights),
        torch.from_numpy(codes),
        torch.from_numpy(np.concatenate(moved).astype(np.float32)),
    )


class Local(nn.Module):
    """The packaged expression decoder, called as a trunk is."""

    def __init__(self, configuration: LocalDecoderConfiguration, hierarchy: Hierarchy) -> None:
        """Args: sizes; levels, of the whole skin or from 1 on."""
        super().__init__()
        self.decoder = LocalExpressionDecoder(configuration, hierarchy)

    def forward(self, weights: Tensor, codes: Tensor) -> Tensor:
        """(B, 52) and (B, M) to (B, n, 3) mm."""
        moved: Tensor = self.decoder(codes, weights)
        return moved


def trained(network: nn.Module, data: tuple[Tensor, Tensor, Tensor], steps: int) -> None:
    """A short training; batch n depends on the seed and n alone."""
    taught = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(taught, RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    weights, codes, moved = data
    for step in range(steps):
        rows = torch.from_numpy(np.random.default_rng([SEED, step]).integers(len(weights), size=BATCH))
        loss = (network(weights[rows], codes[rows]) - moved[rows]).norm(dim=2).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(taught, 5.0)
        optimiser.step()
        schedule.step()


def times(network: nn.Module, modes: int) -> dict[str, Any]:
    """Milliseconds a face on the whole skin: alone, and in a training step of eight."""
    weights, codes = torch.rand(8, EXPRESSIONS), torch.randn(8, modes)

    def forward() -> None:
        with torch.no_grad():
            network(weights[:1], codes[:1])

    def step() -> None:
        network(weights, codes).square().sum().backward()

    forward()
    step()
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "ms_a_face": round(1e3 * seconds(forward, 7), 2),
        "training_ms_a_face": round(1e3 * seconds(step, 3) / 8, 2),
    }


def finer(base: BaseHead, hierarchy: Hierarchy, modes: int) -> list[dict[str, Any]]:
    """A face on the skin subdivided 0, 1 and 2 times: by further levels of the network, and by Catmull–Clark."""
    rows = []
    topology = base.topology
    divisions: list[Any] = []
    for steps in range(3):
        configuration = TrunkConfiguration((16,) * steps + TRUNK.channels, (0,) * steps + TRUNK.added)
        trunk = Trunk(configuration, EXPRESSIONS, modes, with_finer(hierarchy, base, steps))
        network = times(trunk, modes)
        head = base.vertices

        def divided(head: np.ndarray = head, divisions: tuple[Any, ...] = tuple(divisions)) -> None:
            for division in divisions:
                head = division(head)

        divided()
        count = topology.part_vertices["skin"][1]
        rows.append(
            {
                "subdivided": steps,
                "skin_vertices": count,
                "network_ms_a_face": network["ms_a_face"],
                "network_training_ms_a_face": network["training_ms_a_face"],
                "catmull_clark_ms_a_face": round(1e3 * seconds(divided, 5), 2) if divisions else 0.0,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
        divisions.append(subdivision(topology))
        topology = divisions[-1].fine
    return rows


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--to", type=Path, default=Path("results/decoder-sizes.json"))
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    build = arguments.build
    inputs = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")} | {"moving": build / FILE}
    base, hierarchy = BaseHead.load(inputs["base-head"]), Hierarchy.load(inputs["hierarchy"])
    moving = MovingCorpus.load(inputs["moving"], inputs["corpus"], inputs["base-head"])
    modes = moving.population.modes
    kept = hierarchy.levels[1].kept
    data = drawn(moving, MOVING_TRAIN, TRAINING, kept)
    weights, codes, moved = drawn(moving, MOVING_HELD_OUT_PEOPLE, HELD_OUT, kept)
    still = float(moved.norm(dim=2).mean())
    coarser = without_finest(hierarchy)

    def error(network: nn.Module) -> dict[str, float]:
        trained(network, data, arguments.steps)
        with torch.no_grad():
            missed = float((network(weights, codes) - moved).norm(dim=2).mean())
        return {"error_mm": round(missed, 4), "error_share": round(missed / still, 4)}

    sizes: list[dict[str, Any]] = []
    for name, configuration in SIZES.items():
        torch.manual_seed(SEED)
        sized = {
            "name": name,
            "channels": list(configuration.channels),
            "order": configuration.order,
            "last_order": configuration.last_order,
        }
        sized |= error(Trunk(configuration, EXPRESSIONS, modes, coarser))
        sizes.append(sized | times(Trunk(configuration, EXPRESSIONS, modes, hierarchy), modes))
        print(json.dumps(sizes[-1], ensure_ascii=False), flush=True)
    torch.manual_seed(SEED)
    local = LocalDecoderConfiguration(identity_size=modes)
    started = Local(replace(local, level=local.level - 1), coarser)
    fields = moving.linear.identity[:, : base.skin_count]
    start_expression(started.decoder, coarser, fields, data[0].numpy(), data[2].numpy())
    packaged = {"name": "packaged", "channels": [local.channels], "order": local.order} | error(started)
    sizes.append(packaged | times(Local(local, hierarchy), modes))
    print(json.dumps(sizes[-1], ensure_ascii=False), flush=True)
    report = {
        "format": "face2mesh/benchmark",
        "load_average": round(os.getloadavg()[0], 2),
        "still_mm": round(still, 4),
        "sizes": sizes,
        "finer": finer(base, hierarchy, modes),
        "provenance": provenance_of_measures(
            inputs, {"steps": arguments.steps, "training": TRAINING, "threads": 1}, SEED
        ),
    }
    write_document(arguments.to, report)


if __name__ == "__main__":
    main()
