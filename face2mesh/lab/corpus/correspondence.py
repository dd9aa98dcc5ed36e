"""Where each vertex of the base head's skin lies on the scanned surface, and how motions are carried from there.

A vertex takes the motion of the closest scanned point that belongs to a like region and faces the same way. Where the
skin has no counterpart (deep in the cavities, inside the nostrils) the motion is continued smoothly from around.

Letters: S skin vertices, N scanned vertices, K channels of a field (three a mode).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import splu

from face2mesh.head.base_head import BaseHead
from face2mesh.head.normals import vertex_normals
from face2mesh.lab.base.closest import Array, Surface
from face2mesh.lab.corpus.scans import EYE_SOCKETS, FACE, HEAD, MOUTH_SOCKET, Scans

# A correspondence is trusted when it is this near, in mm, and faces the same way by this cosine.
NEAR_MM = 1.0
NEAR_IN_CAVITY_MM = 2.5
SAME_WAY = 0.5
# Two surfaces that face opposite ways count as twice this far apart (mm): lips that touch, lids on the eye.
NORMAL_WEIGHT_MM = 4.0
# Share of the jaw's motion below which scanned skin near the mouth is upper lip, above which lower lip; between are
# corners.
UPPER_SHARE, LOWER_SHARE = 0.3, 0.5
MOUTH_REACH_MM = 12.0


@dataclass(frozen=True)
class Correspondence:
    """A linear map from fields on the scanned surface to fields on the skin.

    Attributes:
        interpolate: (S, N) sparse, barycentric rows, exactly symmetric about the mirror plane.
        trusted: (S,) bool; the others are filled in smoothly.
        distance: (S,) mm, from the skin's vertex to its scanned point.
        laplacian: (S, S) sparse, of the skin's edges.
    """

    interpolate: csr_matrix[Any]
    trusted: NDArray[np.bool_]
    distance: Array
    laplacian: csr_matrix[Any]

    def carry(self, fields: NDArray[Any]) -> Array:
        """Fields on the scanned surface (K, N, 3) to the skin (K, S, 3)."""
        count, scanned = fields.shape[0], fields.shape[1]
        flat = np.asarray(fields, np.float64).transpose(1, 0, 2).reshape(scanned, -1)
        carried = self.interpolate @ flat
        carried = fill_smoothly(carried, self.trusted, self.laplacian)
        result: Array = carried.reshape(-1, count, 3).transpose(1, 0, 2)
        return result


def correspond(base: BaseHead, scans: Scans, offset: Array, labels: Mapping[str, NDArray[np.bool_]]) -> Correspondence:
    """Find the regional correspondence.

    Args:
        base: the base head; its rest shape is the scans' mean.
        scans: the scanned model.
        offset: (3,) mm; scanned vertices + offset are in the base head's frame.
        labels: masks (S,) of the skin: "lip_upper", "lip_lower", "mouth_cavity", "eye_cavity_left", "eye_cavity_right";
            what is in none of them is outer skin.
    """
    count = base.skin_count
    skin = base.vertices[:count].astype(np.float64)
    normals = vertex_normals(skin, base.skin_triangles)
    upper, lower = lip_sides(scans)
    outer = scans.triangles_within(FACE, HEAD)
    mouth = scans.triangles_within(FACE, MOUTH_SOCKET)
    allowed = {
        "outer": outer,
        "lip_upper": mouth[~lower[mouth].any(1)],
        "lip_lower": mouth[~upper[mouth].any(1)],
        "mouth_cavity": mouth,
        "eye_cavity_left": scans.triangles_within(FACE, EYE_SOCKETS[0]),
        "eye_cavity_right": scans.triangles_within(FACE, EYE_SOCKETS[1]),
    }
    masks = dict(labels)
    masks["outer"] = ~np.any(list(labels.values()), axis=0)
    near = np.full(count, NEAR_MM)
    for name in labels:
        if "cavity" in name:
            near[labels[name]] = NEAR_IN_CAVITY_MM
    corners = np.zeros((count, 3), np.int64)
    weights = np.zeros((count, 3))
    distance, agreement = np.full(count, np.inf), np.zeros(count)
    vertices = scans.vertices + offset
    for name, mask in masks.items():
        rows = np.flatnonzero(mask)
        if not len(rows):
            continue
        found = Surface(vertices, allowed[name], NORMAL_WEIGHT_MM).closest(skin[rows], normals[rows])
        corners[rows], weights[rows] = found.corners, found.weights
        distance[rows], agreement[rows] = found.distance, found.agreement
    trusted = (distance <= near) & (agreement >= SAME_WAY)
    mirror = base.mirror[:count]
    trusted &= trusted[mirror]
    rows = np.repeat(np.arange(count), 3)
    one_side = csr_matrix((weights.ravel(), (rows, corners.ravel())), shape=(count, len(vertices)))
    other_side = one_side[mirror][:, scans.mirror]
    return Correspondence(
        csr_matrix((one_side + other_side) / 2), trusted, distance, graph_laplacian(base.skin_quads, count)
    )


def lip_sides(scans: Scans) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Scanned vertices of the upper and of the lower lip's side, near the mouth's opening.

    The jaw tells them apart: `jawOpen` takes the lower lip along and leaves the upper one, whatever the distance
    between them. The corners belong to neither.

    Returns:
        Two (N,) masks.
    """
    opening = scans.shape("jawOpen").astype(np.float64)
    share = np.linalg.norm(opening, axis=1) / np.linalg.norm(opening, axis=1)[FACE[0] : FACE[1]].max()
    border = scans.triangles_within(FACE, MOUTH_SOCKET)
    in_socket = (border >= MOUTH_SOCKET[0]) & (border < MOUTH_SOCKET[1])
    mixed = border[in_socket.any(1) & ~in_socket.all(1)]
    loop = scans.vertices[np.unique(mixed[mixed < FACE[1]])]
    near = np.zeros(len(scans.vertices), bool)
    surface = np.unique(border)
    gaps = np.linalg.norm(scans.vertices[surface][:, None] - loop[None], axis=2).min(1)
    near[surface[gaps < MOUTH_REACH_MM]] = True
    return near & (share < UPPER_SHARE), near & (share > LOWER_SHARE)


