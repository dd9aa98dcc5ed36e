"""Vertex error and gain on rendered held-out people, whose heads are known exactly.

Letters: N pictures, V vertices, M identity modes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.head.alignment import align, aligned_distances
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.out_of_span import OutOfSpan
from face2mesh.lab.evaluate.intervals import difference, gain, mean
from face2mesh.lab.evaluate.parallel import for_each
from face2mesh.lab.evaluate.yaw import BINS_DEGREES, bin_of_yaw
from face2mesh.lab.pairs import read_pairs
from face2mesh.model import Model
from face2mesh.photo import Box
from face2mesh.photo.crop import RISE, SIDE_OF_BOX

REGION = "face_and_ears"
CROP_OVER_CANONICAL = 1.25
"""The pairs' crops show this much more than the canonical crop (docs/architecture.md)."""
HEADS, ALIGNMENTS = ("neutral", "expressed"), ("similarity", "rigid")
AGE_STARTS = (0, 3, 10, 20, 30, 40, 50, 60, 70)
_SEEN = ((0.0, "below 60 %"), (0.6, "60 to 80 %"), (0.8, "80 % and more"))
_TURNS = 4  # of finding codes and alignment
_THIRDS = ("lowest third", "middle third", "highest third")

FloatArray = NDArray[np.float64]


def nominal_box(picture_side: int) -> Box:
    """The face box whose canonical crop is the middle of a pair's crop."""
    side = picture_side / CROP_OVER_CANONICAL
    box = side / SIDE_OF_BOX
    middle = picture_side / 2
    return Box(middle - box / 2, middle + RISE * side - box / 2, box, box)


def measure_vertices(
    model: Model, rendered: Path, corpus: Corpus, limit: int | None = None, outside: OutOfSpan | None = None
) -> dict[str, Any]:
    """Errors over the region `face_and_ears`, of the model and of what it is to beat.

    The picture goes through the model's own two passes, from the face box of the pair's canonical crop. Beside the
    model ("error_mm"):

    - "mean_head_mm": the base head, the same for everyone.
    - "population_mm": the mean true neutral head of all other people of the file; the mean head where the corpus's
      codes have mean zero, the better baseline where they do not (ages).
    - "linear_mm": the codes and weights that the model's own encoder gave, put through the corpus's linear basis, which
      has as many numbers as the code, instead of through the decoders.
    - "decoders_mm": the true codes and weights through the model's decoders: what the decoders alone lose.
    - "best_in_span_mm", for people outside the span: the neutral head nearest to theirs that the corpus's modes can
      make, with their own expression.

    Args:
        model: on the same base head as the corpus.
        rendered: `rendered-heldout.npz`, or `rendered-outside.npz` with `outside`.
        corpus: turns the exact codes into the true heads.
        limit: measure only so many pictures.
        outside: the people of the pictures, by `person`, where they are no draws of the corpus's modes.

    Returns:
        "pictures", "people", and the groups "all", "by_yaw_degrees", "by_age" (the truth where it is known, else the
        average person's whose code is nearest), "by_brightness" and "by_contrast" of the light, "by_seen" (how many of
        the dense points nothing hides); for each "neutral" and "expressed", after "similarity" and "rigid" alignment,
        estimates of the errors above (mm), of the "gain" over the mean head and over the population's, and
        "error_minus_linear_mm".

    Raises:
        InputFileError: file, corpus and model do not belong together.
    """
    pairs = read_pairs(rendered)
    count = min(limit or len(pairs["crop"]), len(pairs["crop"]))
    pairs = {name: values[:count] for name, values in pairs.items() if len(values) == len(pairs["crop"])}
    if not np.allclose(model.base_head.vertices, corpus.mean, atol=1e-3):
        raise InputFileError(
            "The corpus was made on another base head than the model; name the build folder that the model comes from "
            "with --build."
        )
    truth = Truth.of(pairs, corpus, outside, rendered)
    errors = measured_errors(model, pairs, corpus, truth)
    result: dict[str, Any] = {
        "pictures": count,
        "people": len(np.unique(truth.person)),
        "all": _estimates(errors, truth.person, np.ones(count, bool)),
    }
    for name, (member, order) in groups_of(pairs, truth.years).items():
        result[name] = {
            group: {"pictures": int((member == group).sum()), **_estimates(errors, truth.person, member == group)}
            for group in order
            if (member == group).any()
        }
    return result


