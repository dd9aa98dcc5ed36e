"""Vertex errors of autoencoders and of PCA on what no training has seen.

Letters: n meshes, S vertices, Z numbers in the code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from face2mesh.lab.autoencoder.meshes import SETS, STREAM, Meshes
from face2mesh.lab.autoencoder.principal import Principal
from face2mesh.lab.autoencoder.training import PRINCIPAL, Autoencoder, mesh_file, read_autoencoder
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.moving import MovingCorpus
from face2mesh.lab.corpus.splits import SPLITS
from face2mesh.lab.graph.hierarchy import Hierarchy

MEASURED = SETS[1:]
ORACLE_MESHES = 300
_BATCH = 50

Rebuild = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Meshes (b, S, 3) mm to what is left of them after a code."""


def errors(rebuild: Rebuild, meshes: Meshes) -> dict[str, float]:
    """Distances of the vertices in mm: mean, median and 95th percentile over all vertices of all meshes, and RMS."""
    parts = []
    for start in range(0, len(meshes), _BATCH):
        true = meshes.take(slice(start, start + _BATCH))
        parts.append(np.linalg.norm(rebuild(true) - true, axis=2).ravel())
    return summary(np.concatenate(parts))


def summary(distances: NDArray[Any]) -> dict[str, float]:
    """Mean, median, 95th percentile and root mean square of distances, mm."""
    median, high = np.percentile(distances, [50, 95])
    values = {
        "mean_mm": distances.mean(),
        "median_mm": median,
        "p95_mm": high,
        "rms_mm": np.sqrt(np.square(distances, dtype=np.float64).mean()),
    }
    return {name: round(float(value), 5) for name, value in values.items()}


def of_network(network: Autoencoder) -> Rebuild:
    """What a network makes of meshes."""

    def rebuild(meshes: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            made: NDArray[np.float32] = network(torch.from_numpy(meshes)).numpy()
        return made

    return rebuild


def of_principal(principal: Principal, size: int) -> Rebuild:
    """What the first `size` components make of meshes."""
    first = replace(principal, basis=principal.basis[:size])
    return lambda meshes: first.meshes(first.scores(meshes))


def parameters_of(network: Autoencoder) -> int:
    """How many numbers were learnt or fitted; means, deviations and all that follows from the topology do not count."""
    return sum(parameter.numel() for parameter in network.parameters())


def measure(build: Path, runs: list[Path], codes: tuple[int, ...], worlds: tuple[str, ...]) -> dict[str, Any]:
    """PCA of each code size and each run's network, on every set of their world.

    Returns:
        By world: "sets" (how many meshes), "principal" by code size and "networks" (a list, one entry a run).
    """
    hierarchy = Hierarchy.load(build / "hierarchy.npz")
    result: dict[str, Any] = {}
    for world in worlds:
        sets = {name: Meshes.load(mesh_file(build, world, name)) for name in MEASURED}
        principal = Principal.load(mesh_file(build, world, PRINCIPAL))
        numbers = 3 * sets["validation"].steps.shape[1]
        entry: dict[str, Any] = {"sets": {name: len(meshes) for name, meshes in sets.items()}, "networks": []}
        entry["principal"] = {
            str(size): {
                "parameters": size * numbers,
                **{name: errors(of_principal(principal, size), meshes) for name, meshes in sets.items()},
            }
            for size in codes
        }
        for run in runs:
            network, header = read_autoencoder(run, hierarchy)
            configuration = header["configuration"]
            if configuration["world"] != world:
                continue
            began = time.process_time()
            of_network(network)(sets["validation"].take(slice(0, _BATCH)))
            once = (time.process_time() - began) / _BATCH
            settings = configuration["optimisation"]
            entry["networks"].append(
                {
                    "kind": configuration["kind"],
                    "code": configuration["code_size"],
                    "seed": settings["seed"],
                    "steps": header["step"],
                    "samples": header["step"] * settings["batch"],
                    "learning_rate": settings["learning_rate"],
                    "parameters": parameters_of(network),
                    "cpu_ms_a_mesh": round(1e3 * once, 2),
                    "network": header["network"],
                    **{name: errors(of_network(network), meshes) for name, meshes in sets.items()},
                }
            )
        result[world] = entry
    return result


def bounds(corpus: Corpus | MovingCorpus, meshes: Meshes, size: int) -> dict[str, float]:
    """An oracle of a code: displacements made by the corpus itself from each face's `size` largest true weights.

    It is told which weights these are, which no code of `size` numbers is, and whose face it is.
    """
    count = min(len(meshes), ORACLE_MESHES)
    distances = []
    for start in range(0, count, _BATCH):
        rows = slice(start, min(start + _BATCH, count))
        weights = meshes.weights[rows].copy()
        dropped = np.argsort(-weights, axis=1, kind="stable")[:, size:]
        np.put_along_axis(weights, dropped, 0.0, axis=1)
        made = corpus.skin(meshes.codes[rows], weights) - corpus.skin(meshes.codes[rows])
        distances.append(np.linalg.norm(made - meshes.take(rows), axis=2).ravel())
    return summary(np.concatenate(distances))


def linear_bound(corpus: Corpus, sizes: tuple[int, ...], draws: int = 20_000) -> dict[str, float]:
    """RMS distance in mm that the best linear codes of each size leave of the linear corpus's heads.

    From the covariance of codes and weights themselves, so without a training set's chances; for a Gaussian world no
    code of as many numbers does better.
    """
    codes, weights = SPLITS["train"].draw(draws, corpus.population, STREAM + 3)
    given = np.concatenate([codes, weights], 1).astype(np.float64)
    skin = corpus.skin_count
    fields = np.concatenate([corpus.identity[:, :skin], corpus.expression[:, :skin]]).reshape(given.shape[1], -1)
    root = np.linalg.cholesky(np.cov(given.T) + 1e-9 * np.eye(given.shape[1]))
    inner = root.T @ (fields.astype(np.float64) @ fields.T) @ root
    values = np.linalg.eigvalsh(inner)[::-1]
    return {str(size): round(float(np.sqrt(max(values[size:].sum(), 0.0) / skin)), 5) for size in sizes}
