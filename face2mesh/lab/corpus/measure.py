"""How well carried surfaces agree with what they were carried from, and what the modes can make.

Letters: n people, S skin vertices, T triangles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import PARTS, BaseHead
from face2mesh.lab.base.closest import Array, Surface
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.expressions import scanned_expression
from face2mesh.lab.corpus.people import draw_people
from face2mesh.lab.corpus.sampler import sample_expressions
from face2mesh.lab.corpus.scans import EYE_SOCKETS, FACE, HEAD, MOUTH_SOCKET, Scans

Summary = dict[str, float]


def summary(distances: NDArray[Any]) -> Summary:
    """Mean, 95th and 99th percentile and greatest of distances in mm."""
    return {
        "mean": round(float(distances.mean()), 4),
        "p95": round(float(np.quantile(distances, 0.95)), 4),
        "p99": round(float(np.quantile(distances, 0.99)), 4),
        "max": round(float(distances.max()), 4),
    }


def surface_distances(skin: NDArray[Any], scanned: Array, triangles: NDArray[Any]) -> Array:
    """(N,) mm, from points to the nearest point of a surface."""
    return Surface(scanned, triangles).closest(skin, candidates=32).distance


def carrying_error(
    base: BaseHead,
    corpus: Corpus,
    scans: Scans,
    offset: Array,
    measured: NDArray[np.bool_],
    people: int = 50,
    seed: int = 50,
) -> dict[str, Any]:
    """Distances of the carried skin's vertices to the true scanned surface with the same codes.

    Args:
        base: the base head.
        corpus: what was carried.
        scans: what it was carried from.
        offset: (3,), scanned + offset is in the base head's frame.
        measured: (S,), the skin that is measured: face, ears and skull, without cavities.
        people: n.
        seed: of their codes.

    Returns:
        "rest", "people" and "expressions" (by name), each a summary in mm; the latter on the mean head at weight 1.
    """
    triangles = scans.triangles_within(FACE, HEAD, MOUTH_SOCKET, *EYE_SOCKETS)
    mean = scans.vertices + offset
    rows = np.flatnonzero(measured)
    codes = np.zeros((people, len(corpus.identity)), np.float32)
    codes[:, : len(scans.identity)] = np.random.default_rng(seed).standard_normal((people, len(scans.identity)))
    skins = corpus.skin(codes)
    gaps = []
    for code, skin in zip(codes, skins, strict=True):
        gaps.append(
            surface_distances(
                skin[rows], mean + np.tensordot(code[: len(scans.identity)], scans.identity, axes=1), triangles
            )
        )
    expressions: dict[str, Summary] = {}
    for row, name in enumerate(ARKIT_NAMES):
        true = scanned_expression(scans, name)
        if true is None:
            continue
        skin = base.vertices[rows] + corpus.expression[row, rows]
        expressions[name] = summary(surface_distances(skin, mean + true, triangles))
    return {
        "rest": summary(surface_distances(base.vertices[rows], mean, triangles)),
        "people": summary(np.concatenate(gaps)),
        "worst_person_mean": round(max(float(gap.mean()) for gap in gaps), 4),
        "expressions": expressions,
        "expressions_mean": round(float(np.mean([entry["mean"] for entry in expressions.values()])), 4),
    }


def people_error(
    base: BaseHead, corpus: Corpus, fields: NDArray[Any], people: int = 300, seed: int = 7101
) -> dict[str, dict[str, float]]:
    """How well the modes make MakeHuman's people, other ones than the modes were found on.

    Args:
        base: the base head.
        corpus: with MakeHuman's modes.
        fields: (T, V, 3) mm, of MakeHuman's targets, carried.
        people: n.
        seed: of the draw.

    Returns:
        By group of ages and for "all", as of `span_error`, with "left_by_people_modes" beside it: mean distance in mm
        after MakeHuman's modes at the people's own codes.
    """
    drawn = draw_people(np.random.default_rng(seed), people)
    region = base.regions["face_and_ears"]
    moved = np.tensordot(drawn.weights(), fields[:, region], axes=1)
    first = corpus.population.scan_modes
    made = np.tensordot(drawn.weights() @ corpus.people_codes, corpus.identity[first:, region], axes=1)
    left = np.linalg.norm(moved - made, axis=2).mean(1)
    groups = {
        "all": np.ones(people, bool),
        "under_15": drawn.years < 15,
        "15_to_50": (drawn.years >= 15) & (drawn.years < 50),
        "over_50": drawn.years >= 50,
    }
    result = {}
    for name, group in groups.items():
        errors = _left_by_modes(moved[group], corpus.identity[:, region], first)
        result[name] = {**errors, "left_by_people_modes": round(float(left[group].mean()), 4)}
    return result


def span_error(base: BaseHead, corpus: Corpus, heads: NDArray[Any]) -> dict[str, float]:
    """How near the modes can come to heads (n, V, 3) over face and ears, whatever the codes (least squares).

    Returns:
        Mean distances in mm: "displacement" from the mean head; "left_by_scan_modes" and "left_by_all_modes" after the
        nearest head of the scans' modes and of all; "scan_code" and "all_code", root mean square of those codes: above
        1 where they are unlikely.
    """
    region = base.regions["face_and_ears"]
    moved = heads[:, region] - corpus.mean[region]
    return _left_by_modes(moved, corpus.identity[:, region], corpus.population.scan_modes)


def _left_by_modes(moved: NDArray[Any], modes: NDArray[Any], scan_modes: int) -> dict[str, float]:
    result = {"displacement": round(float(np.linalg.norm(moved, axis=2).mean()), 4)}
    flat = np.asarray(moved, np.float64).reshape(len(moved), -1)
    for name, count in (("scan", scan_modes), ("all", len(modes))):
        basis = modes[:count].reshape(count, -1).astype(np.float64)
        codes = np.linalg.solve(basis @ basis.T, basis @ flat.T).T
        left = (flat - codes @ basis).reshape(moved.shape)
        result[f"left_by_{name}_modes"] = round(float(np.linalg.norm(left, axis=2).mean()), 4)
        result[f"{name}_code"] = round(float(np.sqrt((codes**2).mean())), 3)
    return result


def eye_contact(
    base: BaseHead, corpus: Corpus, people: int = 200, seed: int = 51, oldest: float | None = None
) -> Summary:
    """How far the lids' margins are in front of the eyeball's sphere, placed by the followers' weights.

    Args:
        base: the base head.
        corpus: whose people are looked at.
        people: n.
        seed: of the draw.
        oldest: only people up to this age, in years.

    Returns:
        Summaries in mm: how far margins are from where they are at rest ("change", absolute) and how deep they lie in
        the ball ("depth", 0 outside).
    """
    rng, population = np.random.default_rng(seed), corpus.population
    if oldest is None:
        codes = population.sample(rng, people)
    else:
        drawn = draw_people(rng, people)
        codes = population.codes(
            drawn.at(np.minimum(drawn.years, oldest)), rng.standard_normal((people, population.scan_modes))
        )
    followers = corpus.followers()
    skins = corpus.skin(codes)
    placed = followers.place(skins, skins, np.zeros((people, len(ARKIT_NAMES)), np.float32))
    changes, depths = [], []
    for side, part in enumerate(("left_eye", "right_eye")):
        first = base.part_vertices[part][0]
        centres = base.eye_centres[side] + placed[:, first] - base.vertices[first]
        gap = np.linalg.norm(placed[:, corpus.lids[side]] - centres[:, None], axis=2) - base.eye_radius
        rest = np.linalg.norm(base.vertices[corpus.lids[side]] - base.eye_centres[side], axis=1) - base.eye_radius
        changes.append(np.abs(gap - rest).ravel())
        depths.append(np.maximum(-gap, 0).ravel())
    result = {f"change_{name}": value for name, value in summary(np.concatenate(changes)).items()}
    result.update({f"depth_{name}": value for name, value in summary(np.concatenate(depths)).items()})
    return result


def follower_error(base: BaseHead, corpus: Corpus, people: int = 200, seed: int = 52) -> dict[str, Summary]:
    """By part, the distances in mm between vertices that the runtime places from the skin and the corpus's own."""
    rng = np.random.default_rng(seed)
    codes = corpus.population.sample(rng, people)
    weights = sample_expressions(rng, people)
    placed = corpus.followers().place(corpus.skin(codes), corpus.skin(codes, weights), weights)
    gaps = np.linalg.norm(placed - corpus.heads(codes, weights), axis=2)
    return {part: summary(gaps[:, slice(*base.part_vertices[part])]) for part in PARTS[1:]}
