"""The base head that comes with Face2Mesh: where every data set begins."""

from __future__ import annotations

import numpy as np

from face2mesh.head import BaseHead
from face2mesh.model.manifest import BASE_HEAD_FILE, PACKAGED

BASE_HEAD = PACKAGED / BASE_HEAD_FILE
"""Its file."""


def our_base_head() -> BaseHead:
    """The packaged base head."""
    return BaseHead.load(BASE_HEAD)


def is_ours(template: BaseHead, ours: BaseHead) -> bool:
    """Whether a template is our base head: the same quads on as many vertices, so that whatever follows fits."""
    return template.vertices.shape == ours.vertices.shape and np.array_equal(template.quads, ours.quads)
