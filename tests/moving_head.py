"""The made-up head with a jaw that turns, eyes that turn and a smile of one cheek: motions known exactly."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from made_up import EYES, MadeUpDecoder, made_up_head

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import gaze_rotations

HINGE = np.array([0.0, -30.0, -70.0])
JAW_DEGREES, GAZE_DEGREES = 22.0, 20.0
MOUTH, CHIN = -40.0, -70.0
"""Heights in mm between which the jaw takes the skin along."""


def about_x(degrees):
    return gaze_rotations(np.zeros(()), np.array(degrees)).astype(np.float64)


def jaw_share(places):
    """How far a point goes with the jaw: nothing above the mouth, everything below it."""
    return np.clip((MOUTH - places[:, 1]) / (MOUTH - CHIN), 0, 1) * (places[:, 2] > -60)


@lru_cache
def motions():
    """(52, V, 3) mm: a jaw that turns about HINGE, eyes that turn about their centres, a smile of one cheek."""
    head = made_up_head()
    rest = head.vertices.astype(np.float64)
    moved = np.zeros((52, *rest.shape))
    share = jaw_share(rest)
    for part, own in (("upper_teeth", 0), ("lower_teeth", 1), ("tongue", 1), ("left_eye", 0), ("right_eye", 0)):
        share[slice(*head.part_vertices[part])] = own
    moved[ARKIT_NAMES.index("jawOpen")] = share[:, None] * ((rest - HINGE) @ about_x(JAW_DEGREES).T + HINGE - rest)
    for side, centre, part in (("Left", EYES[0], "left_eye"), ("Right", EYES[1], "right_eye")):
        rows = slice(*head.part_vertices[part])
        for look, yaw, pitch in (("Up", 0, -GAZE_DEGREES), ("Down", 0, GAZE_DEGREES), ("Out", GAZE_DEGREES, 0)):
            turn = gaze_rotations(np.array(float(yaw)), np.array(float(pitch))).astype(np.float64)
            around = rest[rows] - centre
            moved[ARKIT_NAMES.index(f"eyeLook{look}{side}"), rows] = around @ turn.T - around
    cheek = np.exp(-(np.linalg.norm(rest - [30, -50, 0], axis=1) ** 2) / 200)
    cheek[head.skin_count :] = 0
    moved[ARKIT_NAMES.index("mouthSmileLeft"), :, 1] = np.where(cheek > 0.01, 6 * cheek, 0)
    return moved


@dataclass(frozen=True)
class MovingDecoder(MadeUpDecoder):
    """The made-up head of one person, who moves as `motions` says."""

    def decode(self, identity, expression):
        return (made_up_head().vertices + np.tensordot(expression, motions(), 1)).astype(np.float32)
