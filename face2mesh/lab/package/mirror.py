"""What a mirror does to the codes of a corpus, for the packaged model."""

from __future__ import annotations

import numpy as np

from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.mediapipe import mirror_of_points
from face2mesh.lab.train.sparse_head import mirror_of
from face2mesh.model.mirror import Mirror


def packaged_mirror(base: BaseHead, corpus: Corpus) -> Mirror:
    """The mirror that training disturbs its pairs with, and the landmarks' beside it."""
    trained = mirror_of(base, corpus)
    landmarks = mirror_of_points(base.landmarks(base.vertices))
    return Mirror(trained.identity.numpy(), trained.points.numpy().astype(np.int32), landmarks)
