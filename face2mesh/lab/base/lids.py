"""Lids rest on the eyeballs: their inner edge touches, nothing of the skin passes through.

Letters: N points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.eyes import IRIS_RADIUS, surface_height
from face2mesh.lab.base.register import Registration, carry_cavities, graph_laplacian
from face2mesh.lab.base.topology import Anatomy, Submesh

Floats = NDArray[np.float64]

EDGE_GAP = 0.08  # mm, between the eyeball and the lids' inner edge: chords of the edge stay outside
SKIN_GAP = 0.25  # mm, the least for the rest of the lids
CAVITY_GAP = 0.1  # mm, the least for the socket's walls: below the eye the skin itself is that near
MARGIN_SHARES = (0.12, 0.55, 1.0)  # where the margin's three rings lie between the front edge and the eyeball
_BULGE_END = IRIS_RADIUS + 1.2  # mm from the axis; beyond it the surface is the sclera's sphere


@dataclass(frozen=True)
class EyeSurface:
    """The analytic left eyeball: sclera and cornea.

    Attributes:
        centre: (3,) mm.
        radius: mm, of the sclera.
    """

    centre: Floats
    radius: float

    def gap(self, points: Floats) -> Floats:
        """(N,) distance from the surface along the ray from the centre, mm; negative inside."""
        out = points - self.centre
        gap: Floats = np.linalg.norm(out, axis=1) - self._reach(out)
        return gap

    def at(self, points: Floats, gap: float) -> Floats:
        """The points (N, 3) moved along the rays from the centre to a gap from the surface."""
        out = points - self.centre
        length = np.linalg.norm(out, axis=1, keepdims=True)
        moved: Floats = self.centre + out / length * (self._reach(out)[:, None] + gap)
        return moved

    def _reach(self, out: Floats) -> Floats:
        """(N,) the surface's distance from the centre in the directions out (N, 3)."""
        from_axis = np.linspace(0.0, _BULGE_END, 200)
        height = surface_height(from_axis, self.radius)
        angles, reaches = np.arctan2(from_axis, height), np.hypot(from_axis, height)
        angle = np.arctan2(np.hypot(out[:, 0], out[:, 1]), out[:, 2])
        return np.where(angle < angles[-1], np.interp(angle, angles, reaches), self.radius)


def rest_on_eyeball(registration: Registration, skin: Submesh, anatomy: Anatomy, eye: EyeSurface) -> Floats:
    """The skin (S, 3) mm with the lids' margins reaching back to the eyeballs, and nothing inside them.

    A margin runs straight from the lid's front edge towards the eyeball's centre; the socket's walls follow its inner
    edge harmonically.

    Args:
        registration: of the skin.
        skin: its topology.
        anatomy: of the skin.
        eye: the left eyeball, in the registration's frame.
    """
    result = registration.vertices.copy()
    masks = anatomy.masks
    lids = masks["lid_upper_left"] | masks["lid_lower_left"]
    inside = lids & (eye.gap(result) < SKIN_GAP)
    result[inside] = eye.at(result[inside], SKIN_GAP)
    columns = anatomy.loops["lid_columns"]
    front = result[columns[0]]
    back = eye.at(front, EDGE_GAP)
    for ring, share in zip(columns[1:], MARGIN_SHARES, strict=True):
        result[ring] = front + share * (back - front)
    walls = masks["eye_cavity_left"] | masks["eye_cavity_right"]
    result = _mirrored(result, skin.mirror)
    laplacian = graph_laplacian(registration.start, skin.quads)
    result = carry_cavities(registration.start, result, walls, laplacian, skin.mirror)
    # In front the walls lie on the eyeball, between it and the lids; behind they are free to stand off.
    ahead = result[:, 2] > eye.centre[2]
    near = masks["eye_cavity_left"] & (ahead | (eye.gap(result) < CAVITY_GAP))
    result[near] = eye.at(result[near], CAVITY_GAP)
    return _mirrored(result, skin.mirror)


def _mirrored(vertices: Floats, mirror: NDArray[np.integer]) -> Floats:
    """The left half and its mirror image."""
    result = vertices.copy()
    left = np.flatnonzero(result[:, 0] > 0)
    result[mirror[left]] = result[left] * (-1.0, 1.0, 1.0)
    return result