@dataclass(frozen=True)
class Truth:
    """Who is in the pictures. Letters: P people.

    Attributes:
        neutral: (P, V, 3) mm, their neutral heads.
        index: (N,), the row of `neutral` of each picture.
        person: (N,), their numbers in the file.
        years: (N,), their ages; None where the corpus knows none.
        codes: (N, M), None for people outside the span.
    """

    neutral: NDArray[np.float32]
    index: NDArray[np.intp]
    person: NDArray[Any]
    years: FloatArray | None
    codes: NDArray[np.float32] | None

    @classmethod
    def of(cls, pairs: Mapping[str, NDArray[Any]], corpus: Corpus, outside: OutOfSpan | None, path: Path) -> Truth:
        """The people of a file of rendered pairs; `path` is for messages.

        Raises:
            InputFileError: file and corpus, or file and people, do not belong together.
        """
        person = pairs["person"]
        _, first, index = np.unique(person, return_index=True, return_inverse=True)
        if outside is not None:
            if person.max(initial=-1) >= len(outside.vertices):
                raise InputFileError(
                    f"{path}: shows person {person.max()} of {len(outside.vertices)}; make it again with "
                    "`face2mesh lab pairs outside`."
                )
            rows = person[first]
            return cls(outside.vertices[rows], index.ravel(), person, outside.years[person].astype(np.float64), None)
        codes = pairs["identity"].astype(np.float32)
        if codes.shape[1] != len(corpus.identity):
            raise InputFileError(
                f"{path}: has codes of {codes.shape[1]} numbers, the corpus {len(corpus.identity)}; make it again with "
                "`face2mesh lab pairs rendered --held-out`."
            )
        aged = corpus.population.scan_modes < corpus.population.modes
        years = corpus.population.years_of(codes) if aged else None
        return cls(corpus.heads(codes[first]), index.ravel(), person, years, codes)

    def mean_of_others(self, picture: int) -> FloatArray:
        """(V, 3), the mean neutral head of all people but the one in a picture."""
        own = self.neutral[self.index[picture]].astype(np.float64)
        others: FloatArray = (self._sum - own) / max(len(self.neutral) - 1, 1)
        return others if len(self.neutral) > 1 else own

    @cached_property
    def _sum(self) -> FloatArray:
        total: FloatArray = self.neutral.sum(0, dtype=np.float64)
        return total


def measured_errors(
    model: Model, pairs: Mapping[str, NDArray[Any]], corpus: Corpus, truth: Truth
) -> dict[tuple[str, str], dict[str, FloatArray]]:
    """Mean distances in mm, (N,) each: (head, alignment) to what is measured (see `measure_vertices`)."""
    region = model.base_head.regions[REGION]
    span = Span.of(corpus, region) if truth.codes is None else None
    # Of a model from before the corpus grew, everything is measured but what needs both to speak the same codes.
    same_codes = model.identity_size == len(corpus.identity)

    def row_of(i: int) -> dict[tuple[str, str], dict[str, float]]:
        picture, weights = pairs["crop"][i], pairs["expression"][i]
        face = model.reconstruct(picture, box=nominal_box(picture.shape[1]))
        neutral = truth.neutral[truth.index[i]]
        nearest = span.nearest(neutral) if span else neutral
        row: dict[tuple[str, str], dict[str, float]] = {}
        for head in HEADS:
            true = neutral if head == "neutral" else corpus.expressed(neutral, weights)
            candidates: dict[str, NDArray[Any]] = {
                "error_mm": (face.neutral() if head == "neutral" else face).vertices,
                "mean_head_mm": corpus.mean,
                "population_mm": truth.mean_of_others(i),
            }
            if same_codes:
                candidates["linear_mm"] = corpus.heads(face.identity, None if head == "neutral" else face.weights)
            if same_codes and truth.codes is not None:
                candidates["decoders_mm"] = model.decode(truth.codes[i], None if head == "neutral" else weights)
            if span:
                candidates["best_in_span_mm"] = nearest if head == "neutral" else corpus.expressed(nearest, weights)
            for alignment in ALIGNMENTS:
                row[head, alignment] = {
                    name: float(aligned_distances(vertices, true, region, alignment == "similarity").mean())
                    for name, vertices in candidates.items()
                }
        return row

    rows = list(for_each(row_of, range(len(pairs["crop"])), len(pairs["crop"]), "rendered people"))
    return {key: {name: np.array([row[key][name] for row in rows]) for name in rows[0][key]} for key in rows[0]}


