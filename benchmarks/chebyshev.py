"""Chebyshev convolution against PyTorch Geometric's `ChebConv`, as a ratio within one run.

    python benchmarks/chebyshev.py [--build build] [--to results/chebyshev.json]

The graph is the base head's skin (sides of its quads), the batch 16, K = 6. Both layers take x (B, V, C); PyTorch
Geometric is given the same graph also as a disjoint union of 16 graphs, and the faster of its two forms counts. Runs of
both sides alternate, so that a busy machine hits both; a figure is the median of the ratios of neighbouring runs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_geometric
from torch import Tensor
from torch_geometric.nn import ChebConv

from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.store import provenance_of_measures, write_document

BATCH = 16
ORDER = 6
WIDTHS = (16, 32)
THREADS = (1, 2)
SEED = 0


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def forward_and_backward(layer: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor) -> Callable[[], None]:
    """A training step's share of a layer: gradients with regard to its input and its weights."""

    def step() -> None:
        given = x.detach().requires_grad_()
        layer(given).backward(gradient)

    return step


def forward(layer: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """The layer without gradients."""

    def step() -> None:
        with torch.no_grad():
            layer(x)

    return step


def measure(hierarchy: Hierarchy, width: int, repetitions: int) -> dict[str, Any]:
    """Ratios and times for one width, with as many threads as torch is set to."""
    level = hierarchy.levels[0]
    ours = ChebyshevConvolution(width, width, ORDER, SparseMatrix(level.scaled_laplacian()))
    theirs = ChebConv(width, width, ORDER)
    with torch.no_grad():
        for k in range(ORDER):
            theirs.lins[k].weight.copy_(ours.weight[k].T)
    edges = torch.from_numpy(np.concatenate([level.edges, level.edges[:, ::-1]]).T.astype(np.int64))
    union = torch.cat([edges + sample * level.count for sample in range(BATCH)], 1)
    bound = torch.tensor(2.0)
    x = torch.randn(BATCH, level.count, width)
    gradient = torch.randn(BATCH, level.count, width)

    def batched(x: Tensor) -> Tensor:
        return theirs(x, edges, lambda_max=bound)

    def joined(x: Tensor) -> Tensor:
        return theirs(x.view(-1, width), union, lambda_max=bound).view(x.shape)

    with torch.no_grad():
        difference = float((ours(x) - batched(x)).norm() / batched(x).norm())
    results: dict[str, Any] = {"relative_difference": difference}
    for mode in ("forward", "forward and backward"):
        calls = []
        for layer in (ours, batched, joined):
            calls.append(forward(layer, x) if mode == "forward" else forward_and_backward(layer, x, gradient))
        for call in calls:
            call()
        times = np.array([[seconds(call) for call in calls] for _ in range(repetitions)])
        best = 1 + int(np.argmin(np.median(times[:, 1:], axis=0)))
        ratios = times[:, best] / times[:, 0]
        results[mode] = {
            "ratio": round(float(np.median(ratios)), 2),
            "ratio_quartiles": [round(float(value), 2) for value in np.quantile(ratios, [0.25, 0.75])],
            "ours_ms": round(float(np.median(times[:, 0])) * 1e3, 2),
            "pytorch_geometric_ms": round(float(np.median(times[:, best])) * 1e3, 2),
            "pytorch_geometric_form": ("batched", "disjoint union")[best - 1],
        }
    return results


def main() -> None:
    """Measure all cases and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--to", type=Path, default=Path("results/chebyshev.json"))
    parser.add_argument("--repetitions", type=int, default=11)
    arguments = parser.parse_args()
    source = arguments.build / "hierarchy.npz"
    hierarchy = Hierarchy.load(source)
    torch.manual_seed(SEED)
    cases = []
    for threads in THREADS:
        torch.set_num_threads(threads)
        for width in WIDTHS:
            case = {"threads": threads, "channels": [width, width]} | measure(hierarchy, width, arguments.repetitions)
            cases.append(case)
            print(json.dumps(case), flush=True)
    configuration = {"batch": BATCH, "order": ORDER, "repetitions": arguments.repetitions}
    report = {
        "format": "face2mesh/benchmark",
        "vertices": hierarchy.counts[0],
        "edges": len(hierarchy.levels[0].edges),
        "load_average": round(os.getloadavg()[0], 2),
        "torch_geometric": torch_geometric.__version__,
        "least_ratio": min(case[mode]["ratio"] for case in cases for mode in ("forward", "forward and backward")),
        "cases": cases,
        "provenance": provenance_of_measures({"hierarchy": source}, configuration, SEED),
    }
    write_document(arguments.to, report)


if __name__ == "__main__":
    main()
