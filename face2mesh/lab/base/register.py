"""Non-rigid registration of the head's skin onto the scans' mean.

A similarity from the fixed points, then steps of closest point (normals within 60°) with a falling stiffness. Each step
solves (W + λ L + μ EᵀE) x = W c + λ L x₀ + μ Eᵀ d: data, smoothness of the step's displacement by the graph Laplacian
L of the quads' edges and diagonals (weights 1/length), fixed points and lines. After each step the head is made
symmetric. The letters follow Amberg, Romdhani and Vetter (2007), of whose method this is the translation-only case.

Correspondences are between like regions only: upper lip with upper lip, lower with lower, the lids' front edge and the
lips' contact line with theirs, at the same share of their length. Cavities get no targets: the displacement found
outside is carried into them harmonically.

Letters: S vertices of the skin, N fixed places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from face2mesh.head.alignment import align
from face2mesh.head.normals import triangle_normals, vertex_normals
from face2mesh.lab.base import correspondences as known
from face2mesh.lab.base.closest import Surface
from face2mesh.lab.base.loops import QuadMesh
from face2mesh.lab.base.sources import ScanMean
from face2mesh.lab.base.topology import Anatomy, Submesh, lid_halves, lip_halves

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

SCAN_SKIN = 11248  # ICT-FaceKit's vertices before this one are face, head and neck
STEPS = 24
STIFFNESS = (300.0, 0.05)  # first and last; geometric between
POINT_WEIGHT = 30.0  # of fixed points, fading to nothing over the first half of the steps
LINE_WEIGHT = 4.0  # of the lids' and lips' lines, in every step
REACH_MM = (14.0, 3.0)  # how far a target may lie, first and last step
AGREEMENT = 0.5  # cosine between normals
LIP_GAP = 0.05  # mm, the least between the lips' contact lines
UNFOLDING_STEPS = 12
LIPS_FROM_STEP = 6  # before it the lips follow their lines and neighbours


@dataclass(frozen=True)
class Registration:
    """The skin on the scans' mean, in their frame.

    Attributes:
        vertices: (S, 3) mm, exactly symmetric.
        start: (S, 3) mm, where the similarity alone had put them.
        scale: of the similarity.
    """

    vertices: Floats
    start: Floats
    scale: float


@dataclass(frozen=True)
class Fixed:
    """N places of the skin that have a known target.

    Attributes:
        vertices: (N,).
        targets: (N, 3) mm.
    """

    vertices: Indices
    targets: Floats

    def both_sides(self, mirror: Indices) -> Fixed:
        """These and their mirror images; places in the middle plane once."""
        sided = self.vertices != mirror[self.vertices]
        vertices = np.concatenate([self.vertices, mirror[self.vertices[sided]]])
        targets = np.concatenate([self.targets, self.targets[sided] * (-1.0, 1.0, 1.0)])
        return Fixed(vertices, targets)

    def gathered(self, count: int) -> tuple[Floats, Floats]:
        """How many targets each of `count` vertices has (S,), and their sum (S, 3)."""
        sums = np.zeros((count, 3))
        np.add.at(sums, self.vertices, self.targets)
        return np.bincount(self.vertices, minlength=count).astype(np.float64), sums


def graph_laplacian(vertices: Floats, quads: Indices) -> csr_matrix[Any]:
    """(S, S) Laplacian of the quads' edges and diagonals, weighted by mean length over length; symmetric, ≥ 0."""
    pairs = np.concatenate([quads[:, list(ends)] for ends in ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3))])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    length = np.linalg.norm(vertices[pairs[:, 0]] - vertices[pairs[:, 1]], axis=1)
    weight = 1 / (length / length.mean() + 0.05)
    rows = np.repeat(np.arange(len(pairs)), 2)
    signs = np.tile([1.0, -1.0], len(pairs))
    incidence = csr_matrix((signs, (rows, pairs.ravel())), shape=(len(pairs), len(vertices)))
    laplacian: csr_matrix[Any] = (incidence.T @ diags(weight) @ incidence).tocsr()
    return laplacian


def along(line: Floats, shares: Floats) -> Floats:
    """Points (N, 3) at shares (N,) of the length of a polyline (M, 3)."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return np.column_stack([np.interp(shares * length[-1], length, line[:, axis]) for axis in range(3)])


def shares_of(line: Floats) -> Floats:
    """(M,) share of its length at which each point of a polyline lies."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    shares: Floats = length / length[-1]
    return shares


def _scan_ring(scan: ScanMean, mesh: QuadMesh, start: int) -> Indices:
    """A ring of ICT's around the mouth that starts at a vertex in the middle plane and goes to the left."""
    x = scan.vertices[:, 0]
    for following in sorted(mesh.neighbours(start)):
        if x[following] > x[start] + 0.05:
            return mesh.loop(start, following)
    raise ValueError(f"the scans' vertex {start} has no neighbour on the left")


