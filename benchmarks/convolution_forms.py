"""Other ways to make the Chebyshev convolution, against the one in use; and how its time grows with the mesh.

    python benchmarks/convolution_forms.py [--build build] [--to results/convolution-forms.json]

Forms: ratios of process time within one run on one thread (above 1: faster than the one in use), forward and backward,
on the base head's skin, batch 16, K = 6. Every form's results are compared with those of the one in use first. Growth:
forward and backward, 16 → 16 channels, batch 4, on tori of quads of 1,024 to 102,400 vertices, on the head's pooling
levels and on the subdivided head.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numba import njit
from scipy.sparse.csgraph import reverse_cuthill_mckee
from torch import Tensor

from face2mesh.head.base_head import BaseHead
from face2mesh.head.subdivision import subdivision
from face2mesh.lab.graph.chebyshev import ChebyshevConvolution, SparseMatrix
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.graph.laplacian import Matrix, adjacency, edges_of_faces, normalised_laplacian, scaled_laplacian
from face2mesh.store import provenance_of_measures, write_document

BATCH, GROWTH_BATCH = 16, 4
ORDER = 6
WIDTHS = (16, 32)
SIDES = (32, 64, 128, 256, 320)
SEED = 0

Results = tuple[Tensor, Tensor, Tensor]
"""What a layer gives, and the gradients with regard to its input and its weights."""
Form = Callable[[Tensor, Tensor, Tensor, SparseMatrix], Results]


def in_use(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """One sample at a time, all its terms in one buffer; the backward pass is the recurrence on the gradient."""
    order, channels, channels_out = weight.shape
    layer = ChebyshevConvolution(channels, channels_out, order, laplacian, bias=False)
    layer.weight.data = weight
    given = x.detach().requires_grad_()
    y = layer(given)
    y.backward(gradient)
    assert given.grad is not None
    assert layer.weight.grad is not None
    return y.detach(), given.grad, layer.weight.grad


def by_hand(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """The one in use without automatic differentiation around it, as the other forms below are."""
    matrix = laplacian.like(x)
    order, channels, channels_out = weight.shape
    y, by_input = torch.empty_like(gradient), torch.empty_like(x)
    by_weight = torch.zeros(channels, order * channels_out)
    stacked, backward = weight.reshape(-1, channels_out), weight.transpose(1, 2).reshape(-1, channels)
    terms = x.new_empty(x.shape[1], order * channels)
    for i in range(len(x)):
        fill(matrix, torch.split(terms, channels, dim=1), x[i])
        torch.mm(terms, stacked, out=y[i])
    terms = x.new_empty(x.shape[1], order * channels_out)
    for i in range(len(x)):
        fill(matrix, torch.split(terms, channels_out, dim=1), gradient[i])
        torch.mm(terms, backward, out=by_input[i])
        by_weight.addmm_(x[i].T, terms)
    return y, by_input, by_weight.reshape(channels, order, channels_out).transpose(0, 1)


def side_by_side(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """All samples in one sparse product (V, B·C): fewer calls, but no term stays in the cache."""
    matrix = laplacian.like(x)

    def terms(values: Tensor) -> list[Tensor]:
        first = values.transpose(0, 1).reshape(values.shape[1], -1)
        made = [first, matrix @ first]
        for _ in range(2, len(weight)):
            made.append(torch.addmm(made[-2], matrix, made[-1], beta=-1, alpha=2))
        return [term.view(-1, values.shape[2]) for term in made]

    def apart(rows: Tensor) -> Tensor:
        return rows.view(x.shape[1], x.shape[0], -1).transpose(0, 1).contiguous()

    y = sum(term @ weight[k] for k, term in enumerate(terms(x)))
    back = terms(gradient)
    by_input = sum(term @ weight[k].T for k, term in enumerate(back))
    beside = x.transpose(0, 1).reshape(-1, x.shape[2])
    return apart(y), apart(by_input), torch.stack([beside.T @ term for term in back])


def kept_terms(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """Automatic differentiation through all terms, as a layer without a backward pass of its own does it."""
    given, learnt = x.detach().requires_grad_(), weight.detach().requires_grad_()
    made = [given, laplacian(given)]
    for _ in range(2, len(weight)):
        made.append(2 * laplacian(made[-1]) - made[-2])
    y = torch.cat(made, 2) @ learnt.reshape(-1, learnt.shape[2])
    y.backward(gradient)
    assert given.grad is not None
    assert learnt.grad is not None
    return y.detach(), given.grad, learnt.grad


def clenshaw(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """Weights first, then Clenshaw's form of the recurrence; in use only where fewer channels come out than go in."""
    matrix = laplacian.like(x)
    order, channels, channels_out = weight.shape
    stacked = weight.transpose(0, 1).reshape(channels, -1)
    y, by_input = torch.empty_like(gradient), torch.empty_like(x)
    by_weight = torch.zeros(channels, order * channels_out)
    terms = x.new_empty(x.shape[1], order * channels_out)
    term = torch.split(terms, channels_out, dim=1)
    backward = weight.transpose(1, 2).reshape(-1, channels)
    for i in range(len(x)):
        torch.mm(x[i], stacked, out=terms)
        for k in range(order - 2, -1, -1):
            term[k].addmm_(matrix, term[k + 1], alpha=2 if k else 1)
            if k + 2 < order:
                term[k].sub_(term[k + 2])
        y[i] = term[0]
    for i in range(len(x)):
        fill(matrix, term, gradient[i])
        torch.mm(terms, backward, out=by_input[i])
        by_weight.addmm_(x[i].T, terms)
    return y, by_input, by_weight.reshape(channels, order, channels_out).transpose(0, 1)


