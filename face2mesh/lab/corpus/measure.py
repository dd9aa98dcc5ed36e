"""How well carried surfaces agree with the scans they were carried from.

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


def eye_contact(base: BaseHead, corpus: Corpus, people: int = 200, seed: int = 51) -> Summary:
    """How far the lids' margins are in front of the eyeball's sphere, placed by the followers' weights, on random
    people.

    Returns:
        Summaries in mm: how far margins are from where they are at rest ("change", absolute) and how deep they lie in
        the ball ("depth", 0 outside).
    """
    codes = corpus.population.sample(np.random.default_rng(seed), people)
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