def _halves(vertices: Floats, ring: Indices) -> tuple[Indices, Indices]:
    """Left half of a ring that starts in the middle: from the start to the corner, and from the other middle to it."""
    x = vertices[ring, 0]
    corner = int(x.argmax())
    middle = corner + int(np.abs(x[corner:]).argmin())
    return ring[: corner + 1], ring[corner : middle + 1][::-1]


def fixed_points(skin: Submesh, scan: ScanMean) -> Fixed:
    """The fixed points of `correspondences`, both sides."""
    pairs = np.array(known.FACE_POINTS + known.EAR_POINTS)
    targets = scan.vertices[pairs[:, 1]].copy()
    vertices = skin.number(pairs[:, 0])
    targets[skin.mirror[vertices] == vertices, 0] = 0
    return Fixed(vertices, targets).both_sides(skin.mirror)


def fixed_lines(skin: Submesh, anatomy: Anatomy, scan: ScanMean) -> Fixed:
    """Targets for the lids' front edge, the lips' contact line and the ring behind it, at like shares of length."""
    quads = scan.faces[(scan.faces.max(axis=1) < SCAN_SKIN + 3000) & (scan.faces[:, 3] >= 0)]
    mesh = QuadMesh(quads)
    vertices: list[Indices] = []
    targets: list[Floats] = []

    def match(ours: Indices, theirs: Indices, kept: slice = slice(None)) -> None:
        vertices.append(ours[kept])
        targets.append(along(scan.vertices[theirs], shares_of(skin.vertices[ours]))[kept])

    lower, upper = lid_halves(skin, anatomy.loops["lid_margin_front"])
    match(lower, np.array(known.SCAN_LOWER_LID))
    match(upper, np.array(known.SCAN_UPPER_LID), slice(1, -1))
    for name, below, above in (
        ("lip_contact", known.SCAN_CONTACT_LOWER, known.SCAN_CONTACT_UPPER),
        ("behind_lips", known.SCAN_BEHIND_LIPS, known.SCAN_BEHIND_LIPS),
    ):
        under, corner, over = lip_halves(skin, anatomy.loops[name])
        match(np.append(under, corner), _halves(scan.vertices, _scan_ring(scan, mesh, below))[0])
        match(np.append(over[::-1], corner), _halves(scan.vertices, _scan_ring(scan, mesh, above))[1], slice(0, -1))
    every, place = np.concatenate(vertices), np.concatenate(targets)
    place[skin.mirror[every] == every, 0] = 0
    return Fixed(every, place).both_sides(skin.mirror)


def _scan_lips(scan: ScanMean) -> tuple[Mask, Mask, Mask]:
    """Masks over ICT's vertices: upper lip, lower lip, inside of the mouth."""
    quads = scan.faces[(scan.faces.max(axis=1) < SCAN_SKIN + 3000) & (scan.faces[:, 3] >= 0)]
    mesh = QuadMesh(quads)
    upper, lower, inside = (np.zeros(len(scan.vertices), np.bool_) for _ in range(3))
    for start in known.SCAN_LIP_RINGS:
        ring = _scan_ring(scan, mesh, start)
        x = scan.vertices[ring, 0]
        corners = sorted((int(x.argmax()), int(x.argmin())))
        upper[ring[corners[0] + 1 : corners[1]]] = True
        lower[np.concatenate([ring[: corners[0]], ring[corners[1] + 1 :]])] = True
    ring = _scan_ring(scan, mesh, known.SCAN_INSIDE_MOUTH)
    inside[np.unique(quads[mesh.inside(ring, SCAN_SKIN)])] = True
    return upper, lower, inside


class Target:
    """The scans' outer surface, with what each region of ours may meet on it."""

    def __init__(self, scan: ScanMean) -> None:
        upper, lower, inside = _scan_lips(scan)
        triangles = scan.triangles_before(SCAN_SKIN)
        triangles = triangles[~inside[triangles].any(axis=1)]
        self.whole = Surface(scan.vertices, triangles)
        self.without_upper = Surface(scan.vertices, triangles[~upper[triangles].any(axis=1)])
        self.without_lower = Surface(scan.vertices, triangles[~lower[triangles].any(axis=1)])
        self.vertices = scan.vertices

    def closest(self, points: Floats, normals: NDArray[np.floating], anatomy: Anatomy) -> tuple[Floats, Floats, Floats]:
        """Closest points (S, 3) between like regions, their distance (S,) and the normals' cosine (S,)."""
        places, distances, agreements = np.empty_like(points), np.empty(len(points)), np.empty(len(points))
        upper, lower = anatomy.masks["lip_upper"], anatomy.masks["lip_lower"]
        rest = ~(upper | lower)
        for mask, surface in ((upper, self.without_lower), (lower, self.without_upper), (rest, self.whole)):
            found = surface.closest(points[mask], normals[mask])
            places[mask] = np.einsum("nk,nkc->nc", found.weights, self.vertices[found.corners])
            distances[mask], agreements[mask] = found.distance, found.agreement
        return places, distances, agreements


