"""Whether a sculpt still is the template: as many vertices, the same order, the same faces; else, what happened.

What can be undone is undone: triangulated faces are halves of the template's, and vertices that a format split at the
texture's seams, or wrote in another order, are known again by their texture points.

Letters: V vertices of the template, S of its skin, n of the sculpt, F faces of the sculpt with up to K corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

SAME_UV = 2e-4
"""How far texture points may lie apart that are one: formats write four to six decimals."""
EXACT_UV = 1e-6
"""Points of two vertices that are nearer than this, or nearly as near as each other, tell nothing."""
FEW = 0.05
"""Share of the vertices; where no more were lost or added, the sculpt is the template with an accident."""


@dataclass(frozen=True)
class Sculpt:
    """A mesh as it was found.

    Attributes:
        label: how messages call it: the file, and the object in a .blend.
        vertices: (n, 3), as they stand in the file.
        faces: (F, K) int, padded with −1.
        corner_uv: (F, K, 2) texture points at their corners, or None.
    """

    label: str
    vertices: Floats
    faces: Indices
    corner_uv: Floats | None = None


def conserved(sculpt: Sculpt, template: BaseHead) -> tuple[Floats, list[str]]:
    """A sculpt's vertices in the template's order.

    Returns:
        (V, 3), or (S, 3) where the sculpt is the skin alone, in the file's units and axes; and what was undone.

    Raises:
        InputFileError: it is not the template any more; the sentence says what was done to it and how to mend it.
    """
    vertices, label = sculpt.vertices, sculpt.label
    if not len(vertices) or not len(sculpt.faces):
        raise InputFileError(f"{label}: holds no mesh; export the head itself.")
    if not np.isfinite(vertices).all():
        raise InputFileError(f"{label}: has vertices that are nowhere; export it again.")
    triangles = triangulated(sculpt.faces)
    counts = {"whole head": len(template.vertices), "skin": template.skin_count}
    for count in counts.values():
        if len(vertices) == count and not differing(triangles, template, count):
            return vertices, []
    if sculpt.corner_uv is not None:
        found = _by_texture(sculpt, template)
        if found is not None:
            split = len(vertices) > len(found)
            what = "vertices were split at the texture's seams" if split else "vertices stood in another order"
            return found, [f"{what}: put back by their texture points"]
    raise InputFileError(f"{label}: {_diagnosis(sculpt, triangles, template)}")


def triangulated(faces: Indices) -> Indices:
    """(T, 3), fans of faces (F, K) padded with −1."""
    pieces = []
    for corner in range(2, faces.shape[1]):
        fan = faces[:, [0, corner - 1, corner]]
        pieces.append(fan[(fan >= 0).all(1)])
    return np.concatenate(pieces) if pieces else np.zeros((0, 3), np.int64)


def differing(triangles: Indices, template: BaseHead, count: int) -> int:
    """How many faces differ: triangles that are no part of the template's faces, and faces that are not covered.

    Args:
        triangles: (T, 3), of the template's vertices.
        template: the faces.
        count: V, or S for the skin's faces alone.
    """
    quads = template.quads if count == len(template.vertices) else template.skin_quads
    quads = np.asarray(quads, np.int64)
    square = quads[:, 2] != quads[:, 3]
    # A quad falls into two triangles in two ways; every one of the four is a part of it.
    parts = np.concatenate(
        [quads[:, [0, 1, 2]], *(quads[square][:, list(ends)] for ends in ((0, 2, 3), (0, 1, 3), (1, 2, 3)))]
    )
    owner = np.concatenate([np.arange(len(quads)), *[np.flatnonzero(square)] * 3])
    known = _keys(parts, count)
    order = np.argsort(known)
    asked = _keys(triangles, count)
    place = np.clip(np.searchsorted(known[order], asked), 0, len(known) - 1)
    hit = known[order][place] == asked
    covered = np.bincount(owner[order][place[hit]], minlength=len(quads))
    return int((~hit).sum() + (covered != np.where(square, 2, 1)).sum())


def _keys(triangles: Indices, count: int) -> Indices:
    """One number for each triangle's three vertices, whatever their order."""
    a, b, c = np.sort(np.asarray(triangles, np.int64), axis=1).T
    keys: Indices = (a * count + b) * count + c
    return keys


