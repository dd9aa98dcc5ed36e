"""MakeHuman's people: who they are, and how much of each target makes them.

Letters: n people, T targets, D details.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

ANCESTRIES = ("african", "asian", "caucasian")
GENDERS = ("female", "male")
# MakeHuman's anchors of age, and the years that its heads show (its slider's own scale: 0, 0.1875, 0.5 and 1).
ANCHORS = {"baby": 1.0, "child": 10.0, "young": 25.0, "old": 90.0}
# MakeHuman grows evenly between its anchors; people's heads grow fast and then slowly. At these years a head has about
# the size that MakeHuman gives those, as measured in children (Farkas, "Anthropometry of the Head and Face", 1994);
# small children's jaws and skulls are larger than MakeHuman's.
YEARS = (1.0, 4.0, 6.0, 8.0, 12.0, 16.0, 18.0, 25.0, 90.0)
MAKEHUMAN_YEARS = (1.0, 7.0, 8.5, 10.0, 15.0, 21.0, 23.0, 25.0, 90.0)


@dataclass(frozen=True)
class Detail:
    """A movement that MakeHuman's macro targets lack: two groups of targets, and how much of it people have by age.

    Attributes:
        more: files at +1.
        less: files at −1; none where the movement has one direction.
        ages: years at which `means` are given; straight in between, constant outside.
        means: of the people of these ages.
        spread: standard deviation among people of one age.
    """

    more: tuple[str, ...]
    less: tuple[str, ...]
    ages: tuple[float, ...]
    means: tuple[float, ...]
    spread: float

    def mean(self, years: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) for ages (n,)."""
        means: NDArray[np.float64] = np.interp(years, self.ages, self.means)
        return means


def _both(name: str) -> tuple[str, ...]:
    folder, stem = name.split("/")
    return tuple(f"{folder}/{side}-{stem}" for side in "lr")


# What age does to a face beyond MakeHuman's "old", which is mild, and the fat of faces, which its weight leaves alone.
DETAILS: dict[str, Detail] = {
    "age": Detail(("head/head-age-incr",), ("head/head-age-decr",), (30, 55, 85), (0, 0.5, 1.0), 0.25),
    "fat": Detail(("head/head-fat-incr",), ("head/head-fat-decr",), (3, 10, 20, 50, 85), (0.2, 0.1, 0, 0.1, 0), 0.4),
    "eye_size": Detail(_both("eyes/eye-scale-incr"), _both("eyes/eye-scale-decr"), (3, 10, 18), (0.6, 0.3, 0), 0.2),
    "eye_bags": Detail(_both("eyes/eye-bag-incr"), _both("eyes/eye-bag-decr"), (35, 60, 85), (0, 0.4, 0.9), 0.2),
    "lids": Detail(_both("eyes/eye-eyefold-down"), _both("eyes/eye-eyefold-up"), (35, 60, 85), (0, 0.3, 0.6), 0.25),
    "laugh_lines": Detail(
        ("mouth/mouth-laugh-lines-in",), ("mouth/mouth-laugh-lines-out",), (30, 60, 85), (0, 0.4, 0.8), 0.2
    ),
    "cheek_volume": Detail(
        _both("cheek/cheek-volume-incr"),
        _both("cheek/cheek-volume-decr"),
        (3, 12, 25, 45, 85),
        (0.3, 0.1, 0, 0, -0.5),
        0.3,
    ),
    "cheek_height": Detail(_both("cheek/cheek-trans-up"), _both("cheek/cheek-trans-down"), (35, 85), (0, -0.7), 0.2),
    "double_chin": Detail(("neck/neck-double-incr",), ("neck/neck-double-decr",), (30, 60, 85), (0, 0.3, 0.5), 0.25),
    "ear_size": Detail(_both("ears/ear-scale-incr"), _both("ears/ear-scale-decr"), (30, 85), (0, 0.5), 0.2),
    "nose_tip": Detail(("nose/nose-point-down",), ("nose/nose-point-up",), (3, 14, 35, 85), (-0.2, 0, 0, 0.3), 0.2),
    "lip_volume": Detail(
        ("mouth/mouth-upperlip-volume-incr", "mouth/mouth-lowerlip-volume-incr"),
        ("mouth/mouth-upperlip-volume-decr", "mouth/mouth-lowerlip-volume-decr"),
        (35, 85),
        (0, -0.7),
        0.25,
    ),
}