def without_target(anatomy: Anatomy) -> Mask:
    """(S,) skin that is carried along: the cavities, the lids' depth, the nostrils' inside."""
    names = ("mouth_cavity", "eye_cavity", "lid_margin", "lid_margin_back", "nostril")
    masks = anatomy.masks
    chosen = [masks[name] for full in names for name in (full, f"{full}_left", f"{full}_right") if name in masks]
    free: Mask = np.any(chosen, axis=0)
    return free


def register(skin: Submesh, anatomy: Anatomy, scan: ScanMean) -> Registration:
    """Wrap the skin onto the scans' mean."""
    points, lines = fixed_points(skin, scan), fixed_lines(skin, anatomy, scan)
    moved = align(skin.vertices[points.vertices], points.targets, scaling=True)
    start = symmetric(moved.scale * skin.vertices @ moved.rotation.T + moved.translation, skin.mirror)
    laplacian = graph_laplacian(start, skin.quads)
    triangles = np.concatenate([skin.quads[:, [0, 1, 2]], skin.quads[:, [0, 2, 3]]])
    target, free = Target(scan), without_target(anatomy)
    free = free & ~np.isin(np.arange(len(free)), lines.vertices)
    lips = anatomy.masks["lip_upper"] | anatomy.masks["lip_lower"] | anatomy.masks["lip_corners"]

    count = len(start)
    points_here, points_there = points.gathered(count)
    lines_here, lines_there = lines.gathered(count)
    current = start
    for step, stiffness in enumerate(np.geomspace(*STIFFNESS, STEPS)):
        reach = float(np.geomspace(*REACH_MM, STEPS)[step])
        closest, distance, agreement = target.closest(current, vertex_normals(current, triangles), anatomy)
        weight = ((distance < reach) & (agreement > AGREEMENT) & ~free).astype(np.float64)
        if step < LIPS_FROM_STEP:
            weight[lips] = 0
        pull = POINT_WEIGHT * max(0.0, 1 - 2 * step / STEPS)
        system = diags(weight + 1e-6) + stiffness * laplacian
        system = system + diags(pull * points_here + LINE_WEIGHT * lines_here)
        right = weight[:, None] * closest + 1e-6 * current + stiffness * (laplacian @ current)
        right += pull * points_there + LINE_WEIGHT * lines_there
        current = symmetric(splu(system.tocsc()).solve(right), skin.mirror)
    current = part_lips(unfold(current, skin, target, anatomy, free), skin, anatomy)
    vertices = carry_cavities(start, current, free, laplacian, skin.mirror)
    return Registration(vertices, start, moved.scale)


def part_lips(vertices: Floats, skin: Submesh, anatomy: Anatomy) -> Floats:
    """The skin (S, 3) with the lower lip's contact line nowhere above the upper lip's."""
    result = vertices.copy()
    under, corner, over = lip_halves(skin, anatomy.loops["lip_contact"])
    above = result[np.append(over[::-1], corner)]
    limit = np.interp(result[under, 0], above[:, 0], above[:, 1]) - LIP_GAP
    result[under, 1] = np.minimum(result[under, 1], limit)
    result[skin.mirror[under]] = result[under] * (-1.0, 1.0, 1.0)
    return result


def unfold(vertices: Floats, skin: Submesh, target: Target, anatomy: Anatomy, free: Mask) -> Floats:
    """Relax the few quads that the last steps folded: to their neighbours' mean, then back to the scans' surface."""
    triangles = np.concatenate([skin.quads[:, [0, 1, 2]], skin.quads[:, [0, 2, 3]]])
    edges = np.concatenate([skin.quads[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    adjacency = csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(vertices), len(vertices)))
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    current = vertices
    for _ in range(UNFOLDING_STEPS):
        normals = triangle_normals(current, triangles)
        folded = (normals[: len(skin.quads)] * normals[len(skin.quads) :]).sum(axis=1) <= 0
        moving = np.zeros(len(vertices), np.bool_)
        moving[skin.quads[folded]] = True
        moving |= moving[skin.mirror]
        moving &= ~free
        if not moving.any():
            break
        mean = np.asarray(adjacency @ current) / degree[:, None]
        relaxed = np.where(moving[:, None], (current + mean) / 2, current)
        closest, _, agreement = target.closest(relaxed, vertex_normals(relaxed, triangles), anatomy)
        back = moving & (agreement > AGREEMENT)
        current = symmetric(np.where(back[:, None], closest, relaxed), skin.mirror)
    return current


def carry_cavities(before: Floats, after: Floats, free: Mask, laplacian: csr_matrix[Any], mirror: Indices) -> Floats:
    """Move the free vertices by the harmonic extension of the others' displacement."""
    displacement = after - before
    inner = laplacian[free][:, free].tocsc()
    displacement[free] = splu(inner).solve(-(laplacian[free][:, ~free] @ displacement[~free]))
    return symmetric(before + displacement, mirror)


def symmetric(vertices: Floats, mirror: Indices) -> Floats:
    """The mean of a shape and its mirror image; to the last bit, as both sides add the same two numbers."""
    return (vertices + vertices[mirror] * (-1.0, 1.0, 1.0)) / 2
