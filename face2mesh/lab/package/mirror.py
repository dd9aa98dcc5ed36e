"""What a mirror does to the codes of a corpus, for the packaged model."""

from __future__ import annotations

import numpy as np

from face2mesh.head import BaseHead
from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.train.sparse_head import mirror_of
from face2mesh.model.mirror import Mirror


def packaged_mirror(base: BaseHead, corpus: Corpus) -> Mirror:
    """The mirror that training disturbs its pairs with."""
    trained = mirror_of(base, corpus)
    points = trained.points.numpy().astype(np.int32)
    landmark = {point: row for row, point in enumerate(IBUG_68)}
    landmarks = np.array([landmark[point] for point in points[list(IBUG_68)].tolist()], np.int32)
    return Mirror(trained.identity.numpy(), points, landmarks)
