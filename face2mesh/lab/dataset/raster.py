"""Pictures of a data set's heads by the compiled rasteriser: hundredths of a second each, all but the head invented.

The same pictures that `lab pairs rendered` makes to train on, of the user's heads; see `face2mesh.lab.pairs.rendered`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.lab.dataset.dataset import Dataset
from face2mesh.lab.dataset.eyes import Eyes
from face2mesh.lab.dataset.packaged import is_ours
from face2mesh.lab.dataset.shots import Shot, picture_path
from face2mesh.lab.dataset.skins import drawn_skins
from face2mesh.lab.pairs.rendered import Setting, draw_head
from face2mesh.lab.pairs.surroundings import Backdrops, photographed
from face2mesh.store import write_atomically

INVENTED = 0.15
"""Share of skins that owe nothing to photos, for more variety."""


def setting_of(dataset: Dataset, ours: BaseHead, skins: int, seed: int) -> Setting:
    """What all pictures of the data set share.

    Args:
        dataset: whose heads are drawn.
        ours: the packaged base head, of the statistical skin.
        skins: how many to draw.
        seed: of them.
    """
    template = dataset.template
    carrying = None
    if not is_ours(template, ours):
        from face2mesh.lab.dataset.carrying import carrying as carry
        from face2mesh.lab.dataset.carrying import laid_over

        landmarks = np.asarray(template.landmarks(template.vertices), np.float64)
        skin = template.vertices[: template.skin_count]
        carrying = carry(ours, laid_over(ours, landmarks), skin, template.skin_triangles, parts=False)
    eyes = Eyes.missing_from(template, ours)
    return Setting(template, drawn_skins(ours, skins, seed, carrying), Backdrops.none(), INVENTED, eyes)


def take(setting: Setting, vertices: NDArray[np.float32], shot: Shot, folder: Path) -> None:
    """Draw one picture and write it as JPEG.

    Args:
        setting: of the data set.
        vertices: (V, 3) mm of the head.
        shot: which picture.
        folder: the data set's.

    Raises:
        OutputError: the folder cannot be written.
    """
    picture, _ = draw_head(setting, vertices, shot.view, shot.light, shot.generator, shot.look)
    jpeg = photographed(picture, shot.generator)
    write_atomically(picture_path(folder, shot.name), lambda file: file.write(jpeg))
