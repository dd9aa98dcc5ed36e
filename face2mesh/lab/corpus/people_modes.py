"""Modes that span MakeHuman's people, beside the scans'.

Letters: n people, T targets, K modes, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.corpus.people import ADULT_YEARS, TARGETS, average_people, draw_people

Array = NDArray[np.float64]
# People that the modes are found on, the seed of the draw, and how many modes are kept.
PEOPLE, SEED, MODES = 4000, 7100, 16


@dataclass(frozen=True)
class PeopleModes:
    """MakeHuman's people as codes.

    Attributes:
        modes: (K, V, 3) mm; in the population that they were found on each code has mean square 1.
        codes: (T, K), of a weight of 1 of each target.
    """

    modes: Array
    codes: Array


def neutral_weights() -> Array:
    """(T,), weights of the person that stands for the base head."""
    weights: Array = average_people(np.array([ADULT_YEARS])).weights()[0]
    return weights


def relative_to_neutral(displacements: NDArray[Any]) -> NDArray[Any]:
    """Targets (T, …) as seen from the neutral person: the macro targets are that person's alternatives.

    The weights of the macro targets sum to 1, so any person's displacement from the neutral one is the weighted sum.
    """
    weights = neutral_weights()
    macro = np.array([names[0].startswith("macrodetails/") for names in TARGETS])
    relative = np.array(displacements)
    relative[macro] -= np.tensordot(weights, displacements, axes=1).astype(relative.dtype)
    return relative


def find_modes(fields: NDArray[Any], importance: NDArray[Any], count: int = MODES) -> PeopleModes:
    """Principal components of the displacements of MakeHuman's people from the base head, which has code 0.

    The mean is not taken out: the base head, an adult, is not the mean of people of all ages, and its code is 0.

    Args:
        fields: (T, V, 3) mm, from `Carrier.carry`.
        importance: (V,), of each vertex in what "most" of the people's displacement means.
        count: K.
    """
    weights = draw_people(np.random.default_rng(SEED), PEOPLE).weights()
    targets = len(fields)
    metric = (fields * np.sqrt(importance)[:, None]).reshape(targets, -1)
    # In the targets' own space: metric = R Q with orthonormal rows Q, so that distances are those of weights · R.
    values, vectors = np.linalg.eigh(metric @ metric.T)
    root = vectors * np.sqrt(np.maximum(values, 0))
    _, scale, components = np.linalg.svd(weights @ root, full_matrices=False)
    codes = root @ components[:count].T / scale[:count] * np.sqrt(len(weights))
    drawn = weights @ codes
    # Codes of the draw are orthonormal: what a code stands for is its correlation with the displacements.
    modes = np.tensordot(drawn.T @ weights / len(weights), fields, axes=1)
    sign = np.sign(modes.reshape(count, -1)[np.arange(count), np.abs(modes).reshape(count, -1).argmax(1)])
    return PeopleModes(modes * sign[:, None, None], codes * sign)