TARGETS: tuple[tuple[str, ...], ...] = (
    *((f"macrodetails/{ancestry}-{gender}-{age}",) for ancestry in ANCESTRIES for gender in GENDERS for age in ANCHORS),
    *(group for detail in DETAILS.values() for group in (detail.more, detail.less)),
)
"""Groups of target files, in the order of `People.weights`."""


@dataclass(frozen=True)
class People:
    """Who they are.

    Attributes:
        years: (n,), 1 to 90.
        gender: (n,), 0 MakeHuman's female to 1 its male.
        ancestry: (n, 3), shares of `ANCESTRIES`, summing to 1.
        details: (n, D), in the order of `DETAILS`, −1.5 to 1.5.
    """

    years: NDArray[np.float64]
    gender: NDArray[np.float64]
    ancestry: NDArray[np.float64]
    details: NDArray[np.float64]

    def at(self, years: NDArray[Any]) -> People:
        """The same people at other ages; a detail goes with its mean."""
        moved = details_mean(years) - details_mean(self.years)
        return replace(self, years=np.asarray(years, np.float64), details=np.clip(self.details + moved, -1.5, 1.5))

    def weights(self) -> NDArray[np.float64]:
        """(n, T), of `TARGETS`; those of the macro targets sum to 1."""
        shown = np.interp(self.years, YEARS, MAKEHUMAN_YEARS)
        anchors = list(ANCHORS.values())
        age = np.stack([np.interp(shown, anchors, row) for row in np.eye(len(anchors))], 1)
        gender = np.stack([1 - self.gender, self.gender], 1)
        macro = np.einsum("na,ng,ny->nagy", self.ancestry, gender, age).reshape(len(age), -1)
        details = np.stack([np.maximum(self.details, 0), np.maximum(-self.details, 0)], 2)
        return np.concatenate([macro, details.reshape(len(age), -1)], 1)


def details_mean(years: NDArray[Any]) -> NDArray[np.float64]:
    """(n, D), what people of ages (n,) have of each detail on average."""
    return np.stack([detail.mean(np.asarray(years, np.float64)) for detail in DETAILS.values()], -1)


def average_people(years: NDArray[Any]) -> People:
    """People halfway between the genders and ancestries, with the mean details of their ages (n,)."""
    years = np.asarray(years, np.float64)
    return People(years, np.full(len(years), 0.5), np.full((len(years), 3), 1 / 3), details_mean(years))


ADULT_YEARS = 25.0
"""The age of the head that stands for the base head: halfway between genders and ancestries."""

# Shares of ages in photos of people, by the first and last year.
AGE_SHARES: tuple[tuple[float, float, float], ...] = (
    (3, 10, 0.14),
    (10, 15, 0.09),
    (15, 20, 0.08),
    (20, 30, 0.22),
    (30, 40, 0.17),
    (40, 50, 0.12),
    (50, 60, 0.09),
    (60, 70, 0.06),
    (70, 85, 0.03),
)
# The scans hold the differences between adults of both genders and many ancestries already: of MakeHuman's, this share
# is drawn on top of them.
SHARE = 0.35


def draw_people(rng: np.random.Generator, count: int) -> People:
    """n people of all ages from 3 to 85, as photos of people show them."""
    first, last, share = (np.array(column) for column in zip(*AGE_SHARES, strict=True))
    group = rng.choice(len(share), size=count, p=share / share.sum())
    years = rng.uniform(first[group], last[group])
    side = rng.choice([0.0, 1.0], size=count)
    gender = np.clip(0.5 + SHARE * (side - 0.5) + 0.06 * rng.standard_normal(count), 0, 1)
    ancestry = (1 - SHARE) / 3 + SHARE * rng.dirichlet(np.full(3, 0.5), size=count)
    spread = np.array([detail.spread for detail in DETAILS.values()])
    details = details_mean(years) + spread * rng.standard_normal((count, len(spread)))
    return People(years, gender, ancestry, np.clip(details, -1.5, 1.5))
