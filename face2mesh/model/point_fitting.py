"""Codes from points of a surface that is not the model's: a scan, a sculpt of another topology.

Each point is compared with the closest place of the model's surface along the surface's normal (Chen and Medioni 1992),
and the fit of `fitting` is done anew with the places found. Points that the model cannot show (hair, shoulders, the
scanner's noise) count less the farther they are, by Geman and McClure's weights whose width falls from step to step.

Letters: S skin vertices, T triangles of the skin, N points.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import Face2MeshError
from face2mesh.head.alignment import Similarity
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.base_head import BaseHead
from face2mesh.head.nearest import NearSurface
from face2mesh.head.normals import triangle_normals, vertex_areas, vertex_normals
from face2mesh.head.rough_placement import rough_placements
from face2mesh.model.fitting import FitSettings, FitState, Problem, Rows, in_unit, solved, without_opposites
from face2mesh.model.skin_slopes import SkinSlopes

Array = NDArray[np.float64]

POINT_NOISE_MM = 0.5
SAMPLES = 3000
"""So many of the points are compared in each step."""
HIDDEN = ("mouth_cavity", "eye_cavity", "nostril")
"""Regions that a scan does not show."""
FACE = "face"

_WIDTHS_MM = (20.0, 14.0, 10.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0)
_POSE_ALONE = 3
_SLIDING = 0.02
"""How much of a distance beside the normal counts: as little as keeps a point from sliding along a cheek."""
_LEAST_AGREEMENT = 0.5


class PointFitter:
    """Fits heads to points; holds what all fits share. Safe to use from several threads."""

    def __init__(self, slopes: SkinSlopes, head: BaseHead) -> None:
        """Take a model's slopes and its head."""
        self._slopes = slopes
        count = head.skin_count
        hidden = np.zeros(count, bool)
        for name, mask in head.regions.items():
            if name.startswith(HIDDEN):
                hidden |= mask[:count]
        triangles = head.skin_triangles
        area = np.linalg.norm(triangle_normals(head.vertices, triangles), axis=1)
        self._shown = triangles[~hidden[triangles].any(1) & (area > 0)]
        self._surface = NearSurface(self._shown, count)
        self._head = head
        self._border = np.zeros(count, bool)
        self._border[head.neck_border] = True

    def placements(self, points: NDArray[Any], settings: FitSettings, count: int = 3) -> list[Similarity]:
        """The best few guesses where the average head is in points (N, 3)."""
        shown = np.unique(self._shown)
        rest = self._skin(FitState.start(self._slopes.modes, Similarity(1.0, np.eye(3), np.zeros(3))))
        parts = [vertex_areas(rest, self._shown)[shown]]
        face = self._head.regions.get(FACE)
        if face is not None and face[shown].any():
            parts.append(parts[0] * face[shown])
        return rough_placements(rest[shown], parts, points, settings.scale, count)

    def fit(
        self,
        points: NDArray[Any],
        normals: NDArray[Any] | None,
        start: Similarity,
        settings: FitSettings,
        code: NDArray[Any] | None = None,
    ) -> FitState:
        """Fit codes to points.

        Args:
            points: (N, 3).
            normals: (N, 3), out of the surface, any length, or None.
            start: where the head is, roughly.
            settings: what is unknown.
            code: (M,) of the head to begin with; None is the average one.
        """
        unit = start.scale
        chosen = np.random.default_rng(0).permutation(len(points))[:SAMPLES]
        targets = np.asarray(points, np.float64)[chosen] / unit
        facing = None if normals is None else np.asarray(normals, np.float64)[chosen]
        state = FitState.start(self._slopes.modes, Similarity(1.0, start.rotation, start.translation / unit))
        if code is not None:
            state = replace(state, identity=np.asarray(code, np.float64))
        problem = None
        for number, width in enumerate(_WIDTHS_MM):
            codes = number >= _POSE_ALONE
            rows = self._rows(state, targets, facing, width)
            problem = Problem(self._slopes, rows, settings, codes=codes)
            state = solved(problem, state, 1 if number < len(_WIDTHS_MM) - 1 else 3)
        assert problem is not None
        return in_unit(without_opposites(problem, state), unit)

    def distances(self, state: FitState, points: NDArray[Any]) -> Array:
        """(N,) mm of the head, from points to the fitted surface."""
        back = (np.asarray(points, np.float64) @ state.rotation - state.shift) / state.scale
        return self._surface.closest(back, self._skin(state)).distances

    def _skin(self, state: FitState) -> Array:
        return self._slopes.skin(state.identity, state.weights)

    def _rows(self, state: FitState, targets: Array, facing: Array | None, width: float) -> Rows:
        """What to compare: each point with the closest place, along the normal there and a little beside it."""
        skin = self._skin(state)
        turned = targets @ state.rotation
        found = self._surface.closest((turned - state.shift) / state.scale, skin)
        corners = self._shown[found.triangle].astype(np.int64)
        smooth = np.einsum("nk,nkc->nc", found.shares, vertex_normals(skin, self._shown)[corners])
        smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
        limit = width**2
        weights = (limit / (limit + found.distances**2)) ** 2
        # What lies beyond the neck's border has no place on the model.
        nearest_corner = np.take_along_axis(corners, found.shares.argmax(1)[:, None], 1)[:, 0]
        weights[self._border[nearest_corner]] = 0
        if facing is not None:
            there = facing @ state.rotation
            there /= np.maximum(np.linalg.norm(there, axis=1, keepdims=True), 1e-12)
            agreement = (there * smooth).sum(1)
            # A scan whose triangles are wound the other way looks inwards all over.
            weights[agreement * np.sign(np.median(agreement)) < _LEAST_AGREEMENT] = 0
        return Rows(corners, found.shares, targets, weights, smooth)


def fit_points(
    fitter: PointFitter,
    points: NDArray[Any],
    normals: NDArray[Any] | None,
    starts: list[Similarity],
    settings: FitSettings,
    code: NDArray[Any] | None = None,
) -> tuple[FitState, Array]:
    """The best fit from several starts, and the points' distances (N,) from it, mm of the head.

    Raises:
        Face2MeshError: there are too few points.
    """
    if len(points) < len(ARKIT_NAMES):
        raise Face2MeshError(f"{len(points)} points are too few to fit a head to; give {len(ARKIT_NAMES)} or more.")
    starts = starts or fitter.placements(points, settings)
    best = None
    for start in starts:
        state = fitter.fit(points, normals, start, settings, code)
        distances = fitter.distances(state, points)
        # In the points' unit: in the head's, a head that is far too large would be near everything.
        score = float(np.median(distances)) * state.scale
        if best is None or score < best[0]:
            best = score, state, distances
    assert best is not None
    return best[1:]
