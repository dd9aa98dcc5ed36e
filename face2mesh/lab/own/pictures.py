"""Pictures to learn from: drawn people of the shape model, and the data set's own photos and renderings.

Pictures are made a block at a time, and what the encoder sees in them is kept in a file, so that a run that was stopped
goes on. Letters: K modes of the shape model.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.skins import drawn_skins
from face2mesh.lab.nets.encoder import Encoder
from face2mesh.lab.own.fine_tune import Seen, look
from face2mesh.lab.own.people import draw_people
from face2mesh.lab.pairs.rendered import World, render_pairs
from face2mesh.lab.pairs.surroundings import Backdrops
from face2mesh.lab.train.augmentation import Batch, Mirror
from face2mesh.lab.train.batches import Pairs
from face2mesh.lab.train.configuration import Augmentation
from face2mesh.lab.train.sparse_head import SparseHead
from face2mesh.store import read_arrays, write_arrays

KIND = "seen-pictures"
VERSION = 2
MADE_BY = "face2mesh train"
BLOCK = 250
TIMES = 2
"""How often each picture is looked at, each time cut and coloured a little differently."""
MOST_SKINS, PICTURES_A_SKIN = 60, 10
INVENTED = 0.15
"""Share of skins that owe nothing to photos."""
DATASETS_SHARE = 0.2
"""Of all that is learnt from, the data set's own pictures."""
AUGMENTATION = Augmentation(
    shift=0.03, scale=0.05, turn_degrees=7.0, colour=0.1, grey=0.04, blur=0.1, noise=0.02, cover=0.06
)
"""As the packaged encoder was taught with at last."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Studio:
    """What all pictures share.

    Attributes:
        encoder: looks at them; in evaluation mode.
        head: the shape model's mean head.
        corpus: its people.
        skin_head: the packaged base head, of the statistical skin.
        points: the corpus at the dense points.
        mirror: what a mirror does to labels.
        seed: of all draws.
    """

    encoder: Encoder
    head: BaseHead
    corpus: Corpus
    skin_head: BaseHead
    points: SparseHead
    mirror: Mirror
    seed: int

    def drawn(
        self,
        sculpts: FloatArray,
        count: int,
        folder: Path,
        digest: str,
        progress: Callable[[int], None] | None = None,
        deadline: float | None = None,
        workers: int = 1,
    ) -> Seen:
        """Pictures of drawn people.

        Args:
            sculpts: (·, K) codes of the sculpts.
            count: how many pictures.
            folder: for what was seen in each block.
            digest: of all that the pictures are made of; blocks of another are made anew.
            progress: told how many pictures are done.
            deadline: `time.monotonic()` after which no further block is begun, but for the first.
            workers: processes that draw.
        """
        skins = None
        parts: list[Seen] = []
        for number, first in enumerate(range(0, count, BLOCK)):
            size = min(BLOCK, count - first)
            path = folder / f"seen-{number:03d}.npz"
            kept = _kept(path, f"{digest} {size}")
            if kept is None:
                if parts and deadline is not None and time.monotonic() > deadline:
                    break
                if skins is None:
                    skins = drawn_skins(self.skin_head, skins_for(count), self.seed)
                codes, weights, of = draw_people(np.random.default_rng([self.seed, number]), size, sculpts)
                world = World(
                    self.head, self.corpus, skins, Backdrops.none(), codes, weights, self.seed + number, INVENTED
                )
                told = None if progress is None else lambda done, first=first: progress(first + done)
                drawn = render_pairs(world, workers, told)
                drawn["crop"] = np.stack([np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in drawn.pop("jpeg")])
                pairs = Pairs(drawn, rendered=True)
                pairs.labels["points"] = self.points.seen(pairs.labels)
                whose = torch.from_numpy(of)
                kept = look(self.encoder, pairs, whose, False, AUGMENTATION, self.mirror, self.seed + number, TIMES)
                _keep(path, f"{digest} {size}", kept)
            parts.append(kept)
            if progress:
                progress(first + size)
        return Seen.joined(parts)

    def of_dataset(
        self, dataset: Dataset, rows: NDArray[np.intp], codes: FloatArray, learnt: NDArray[np.intp], among: int
    ) -> Seen | None:
        """The data set's own pictures, so often that they have their share; None where there are none.

        What a photo's truth does not tell (expression, light) is what the packaged encoder says.

        Args:
            dataset: whose.
            rows: views of neutral heads that may be learnt from.
            codes: (N, K) of all heads; only those of the views count.
            learnt: (n,) rows of the heads that are the sculpts learnt from, in order.
            among: how many other pictures there are.
        """
        if not len(rows):
            return None
        arrays: dict[str, NDArray[Any]] = dataset.pairs(rows)
        count, exact = len(rows), arrays.pop("exact")
        arrays |= {
            "identity": codes[arrays["head"]],
            "expression": np.zeros((count, self.corpus.expression.shape[0]), np.float32),
        }
        told = _told(self.encoder, arrays["crop"])
        arrays["expression"][~exact] = told["expression"][~exact]
        arrays["light"] = np.where(np.isnan(arrays["light"]), told["light"], arrays["light"])
        pairs = Pairs(arrays, rendered=True)
        pairs.labels["rendered"] = torch.from_numpy(exact.astype(np.float32))
        times = max(1, round(DATASETS_SHARE / (1 - DATASETS_SHARE) * among / count))
        whose = np.searchsorted(learnt, arrays["head"])
        of = torch.from_numpy(np.stack([whose, whose], 1).astype(np.int64))
        return look(self.encoder, pairs, of, True, AUGMENTATION, self.mirror, self.seed + 1, min(times, 60))


def skins_for(pictures: int) -> int:
    """How many skins so many pictures are worth."""
    return min(MOST_SKINS, 2 + pictures // PICTURES_A_SKIN)


@torch.no_grad()
def _told(encoder: Encoder, crops: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """What the encoder says of stored crops (K, 160, 160, 3), at the canonical one in their middle."""
    border = (crops.shape[1] - 128) // 2
    middle = torch.from_numpy(crops[:, border:-border, border:-border]).permute(0, 3, 1, 2).float() / 255
    told: list[dict[str, Tensor]] = [encoder(part) for part in torch.split(middle, 64)]
    return {name: torch.cat([one[name] for one in told]).numpy() for name in ("expression", "light")}


def _kept(path: Path, digest: str) -> Seen | None:
    """What a file holds of a block, if it is of the same making."""
    if not path.exists():
        return None
    try:
        arrays, manifest = read_arrays(path, KIND, VERSION, MADE_BY)
    except InputFileError:
        return None
    if manifest.get("digest") != digest:
        return None
    tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in arrays.items()}
    labels = Batch(**{field.name: tensors[f"label_{field.name}"] for field in fields(Batch)})
    seen = {name.removeprefix("seen_"): values for name, values in tensors.items() if name.startswith("seen_")}
    return Seen(labels, seen, tensors["of"].long(), tensors["own"].bool())


def _keep(path: Path, digest: str, seen: Seen) -> None:
    """Write what was seen in a block."""
    labels = {f"label_{field.name}": getattr(seen.labels, field.name).numpy() for field in fields(Batch)}
    values = {f"seen_{name}": tensor.numpy() for name, tensor in seen.seen.items()}
    whose = {"of": seen.of.numpy(), "own": seen.own.numpy()}
    write_arrays(path, KIND, VERSION, {**labels, **values, **whose}, {"digest": digest})
