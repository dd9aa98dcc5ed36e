"""Where the teeth stand: the dental arches, and how to measure them on ICT-FaceKit's mean.

Letters: N points; an arch has seven teeth a side, counted from the midline: two incisors, canine, two premolars, two
molars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from face2mesh.lab.base.part_mesh import Floats

TEETH_A_SIDE = 7
FREEWAY = 0.2  # mm; between upper and lower cusps of premolars and molars at rest
_TABLE_STEP = 0.05  # mm, of the arc-length table

_ICT_TEETH = (17039, 21451)
_ICT_SMALLEST_TOOTH = 50  # vertices; the range also holds stray single ones


@dataclass(frozen=True)
class DentalArch:
    """The curve along which one jaw's crowns stand, seen from above, and how high their edges reach.

    The curve is x(s) = Σ x_terms[k] s^(2k+1), z(s) = Σ z_terms[k] s^(2k): odd and even, hence mirror symmetric.

    Attributes:
        x_terms: (3,) of s, s³, s⁵.
        z_terms: (3,) of 1, s², s⁴.
        length: mm along the curve from the midline to the last molar's far side.
        edges: (7,) mm, the height (y) of each tooth's edge or highest cusp.
    """

    x_terms: tuple[float, ...]
    z_terms: tuple[float, ...]
    length: float
    edges: tuple[float, ...]

    def curve(self, parameter: NDArray[np.float64]) -> Floats:
        """(N, 2) x and z, mm, at the parameters s (N,)."""
        x = sum(term * parameter ** (2 * k + 1) for k, term in enumerate(self.x_terms))
        z = sum(term * parameter ** (2 * k) for k, term in enumerate(self.z_terms))
        return np.column_stack([x, z])

    def at(self, length: NDArray[np.float64]) -> tuple[Floats, Floats]:
        """Points (N, 2) and outward normals (N, 2), as x and z, at arc lengths from the midline (N,), mm, left side."""
        # A generous range of s: the arc length differs from s by a few per cent only.
        s = np.arange(0.0, 1.5 * self.length, _TABLE_STEP)
        points = self.curve(s)
        travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        here = np.interp(length, travelled, s)
        x_slope = sum((2 * k + 1) * term * here ** (2 * k) for k, term in enumerate(self.x_terms))
        z_slope = sum(2 * k * term * here ** (2 * k - 1) for k, term in enumerate(self.z_terms) if k)
        tangent = np.column_stack([x_slope, z_slope])
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        return self.curve(here), np.column_stack([-tangent[:, 1], tangent[:, 0]])


def fit_arch(crowns: NDArray[np.float64], edges: NDArray[np.float64], last_half_width: float) -> DentalArch:
    """The arch through the middles of the left side's crowns, in the least-squares sense.

    Args:
        crowns: (N, 2) x and z, mm, from the midline backwards; at least seven. A wisdom tooth as the eighth keeps
            the curve's end from curling.
        edges: (7,) y of their edges, mm.
        last_half_width: mm, from the last crown's middle to its far side.
    """
    # The chord from the mirrored first crown to the first is parted by the midline.
    steps = np.concatenate([[crowns[0, 0]], np.linalg.norm(np.diff(crowns, axis=0), axis=1)])
    s = np.cumsum(steps)
    x_terms = np.linalg.lstsq(np.column_stack([s, s**3, s**5]), crowns[:, 0], rcond=None)[0]
    z_terms = np.linalg.lstsq(np.column_stack([np.ones_like(s), s**2, s**4]), crowns[:, 1], rcond=None)[0]
    return DentalArch(
        x_terms=tuple(x_terms.tolist()),
        z_terms=tuple(z_terms.tolist()),
        length=float(s[TEETH_A_SIDE - 1]) + last_half_width,
        edges=tuple(edges.tolist()),
    )


def _left_teeth(neutral_mm: NDArray[np.float64], faces: NDArray[np.integer]) -> list[Floats]:
    """The vertices of each of ICT-FaceKit's teeth on the subject's left."""
    first, last = _ICT_TEETH
    corners = np.where(faces < 0, faces[:, :1], faces)
    inside = corners[((corners >= first) & (corners < last)).all(axis=1)] - first
    edges = np.concatenate([inside[:, [0, 1]], inside[:, [1, 2]], inside[:, [2, 3]]])
    count = last - first
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    pieces, piece = connected_components(graph, directed=False)
    teeth = [neutral_mm[first:last][piece == k] for k in range(pieces)]
    return [tooth for tooth in teeth if len(tooth) >= _ICT_SMALLEST_TOOTH and tooth[:, 0].mean() > 0]


def measure_arches(neutral_mm: NDArray[np.floating], faces: NDArray[np.integer]) -> tuple[DentalArch, DentalArch]:
    """The upper and the lower arch of ICT-FaceKit's mean, at rest, in its frame.

    ICT's molars are set into each other by more than a millimetre; here upper and lower premolars and molars part at
    the middle of the two, with `FREEWAY` between them.

    Args:
        neutral_mm: (26719, 3), ICT-FaceKit's vertices; +X subject's left, +Y up, +Z out of the face.
        faces: (F, 4), its faces; −1 marks a triangle.
    """
    teeth = _left_teeth(np.asarray(neutral_mm, np.float64), faces)
    level = float(np.mean([tooth[:, 1].mean() for tooth in teeth]))
    crowns, edges = [], []
    for upper in (True, False):
        row = sorted((t for t in teeth if (t[:, 1].mean() > level) == upper), key=lambda t: -float(t[:, 2].mean()))
        edge = np.array([t[:, 1].min() if upper else t[:, 1].max() for t in row])
        near = [t[np.abs(t[:, 1] - y) < 4.0] for t, y in zip(row, edge, strict=True)]  # mm, the crown's outer third
        crowns.append(np.array([(t[:, [0, 2]].min(axis=0) + t[:, [0, 2]].max(axis=0)) / 2 for t in near]))
        edges.append(edge[:TEETH_A_SIDE])
    middle = np.polynomial.Polynomial.fit(np.arange(3, 7), (edges[0] + edges[1])[3:] / 2, 1)(np.arange(3, 7))
    edges[0][3:] = middle + FREEWAY / 2
    edges[1][3:] = middle - FREEWAY / 2
    upper_arch = fit_arch(crowns[0], edges[0], last_half_width=4.7)
    lower_arch = fit_arch(crowns[1], edges[1], last_half_width=4.7)
    return upper_arch, lower_arch
