"""Principal component analysis of a set of meshes: the baseline, the start of our networks and their coordinates.

Letters: n meshes, S vertices, D = 3·S, R components, Z of them in a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.autoencoder.meshes import Meshes
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "principal-components"
VERSION = 1
MADE_BY = "face2mesh lab autoencoder meshes"
COMPONENTS = 160
_OVERSAMPLED, _PASSES, _CHUNK = 20, 2, 500

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Principal:
    """The best linear codes of a set of meshes.

    Attributes:
        mean: (S, 3) mm.
        basis: (R, D) orthonormal rows, the largest variance first.
        spread: (R,) mm, standard deviation of each score.
        rest: mm², variance of a mesh (the sum over its coordinates) that no component has.
        train: (n, R) mm, scores of the meshes that it was made of.
    """

    mean: FloatArray
    basis: FloatArray
    spread: FloatArray
    rest: float
    train: FloatArray

    def scores(self, meshes: NDArray[Any]) -> FloatArray:
        """(n, S, 3) mm to (n, R) mm."""
        scores: FloatArray = (meshes - self.mean).reshape(len(meshes), -1) @ self.basis.T
        return scores

    def meshes(self, scores: NDArray[Any]) -> FloatArray:
        """(n, Z) mm, the first Z scores, to (n, S, 3) mm."""
        flat = scores @ self.basis[: scores.shape[1]]
        meshes: FloatArray = self.mean + flat.reshape(len(scores), -1, 3)
        return meshes

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write it with its provenance."""
        arrays = {"mean": self.mean, "basis": self.basis, "spread": self.spread, "train": self.train}
        arrays["rest"] = np.array(self.rest)
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path) -> Principal:
        """Read it.

        Raises:
            InputFileError: missing, damaged or of another version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "a valid set of components", MADE_BY):
            return cls(arrays["mean"], arrays["basis"], arrays["spread"], float(arrays["rest"]), arrays["train"])


def principal_components(meshes: Meshes, components: int = COMPONENTS, seed: int = 0) -> Principal:
    """The leading components, by a randomised range finder with power iterations (Halko 2011, algorithm 4.4).

    Args:
        meshes: n of them, which need not fit into memory as floats.
        components: R, or as many as there can be.
        seed: of the range finder.
    """
    count, dimension = len(meshes), meshes.steps[0].size
    components = min(components, count - 1, dimension)
    chunks = [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]
    mean = (np.stack([meshes.take(rows).sum(0, dtype=np.float64) for rows in chunks]).sum(0) / count).astype(np.float32)

    def centred(rows: slice) -> FloatArray:
        flat: FloatArray = (meshes.take(rows) - mean).reshape(-1, dimension)
        return flat

    width = min(components + _OVERSAMPLED, dimension)
    sketch = np.random.default_rng(seed).standard_normal((width, dimension), dtype=np.float32)
    variance = 0.0
    for turn in range(_PASSES + 1):
        basis = np.linalg.qr(sketch.T)[0].T.astype(np.float32)
        sketch = np.zeros((width, dimension), np.float32)
        covariance = np.zeros((width, width))
        variance = 0.0
        for rows in chunks:
            part = centred(rows)
            scores = part @ basis.T
            covariance += scores.T.astype(np.float64) @ scores
            variance += float(np.square(part).sum(dtype=np.float64))
            if turn < _PASSES:
                sketch += scores.T @ part
    values, vectors = np.linalg.eigh(covariance / count)
    leading = np.argsort(-values)[:components]
    spread = np.sqrt(np.maximum(values[leading], 0))
    found = (vectors[:, leading].T @ basis).astype(np.float32)
    train = np.concatenate([centred(part) @ found.T for part in chunks])
    rest = max(variance / count - float(np.square(spread).sum()), 0.0)
    return Principal(mean, found, spread.astype(np.float32), rest, train)


@dataclass(frozen=True)
class Symmetric:
    """Components that the mirror leaves as they are (even) or turns to their negatives (odd).

    Attributes:
        mean: (S, 3) mm, symmetric.
        basis: (R, D) orthonormal rows: the Z of a code first, its odd ones last among them.
        spread: (R,) mm, standard deviations.
        sign: (R,) 1 for even, −1 for odd ones.
        train: (n, R) mm, scores of the training meshes.
    """

    mean: FloatArray
    basis: FloatArray
    spread: FloatArray
    sign: FloatArray
    train: FloatArray


def symmetric_components(principal: Principal, mirror: NDArray[np.integer[Any]], code_size: int) -> Symmetric:
    """The components of the meshes and their mirror images together.

    Args:
        principal: of the meshes alone.
        mirror: (S,) the vertex on the other side.
        code_size: Z, the largest of which come first.
    """
    flip = np.array([-1, 1, 1], np.float32)
    components = principal.basis.reshape(len(principal.basis), -1, 3)
    mean = (principal.mean + principal.mean[mirror] * flip) / 2
    found = []
    for sign in (1.0, -1.0):
        part = (components + sign * components[:, mirror] * flip) / 2 * principal.spread[:, None, None]
        _, part_sizes, part_rows = np.linalg.svd(part.reshape(len(part), -1), full_matrices=False)
        found.append((part_sizes, part_rows, np.full(len(part_sizes), sign)))
    sizes, rows, signs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    largest = np.argsort(-sizes, kind="stable")[: len(principal.basis)]
    code = largest[:code_size]
    order = np.concatenate([code[np.argsort(-signs[code], kind="stable")], largest[code_size:]])
    basis = rows[order].astype(np.float32)
    train = principal.train @ (principal.basis @ basis.T) + (principal.mean - mean).ravel() @ basis.T
    return Symmetric(mean, basis, sizes[order].astype(np.float32), signs[order].astype(np.float32), train)
