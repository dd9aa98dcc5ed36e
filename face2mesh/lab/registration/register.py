"""From a scan to a mesh on the base head: placed, fitted by the morphable model, and drawn onto the scan.

Letters: V vertices, S of them skin, N vertices of the scan, M identity modes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.errors import InputFileError
from face2mesh.face import Face
from face2mesh.head.alignment import Similarity
from face2mesh.head.normals import triangle_normals, vertex_normals
from face2mesh.lab.base.closest import Surface
from face2mesh.lab.registration.locate import Marks, located, robustly_aligned
from face2mesh.lab.registration.places import EVEN, MOST, SkinPlaces
from face2mesh.lab.registration.scan import Scan
from face2mesh.lab.registration.units import Unit, unit_of
from face2mesh.lab.registration.wrap import SkinSheet, flipped, wrapped
from face2mesh.model import Model
from face2mesh.model.fit import Fit
from face2mesh.model.fitting import FitSettings, FitState, Problem, Rows, solved

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# How far a scan's points may be off before they bend the code, mm: the displacement has room for the rest.
CODE_NOISE_MM = 1.0
# So often the fit is done anew, to places that the fitted skin has on the scan; to fewer places than this it is not.
FITS_ANEW, LEAST_PLACES = 2, 400
MARKS_NOISE_MM, MARKS_THAT_COUNT = 2.0, 100
"""How far a mark may be off, and how many of them say something of their own: neighbours are off alike."""
# What of a scan is looked at, mm around the head's middle, and how fine it must be there.
AROUND_MM, MIDDLE, LONGEST_EDGE_MM = 185.0, (0.0, 0.0, -45.0), 5.0
# Points of the scan farther than this from the head, mm, are hair, clothes, or what the scanner made up.
OFF_MM = 3.0
CANDIDATES = 24
# Hair does not bend the code, if leaving it out leaves this share.
LEAST_EVEN = 0.2
# So many places are compared with the model, each the mean of a cell of at least this size, mm.
POINTS, FINEST_CELL_MM = 3000, 1.5


@dataclass(frozen=True)
class Registered:
    """A scan on the base head.

    Attributes:
        vertices: (V, 3) float32 mm, in the head's frame, all parts.
        face: the model's head that is nearest to it.
        placement: from the scan's place and unit to the head's.
        unit: of the scan.
        scan: what of it was looked at, in the head's frame.
        distances: (N,) mm, from its vertices to the head: skin and eyes.
        on_face: (N,) bool, scan vertices whose closest place is on the face.
        covered: (S,) bool, skin that the scan decided.
        flipped: how many triangles of the skin face the wrong way.
    """

    vertices: NDArray[np.float32]
    face: Face
    placement: Similarity
    unit: Unit
    scan: Scan
    distances: Array
    on_face: Mask
    covered: Mask
    flipped: int

    @property
    def measures(self) -> Mapping[str, float]:
        """Mean and 95th percentile of the distances over the face, weighted by the scan's area, and what is covered."""
        area = self.scan.areas
        mean, p95 = weighted(self.distances[self.on_face], area[self.on_face])
        off = float(area[self.distances > OFF_MM].sum() / area.sum())
        return {"mean_mm": mean, "p95_mm": p95, "covered": float(self.covered.mean()), "off": off}


def weighted(values: Array, weights: Array) -> tuple[float, float]:
    """Mean and 95th percentile of values (N,) that count by weights (N,); NaN of none."""
    if not len(values) or weights.sum() == 0:
        return float("nan"), float("nan")
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    place = min(int(np.searchsorted(reached, 0.95 * reached[-1])), len(order) - 1)
    return float((values * weights).sum() / weights.sum()), float(values[order[place]])