def fill(matrix: Tensor, term: tuple[Tensor, ...], values: Tensor) -> None:
    """T_0 … T_{K−1} of values (V, C) side by side."""
    term[0].copy_(values)
    torch.addmm(term[0], matrix, values, beta=0, out=term[1])
    for k in range(2, len(term)):
        torch.addmm(term[k - 2], matrix, term[k - 1], beta=-1, alpha=2, out=term[k])


@njit(cache=True, fastmath=True)
def fused(starts: Any, columns: Any, values: Any, terms: Any, channels: int) -> None:
    """The whole recurrence over a buffer (V, K·C) whose first C columns are filled, compiled: product, doubling and
    difference in one pass over each row."""
    order = terms.shape[1] // channels
    for k in range(1, order):
        here, last, double = k * channels, (k - 1) * channels, np.float32(1 if k == 1 else 2)
        for row in range(len(terms)):
            for channel in range(channels):
                terms[row, here + channel] = 0 if k == 1 else -terms[row, here - 2 * channels + channel]
            for entry in range(starts[row], starts[row + 1]):
                factor, column = values[entry] * double, columns[entry]
                for channel in range(channels):
                    terms[row, here + channel] += factor * terms[column, last + channel]


def compiled(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """As in use, with a recurrence of our own compiled by numba instead of torch's sparse product."""
    order, channels, channels_out = weight.shape
    matrix = laplacian.matrix
    starts, columns = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    values = matrix.data.astype(np.float32)
    y, by_input = torch.empty_like(gradient), torch.empty_like(x)
    by_weight = torch.zeros(channels, order * channels_out)
    terms = x.new_empty(x.shape[1], order * channels)
    stacked, backward = weight.reshape(-1, channels_out), weight.transpose(1, 2).reshape(-1, channels)
    for i in range(len(x)):
        terms[:, :channels] = x[i]
        fused(starts, columns, values, terms.numpy(), channels)
        torch.mm(terms, stacked, out=y[i])
    terms = x.new_empty(x.shape[1], order * channels_out)
    for i in range(len(x)):
        terms[:, :channels_out] = gradient[i]
        fused(starts, columns, values, terms.numpy(), channels_out)
        torch.mm(terms, backward, out=by_input[i])
        by_weight.addmm_(x[i].T, terms)
    return y, by_input, by_weight.reshape(channels, order, channels_out).transpose(0, 1)


def half_dense(x: Tensor, weight: Tensor, gradient: Tensor, laplacian: SparseMatrix) -> Results:
    """As in use, with dense products in bfloat16 (torch's sparse product has no bfloat16 on a processor)."""
    matrix = laplacian.like(x)
    order, channels, channels_out = weight.shape
    half = torch.bfloat16
    y, by_input = torch.empty_like(gradient), torch.empty_like(x)
    by_weight = torch.zeros(channels, order * channels_out)
    stacked = weight.reshape(-1, channels_out).to(half)
    backward = weight.transpose(1, 2).reshape(-1, channels).to(half)
    terms = x.new_empty(x.shape[1], order * channels)
    for i in range(len(x)):
        fill(matrix, torch.split(terms, channels, dim=1), x[i])
        y[i] = terms.to(half) @ stacked
    terms = x.new_empty(x.shape[1], order * channels_out)
    for i in range(len(x)):
        fill(matrix, torch.split(terms, channels_out, dim=1), gradient[i])
        made = terms.to(half)
        by_input[i] = made @ backward
        by_weight += x[i].T.to(half) @ made
    return y, by_input, by_weight.reshape(channels, order, channels_out).transpose(0, 1)


FORMS: dict[str, Form] = {
    "the one in use, by hand": by_hand,
    "samples side by side": side_by_side,
    "all terms kept, automatic backward": kept_terms,
    "Clenshaw's form": clenshaw,
    "recurrence fused and compiled": compiled,
    "dense products in bfloat16": half_dense,
}


def seconds(call: Callable[[], object]) -> float:
    """Process time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def ratios(
    reference: Callable[[], object], others: dict[str, Callable[[], object]], repetitions: int
) -> dict[str, Any]:
    """How many times as fast as the reference each other one is: medians of neighbouring runs."""
    calls = [reference, *others.values()]
    for call in calls:
        call()
    times = np.array([[seconds(call) for call in calls] for _ in range(repetitions)])
    found = times[:, :1] / times[:, 1:]
    quartiles = np.quantile(found, [0.25, 0.5, 0.75], axis=0).round(2)
    return {
        name: {"ratio": float(quartiles[1, i]), "ratio_quartiles": [float(quartiles[0, i]), float(quartiles[2, i])]}
        for i, name in enumerate(others)
    } | {"in use, ms": round(float(np.median(times[:, 0])) * 1e3, 2)}


def permuted(matrix: Matrix, order: np.ndarray) -> Matrix:
    """The same graph with its vertices in another order."""
    return sp.csr_array(matrix[order][:, order])


def measure_forms(laplacian: Matrix, width: int, repetitions: int) -> dict[str, Any]:
    """Ratios of all forms and vertex orders for one width."""
    x, gradient = (torch.randn(BATCH, laplacian.shape[0], width) for _ in range(2))
    weight = torch.randn(ORDER, width, width) / width
    matrix = SparseMatrix(laplacian)
    others: dict[str, Callable[[], object]] = {}
    differences = {}
    reference = in_use(x, weight, gradient, matrix)
    for name, form in FORMS.items():
        made = form(x, weight, gradient, matrix)
        differences[name] = max(float((a - b).norm() / b.norm()) for a, b in zip(made, reference, strict=True))
        others[name] = lambda form=form: form(x, weight, gradient, matrix)
    orders = {
        "vertices in reverse Cuthill–McKee order": reverse_cuthill_mckee(sp.csr_matrix(laplacian)),
        "vertices in random order": np.random.default_rng(SEED).permutation(laplacian.shape[0]),
    }
    for name, order in orders.items():
        other = SparseMatrix(permuted(laplacian, order))
        others[name] = lambda other=other: in_use(x, weight, gradient, other)
    found = ratios(lambda: in_use(x, weight, gradient, matrix), others, repetitions)
    for name, difference in differences.items():
        found[name]["relative_difference"] = float(f"{difference:.2g}")
    return {"channels": [width, width], **found}


def torus(side: int) -> Matrix:
    """The scaled Laplacian of a closed mesh of side² quads."""
    index = np.arange(side * side).reshape(side, side)
    right, below = np.roll(index, -1, 1).ravel(), np.roll(index, -1, 0).ravel()
    edges = np.concatenate([np.stack([index.ravel(), right], 1), np.stack([index.ravel(), below], 1)])
    return scaled_laplacian(normalised_laplacian(adjacency(edges, side * side)))


def measure_growth(build: Path, hierarchy: Hierarchy, repetitions: int) -> list[dict[str, Any]]:
    """Milliseconds a sample and nanoseconds a vertex for meshes of many sizes."""
    meshes = {f"torus of {side}² quads": torus(side) for side in SIDES}
    for number, level in enumerate(hierarchy.levels[:2]):
        meshes[f"base head, pooling level {number}"] = level.scaled_laplacian()
    topology = BaseHead.load(build / "base-head.npz").topology
    for step in (1, 2):
        topology = subdivision(topology).fine
        count = topology.part_vertices["skin"][1]
        edges = edges_of_faces(topology.quads[: topology.part_quads["skin"][1]])
        meshes[f"base head, subdivided {step}×"] = scaled_laplacian(normalised_laplacian(adjacency(edges, count)))
    rows = []
    for name, laplacian in sorted(meshes.items(), key=lambda pair: pair[1].shape[0]):
        matrix, count = SparseMatrix(laplacian), laplacian.shape[0]
        x, gradient = (torch.randn(GROWTH_BATCH, count, WIDTHS[0]) for _ in range(2))
        weight = torch.randn(ORDER, WIDTHS[0], WIDTHS[0]) / WIDTHS[0]
        call = partial(in_use, x, weight, gradient, matrix)
        call()
        time_ms = 1e3 * min(seconds(call) for _ in range(repetitions))
        sample = time_ms / GROWTH_BATCH
        rows.append(
            {
                "mesh": name,
                "vertices": count,
                "ms_a_sample": round(sample, 3),
                "ns_a_vertex": round(1e6 * sample / count),
            }
        )
        if name.startswith("base head"):
            order = reverse_cuthill_mckee(sp.csr_matrix(laplacian))
            other = SparseMatrix(permuted(laplacian, order))
            found = ratios(call, {"order": partial(in_use, x, weight, gradient, other)}, repetitions)
            rows[-1]["ratio_in_reverse_cuthill_mckee_order"] = found["order"]["ratio"]
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--to", type=Path, default=Path("results/convolution-forms.json"))
    parser.add_argument("--repetitions", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    source = arguments.build / "hierarchy.npz"
    hierarchy = Hierarchy.load(source)
    laplacian = hierarchy.levels[0].scaled_laplacian()
    forms = []
    for width in WIDTHS:
        forms.append(measure_forms(laplacian, width, arguments.repetitions))
        print(json.dumps(forms[-1]), flush=True)
    growth = measure_growth(arguments.build, hierarchy, max(arguments.repetitions // 2, 2))
    tori = [row for row in growth if row["mesh"].startswith("torus")]
    slope = np.polyfit(*np.log([[row[key] for row in tori] for key in ("vertices", "ms_a_sample")]), 1)[0]
    inputs = {"hierarchy": source, "base_head": arguments.build / "base-head.npz"}
    report = {
        "format": "face2mesh/benchmark",
        "load_average": round(os.getloadavg()[0], 2),
        "batch": BATCH,
        "order": ORDER,
        "forms": forms,
        "growth_batch": GROWTH_BATCH,
        "growth": growth,
        "growth_exponent": round(float(slope), 3),
        "provenance": provenance_of_measures(
            inputs, {"repetitions": arguments.repetitions, "clock": "process time", "threads": 1}, SEED
        ),
    }
    write_document(arguments.to, report)


if __name__ == "__main__":
    main()
