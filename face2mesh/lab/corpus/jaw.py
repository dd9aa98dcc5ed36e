"""The lower jaw: it turns about the line through its condyles, and the condyles slide on the skull.

Opening is a turn about the condyles and, at the same time, a slide of the condyles forwards and down the articular
eminence; jawForward slides both, jawLeft and jawRight slide and yaw. Turn and slide are proportional to ARKit's
weights, and at weight 1 they are exactly the rigid motion of the scans' lower teeth. The skin takes part in it by a
share s: a point goes to c + s·t + exp(s·r)(x − c), c being the condyles' middle, r the rotation vector and t the
slide.

Letters: B heads, S skin vertices, E = 52 expressions, N points, A anchors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.head.rigid import best_rigid
from face2mesh.lab.corpus.correspondence import graph_laplacian

Array = NDArray[np.float64]
JAW = ("jawForward", "jawLeft", "jawRight", "jawOpen", "tongueOut")
# The condyle from the front of the ear (the tragus): Beyron's point lies 13 mm before the tragus towards the outer
# corner of the eye; the condyle's middle is inside the head, mm.
BEFORE_TRAGUS_MM, INSIDE_MM = 13.0, 20.0
# Skin vertices of either side whose motion with the identity is the condyle's.
ANCHORS = 12
# A point nearer to its place than this (mm, at full opening) has no share of its own: the neighbours' is smoothed in.
STIFF_MM, SMOOTHING, ROUNDS = 3.0, 2.0, 12


@dataclass(frozen=True)
class Jaw:
    """Motions of the lower jaw at weight 1, and how much of them the skin takes.

    Attributes:
        centre: (3,) mm, middle of the rest head's condyles.
        anchors: (A,) skin vertices that carry it with the identity.
        anchor_rest: (A, 3) mm, where they are in the rest head.
        rotation: (E, 3) rotation vectors in radians.
        slide: (E, 3) mm, of the condyles.
        share: (S,) 0 (skull) to 1 (chin).
    """

    centre: Array
    anchors: NDArray[np.int32]
    anchor_rest: Array
    rotation: Array
    slide: Array
    share: Array

    def centres(self, neutral: NDArray[Any]) -> Array:
        """(B, 3) mm, the condyles' middle of neutral skins (B, S, 3)."""
        moved: Array = self.centre + (neutral[:, self.anchors] - self.anchor_rest).mean(1)
        return moved

    def motion(self, weights: NDArray[Any]) -> tuple[Array, Array]:
        """Rotation vectors and slides, (B, 3) each, of weights (B, E)."""
        chosen = np.asarray(weights, np.float64)
        return chosen @ self.rotation, chosen @ self.slide

    def moved(self, points: NDArray[Any], weights: NDArray[Any], share: NDArray[Any], centres: NDArray[Any]) -> Array:
        """Points (B, N, 3) with shares (N,), moved by weights (B, E) about condyles (B, 3)."""
        result = np.array(points, np.float64)
        rotations, slides = self.motion(weights)
        _turn(result, rotations, slides, np.asarray(share, np.float64), np.asarray(centres, np.float64), False)
        return result

    def unmoved(self, points: NDArray[Any], weights: NDArray[Any], share: NDArray[Any], centres: NDArray[Any]) -> Array:
        """The points that `moved` takes to these."""
        result = np.array(points, np.float64)
        rotations, slides = self.motion(weights)
        _turn(result, rotations, slides, np.asarray(share, np.float64), np.asarray(centres, np.float64), True)
        return result


@njit(cache=True)
def _turn(points: Array, rotations: Array, slides: Array, share: Array, centres: Array, back: bool) -> None:
    """Turn and slide points (B, N, 3) in place, by Rodrigues' formula; back: the inverse."""
    for head in range(len(points)):
        x, y, z = rotations[head]
        full = np.sqrt(x * x + y * y + z * z)
        slide = slides[head]
        if full == 0 and slide[0] == 0 and slide[1] == 0 and slide[2] == 0:
            continue
        if full > 0:
            x, y, z = x / full, y / full, z / full
        for row in range(points.shape[1]):
            part = share[row]
            if part == 0:
                continue
            angle = -part * full if back else part * full
            c, s = np.cos(angle), np.sin(angle)
            a = points[head, row, 0] - centres[head, 0]
            b = points[head, row, 1] - centres[head, 1]
            d = points[head, row, 2] - centres[head, 2]
            if back:
                a, b, d = a - part * slide[0], b - part * slide[1], d - part * slide[2]
            along = (x * a + y * b + z * d) * (1 - c)
            turned = (
                a * c + (y * d - z * b) * s + x * along,
                b * c + (z * a - x * d) * s + y * along,
                d * c + (x * b - y * a) * s + z * along,
            )
            for axis in range(3):
                moved = centres[head, axis] + turned[axis]
                points[head, row, axis] = moved if back else moved + part * slide[axis]


