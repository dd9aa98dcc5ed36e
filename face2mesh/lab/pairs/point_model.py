"""The corpus seen through its dense points: what a fit to landmarks needs to know of a head.

Letters: N points (468 on the surface and the two iris centres), M identity modes, E = 52 expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs.mediapipe import SURFACE_COUNT, mirror_of_points

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class PointModel:
    """Points = rest + Σ identity code · identity + Σ expression weight · expression, in the head's frame.

    Attributes:
        rest: (N, 3) mm.
        identity: (M, N, 3) mm for one standard deviation.
        expression: (E, N, 3) mm at weight 1.
        mirror: (N,) int32, the point on the other side.
    """

    rest: FloatArray
    identity: FloatArray
    expression: FloatArray
    mirror: NDArray[np.int32]

    def points(self, identity: FloatArray, expression: FloatArray) -> FloatArray:
        """Points of heads: (…, M) and (…, E) to (…, N, 3)."""
        result: FloatArray = (
            self.rest
            + np.tensordot(identity, self.identity, axes=1)
            + np.tensordot(expression, self.expression, axes=1)
        )
        return result

    def moved(self, shift: FloatArray) -> PointModel:
        """The same model with its rest points moved by `shift` (N, 3) mm."""
        return PointModel(self.rest + shift, self.identity, self.expression, self.mirror)


def point_model(head: BaseHead, identity: FloatArray, expression: FloatArray, gaze_degrees: FloatArray) -> PointModel:
    """The dense points and iris centres of a corpus.

    An iris centre is the eyeball's foremost vertex; its turn by the gaze is linear in the angle here (radius · angle),
    which is 2.5 % too long at 22°.

    Args:
        head: the base head.
        identity: (M, V, 3) mm.
        expression: (E, V, 3) mm, eyeballs without their turn.
        gaze_degrees: (E, 2, 2), yaw about +Y and pitch about +X at weight 1, left and right eye.
    """
    rest, identities, expressions = (head.dense(array) for array in (head.vertices, identity, expression))
    irises = []
    for side, part in enumerate(("left_eye", "right_eye")):
        first, last = head.part_vertices[part]
        iris = first + int(head.vertices[first:last, 2].argmax())
        irises.append(iris)
        radius = float(head.vertices[iris, 2] - head.eye_centres[side, 2])
        yaw, pitch = np.radians(gaze_degrees[:, side]).T
        turn = radius * np.stack([yaw, -pitch, np.zeros_like(yaw)], axis=-1)
        expressions = np.concatenate([expressions, (expression[:, iris] + turn)[:, None]], axis=1)
    rest = np.concatenate([rest, head.vertices[irises]])
    identities = np.concatenate([identities, identity[:, irises]], axis=1)
    mirror = mirror_of_points(rest[:SURFACE_COUNT])
    return PointModel(
        rest=rest.astype(np.float32),
        identity=identities.astype(np.float32),
        expression=expressions.astype(np.float32),
        mirror=np.concatenate([mirror, [SURFACE_COUNT + 1, SURFACE_COUNT]]).astype(np.int32),
    )


def load_model(build: Path) -> tuple[BaseHead, Corpus, PointModel]:
    """The base head, the corpus on it and what a fit needs of them.

    Raises:
        InputFileError: one is missing or does not fit the other.
    """
    head = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    return head, corpus, point_model(head, corpus.identity, corpus.expression, corpus.gaze_degrees)
