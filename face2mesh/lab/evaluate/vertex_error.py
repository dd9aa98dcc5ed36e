"""Vertex error and gain on rendered held-out people, whose heads are known exactly.

Letters: N pictures, V vertices, M identity modes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.lab.base.alignment import aligned_distances
from face2mesh.lab.corpus.corpus import Corpus
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
_THIRDS = ("lowest third", "middle third", "highest third")

FloatArray = NDArray[np.float64]


def nominal_box(picture_side: int) -> Box:
    """The face box whose canonical crop is the middle of a pair's crop."""
    side = picture_side / CROP_OVER_CANONICAL
    box = side / SIDE_OF_BOX
    middle = picture_side / 2
    return Box(middle - box / 2, middle + RISE * side - box / 2, box, box)


def measure_vertices(model: Model, heldout: Path, corpus: Corpus, limit: int | None = None) -> dict[str, Any]:
    """Errors over the region `face_and_ears`, of the model and of what it is to beat.

    The picture goes through the model's own two passes, from the face box of the pair's canonical crop. Beside the
    model ("error_mm"):

    - "mean_head_mm": the base head, the same for everyone.
    - "population_mm": the mean true neutral head of all other people of the file; the mean head where the corpus's
      codes have mean zero, the better baseline where they do not (ages).
    - "linear_mm": the codes and weights that the model's own encoder gave, put through the corpus's linear basis, which
      has as many numbers as the code, instead of through the decoders.
    - "decoders_mm": the true codes and weights through the model's decoders: what the decoders alone lose.

    Args:
        model: on the same base head as the corpus.
        heldout: `rendered-heldout.npz`, or another file of that kind.
        corpus: turns the exact codes into the true heads.
        limit: measure only so many pictures.

    Returns:
        "pictures", "people", and the groups "all", "by_yaw_degrees", "by_age" (where the file has ages),
        "by_brightness" and "by_contrast" of the light, "by_occlusion" (where recorded); for each "neutral" and
        "expressed", after "similarity" and "rigid" alignment, estimates of the errors above (mm), of the "gain" over
        the mean head and over the population's, and "error_minus_linear_mm".

    Raises:
        InputFileError: file, corpus and model do not belong together.
    """
    pairs = read_pairs(heldout)
    count = min(limit or len(pairs["crop"]), len(pairs["crop"]))
    pairs = {name: values[:count] for name, values in pairs.items() if len(values) == len(pairs["crop"])}
    modes = len(corpus.identity)
    if pairs["identity"].shape[1] != modes:
        raise InputFileError(
            f"{heldout}: has codes of {pairs['identity'].shape[1]} numbers, the corpus {modes}; make it again with "
            "`face2mesh lab pairs rendered --held-out`."
        )
    if not np.allclose(model.base_head.vertices, corpus.mean, atol=1e-3):
        raise InputFileError(
            "The corpus was made on another base head than the model; name the build folder that the model comes from "
            "with --build."
        )
    # A model from before the corpus grew: everything but what needs its decoders to speak the same codes.
    errors = measured_errors(model, pairs, corpus, same_codes=model.identity_size == modes)
    person = pairs["person"]
    everyone = np.ones(count, bool)
    result: dict[str, Any] = {
        "pictures": count,
        "people": len(np.unique(person)),
        "all": _estimates(errors, person, everyone),
    }
    for name, (member, order) in groups_of(pairs).items():
        result[name] = {
            group: {"pictures": int((member == group).sum()), **_estimates(errors, person, member == group)}
            for group in order
            if (member == group).any()
        }
    return result


def measured_errors(
    model: Model, pairs: Mapping[str, NDArray[Any]], corpus: Corpus, same_codes: bool
) -> dict[tuple[str, str], dict[str, FloatArray]]:
    """Mean distances in mm, (N,) each: (head, alignment) to what is measured (see `measure_vertices`)."""
    region = model.base_head.regions[REGION]
    count = len(pairs["crop"])
    codes_of_others = _mean_of_others(pairs["identity"], pairs["person"])

    def row_of(i: int) -> dict[tuple[str, str], dict[str, float]]:
        picture, identity, weights = pairs["crop"][i], pairs["identity"][i], pairs["expression"][i]
        face = model.reconstruct(picture, box=nominal_box(picture.shape[1]))
        population = corpus.heads(codes_of_others[i])
        row: dict[tuple[str, str], dict[str, float]] = {}
        for head in HEADS:
            shown = {"neutral": None, "expressed": weights}[head]
            seen = {"neutral": None, "expressed": face.weights}[head]
            candidates = {
                "error_mm": (face.neutral() if head == "neutral" else face).vertices,
                "mean_head_mm": corpus.mean,
                "population_mm": population,
            }
            if same_codes:
                candidates["linear_mm"] = corpus.heads(face.identity, seen)
                candidates["decoders_mm"] = model.decode(identity, shown)
            true = corpus.heads(identity, shown)
            for alignment in ALIGNMENTS:
                row[head, alignment] = {
                    name: float(aligned_distances(vertices, true, region, alignment == "similarity").mean())
                    for name, vertices in candidates.items()
                }
        return row

    rows = list(for_each(row_of, range(count), count, "rendered people"))
    return {key: {name: np.array([row[key][name] for row in rows]) for name in rows[0][key]} for key in rows[0]}


def groups_of(pairs: Mapping[str, NDArray[Any]]) -> dict[str, tuple[NDArray[Any], list[str]]]:
    """Groups of pictures: name to each picture's group (N,) and the groups in their order.

    Yaw is the true one; ages in years; the light's brightness is the mean of its constant term, its contrast the length
    of its linear terms over that, both in thirds of the file.
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
    if "age" in pairs:
        names = [*(f"{low}-{high - 1}" for low, high in pairwise(AGE_STARTS)), f"{AGE_STARTS[-1]} and more"]
        groups["by_age"] = np.array(names)[np.searchsorted(AGE_STARTS, pairs["age"], side="right") - 1], names
    if "occluded" in pairs:
        groups["by_occlusion"] = np.where(pairs["occluded"], "occluded", "free"), ["free", "occluded"]
    return groups


def _thirds(values: NDArray[Any]) -> NDArray[np.str_]:
    return np.array(_THIRDS)[np.searchsorted(np.quantile(values, (1 / 3, 2 / 3)), values)]


def _mean_of_others(identity: NDArray[Any], person: NDArray[Any]) -> NDArray[np.float32]:
    """(N, M), for each picture the mean code of all people but its own; zero where there is nobody else."""
    _, first, index = np.unique(person, return_index=True, return_inverse=True)
    codes = identity[first].astype(np.float64)
    others: FloatArray = (codes.sum(0) - codes) / max(len(codes) - 1, 1)
    return others[index.ravel()].astype(np.float32)


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
