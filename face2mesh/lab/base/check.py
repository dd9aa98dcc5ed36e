"""What must hold of a base head; each check is a pure function that returns what is wrong, in words.

Letters: V vertices, S of them skin, Q quads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import PARTS, BaseHead
from face2mesh.head.normals import triangle_normals
from face2mesh.lab.base.atlas import check_overlap, signed_areas
from face2mesh.lab.base.lids import EyeSurface

Floats = NDArray[np.floating]
Quads = NDArray[np.integer]

OVERLAP_TEXELS = 1024  # a side of the square in which overlaps are looked for
TEETH_BEHIND_MM = 0.3  # teeth stay this far behind the lips' contact line
SAMPLES = 15  # places along lids and lips


def check(head: BaseHead) -> list[str]:
    """All that is wrong with a base head; empty when nothing is."""
    found = [
        *check_manifold(head.quads),
        *check_border(head),
        *check_mirror(head),
        *check_flips(head),
        *check_texture(head.uv, head.uv_quads),
        *check_lips(head),
        *check_teeth(head),
        *check_lids(head),
        *check_embeddings(head),
    ]
    return found


def directed_edges(quads: Quads) -> NDArray[np.int64]:
    """(4Q, 2) edges in the quads' own direction."""
    return np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)]).astype(np.int64)


def check_manifold(quads: Quads) -> list[str]:
    """No edge in more than two quads, neighbours wound alike, no vertex where two fans of quads meet."""
    edges = directed_edges(quads)
    wrong = []
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    if (counts > 1).any():
        wrong.append(
            f"{int((counts > 1).sum())} edges are run through twice in one direction, first {unique[counts > 1][0]}"
        )
    if (edges[:, 0] == edges[:, 1]).any():
        wrong.append("a quad names one vertex twice in a row")
    either, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    if (counts > 2).any():
        wrong.append(f"{int((counts > 2).sum())} edges belong to more than two quads, first {either[counts > 2][0]}")
    # On a border vertex of a manifold exactly one edge leaves along the border.
    forward = {tuple(edge) for edge in unique.tolist()}
    starts = np.array([a for a, b in forward if (b, a) not in forward], np.int64)
    if len(starts) and np.bincount(starts).max() > 1:
        wrong.append(f"the border passes vertex {int(np.bincount(starts).argmax())} more than once")
    return wrong


def check_border(head: BaseHead) -> list[str]:
    """The skin's only border is the neck's loop, in order."""
    forward = {tuple(edge) for edge in directed_edges(head.skin_quads).tolist()}
    border = {edge for edge in forward if edge[::-1] not in forward}
    loop = head.neck_border.tolist()
    named = set(zip(loop, loop[1:] + loop[:1], strict=True))
    return [] if named == border else ["neck_border is not the skin's border"]


def check_mirror(head: BaseHead) -> list[str]:
    """Mirror images to the last bit: places, quads, regions and parts; the middle at x = 0."""
    wrong = []
    twin = head.vertices[head.mirror] * np.array([-1, 1, 1], np.float32)
    off = np.flatnonzero((twin != head.vertices).any(axis=1))
    if len(off):
        wrong.append(f"{len(off)} vertices are not the mirror image of their twin, first {int(off[0])}")
    quads = np.sort(head.quads, axis=1)
    images = np.sort(head.mirror[head.quads], axis=1)
    if not np.array_equal(np.unique(quads, axis=0), np.unique(images, axis=0)):
        wrong.append("the quads are not mirror images of each other")
    triangles, flipped = np.sort(head.triangles, axis=1), np.sort(head.mirror[head.triangles], axis=1)
    if not np.array_equal(np.unique(triangles, axis=0), np.unique(flipped, axis=0)):
        wrong.append("the triangles are not mirror images of each other")
    for name, mask in head.regions.items():
        other = name.replace("left", "right") if "left" in name else name.replace("right", "left")
        if other in head.regions and not np.array_equal(head.regions[other], mask[head.mirror]):
            wrong.append(f"region {name} is not the mirror image of {other}")
    for part in PARTS:
        twin_part = {"left_eye": "right_eye", "right_eye": "left_eye"}.get(part, part)
        first, last = head.part_vertices[twin_part]
        here = head.mirror[slice(*head.part_vertices[part])]
        if len(here) and (here.min() < first or here.max() >= last):
            wrong.append(f"the mirror leads out of {part}")
    return wrong


def check_flips(head: BaseHead) -> list[str]:
    """The two triangles of a quad face the same way, and none is empty."""
    normals = triangle_normals(head.vertices.astype(np.float64), head.triangles)
    agreement = (normals[0::2] * normals[1::2]).sum(axis=1)
    bad = np.flatnonzero(agreement <= 0)
    return [f"{len(bad)} quads are folded or empty, first {int(bad[0])}"] if len(bad) else []