class Registrar:
    """Registers scans with one model; holds what all of them share."""

    def __init__(self, model: Model) -> None:
        """Measure the model's head."""
        self.model = model
        base = model.base_head
        self._sheet = SkinSheet.on(base)
        self._places = SkinPlaces.on(base, self._sheet.trust)
        eyes = [
            base.triangles[2 * first : 2 * last]
            for first, last in (base.part_quads[name] for name in ("left_eye", "right_eye"))
        ]
        self._outside = np.concatenate([self._sheet.triangles, *eyes]).astype(np.int64)

    def __call__(
        self,
        scan: Scan,
        name: str,
        *,
        unit: str | None = None,
        landmarks: Array | None = None,
        expression: bool = False,
    ) -> Registered:
        """Register a scan.

        Args:
            scan: in any place, pose and unit.
            name: of its file, for what is said of it.
            unit: a name of `units.MILLIMETRES`; None guesses.
            landmarks: (68, 3) in the scan's place and unit, NaN where unknown; None looks for the face.
            expression: whether the scan may show one; else it is taken for a neutral face.

        Raises:
            InputFileError: no face is found, or the unit cannot be right.
        """
        marks = self._marks(scan, name, landmarks)
        used = unit_of(marks.placement.scale, unit, name)
        factor = used.millimetres
        rough, _ = robustly_aligned(marks.points * factor, marks.model, scaling=False)
        start = Similarity(factor, rough.rotation, rough.translation)
        placed = self._around(scan.moved(start))
        if _inside_out(placed, start(marks.points), self.model):
            placed = placed.turned_inside_out()
        code = self.code_of_marks(start(marks.points))
        fit = self._fit(placed, code, expression, scale=not used.known)
        back = inverse(fit.placement)
        placed = placed.moved(back)
        count = self.model.base_head.skin_count
        fitted = fit.face.vertices[:count].astype(np.float64)
        result = wrapped(fitted, self._sheet, placed)
        vertices = self.model.completed(result.skin, fit.face.identity, fit.face.weights)
        distances, on_face = self._distances(vertices, placed)
        turned = flipped(vertices[:count].astype(np.float64), fitted, self._sheet.triangles)
        return Registered(
            vertices,
            fit.face,
            after(back, start),
            used,
            placed,
            distances,
            on_face,
            result.covered,
            int(turned.sum()),
        )

    def code_of_marks(self, points: Array) -> Array:
        """The code (M,) of a head that has its marks about where a scan has them.

        Where a surface is smooth, nearest places alone let a mouth slide: the fit to them begins with this head.

        Args:
            points: (N, 3) mm, in the head's frame, the 468 dense points or the 68 landmarks; NaN where unknown.
        """
        base = self.model.base_head
        embedding = base.dense if len(points) == len(base.dense.weights) else base.landmarks
        known = np.isfinite(points).all(1)
        rows = Rows(
            embedding.triangle_vertices[known].astype(np.int64),
            embedding.weights[known].astype(np.float64),
            points[known],
            np.full(int(known.sum()), MARKS_THAT_COUNT / max(int(known.sum()), MARKS_THAT_COUNT)),
        )
        problem = Problem(self.model.skin_slopes, rows, FitSettings(noise_mm=MARKS_NOISE_MM))
        begun = FitState.start(self.model.skin_slopes.modes, Similarity(1.0, np.eye(3), np.zeros(3)))
        return solved(problem, begun).identity

    def _fit(self, placed: Scan, code: Array, expression: bool, scale: bool) -> Fit:
        """The model's head that is nearest to a placed scan: to its own points first, then to places of the skin."""

        def fitted(points: Array, normals: Array, start: Similarity, code: NDArray[Any]) -> Fit:
            # What a point is off by, its neighbours are too: how many there are does not say how much they count.
            noise = CODE_NOISE_MM * math.sqrt(len(points) / MOST)
            return self.model.fit_points(
                points, normals=normals, start=start, code=code, expression=expression, scale=scale, noise_mm=noise
            )

        fit = fitted(*spread(placed), Similarity(1.0, np.eye(3), np.zeros(3)), code)
        for _ in range(FITS_ANEW):
            skin = fit.face.vertices[: self.model.base_head.skin_count].astype(np.float64)
            points, normals = self._places.met(skin, placed.moved(inverse(fit.placement)))
            if len(points) < LEAST_PLACES:
                break
            fit = fitted(fit.placement(points), normals @ fit.placement.rotation.T, fit.placement, fit.face.identity)
        return fit

    def _marks(self, scan: Scan, name: str, landmarks: Array | None) -> Marks:
        if landmarks is None:
            marks = located(scan.vertices, scan.triangles, self.model)
            if marks is None:
                raise InputFileError(
                    f"{name}: no face found from any side; give some of the 68 landmarks with --landmarks."
                )
            return marks
        own = self.model.base_head.landmarks(self.model.base_head.vertices).astype(np.float64)
        try:
            placement, distance = robustly_aligned(landmarks, own)
        except ValueError as error:
            raise InputFileError(f"{name}: the landmarks place no head ({error}); give more of them.") from error
        return Marks(landmarks, own, placement, float(np.nanmedian(distance)))

    def _around(self, scan: Scan) -> Scan:
        """What of a placed scan is head, and no shoulders."""
        near = np.linalg.norm(scan.vertices - np.array(MIDDLE), axis=1) < AROUND_MM
        return scan.part(near).finer(LONGEST_EDGE_MM)

    def _distances(self, vertices: NDArray[Any], scan: Scan) -> tuple[Array, Mask]:
        base = self.model.base_head
        found = Surface(vertices, self._outside).closest(scan.vertices, None, CANDIDATES)
        face = base.regions["face"].copy()
        for part in ("left_eye", "right_eye"):
            face[slice(*base.part_vertices[part])] = True
        for hidden in ("mouth_cavity", "eye_cavity", "nostrils"):
            face |= base.region(hidden)
        return found.distance, face[found.corners].all(1) & (scan.evenness > 0)


