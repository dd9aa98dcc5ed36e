"""People whom the modes cannot make: MakeHuman's faces with details that the corpus has no modes for.

For measuring only. Letters: n people, D details, T groups of target files, V vertices, S of them skin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.people import SHARE, TARGETS, People, draw_people
from face2mesh.store import read_arrays, refusal_of, write_arrays

FILE = "out-of-span.npz"
KIND = "out-of-span"
VERSION = 1
MADE_BY = "face2mesh lab corpus"
SEED = 7005

# MakeHuman's details by folder: a stem and the two directions. "l-" and "r-" files come in pairs, moved alike.
_INCREASE, _OUTWARD, _UPWARD, _FORWARD = ("incr", "decr"), ("out", "in"), ("up", "down"), ("forward", "backward")
_MIDDLE: dict[str, dict[tuple[str, str], str]] = {
    "nose": {
        _INCREASE: "flaring greek hump nostrils-width point-width scale-depth scale-horiz scale-vert septumangle "
        "volume width1 width2 width3",
        _UPWARD: "base nostrils-angle trans",
        _FORWARD: "trans",
        ("convex", "concave"): "curve",
        ("compress", "uncompress"): "compression",
    },
    "chin": {_INCREASE: "bones height jaw-drop prognathism prominent width"},
    "forehead": {_INCREASE: "nubian scale-vert temple", _FORWARD: "trans"},
    "head": {_INCREASE: "back-scale-depth scale-depth scale-horiz scale-vert"},
    "mouth": {
        _INCREASE: "cupidsbow cupidsbow-width lowerlip-height lowerlip-width philtrum-volume scale-depth scale-horiz "
        "scale-vert upperlip-height upperlip-width",
        _UPWARD: "trans",
        _FORWARD: "trans",
    },
    "eyebrows": {_UPWARD: "angle trans", _FORWARD: "trans"},
}
_SIDES: dict[str, dict[tuple[str, str], str]] = {
    "cheek": {_INCREASE: "bones inner"},
    "eyes": {
        _INCREASE: "height1 height2 height3",
        _OUTWARD: "epicanthus push1 push2 trans",
        _UPWARD: "corner1 corner2 trans",
    },
    "ears": {_INCREASE: "flap lobe scale-depth scale-vert wing", _UPWARD: "trans", _FORWARD: "trans"},
}
_SINGULAR = {"eyes": "eye", "ears": "ear"}
# Shapes of the whole head; a person has some of one.
SHAPES = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
# Standard deviation of a detail, its limit, and the most of a shape that a head has.
SPREAD, LIMIT, SHAPED = 0.2, 0.5, 0.3


def detail_targets() -> tuple[tuple[str, ...], ...]:
    """Groups of target files: two directions of each detail, one after the other, then `SHAPES`."""
    groups: list[tuple[str, ...]] = []
    for folder, directions in _MIDDLE.items():
        for pair, stems in directions.items():
            groups += [(f"{folder}/{folder}-{stem}-{way}",) for stem in stems.split() for way in pair]
    for folder, directions in _SIDES.items():
        name = _SINGULAR.get(folder, folder)
        for pair, stems in directions.items():
            groups += [
                tuple(f"{folder}/{side}-{name}-{stem}-{way}" for side in "lr") for stem in stems.split() for way in pair
            ]
    return (*groups, *((f"head/head-{shape}",) for shape in SHAPES))


def draw_details(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """(n, T) weights of `detail_targets`, 0 to 1; of two directions at most one."""
    details = (len(detail_targets()) - len(SHAPES)) // 2
    amounts = np.clip(SPREAD * rng.standard_normal((count, details)), -LIMIT, LIMIT)
    both = np.stack([np.maximum(amounts, 0), np.maximum(-amounts, 0)], 2).reshape(count, -1)
    shapes = np.zeros((count, len(SHAPES)))
    shapes[np.arange(count), rng.integers(len(SHAPES), size=count)] = rng.uniform(0, SHAPED, count)
    return np.concatenate([both, shapes], 1)


@dataclass(frozen=True)
class OutOfSpan:
    """Heads that are no draws of the corpus's modes.

    Attributes:
        vertices: (n, V, 3) float32 mm, neutral, all parts, in the base head's order and frame.
        years: (n,) float32, their ages.
    """

    vertices: NDArray[np.float32]
    years: NDArray[np.float32]

    def save(self, path: Path, origin: dict[str, Any]) -> None:
        """Write them with their provenance."""
        write_arrays(path, KIND, VERSION, {"vertices": self.vertices, "years": self.years}, origin)

    @classmethod
    def load(cls, path: Path) -> OutOfSpan:
        """Read them.

        Raises:
            InputFileError: missing, damaged or of another version.
        """
        arrays, _ = read_arrays(path, KIND, VERSION, MADE_BY)
        with refusal_of(path, "a valid set of people out of span", MADE_BY):
            return cls(arrays["vertices"], arrays["years"])


def draw_out_of_span(
    base: BaseHead, corpus: Corpus, fields: NDArray[Any], details: NDArray[Any], count: int, seed: int = SEED
) -> OutOfSpan:
    """MakeHuman's people: ages, genders and ancestries as in `people.draw_people` but at full size, and details.

    Args:
        base: the base head.
        corpus: for its followers, which place eyes, teeth, tongue and lashes.
        fields: (T, V, 3) mm of `people.TARGETS`, carried, relative to the neutral person.
        details: (T', V, 3) mm of `detail_targets`, carried.
        count: n.
        seed: of the draw; no split's.
    """
    if len(fields) != len(TARGETS):
        raise ValueError(f"out of span: {len(fields)} fields of {len(TARGETS)} targets")
    rng = np.random.default_rng([seed, 0])
    people = full_size(draw_people(rng, count))
    skin = slice(0, base.skin_count)
    moved = np.tensordot(people.weights(), fields[:, skin], axes=1)
    moved += np.tensordot(draw_details(rng, count), details[:, skin], axes=1)
    skins = (base.vertices[skin] + moved).astype(np.float32)
    placed = corpus.followers().place(skins, skins, np.zeros((count, len(corpus.expression)), np.float32))
    return OutOfSpan(placed, people.years.astype(np.float32))


def full_size(people: People) -> People:
    """The same people with the whole difference between MakeHuman's genders and ancestries, of which training draws a
    share."""
    ancestry = np.clip(1 / 3 + (people.ancestry - 1 / 3) / SHARE, 0, None)
    return replace(
        people,
        gender=np.clip(0.5 + (people.gender - 0.5) / SHARE, 0, 1),
        ancestry=ancestry / ancestry.sum(1, keepdims=True),
    )