def check_texture(uv: Floats, uv_quads: Quads) -> list[str]:
    """All within the unit square, every quad counter-clockwise, no two on the same texel."""
    wrong = []
    if uv.min() < 0 or uv.max() > 1:
        wrong.append("texture points lie outside the unit square")
    turned = int((signed_areas(uv.astype(np.float64), uv_quads) <= 0).sum())
    if turned:
        wrong.append(f"{turned} quads are turned over or empty in the texture")
    overlaps = check_overlap(uv.astype(np.float64), uv_quads, OVERLAP_TEXELS)
    if overlaps:
        wrong.append(f"{len(overlaps)} pairs of quads overlap in the texture, first {overlaps[0]}")
    return wrong


def _height(points: Floats, x: Floats, axis: int = 1) -> Floats:
    """Another coordinate of a row of points (N, 3) at places x, linear between them."""
    order = np.argsort(points[:, 0])
    height: Floats = np.interp(x, points[order, 0], points[order, axis])
    return height


def _touching(head: BaseHead, region: str, cavity: str) -> NDArray[np.int64]:
    """Vertices of a region that share a quad with a cavity."""
    here, inside = head.regions[region], head.regions[cavity]
    rows = head.skin_quads[inside[head.skin_quads].any(axis=1)]
    beside = np.unique(rows).astype(np.int64)
    return beside[here[beside] & ~inside[beside]]


def check_lips(head: BaseHead) -> list[str]:
    """Where the lips meet, the upper one is above the lower one."""
    upper = head.vertices[_touching(head, "lip_upper", "mouth_cavity")]
    lower = head.vertices[_touching(head, "lip_lower", "mouth_cavity")]
    if not len(upper) or not len(lower):
        return ["the lips do not border on the mouth's cavity"]
    reach = 0.9 * min(upper[:, 0].max(), lower[:, 0].max())
    x = np.linspace(-reach, reach, SAMPLES)
    through = float((_height(lower, x) - _height(upper, x)).max())
    return [f"the lower lip reaches {through:.2f} mm into the upper one"] if through > 0 else []


def check_teeth(head: BaseHead) -> list[str]:
    """All teeth lie behind the line in which the lips meet, and upper teeth above lower ones in the middle."""
    line = head.vertices[np.concatenate([_touching(head, name, "mouth_cavity") for name in ("lip_upper", "lip_lower")])]
    wrong = []
    edges = {}
    for name in ("upper_teeth", "lower_teeth"):
        teeth = head.vertices[slice(*head.part_vertices[name])]
        teeth = teeth[np.abs(teeth[:, 0]) < line[:, 0].max()]
        if not len(teeth):
            return [f"{name}: none behind the lips"]
        ahead = float((teeth[:, 2] - _height(line, teeth[:, 0], axis=2)).max())
        if ahead > -TEETH_BEHIND_MM:
            wrong.append(f"{name} reach to {-ahead:.2f} mm behind the lips' contact line")
        edges[name] = teeth[:, 1].mean()
    if edges["upper_teeth"] <= edges["lower_teeth"]:
        wrong.append("the upper teeth are not above the lower ones")
    return wrong


def check_lids(head: BaseHead) -> list[str]:
    """Upper lid above lower lid; lids and sockets outside the analytic eyeballs; the cornea in the opening."""
    wrong = []
    for side, name in enumerate(("left", "right")):
        eye = EyeSurface(head.eye_centres[side].astype(np.float64), head.eye_radius)
        upper, lower = (_touching(head, f"lid_{lid}_{name}", f"eye_cavity_{name}") for lid in ("upper", "lower"))
        if not len(upper) or not len(lower):
            wrong.append(f"the {name} lids do not border on the eye's cavity")
            continue
        over, under = head.vertices[upper], head.vertices[lower]
        x = np.linspace(over[:, 0].min(), over[:, 0].max(), SAMPLES)[2:-2]
        through = float((_height(under, x) - _height(over, x)).max())
        if through > 0:
            wrong.append(f"the {name} lower lid reaches {through:.2f} mm into the upper one")
        centre = eye.centre
        if not _height(under, centre[:1])[0] < centre[1] < _height(over, centre[:1])[0]:
            wrong.append(f"the {name} eye's axis does not pass between the lids")
        masks = [head.regions[f"{part}_{name}"] for part in ("lid_upper", "lid_lower", "eye_cavity")]
        skin = head.vertices[np.any(masks, axis=0)].astype(np.float64)
        gap = float(eye.gap(skin).min())
        if gap < 0:
            wrong.append(f"the {name} lids or socket reach {-gap:.2f} mm into the eyeball")
    return wrong


def check_embeddings(head: BaseHead) -> list[str]:
    """Landmarks and dense points lie on skin, with weights from 0 to 1 that sum to 1."""
    wrong = []
    for name, embedding in (("landmarks", head.landmarks), ("dense", head.dense)):
        weights = embedding.weights
        if weights.min() < 0 or np.abs(weights.sum(axis=1) - 1).max() > 1e-5:
            wrong.append(f"the weights of {name} are not barycentric")
        if embedding.triangle_vertices.max() >= head.skin_count:
            wrong.append(f"{name} leave the skin")
    return wrong