def spread(scan: Scan) -> tuple[Array, Array]:
    """At most `POINTS` places of a scan (N, 3), evenly spread, with their normals (N, 3): the means of a grid's cells.

    Hair is left out. Means hardly change when single vertices are missing.
    """
    even = scan.evenness > EVEN
    even |= even.mean() < LEAST_EVEN
    vertices, normals, areas = scan.vertices[even], scan.normals[even], scan.areas[even]
    cell = FINEST_CELL_MM
    while True:
        _, which = np.unique(np.floor(vertices / cell).astype(np.int64), axis=0, return_inverse=True)
        which = which.reshape(-1)
        if which.max(initial=0) < POINTS:
            break
        cell *= 1.1
    total = np.maximum(np.bincount(which, areas), 1e-12)

    def mean(values: Array) -> Array:
        return np.stack([np.bincount(which, areas * values[:, axis]) for axis in range(3)], 1) / total[:, None]

    return mean(vertices), mean(normals)


def inverse(similarity: Similarity) -> Similarity:
    """The similarity back."""
    scale, rotation = 1 / similarity.scale, similarity.rotation.T
    return Similarity(scale, rotation, -scale * rotation @ similarity.translation)


def after(second: Similarity, first: Similarity) -> Similarity:
    """First one, then the other."""
    return Similarity(second.scale * first.scale, second.rotation @ first.rotation, second(first.translation))


def _inside_out(scan: Scan, marks: Array, model: Model) -> bool:
    """Whether most of a placed scan's triangles near the marks face into the head."""
    known = marks[np.isfinite(marks).all(1)]
    base = model.base_head
    skin = base.vertices[: base.skin_count].astype(np.float64)
    rest = Surface(skin, base.skin_triangles).closest(known)
    out = vertex_normals(skin, base.skin_triangles)[rest.corners].mean(1)
    there = scan.surface.closest(known)
    facing = triangle_normals(scan.vertices, there.corners)
    return bool(((facing * out).sum(1) > 0).mean() < 0.5)
