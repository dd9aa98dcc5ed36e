"""From the fitted head to the scan: a smooth displacement of the skin, with falling stiffness.

Each step solves (W + α L + β L A⁻¹ L + μ) r = W d for the displacement r of the fitted skin: data, membrane, thin plate
(Botsch and Sorkine 2008, "On linear variational surface deformation methods", section 2) and a weak spring to the
fitted head, which decides where there is no scan. Data are distances along the scan's normals, from the skin's vertices
to the scan and, in the last steps, from the scan's vertices to the skin's triangles. L is the rest head's Laplacian, so
that left and right are equally stiff.

Letters: S skin vertices, T triangles, N points of the scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from face2mesh.head.base_head import BaseHead
from face2mesh.head.normals import triangle_normals, vertex_areas, vertex_normals
from face2mesh.lab.base.closest import Surface, SurfacePoints
from face2mesh.lab.base.register import graph_laplacian
from face2mesh.lab.registration.regions import SkinTrust
from face2mesh.lab.registration.scan import Scan

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

STEPS = 10
# First and last step: stiffness of the membrane and of the plate, and how far away the scan may be, mm.
MEMBRANE, PLATE, REACH_MM = (20.0, 0.02), (40.0, 0.08), (5.0, 2.5)
SPRING = 0.002
# In the last steps the scan's own vertices pull too; each skin vertex feels them as so many of its own pulls.
BOTH_WAYS_FROM, SCAN_SHARE = 5, 1.5
MENDING_ROUNDS = 6
# A cosine between normals that no rounding to float32 turns over.
CLEARLY = 0.01
# Cosine between normals from which on two surfaces face the same way, and triangles tried for each point.
AGREEMENT, CANDIDATES = 0.5, 16
# Beside a border the skin is still covered so far, mm: scans miss single triangles.
HOLE_MM = 1.5


@dataclass(frozen=True)
class SkinSheet:
    """The skin as an elastic sheet.

    Attributes:
        triangles: (T, 3).
        trust: which vertices a scan may pull.
        membrane, plate: (S, S), L and L A⁻¹ L of the rest head.
    """

    triangles: Indices
    trust: SkinTrust
    membrane: csr_matrix[Any]
    plate: csr_matrix[Any]

    @classmethod
    def on(cls, base: BaseHead) -> SkinSheet:
        """Of a base head's rest shape."""
        skin = base.vertices[: base.skin_count].astype(np.float64)
        trust = SkinTrust.on(base)
        laplacian = graph_laplacian(skin, base.skin_quads.astype(np.int64))
        plate = laplacian @ diags(1 / np.maximum(trust.area, 0.1)) @ laplacian
        return cls(base.skin_triangles.astype(np.int64), trust, laplacian, csr_matrix(plate))

    def around(self, vertices: Indices) -> Array:
        """(S,) 1 at these vertices, fading to 0 within four rings."""
        near = np.zeros(len(self.trust.pull))
        near[vertices] = 1
        share = diags(1 / np.asarray(self.neighbours.sum(1)).ravel()) @ self.neighbours
        widened = (self.neighbours @ near > 0).astype(np.float64)
        faded: Array = share @ (share @ widened)
        return np.maximum(faded, near)

    @cached_property
    def neighbours(self) -> csr_matrix[Any]:
        """(S, S), 1 for vertices of one triangle, and on the diagonal."""
        count = len(self.trust.pull)
        pairs = np.concatenate([self.triangles[:, [k, (k + 1) % 3]] for k in range(3)])
        pairs = np.concatenate([pairs, pairs[:, ::-1], np.repeat(np.arange(count)[:, None], 2, 1)])
        return csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))


@dataclass(frozen=True)
class Meeting:
    """Where a skin meets a scan.

    Attributes:
        targets: (S, 3) the closest places.
        normals: (S, 3) of the scan there.
        weights: (S,) how much each counts.
    """

    targets: Array
    normals: Array
    weights: Array


def meeting(skin: Array, sheet: SkinSheet, scan: Scan, pull: Array, reach: float) -> Meeting:
    """Closest places of a scan to a skin in the same frame, and how much each counts.

    Weights fall with the distance as Tukey's do, and are nothing beyond the scan's border and where its normal and the
    skin's are more than 60° apart.

    Args:
        skin: (S, 3) mm.
        sheet: the skin's.
        scan: in the skin's frame, mm.
        pull: (S,) the most that each vertex counts.
        reach: mm.
    """
    normals: Array = vertex_normals(skin, sheet.triangles).astype(np.float64)
    asked = np.flatnonzero(pull > 0)
    found, smooth, kept = agreeing(skin[asked], normals[asked], scan, HOLE_MM)
    targets, facing, weights = skin.copy(), normals.copy(), np.zeros(len(skin))
    targets[asked] = found_places(found, scan.vertices)
    facing[asked] = smooth
    near = np.clip(1 - (found.distance / reach) ** 2, 0, 1) ** 2
    even = np.where(sheet.trust.hairy[asked], found_places(found, scan.evenness[:, None])[:, 0], 1)
    weights[asked] = pull[asked] * near * kept * even
    return Meeting(targets, facing, weights)


def agreeing(points: Array, normals: Array, scan: Scan, hole: float) -> tuple[SurfacePoints, Array, Mask]:
    """The closest places of a scan, its normals there, and whether it is the same surface.

    Args:
        points: (N, 3) mm, in the scan's frame.
        normals: (N, 3) unit, or nearly.
        scan: in mm.
        hole: how far beside its border still counts, mm.

    Returns:
        The places; (N, 3) unit normals; (N,) whether they are within 60° and the place is not beyond the border.
    """
    found = scan.surface.closest(points, normals, CANDIDATES)
    smooth = found_places(found, scan.normals)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    same = (found.agreement > AGREEMENT) & ((smooth * normals).sum(1) > AGREEMENT)
    return found, smooth, same & ~scan.beyond(found, points, hole)


