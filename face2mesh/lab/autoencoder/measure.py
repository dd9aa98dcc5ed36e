"""Vertex errors of autoencoders and of PCA on what no training has seen.

Letters: n meshes, S vertices, Z numbers in the code.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
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
from face2mesh.lab.nets.local_autoencoder import LocalAutoencoder
from face2mesh.lab.train.checkpoint import CHECKPOINT
from face2mesh.store import sha256

MEASURED = SETS[1:]
ORACLE_MESHES = 300
FITTED_FROM = 100_000
"""Samples of training from which on our decoder is also fitted to the meshes: brief runs are only for comparison."""
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


def measure(
    build: Path,
    runs: list[Path],
    codes: tuple[int, ...],
    worlds: tuple[str, ...],
    known: Mapping[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] = lambda results: None,
) -> dict[str, Any]:
    """PCA of each code size and each run's network, on every set of their world.

    Args:
        build: the laboratory's files.
        runs: folders.
        codes: sizes of PCA.
        worlds: to be measured.
        known: what an earlier call returned; of the same meshes and checkpoints nothing is measured again.
        keep: is given the results so far, whenever there are more.

    Returns:
        By world: "sets" (how many meshes), "meshes" (their files' hashes), "principal" by code size and "networks" (a
        list, one entry a run).
    """
    hierarchy = Hierarchy.load(build / "hierarchy.npz")
    read = [(run, *read_autoencoder(run, hierarchy), sha256(run / CHECKPOINT)) for run in runs]
    result: dict[str, Any] = {}
    for world in worlds:
        sets = {name: Meshes.load(mesh_file(build, world, name)) for name in MEASURED}
        principal = Principal.load(mesh_file(build, world, PRINCIPAL))
        hashes = {name: sha256(mesh_file(build, world, name)) for name in (*MEASURED, PRINCIPAL)}
        before = (known or {}).get(world, {})
        if before.get("meshes") != hashes:
            before = {}
        entry: dict[str, Any] = {
            "meshes": hashes,
            "sets": {name: len(meshes) for name, meshes in sets.items()},
            "principal": {},
            "networks": [],
        }
        result[world] = entry
        numbers = 3 * sets["validation"].steps.shape[1]
        for size in codes:
            entry["principal"][str(size)] = before.get("principal", {}).get(str(size)) or {
                "parameters": size * numbers,
                **{name: errors(of_principal(principal, size), meshes) for name, meshes in sets.items()},
            }
        measured = {one.get("checkpoint"): one for one in before.get("networks", [])}
        for run, network, header, checkpoint in read:
            if header["configuration"]["world"] != world:
                continue
            if checkpoint not in measured:
                print(f"{world}: {run.name}", file=sys.stderr)
                measured[checkpoint] = {"checkpoint": checkpoint, **of_run(network, header, sets)}
            entry["networks"].append({**measured[checkpoint], "run": run.name})
            keep(result)
    return result


def of_run(network: Autoencoder, header: Mapping[str, Any], sets: Mapping[str, Meshes]) -> dict[str, Any]:
    """How a network was trained, its size and cost, and its errors on each set."""
    configuration = header["configuration"]
    settings = configuration["optimisation"]
    samples = header["step"] * settings["batch"]
    some = sets["validation"].take(slice(0, _BATCH))
    began = time.process_time()
    of_network(network)(some)
    return {
        "kind": configuration["kind"],
        "code": configuration["code_size"],
        "seed": settings["seed"],
        "steps": header["step"],
        "samples": samples,
        "mixed": configuration["mixed"],
        "learning_rate": settings["learning_rate"],
        "parameters": parameters_of(network),
        "cpu_ms_a_mesh": round(1e3 * (time.process_time() - began) / len(some), 2),
        "network": header["network"],
        **{name: errors(of_network(network), meshes) for name, meshes in sets.items()},
        **(of_fitted(network, sets) if isinstance(network, LocalAutoencoder) and samples >= FITTED_FROM else {}),
    }


def of_fitted(network: LocalAutoencoder, sets: Mapping[str, Meshes]) -> dict[str, Any]:
    """ "fitted": cost and errors when the decoder is fitted to each mesh, from the encoder's answer on."""

    def rebuild(meshes: NDArray[np.float32]) -> NDArray[np.float32]:
        given = torch.from_numpy(meshes)
        with torch.no_grad():
            made: NDArray[np.float32] = network.decode(network.fitted(given, network.encode(given))).numpy()
        return made

    some = sets["validation"].take(slice(0, _BATCH))
    began = time.process_time()
    rebuild(some)
    once = round(1e3 * (time.process_time() - began) / len(some), 2)
    return {"fitted": {"cpu_ms_a_mesh": once, **{name: errors(rebuild, meshes) for name, meshes in sets.items()}}}


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
