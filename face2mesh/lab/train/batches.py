"""Training batches: pairs in memory, drawn and disturbed, photos and rendered heads in one batch.

Letters: N dense points.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face2mesh.errors import InputFileError
from face2mesh.lab.pairs.files import read_pairs
from face2mesh.lab.train.augmentation import STORED_SIDE, Batch, Mirror, disturbed, moved
from face2mesh.lab.train.configuration import Augmentation, Optimisation
from face2mesh.lab.train.sparse_head import SparseHead
from face2mesh.lab.train.workers import draws


class Pairs:
    """Pairs of one kind in memory; crops stay bytes until a batch needs them."""

    def __init__(self, arrays: dict[str, NDArray[Any]], rendered: bool) -> None:
        """Args: the arrays of a pairs file, and whether their truth is exact."""
        kept = np.flatnonzero(arrays["accepted"]) if "accepted" in arrays else np.arange(len(arrays["crop"]))
        count = len(kept)
        stored = arrays["crop"].shape[1]
        self.crop = torch.from_numpy(arrays["crop"][kept])
        plane = (arrays["points"][kept].astype(np.float32) / stored - 0.5) * STORED_SIDE
        light = arrays["light"][kept] if rendered else np.zeros((count, 9, 3))
        self.labels = {
            "points": _float(plane),
            "inside": _float(arrays["inside"][kept]),
            **{
                name: _float(arrays[name][kept])
                for name in ("identity", "expression", "rotation", "offset", "log_scale", "distance")
            },
            "light": _float(light),
            "rendered": torch.full((count,), float(rendered)),
            "side": torch.ones(count),
        }

    def __len__(self) -> int:
        """How many."""
        return len(self.crop)

    def batch(self, rows: Tensor) -> Batch:
        """The pairs of these rows, as they are stored."""
        return Batch(crop=self.crop[rows], **{name: values[rows] for name, values in self.labels.items()})


class Batches:
    """Step number and worker to that worker's share of the step's batch: photos first, then rendered heads."""

    def __init__(
        self,
        build: Path,
        head: SparseHead,
        mirror: Mirror,
        optimisation: Optimisation,
        augmentation: Augmentation,
        rendered_share: float,
    ) -> None:
        """Read the pairs in `build`; the rest is of the training's configuration.

        Raises:
            InputFileError: pairs are missing, damaged, or of a corpus with another number of modes.
        """
        photos, rendered = build / "photo-pairs.npz", build / "rendered-pairs.npz"
        self.photos = Pairs(read_pairs(photos), rendered=False)
        self.rendered = Pairs(read_pairs(rendered), rendered=True)
        for path, pairs in ((photos, self.photos), (rendered, self.rendered)):
            if pairs.labels["identity"].shape[1] != len(head.identity):
                raise InputFileError(
                    f"{path}: its identity codes have {pairs.labels['identity'].shape[1]} numbers, the corpus has "
                    f"{len(head.identity)} modes; make it again with `face2mesh lab pairs`."
                )
        self.rendered.labels["points"] = head.seen(self.rendered.labels)
        self.mirror, self.optimisation, self.augmentation = mirror, optimisation, augmentation
        share = optimisation.batch // optimisation.workers
        self.rendered_count = round(share * rendered_share)
        self.photo_count = share - self.rendered_count

    def __call__(self, step: int, worker: int) -> Batch:
        """The share, on the training's device."""
        generator = draws(self.optimisation.seed, step, worker)
        parts = [
            pairs.batch(torch.randint(len(pairs), (count,), generator=generator))
            for pairs, count in ((self.photos, self.photo_count), (self.rendered, self.rendered_count))
            if count
        ]
        batch = disturbed(Batch.joined(parts), self.augmentation, self.mirror, generator)
        return batch.to(torch.device(self.optimisation.device))

    def exact_labels(self) -> dict[str, Tensor]:
        """The labels of all rendered heads, disturbed as those of training crops are; the pictures are left out."""
        blank = torch.zeros(len(self.rendered), 2, 2, 3, dtype=torch.uint8)
        generator = torch.Generator().manual_seed(self.optimisation.seed)
        batch = moved(Batch(crop=blank, **self.rendered.labels), self.augmentation, self.mirror, generator, size=2)
        names = ("points", "identity", "expression", "rotation", "offset", "log_scale")
        return {name: getattr(batch, name) for name in names}


def _float(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