def found_places(found: SurfacePoints, values: Array) -> Array:
    """What a surface's vertices have (V, C), at the places found on it (N, C)."""
    places: Array = np.einsum("nk,nkc->nc", found.weights, values[found.corners])
    return places


@dataclass(frozen=True)
class Wrapped:
    """The result.

    Attributes:
        skin: (S, 3) mm.
        covered: (S,) bool, where a scan decided.
        flipped: how many triangles face the wrong way.
    """

    skin: Array
    covered: Mask
    flipped: int


def wrapped(fitted: Array, sheet: SkinSheet, scan: Scan) -> Wrapped:
    """Draw the fitted skin (S, 3) onto a scan in its frame, mm."""
    skin, triangles = fitted, sheet.triangles
    allowed = np.ones(len(skin))
    for step in range(STEPS):
        membrane, plate, reach = (float(np.geomspace(*ends, STEPS)[step]) for ends in (MEMBRANE, PLATE, REACH_MM))
        stiffness = membrane * sheet.membrane + plate * sheet.plate + SPRING * diags(np.ones(len(skin)))
        matrix, right = _pulls(skin, sheet, scan, reach, step >= BOTH_WAYS_FROM, allowed)
        skin = _solved(stiffness, matrix, right, fitted)
    # Where triangles turned over, the scan's pull is given up little by little.
    for _ in range(MENDING_ROUNDS):
        bad = flipped(skin, fitted, triangles)
        if not bad.any():
            break
        allowed = allowed * np.where(sheet.around(triangles[bad]) > 0, 0.3, 1)
        matrix, right = _pulls(skin, sheet, scan, REACH_MM[1], True, allowed)
        skin = _solved(stiffness, matrix, right, fitted)
    skin = mended(skin, fitted, sheet)
    anywhere = (sheet.trust.pull > 0).astype(np.float64)
    covered = meeting(skin, sheet, scan, anywhere, REACH_MM[1]).weights > 0
    return Wrapped(skin, covered, int(flipped(skin, fitted, triangles).sum()))


def mended(skin: Array, fitted: Array, sheet: SkinSheet) -> Array:
    """The skin (S, 3) with what turned over, or nearly, moved back towards the fitted head, where nothing is."""
    for _ in range(4 * MENDING_ROUNDS):
        bad = flipped(skin, fitted, sheet.triangles, CLEARLY)
        if not bad.any():
            break
        skin = skin + (0.5 * sheet.around(sheet.triangles[bad]))[:, None] * (fitted - skin)
    return skin


def _solved(stiffness: Any, matrix: Any, right: Array, fitted: Array) -> Array:
    system = csc_matrix(stiffness + matrix)
    displacement = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(
        right - matrix @ fitted
    )
    moved: Array = fitted + displacement
    return moved


def _pulls(
    skin: Array, sheet: SkinSheet, scan: Scan, reach: float, both_ways: bool, allowed: Array
) -> tuple[Any, Array]:
    """Weights (S, S) and weighted targets (S, 3) of the data."""
    pull = sheet.trust.pull * allowed
    met = meeting(skin, sheet, scan, pull, reach)
    gap = ((met.targets - skin) * met.normals).sum(1, keepdims=True)
    weights = met.weights * sheet.trust.area
    matrix: Any = diags(weights)
    right = weights[:, None] * (skin + gap * met.normals)
    if both_ways:
        rows, targets = _from_scan(skin, sheet, scan, reach, pull)
        matrix = matrix + rows.T @ rows
        right = right + rows.T @ targets
    return matrix, right


def _from_scan(skin: Array, sheet: SkinSheet, scan: Scan, reach: float, pull: Array) -> tuple[csr_matrix[Any], Array]:
    """Rows (N, S) and targets (N, 3), times the roots of their weights: the scan's vertices on the skin's triangles."""
    surface = Surface(skin, sheet.triangles[(pull > 0)[sheet.triangles].all(1)])
    normals = scan.normals
    found = surface.closest(scan.vertices, normals, CANDIDATES)
    places = found_places(found, skin)
    gap = ((scan.vertices - places) * normals).sum(1, keepdims=True)
    near = np.clip(1 - (found.distance / reach) ** 2, 0, 1) ** 2
    trusted = (found.weights * pull[found.corners]).sum(1)
    trusted *= np.where(sheet.trust.hairy[found.corners].all(1), scan.evenness, 1)
    facing = found.agreement > AGREEMENT
    # The scan's area stands for the skin's: a fine scan pulls no harder than a coarse one.
    share = scan.areas / vertex_areas(skin, sheet.triangles).mean()
    root = np.sqrt(SCAN_SHARE * share * near * trusted * facing)
    return diags(root) @ found.matrix(len(skin)), root[:, None] * (places + gap * normals)


def flipped(skin: Array, fitted: Array, triangles: Indices, least: float = 0.0) -> Mask:
    """(T,) triangles that face away from where they faced in the fitted head, or away from their quad's other half.

    Args:
        skin, fitted: (S, 3).
        triangles: (T, 3), a quad's halves one after the other.
        least: cosine between two normals from which on they face the same way.
    """
    normals, before = (_unit(triangle_normals(places, triangles)) for places in (skin, fitted))
    turned = (normals * before).sum(1) <= least
    folded = (normals[0::2] * normals[1::2]).sum(1) <= least
    already = (before[0::2] * before[1::2]).sum(1) <= CLEARLY
    over: Mask = turned | np.repeat(folded & ~already, 2)
    return over


def _unit(vectors: NDArray[Any]) -> Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Array = vectors / np.maximum(lengths, 1e-12)
    return unit