def graph_laplacian(quads: NDArray[Any], count: int) -> csr_matrix[Any]:
    """(S, S) sparse I − D⁻¹A over the quads' edges."""
    edges = np.concatenate([quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    both = np.concatenate([edges, edges[:, ::-1]])
    adjacency = coo_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count)).tocsr()
    adjacency.data[:] = 1.0
    degree = np.asarray(adjacency.sum(1)).ravel()
    return (identity(count) - diags(1 / np.maximum(degree, 1)) @ adjacency).tocsr()


def fill_smoothly(values: Array, trusted: NDArray[np.bool_], laplacian: csr_matrix[Any]) -> Array:
    """Replace the untrusted rows by the biharmonic continuation of the trusted ones.

    Minimises ‖L x‖² with the trusted rows fixed, which continues slopes as well as values (the thin plate's discrete
    energy with the graph's Laplacian, as in Botsch and Kobbelt 2004, "An intuitive framework for real-time freeform
    modeling").

    Args:
        values: (S, K); untrusted rows are ignored.
        trusted: (S,); every connected piece needs at least one.
        laplacian: (S, S).
    """
    if trusted.all():
        return values
    energy = (laplacian.T @ laplacian).tocsc()
    free = np.flatnonzero(~trusted)
    inner = energy[free][:, free] + 1e-9 * identity(len(free), format="csc")
    right = -(energy[free][:, np.flatnonzero(trusted)] @ values[trusted])
    filled = values.copy()
    filled[free] = splu(inner.tocsc()).solve(right)
    return filled


def frame_offset(base: BaseHead, scans: Scans, outer: NDArray[np.bool_], first: Array, rounds: int = 10) -> Array:
    """The translation from the scans' frame to the base head's, by point-to-plane least squares.

    Args:
        base: the base head.
        scans: the scanned model.
        outer: (S,) skin that lies on the scanned face and head.
        first: (3,) mm, a guess: minus the midpoint of the scanned eyeballs' centres.
        rounds: of closest points.

    Returns:
        (3,) mm; its x is 0, for both are symmetric.
    """
    skin = base.vertices[: base.skin_count].astype(np.float64)
    normals = vertex_normals(skin, base.skin_triangles)
    surface = Surface(scans.vertices, scans.triangles_within(FACE, HEAD), NORMAL_WEIGHT_MM)
    offset = np.array([0.0, first[1], first[2]])
    for _ in range(rounds):
        found = surface.closest(skin[outer] - offset, normals[outer], candidates=12)
        good = found.agreement > SAME_WAY
        landed = np.einsum("nk,nkc->nc", found.weights, scans.vertices[found.corners])
        facing = normals[outer][good]
        gap = ((skin[outer] - offset - landed)[good] * facing).sum(1)
        keep = np.abs(gap) <= np.quantile(np.abs(gap), 0.9)
        step = np.linalg.lstsq(facing[keep][:, 1:], gap[keep], rcond=None)[0]
        offset[1:] += step
        if np.abs(step).max() < 1e-4:
            break
    return offset