def groups_of(
    pairs: Mapping[str, NDArray[Any]], years: NDArray[Any] | None
) -> dict[str, tuple[NDArray[Any], list[str]]]:
    """Groups of pictures: name to each picture's group (N,) and the groups in their order.

    Yaw is the true one; the light's brightness is the mean of its constant term, its contrast the length of its linear
    terms over that, both in thirds of the file.
    """
    # R_net of a head turned by yaw: the third column is where the head's +Z points, in camera axes.
    toward = pairs["rotation"][:, :, 2]
    yaw = np.degrees(np.arctan2(toward[:, 0], -toward[:, 2]))
    constant = pairs["light"][:, 0].mean(1)
    contrast = np.linalg.norm(pairs["light"][:, 1:4].mean(2), axis=1) / np.maximum(constant, 1e-6)
    groups: dict[str, tuple[NDArray[Any], list[str]]] = {
        "by_yaw_degrees": (np.array([bin_of_yaw(float(y)) for y in yaw]), [bin_of_yaw(y) for y in BINS_DEGREES[:-1]]),
        "by_brightness": (_thirds(constant), list(_THIRDS)),
        "by_contrast": (_thirds(contrast), list(_THIRDS)),
    }
    if years is not None:
        names = [*(f"{low}-{high - 1}" for low, high in pairwise(AGE_STARTS)), f"{AGE_STARTS[-1]} and more"]
        groups["by_age"] = np.array(names)[np.searchsorted(AGE_STARTS, years, side="right") - 1], names
    if "visible" in pairs:
        names = [name for _, name in _SEEN]
        starts = [least for least, _ in _SEEN]
        share = pairs["visible"].mean(1)
        groups["by_seen"] = np.array(names)[np.searchsorted(starts, share, side="right") - 1], names
    return groups


def _thirds(values: NDArray[Any]) -> NDArray[np.str_]:
    return np.array(_THIRDS)[np.searchsorted(np.quantile(values, (1 / 3, 2 / 3)), values)]


@dataclass(frozen=True)
class Span:
    """What the corpus's modes can make over a region of n vertices.

    Attributes:
        corpus: whose modes.
        region: (V,) mask.
        solve: (M, 3n), least-squares codes of displacements.
    """

    corpus: Corpus
    region: NDArray[np.bool_]
    solve: FloatArray

    @classmethod
    def of(cls, corpus: Corpus, region: NDArray[np.bool_]) -> Span:
        """For a corpus."""
        basis = corpus.identity[:, region].reshape(len(corpus.identity), -1).astype(np.float64)
        return cls(corpus, region, np.asarray(np.linalg.pinv(basis).T, np.float64))

    def nearest(self, head: NDArray[Any]) -> NDArray[np.float32]:
        """(V, 3), the head that the modes can make whose region comes nearest to that of a head (V, 3).

        Codes and similarity alignment by turns; any codes, however unlikely.
        """
        target = placed = np.asarray(head[self.region], np.float64)
        for _ in range(_TURNS):
            codes = self.solve @ (placed - self.corpus.mean[self.region]).ravel()
            found = self.corpus.heads(codes.astype(np.float32))
            placed = align(target, found[self.region], scaling=True)(target)
        return found


def _estimates(
    errors: Mapping[tuple[str, str], Mapping[str, FloatArray]], person: NDArray[Any], chosen: NDArray[np.bool_]
) -> dict[str, Any]:
    result: dict[str, Any] = {head: {} for head in HEADS}
    people = person[chosen]
    for (head, alignment), measured in errors.items():
        part = {name: values[chosen] for name, values in measured.items()}
        cell = {name: mean(values, people) for name, values in part.items()}
        cell["gain"] = gain(part["error_mm"], part["mean_head_mm"], people)
        cell["gain_over_population"] = gain(part["error_mm"], part["population_mm"], people)
        if "linear_mm" in part:
            cell["error_minus_linear_mm"] = difference(part["error_mm"], part["linear_mm"], people)
        result[head][alignment] = {name: found.to_json() for name, found in cell.items()}
    return result
