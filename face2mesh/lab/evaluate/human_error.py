"""Error against points placed by people on the London set, after one constant offset a point is removed.

Two marking schemes never mean quite the same places, so each of the 43 comparable points has one constant offset, in
the face's own frame (levelled by the outer eye corners, divided by the face's box). It is fitted on half of the people
and removed on the other half, both ways. Letters: N people, K = 43 points.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.lab.evaluate.landmark_error import box_size

OUTER_CORNERS = (36, 45)
"""iBUG's outer eye corners, the subject's right and left."""
CHIN = 8

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class HumanPoints:
    """People's points of N neutral photos, in pixels.

    Attributes:
        people: N identifiers, sorted.
        core: K iBUG indices of the comparable points.
        points: (N, K, 2), pixels.
        corners: (N, 2, 2), the outer eye corners, the subject's right first.
        box: (N,), √(w·h) of what a 68-point markup would span.
    """

    people: tuple[str, ...]
    core: tuple[int, ...]
    points: FloatArray
    corners: FloatArray
    box: FloatArray


def read_human_points(london: Path, people: list[str]) -> HumanPoints:
    """Read `points189.json` and `map68.json` of the London folder.

    Raises:
        InputFileError: a file or a person is missing or damaged.
    """
    try:
        placed = json.loads((london / "points189.json").read_text(encoding="utf-8"))
        mapping = json.loads((london / "map68.json").read_text(encoding="utf-8"))
        core = tuple(int(i) for i in mapping["_inner_core"])
        bridge = [i for key in ("27", "28", "29", "30") for i in mapping["_weak"][key]]
        spanning = [mapping[str(i)] for i in (*core, CHIN)] + bridge + mapping["_jaw_polyline"]
        people = sorted(people)
        all_points = np.array([placed[f"{person}-neutral"] for person in people], np.float64)
        return HumanPoints(
            people=tuple(people),
            core=core,
            points=all_points[:, [mapping[str(i)] for i in core]],
            corners=all_points[:, [mapping[str(i)] for i in OUTER_CORNERS]],
            box=np.array([box_size(points[spanning]) for points in all_points]),
        )
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputFileError(
            f"{london}: the London set's points cannot be read ({error!r}); see where to get them in docs/data.md."
        ) from error


def levelled_residuals(predicted: NDArray[Any], human: HumanPoints) -> FloatArray:
    """Predicted minus placed points in the face's own frame.

    Args:
        predicted: (N, 68, 2) pixels, rows as in `human.people`.
        human: N people's points.

    Returns:
        (N, K, 2): turned so that the outer eye corners are level, in units of the box.
    """
    along = human.corners[:, 1] - human.corners[:, 0]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    residual = np.asarray(predicted, np.float64)[:, human.core] - human.points
    levelled = np.stack([np.einsum("nkc,nc->nk", residual, axis) for axis in (along, across)], -1)
    result: FloatArray = levelled / human.box[:, None, None]
    return result


def error_without_offsets(residuals: FloatArray) -> FloatArray:
    """(N,), each person's mean error after the offsets, fitted on the other half of the people, are removed.

    The halves are the even and the odd rows.

    Args:
        residuals: (N, K, 2), N at least 2.
    """
    errors = np.empty(len(residuals))
    for half in (0, 1):
        offsets = residuals[1 - half :: 2].mean(0)
        errors[half::2] = np.linalg.norm(residuals[half::2] - offsets, axis=-1).mean(1)
    return errors
