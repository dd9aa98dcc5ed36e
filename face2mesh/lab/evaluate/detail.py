"""Detail kept and noise added: a predicted displacement against the true one, band by band of the mesh's spectrum.

The spectrum is that of L = I − D⁻¹A, a vertex minus the mean of its neighbours, 0 to 2. It ignores a shift. L has an
orthonormal basis in ⟨p, t⟩ = Σ_v d_v p_v·t_v / V (d_v the number of neighbours), so that energies of disjoint bands
add up. Its *upper half* is λ > 1, where a vertex and the mean of its neighbours lie on opposite sides: detail as fine
as the mesh can hold, and noise. (Every such L has mean eigenvalue 1; a mesh of quads has exactly half of its spectrum
there.)

No eigenvectors are needed, so any mesh will do: ⟨p, h(L) t⟩ for every band h follows from the moments
μ_k = ⟨p, T_k(L − I) t⟩ of Chebyshev's polynomials (kernel polynomial method; Weiße, Wellein, Alvermann and Fehske 2006,
*Rev. Mod. Phys.* 78, 275). Bands end softly, as error functions of width `EDGE`; they are never negative, sum to 1, and
what leaks out of the huge low frequencies is below 1e-9.

Letters: N heads, V vertices, T triangles, K moments, B bands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import erf

from face2mesh.head.normals import vertex_normals
from face2mesh.lab.graph.laplacian import Matrix, adjacency, edges_of_faces

FloatArray = NDArray[np.float64]

UPPER_HALF = 1.0
"""Eigenvalue of L above which a displacement is detail (or noise)."""
EDGE = 0.04
"""Width of the bands' edges, in λ."""
MOMENTS = 240
"""Enough for edges of that width: what is cut off is below 1e-9."""
BANDS = 16
"""Of the spectrum of 0 to 2, for pictures."""
_TOGETHER = 96  # columns of a sparse product that fit the cache beside the matrix


@dataclass(frozen=True)
class Detail:
    """How much of the detail of N heads, taken together, a prediction keeps and what it adds.

    Attributes:
        gain: g = ⟨p, t⟩ / ⟨t, t⟩, the detail kept: 1 where all of it is there, 0 where none is.
        noise: √(⟨e, e⟩ / ⟨t, t⟩) with e = p − g·t, what was added beside it.
    """

    gain: float
    noise: float


