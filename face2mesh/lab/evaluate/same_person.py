"""What several photos of one person bring: rendered people of whom there are many pictures, and London's two of each.

Letters: P people, K pictures of each, V vertices, R vertices of the region.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError, PhotoError
from face2mesh.face import Face
from face2mesh.head.alignment import aligned_distances
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.evaluate.fusion import faces_by_person, read_people
from face2mesh.lab.evaluate.human_error import error_without_offsets, levelled_residuals, read_human_points
from face2mesh.lab.evaluate.intervals import difference, gain, mean
from face2mesh.lab.evaluate.london import measure_people, neutral_photo
from face2mesh.lab.evaluate.parallel import for_each
from face2mesh.lab.evaluate.vertex_error import ALIGNMENTS, REGION
from face2mesh.model import Model

COUNTS = (1, 2, 4, 8)

FloatArray = NDArray[np.float64]


def measure_same_person(
    model: Model, rendered: Path, corpus: Corpus, data: Path, limit: int | None = None
) -> dict[str, Any]:
    """Heads of several photos against heads of one.

    Args:
        model: on the corpus's base head.
        rendered: `rendered-same-person.npz`.
        corpus: turns the exact codes into the true heads.
        data: folder with the London set.
        limit: only so many people of each set, at least 4.

    Returns:
        "rendered" (see `measure_rendered`) and "london" (see `measure_london_pairs`).

    Raises:
        InputFileError: a file is missing, or they do not belong together.
    """
    return {
        "rendered": measure_rendered(model, rendered, corpus, limit),
        "london": measure_london_pairs(model, data, limit),
    }


def measure_rendered(model: Model, rendered: Path, corpus: Corpus, limit: int | None = None) -> dict[str, Any]:
    """Errors of fused neutral heads over face and ears, by how many pictures are fused.

    Returns:
        "people", "pictures_of_each"; "by_photos": for each number of photos, after each alignment, "error_mm", "gain"
        over the mean head, and from two photos on "less_than_one_mm" (what fusing takes off the error of a single
        photo) and "plain_mean_error_mm" (codes averaged without weights and without a factor).

    Raises:
        InputFileError: file and corpus do not belong together, or no person has two pictures.
    """
    pairs = read_people(rendered)
    if pairs["identity"].shape[1] != len(corpus.identity):
        raise InputFileError(f"{rendered}: does not fit; make it again with `face2mesh lab pairs same-person`.")
    by_person = faces_by_person(model, pairs, limit)
    people, each = len(by_person), len(by_person[0])
    true = corpus.heads(pairs["identity"][: people * each : each].astype(np.float32))
    region = model.base_head.regions[REGION]
    baseline = {
        alignment: _errors([corpus.mean] * people, true, region, alignment == "similarity") for alignment in ALIGNMENTS
    }
    single: dict[str, FloatArray] = {}
    by_photos: dict[str, Any] = {}
    for count in (count for count in COUNTS if count <= each):
        groups = [[own[i : i + count] for i in range(0, each - count + 1, count)] for own in by_person]
        fused = [[model.fuse(group).vertices for group in own] for own in groups]
        plain = [[model.decode(np.mean([f.identity for f in group], 0)) for group in own] for own in groups]
        cells: dict[str, Any] = {}
        for alignment in ALIGNMENTS:
            scaling, rows = alignment == "similarity", np.arange(people)
            error = np.array(
                [_errors(own, [true[i]] * len(own), region, scaling).mean() for i, own in enumerate(fused)]
            )
            single.setdefault(alignment, error)
            cell = {"error_mm": mean(error, rows), "gain": gain(error, baseline[alignment], rows)}
            if count > 1:
                unweighted = [_errors(own, [true[i]] * len(own), region, scaling).mean() for i, own in enumerate(plain)]
                cell["less_than_one_mm"] = difference(single[alignment], error, rows)
                cell["plain_mean_error_mm"] = mean(np.array(unweighted), rows)
            cells[alignment] = {name: found.to_json() for name, found in cell.items()}
        by_photos[str(count)] = cells
    return {
        "people": people,
        "pictures_of_each": each,
        "mean_head_mm": {alignment: float(f"{errors.mean():.6g}") for alignment, errors in baseline.items()},
        "by_photos": by_photos,
    }


def _errors(heads: Any, true: Any, region: NDArray[np.bool_], scaling: bool) -> FloatArray:
    """Mean distances in mm of heads to the true ones beside them."""
    return np.array(
        [aligned_distances(head, truth, region, scaling).mean() for head, truth in zip(heads, true, strict=True)]
    )


def measure_london_pairs(model: Model, data: Path, limit: int | None = None) -> dict[str, Any]:
    """Neutral and smiling photo of each of London's people to measure on: do they give the same person?

    Returns:
        "people"; distances over face and ears between neutral heads, after similarity alignment: "same_person_mm" of
        the two photos, "different_people_mm" of a neutral photo and all other people's smiling ones; "recognised",
        the share of people whose smiling photo is nearest to their own neutral one, by the angle between codes;
        "code_correlation" of the two codes; and the human NME on the neutral photos of the head of one photo and of
        both, "one_photo_percent" and "fused_percent".
    """
    people = measure_people(data)[:limit]

    def both(person: str) -> tuple[Face, Face] | None:
        first = neutral_photo(data, person)
        try:
            return model.reconstruct(first), model.reconstruct(first.with_name(f"{person}-smiling.jpg"))
        except PhotoError:
            return None

    found = {
        person: pair
        for person, pair in zip(people, for_each(both, people, len(people), "London's pairs"), strict=True)
        if pair is not None
    }
    region = model.base_head.regions[REGION]
    heads = [[face.neutral().vertices for face in pair] for pair in found.values()]
    apart = np.array(
        [[aligned_distances(smiling, neutral, region, True).mean() for _, smiling in heads] for neutral, _ in heads]
    )
    codes = np.array([[face.identity for face in pair] for pair in found.values()], np.float64)
    codes -= codes.mean((0, 1))
    unit = codes / np.linalg.norm(codes, axis=2, keepdims=True)
    alike = unit[:, 0] @ unit[:, 1].T
    rows = np.arange(len(found))
    others = (apart.sum(1) - np.diag(apart)) / max(len(found) - 1, 1)
    human = read_human_points(data / "london", list(found))
    single = np.array([neutral.landmarks_px for neutral, _ in found.values()])
    fused = np.array([model.fuse(pair).landmarks_px for pair in found.values()])
    errors = {
        name: 100 * error_without_offsets(levelled_residuals(points, human))
        for name, points in (("one_photo_percent", single), ("fused_percent", fused))
    }
    estimates = {
        "same_person_mm": mean(np.diag(apart), rows),
        "different_people_mm": mean(others, rows),
        "recognised": mean((alike.argmax(1) == rows).astype(np.float64), rows),
        "code_correlation": mean(np.diag(alike), rows),
        **{name: mean(values, rows) for name, values in errors.items()},
        "fused_minus_one_photo_percent": difference(errors["fused_percent"], errors["one_photo_percent"], rows),
    }
    return {"people": len(found), **{name: value.to_json() for name, value in estimates.items()}}
