"""How near a model comes to people whom it was not taught: their photos against their sculpts.

Letters: K views, S skin vertices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.alignment import aligned_distances
from face2mesh.lab.dataset import Dataset
from face2mesh.model import Model
from face2mesh.photo import Box

REGION = "face_and_ears"


@dataclass(frozen=True)
class HeldOut:
    """Mean distances in mm over face and ears after similarity alignment, neutral heads.

    Attributes:
        people, pictures: how many were measured.
        before_mm: of the model that training began with.
        after_mm: of the one that it made.
        mean_mm: of the shape model's mean, the same head for every picture.
        by_person: name to (before, after, mean).
    """

    people: int
    pictures: int
    before_mm: float
    after_mm: float
    mean_mm: float
    by_person: dict[str, tuple[float, float, float]]

    @property
    def lower(self) -> float:
        """By what share the error is lower than before."""
        return 1 - self.after_mm / self.before_mm

    def to_json(self) -> dict[str, Any]:
        """For a results file."""
        rounded = {name: [round(value, 4) for value in values] for name, values in self.by_person.items()}
        numbers = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items() if k != "by_person"}
        return {**numbers, "lower_by": round(self.lower, 4), "by_person": rounded}

    def told(self) -> str:
        """One line."""
        change = (
            "no better"
            if abs(self.lower) < 0.005
            else f"{abs(self.lower):.0%} {'better' if self.lower > 0 else 'WORSE'}"
        )
        return (
            f"{self.people} people held out, {self.pictures} pictures: {self.after_mm:.2f} mm, {change} than the model "
            f"that training began with ({self.before_mm:.2f} mm; the shape model's mean head, the same for everyone: "
            f"{self.mean_mm:.2f} mm)"
        )


def held_out_rows(dataset: Dataset) -> NDArray[np.intp]:
    """Views of neutral heads whom training may not see."""
    neutral = dataset.heads.neutral[dataset.views.head]
    return np.flatnonzero(dataset.view_held_out() & neutral)


def measure_held_out(
    dataset: Dataset,
    rows: NDArray[np.intp],
    before: Model,
    after: Model,
    mean: NDArray[Any],
    progress: Callable[[int], None] | None = None,
) -> HeldOut | None:
    """Reconstruct each photo of the held-out people with two models; None where there are none.

    Args:
        dataset: on the models' base head.
        rows: of its views, see `held_out_rows`.
        before, after: the models.
        mean: (S, 3) mm, of the sculpts.
        progress: told how many photos are done.
    """
    if not len(rows):
        return None
    skin = slice(0, dataset.template.skin_count)
    region = dataset.template.regions[REGION][skin]
    errors = np.empty((len(rows), 3))
    for number, row in enumerate(rows.tolist()):
        true = dataset.heads.vertices[dataset.views.head[row], skin]
        path = dataset.folder / str(dataset.views.photo[row])
        box = Box(*dataset.views.box[row].tolist())
        heads = [model.reconstruct(path, box=box).neutral().vertices[skin] for model in (before, after)]
        errors[number] = [aligned_distances(head, true, region, True).mean() for head in (*heads, mean)]
        if progress:
            progress(number + 1)
    person = dataset.heads.person[dataset.views.head[rows]]
    names = sorted(set(person.tolist()))
    by_person = {name: errors[person == name].mean(0) for name in names}
    # People count alike, however many pictures each has.
    before_mm, after_mm, mean_mm = np.mean(list(by_person.values()), axis=0).tolist()
    return HeldOut(
        people=len(names),
        pictures=len(rows),
        before_mm=before_mm,
        after_mm=after_mm,
        mean_mm=mean_mm,
        by_person={name: (float(a), float(b), float(c)) for name, (a, b, c) in by_person.items()},
    )