@dataclass(frozen=True)
class Moments:
    """⟨p, T_k(L − I) p⟩, the same of p and t, and of t, for each head.

    Attributes:
        predicted, mixed, true: (N, K), mm² for a vertex on average.
    """

    predicted: FloatArray
    mixed: FloatArray
    true: FloatArray

    def energies(self, low: float, high: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """⟨p, p⟩, ⟨p, t⟩ and ⟨t, t⟩ in the band from `low` to `high`, each (N,), mm² for a vertex on average.

        A band that ends at 0 or 2 has no edge there.
        """
        coefficients = band_coefficients(low, high, self.true.shape[1])
        return self.predicted @ coefficients, self.mixed @ coefficients, self.true @ coefficients

    def detail(self, low: float = UPPER_HALF, high: float = 2.0) -> Detail:
        """Gain and noise of all heads together, in the upper half or in another band.

        Raises:
            ValueError: the true heads have nothing in that band.
        """
        predicted, mixed, true = (float(energy.sum()) for energy in self.energies(low, high))
        return _detail(predicted, mixed, true)

    def details(self, low: float = UPPER_HALF, high: float = 2.0) -> tuple[FloatArray, FloatArray]:
        """Gain and noise of each head, (N,) and (N,); NaN for one that has nothing in that band."""
        predicted, mixed, true = self.energies(low, high)
        with np.errstate(invalid="ignore", divide="ignore"):
            gain = np.where(true > 0, mixed / true, np.nan)
            left = np.maximum(predicted - 2 * gain * mixed + gain**2 * true, 0)
            return gain, np.sqrt(left / true)

    def of(self, heads: NDArray[Any]) -> Moments:
        """Those of some of the heads, by index or mask; a head may be named several times."""
        return Moments(self.predicted[heads], self.mixed[heads], self.true[heads])


def _detail(predicted: float, mixed: float, true: float) -> Detail:
    if not true > 0:
        raise ValueError("the true displacements have nothing in this band")
    gain = mixed / true
    return Detail(gain, float(np.sqrt(max(predicted - 2 * gain * mixed + gain**2 * true, 0.0) / true)))


def mean_of_neighbours(faces: NDArray[np.integer[Any]], vertex_count: int) -> tuple[Matrix, FloatArray]:
    """D⁻¹A (V, V) and the vertices' weights d_v / V (V,); vertices without neighbours weigh nothing."""
    adjacent = adjacency(edges_of_faces(faces), vertex_count)
    degree = np.asarray(adjacent.sum(axis=1), np.float64).ravel()
    inverse = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
    return sp.csr_array(sp.diags_array(inverse) @ adjacent), degree / vertex_count


def moments(
    predicted: NDArray[Any], true: NDArray[Any], faces: NDArray[np.integer[Any]], count: int = MOMENTS
) -> Moments:
    """Moments of displacements.

    Args:
        predicted: (N, V, 3) mm, displacements from the mean head, or from each person's neutral.
        true: (N, V, 3) mm, of the same heads.
        faces: (F, 3) or (F, 4), whose sides are the graph (see `edges_of_faces`).
        count: K.

    Raises:
        ValueError: the two shapes differ.
    """
    if predicted.shape != true.shape or true.ndim != 3:
        raise ValueError(f"predictions are {predicted.shape}, the truth is {true.shape}; both are (N, V, 3)")
    matrix, weights = mean_of_neighbours(faces, true.shape[1])
    step = -matrix  # L − I, whose spectrum is −1 to 1
    found = np.empty((3, len(true), count))
    heads = max(_TOGETHER // 6, 1)
    for first in range(0, len(true), heads):
        rows = slice(first, first + heads)
        found[:, rows] = _moments(step, weights, predicted[rows], true[rows], count)
    return Moments(*found)


def _moments(step: Matrix, weights: FloatArray, p: NDArray[Any], t: NDArray[Any], count: int) -> FloatArray:
    """(3, N, K), by μ_2k = 2⟨T_k p, T_k t⟩ − μ_0 and μ_2k+1 = 2⟨T_k+1 p, T_k t⟩ − μ_1: half of the products."""
    both = np.concatenate([p, t]).astype(np.float64)
    columns = np.ascontiguousarray(both.transpose(1, 0, 2).reshape(both.shape[1], -1))
    found = np.empty((3, len(t), count))

    def products(x: FloatArray, y: FloatArray) -> FloatArray:
        x, y = x.reshape(-1, 2, len(t), 3), y.reshape(-1, 2, len(t), 3)
        pairs = [(x[:, 0], y[:, 0]), (x[:, 0], y[:, 1]), (x[:, 1], y[:, 1])]
        return np.stack([np.einsum("v,vnc,vnc->n", weights, a, b) for a, b in pairs])

    last, term = columns, step @ columns
    found[:, :, 0] = products(columns, columns)
    if count > 1:
        found[:, :, 1] = products(term, columns)
    for k in range(1, (count + 1) // 2):
        found[:, :, 2 * k] = 2 * products(term, term) - found[:, :, 0]
        if 2 * k + 1 < count:
            last, term = term, 2 * (step @ term) - last
            found[:, :, 2 * k + 1] = 2 * products(term, last) - found[:, :, 1]
    return found


def band_coefficients(low: float, high: float, count: int = MOMENTS, edge: float = EDGE) -> FloatArray:
    """(K,) Chebyshev coefficients of a band's window over λ − 1; those of neighbouring bands sum to those of both."""
    # Chebyshev-Gauss quadrature; more nodes than moments, so that what is cut off does not fold back.
    nodes = 4 * count
    angles = np.pi * (np.arange(nodes) + 0.5) / nodes
    window = _above(1 + np.cos(angles), low, edge) - _above(1 + np.cos(angles), high, edge)
    coefficients: FloatArray = 2 / nodes * np.cos(np.outer(np.arange(count), angles)) @ window
    coefficients[0] /= 2
    return coefficients


def _above(eigenvalue: FloatArray, border: float, edge: float) -> FloatArray:
    """1 above a border and 0 below, softly; a border at an end of the spectrum lets all or nothing through."""
    if border <= 0:
        return np.ones_like(eigenvalue)
    if border >= 2:
        return np.zeros_like(eigenvalue)
    soft: FloatArray = (1 + erf((eigenvalue - border) / edge)) / 2
    return soft


def spectrum(moments: Moments, bands: int = BANDS) -> Mapping[str, list[float]]:
    """Energies in mm² for a vertex, band by band from 0 to 2, of all heads together.

    Returns:
        "true" and "predicted" energies, "error" (of p − t), "gain" and "noise", a number for each band.
    """
    borders = np.linspace(0, 2, bands + 1)
    rows: dict[str, list[float]] = {name: [] for name in ("true", "predicted", "error", "gain", "noise")}
    for low, high in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        p, mixed, t = (float(energy.mean()) for energy in moments.energies(low, high))
        detail = _detail(p, mixed, t) if t > 0 else Detail(np.nan, np.nan)
        values = (t, p, max(p - 2 * mixed + t, 0.0), detail.gain, detail.noise)
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    return rows


def normal_errors(
    predicted: NDArray[Any], true: NDArray[Any], triangles: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """(N, V) degrees between the vertex normals of two meshes (N, V, 3)."""
    cosine = np.stack(
        [
            np.einsum("vc,vc->v", vertex_normals(one, triangles), vertex_normals(other, triangles), dtype=np.float64)
            for one, other in zip(predicted, true, strict=True)
        ]
    )
    angles: NDArray[np.float32] = np.degrees(np.arccos(np.clip(cosine, -1, 1))).astype(np.float32)
    return angles