def find_jaw(base: BaseHead, expression: NDArray[Any], tongue_share: float) -> Jaw:
    """Measure the jaw's motions in the linear corpus's shapes.

    Args:
        base: the base head.
        expression: (52, V, 3) mm, the linear corpus's, all parts.
        tongue_share: how far `tongueOut` opens the jaw.
    """
    rest = base.vertices.astype(np.float64)
    centre = condyles(base)
    first, last = base.part_vertices["lower_teeth"]
    rotation, slide = np.zeros((len(ARKIT_NAMES), 3)), np.zeros((len(ARKIT_NAMES), 3))
    for name in JAW[:4]:
        row = ARKIT_NAMES.index(name)
        motion = best_rigid(rest[first:last], expression[row, first:last])
        rotation[row] = Rotation.from_matrix(motion.rotation).as_rotvec()
        slide[row] = motion.rotation @ centre + motion.translation - centre
    for both in (rotation, slide):
        both[ARKIT_NAMES.index("tongueOut")] = tongue_share * both[ARKIT_NAMES.index("jawOpen")]
    skin = rest[: base.skin_count]
    side = np.array([1.0, 0.0, 0.0]) * INSIDE_MM
    beside = [np.linalg.norm(skin - (centre + sign * 3 * side), axis=1) for sign in (1, -1)]
    left = np.argsort(beside[0])[:ANCHORS]
    anchors = np.concatenate([left, base.mirror[left]]).astype(np.int32)
    jaw = Jaw(centre, anchors, rest[anchors], rotation, slide, np.zeros(base.skin_count))
    opening = expression[ARKIT_NAMES.index("jawOpen"), : base.skin_count].astype(np.float64)
    share = _shares(base, jaw, opening)
    return Jaw(centre, anchors, rest[anchors], rotation, slide, share)


def condyles(base: BaseHead) -> Array:
    """(3,) mm, the middle between the condyles, from the ears' front and the eyes' outer corners."""
    rest = base.vertices.astype(np.float64)
    ear = rest[base.regions["ear_left"]]
    tragus = ear[ear[:, 2].argmax()]
    lid = rest[base.regions["lid_upper_left"]]
    towards = lid[lid[:, 0].argmax()] - tragus
    beyron = tragus + BEFORE_TRAGUS_MM * towards / np.linalg.norm(towards)
    return np.array([0.0, beyron[1], beyron[2]])


def _shares(base: BaseHead, jaw: Jaw, opening: Array) -> Array:
    """(S,) the share of the jaw's opening that is nearest to a displacement (S, 3), smoothed over the skin.

    Gauss–Newton on |c + s·t + exp(s·r)(x − c) − x − d|², beside a graph-Laplacian penalty that decides where the jaw
    hardly moves a point; symmetric.
    """
    rest = base.vertices[: base.skin_count].astype(np.float64)
    count = len(rest)
    weights = np.zeros((1, len(ARKIT_NAMES)))
    weights[0, ARKIT_NAMES.index("jawOpen")] = 1
    laplacian = graph_laplacian(base.skin_quads, count)
    from scipy.sparse import diags
    from scipy.sparse.linalg import spsolve

    share = np.zeros(count)
    centre = jaw.centre[None]
    for _ in range(ROUNDS):
        here = jaw.moved(rest[None], weights, share, centre)[0]
        step = 1e-4
        slope = (jaw.moved(rest[None], weights, share + step, centre)[0] - here) / step
        left = rest + opening - here
        information = (slope**2).sum(1)
        system = diags(information + STIFF_MM**2 * 1e-3) + STIFF_MM**2 * SMOOTHING * laplacian.T @ laplacian
        wanted = information * share + (slope * left).sum(1)
        share = np.clip(spsolve(system.tocsc(), wanted), 0, 1)
        share = (share + share[base.mirror[:count]]) / 2
    share[share < 1e-3] = 0
    return share
