"""Vertex error and gain on rendered held-out people, whose heads are known exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.alignment import aligned_distances
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs import read_pairs
from face2mesh.lab.pairs.progress import progress_to
from face2mesh.model import Model
from face2mesh.photo import Box
from face2mesh.photo.crop import RISE, SIDE_OF_BOX

REGION = "face_and_ears"
CROP_OVER_CANONICAL = 1.25
"""The pairs' crops show this much more than the canonical crop (docs/architecture.md)."""


def nominal_box(picture_side: int) -> Box:
    """The face box whose canonical crop is the middle of a pair's crop."""
    side = picture_side / CROP_OVER_CANONICAL
    box = side / SIDE_OF_BOX
    middle = picture_side / 2
    return Box(middle - box / 2, middle + RISE * side - box / 2, box, box)


def measure_vertices(model: Model, heldout: Path, corpus: Corpus, limit: int | None = None) -> dict[str, Any]:
    """Errors of the model and of the mean head, over the region `face_and_ears`.

    The picture goes through the model's own two passes, from the face box of the pair's canonical crop.

    Args:
        model: on the same base head as the corpus.
        heldout: `rendered-heldout.npz`.
        corpus: turns the exact codes into the true heads.
        limit: measure only so many pictures.

    Returns:
        For "neutral" and "expressed", after "similarity" and "rigid" alignment: "error_mm", "mean_head_error_mm" and
        "gain"; each a mean over pictures (the gain: one minus the ratio of the means).
    """
    pairs = read_pairs(heldout)
    region = model.base_head.regions[REGION]
    mean_head = model.base_head.vertices
    count = min(limit or len(pairs["crop"]), len(pairs["crop"]))
    tell = progress_to(count, "rendered people")
    rows: dict[tuple[str, str], list[tuple[float, float]]] = {
        (head, alignment): [] for head in ("neutral", "expressed") for alignment in ("similarity", "rigid")
    }
    for i in range(count):
        picture = pairs["crop"][i]
        face = model.reconstruct(picture, box=nominal_box(picture.shape[1]))
        identity = pairs["identity"][i]
        truths = {"neutral": corpus.heads(identity), "expressed": corpus.heads(identity, pairs["expression"][i])}
        predictions = {"neutral": face.neutral().vertices, "expressed": face.vertices}
        for head, alignment in rows:
            true, scaling = truths[head], alignment == "similarity"
            rows[head, alignment].append(
                (
                    _mean_distance(predictions[head], true, region, scaling),
                    _mean_distance(mean_head, true, region, scaling),
                )
            )
        tell(i + 1)
    result: dict[str, Any] = {"pictures": count, "people": len(np.unique(pairs["person"][:count]))}
    for (head, alignment), values in rows.items():
        error, mean_error = np.mean(values, axis=0)
        result.setdefault(head, {})[alignment] = {
            "error_mm": float(error),
            "mean_head_error_mm": float(mean_error),
            "gain": float(1 - error / mean_error),
        }
    return result


def _mean_distance(a: NDArray[Any], b: NDArray[Any], region: NDArray[np.bool_], scaling: bool) -> float:
    return float(aligned_distances(a, b, region, scaling).mean())