def _by_texture(sculpt: Sculpt, template: BaseHead) -> Floats | None:
    """(V, 3) or (S, 3), vertices known by their texture points; None where that fails."""
    if sculpt.corner_uv is None:
        return None
    given = sculpt.faces >= 0
    corner, place = sculpt.faces[given], sculpt.corner_uv[given]
    # Some formats count V from the top.
    ways = (place, np.stack([place[:, 0], 1 - place[:, 1]], -1))
    meant = max((_owners(way, template) for way in ways), key=lambda found: int((found >= 0).sum()))
    vertex = np.full(len(sculpt.vertices), -1, np.int64)
    vertex[corner[meant >= 0]] = meant[meant >= 0]
    if (vertex[corner[meant >= 0]] != meant[meant >= 0]).any():
        return None
    used = np.unique(corner)
    if (vertex[used] < 0).any():
        return None
    for count in (len(template.vertices), template.skin_count):
        inside = vertex[used] < count
        if not inside.all() or len(np.unique(vertex[used])) != count:
            continue
        renamed = triangulated(np.where(given, vertex[np.maximum(sculpt.faces, 0)], -1))
        if differing(renamed, template, count):
            continue
        sums = np.zeros((count, 3))
        np.add.at(sums, vertex[used], sculpt.vertices[used])
        return sums / np.bincount(vertex[used], minlength=count)[:, None]
    return None


def _owners(places: Floats, template: BaseHead) -> Indices:
    """(n,) the template's vertex that has a texture point at each place (n, 2); −1 where none or several have."""
    owner = np.full(len(template.uv), -1, np.int64)
    owner[template.uv_quads.ravel()] = template.quads.ravel()
    wanted = np.where(np.isfinite(places), places, 9.0)
    tree = cKDTree(np.asarray(template.uv, np.float64))
    distance, near = (np.asarray(found) for found in tree.query(wanted, k=4, distance_upper_bound=SAME_UV))
    found = np.where(np.isfinite(distance), owner[np.minimum(near, len(owner) - 1)], -1)
    rival = (found != found[:, :1]) & (found >= 0) & (distance < np.maximum(5 * distance[:, :1], EXACT_UV))
    return np.where(rival.any(1), -1, found[:, 0])


def _diagnosis(sculpt: Sculpt, triangles: Indices, template: BaseHead) -> str:
    """What was done to the template, and how to mend it."""
    found, wanted = len(sculpt.vertices), len(template.vertices)
    skin = template.skin_count
    if found in (wanted, skin):
        wrong = differing(triangles, template, found)
        if wrong < FEW * len(triangles):
            return (
                f"{wrong} of the faces differ, with as many vertices: faces were deleted, filled or their edges "
                "turned; undo that, or put the sculpted vertices onto a fresh copy of the base head."
            )
        return (
            "the vertices are in another order; export without sorting (in Blender no Sort Elements, in OBJ with UVs, "
            "which tell the order)."
        )
    for levels in (1, 2):
        finer = _subdivided(template, levels)
        if found in finer:
            return (
                f"{found} vertices: the base head after {levels} step{'s' * (levels > 1)} of subdivision; export "
                "without modifiers (Apply Modifiers off), and for Multiresolution press Apply Base first."
            )
    more = found - wanted
    if abs(found - skin) < abs(more):
        more, wanted = found - skin, skin
    if 0 < more <= FEW * wanted:
        return (
            f"{more} vertices more than the base head: something was added (Extrude, Loop Cut, Knife) or split along "
            "an edge; undo that, or delete what was added if the others kept their order."
        )
    if 0 < -more <= FEW * wanted:
        return (
            f"{-more} vertices fewer than the base head: Merge by Distance or Delete was used, or the exporter merged; "
            "undo that, and export without merging."
        )
    if found % len(template.vertices) == 0:
        return f"{found // wanted} heads in one mesh; separate them (P, By Loose Parts) and export each by itself."
    if found > len(template.vertices) and _positions(sculpt.vertices) <= len(template.vertices):
        return (
            f"{found} vertices, split where faces meet, and no texture points to tell which is which; export as OBJ, "
            "with shared vertices."
        )
    return (
        f"{found} vertices where the base head has {len(template.vertices)}: another mesh altogether (Dyntopo, Remesh, "
        "a scan); lay the base head onto it with `face2mesh register`."
    )


def _subdivided(template: BaseHead, levels: int) -> set[int]:
    """How many vertices the whole template and its skin have after so many steps of Catmull and Clark."""
    counts = set()
    for vertices, quads in (
        (len(template.vertices), template.quads),
        (template.skin_count, template.skin_quads),
    ):
        sides = np.stack([quads, np.roll(quads, -1, axis=1)], -1).reshape(-1, 2)
        # The last side of a triangle is written as c to c and c to a.
        edges = len(np.unique(np.sort(sides[sides[:, 0] != sides[:, 1]], axis=1), axis=0))
        corners = int(np.where(quads[:, 2] == quads[:, 3], 3, 4).sum())
        faces = len(quads)
        for _ in range(levels):
            vertices, edges, faces = vertices + edges + faces, 2 * edges + corners, corners
            corners = 4 * faces
        counts.add(vertices)
    return counts


def _positions(vertices: Floats) -> int:
    """How many places vertices have, to a millionth of the mesh's size."""
    size = float(np.ptp(vertices, axis=0).max()) or 1.0
    return len(np.unique(np.round(vertices / size * 1e6).astype(np.int64), axis=0))
