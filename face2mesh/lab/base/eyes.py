"""Eyeballs: a sphere with a cornea, iris and pupil as rings about the gaze axis, in quads.

One closed, opaque surface that bulges in front as a cornea does; iris and pupil are painted on the bulge. A recessed
iris under a clear dome looks better only with refraction; opaque, it shows a dark rim in profile, hides part of a
photo's iris from its own texture, and leaves the lids nothing to glide on. The bulge keeps silhouette,
highlight and contact.

Letters: V vertices, Q quads, U texture points, n segments about the axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.part_mesh import Floats, Indices, PartMesh, mirrored

IRIS_RADIUS = 5.85  # mm; the visible iris is 11.7 mm across in nearly everybody (Rüfer et al., Cornea 2005)
PUPIL_RADIUS = 1.75  # mm; in room light
CORNEA_RADIUS = 7.8  # mm; the front surface's radius of curvature (Gullstrand's eye: 7.7)
SEGMENTS = 24
# Distances of the front rings from the gaze axis, mm, pole first: pupil, iris, limbus.
FRONT_RINGS = (0.9, PUPIL_RADIUS, 2.8, 4.0, 5.1, IRIS_RADIUS, 6.5)
# Angles of the sclera's rings from the gaze axis, as fractions of the way from the last front ring to the back pole.
SCLERA_RINGS = (0.075, 0.16, 0.255, 0.37, 0.51, 0.68, 0.85)
LIMBUS_BLEND = 0.35  # mm; over this difference in height the cornea fades into the sclera
# Share of the texture disc's radius for angles about the axis: the iris fills half of it, the back is compressed.
UV_ANGLES = (0.0, 1.0, 2.6, 180.0)  # in units of the iris edge's angle, the last in degrees
UV_RADII = (0.0, 0.5, 0.78, 1.0)

LID_CLEARANCE = 0.05  # mm, between the sclera and the nearest point of the lids' inner edge
_ICT_FACE = 9409  # ICT-FaceKit's vertices before this one are the face
_ICT_LEFT_SOCKET = (13294, 13678)


def surface_height(distance: NDArray[np.float64], radius: float) -> Floats:
    """Height of the eyeball's front above its centre, mm, at a distance from the gaze axis.

    The higher of two spheres, the sclera (about the origin) and the cornea (of `CORNEA_RADIUS`, meeting the sclera at
    the iris's edge), blended smoothly over `LIMBUS_BLEND` (polynomial smooth maximum).

    Args:
        distance: any shape, mm, at most `radius`.
        radius: mm, of the sclera.
    """
    sclera = np.sqrt(radius**2 - distance**2)
    edge = np.sqrt(radius**2 - IRIS_RADIUS**2) - np.sqrt(CORNEA_RADIUS**2 - IRIS_RADIUS**2)
    # Beyond its equator the cornea's sphere has no height; there the sclera alone counts.
    cornea = edge + np.sqrt(np.maximum(CORNEA_RADIUS**2 - distance**2, 0.0))
    nearness = np.maximum(LIMBUS_BLEND - np.abs(sclera - cornea), 0.0) / LIMBUS_BLEND
    height: Floats = np.maximum(sclera, cornea) + nearness**2 * (LIMBUS_BLEND / 4)
    return height


def profile(radius: float) -> Floats:
    """(rings, 2) distance from the axis and height above the centre, mm, of every ring from front to back."""
    front = np.array(FRONT_RINGS)
    first = np.arcsin(front[-1] / radius)
    angles = first + (np.pi - first) * np.array(SCLERA_RINGS)
    sclera = radius * np.column_stack([np.sin(angles), np.cos(angles)])
    return np.concatenate([np.column_stack([front, surface_height(front, radius)]), sclera])


def _disc_radius(angle: NDArray[np.float64], radius: float) -> Floats:
    """Where a ring at this angle from the gaze axis lies in the texture disc, 0 (front) to 1 (back pole)."""
    edge = float(np.arctan2(IRIS_RADIUS, surface_height(np.array([IRIS_RADIUS]), radius))[0])
    knots = np.array([edge * UV_ANGLES[0], edge * UV_ANGLES[1], edge * UV_ANGLES[2], np.radians(UV_ANGLES[3])])
    return np.interp(angle, knots, UV_RADII)


def _ring_quads(rings: int, segments: int) -> Indices:
    """(Q, 4) of a closed surface of revolution: vertex 0 is the front pole, then the rings, then the back pole."""
    columns = np.arange(segments)
    following = (columns + 1) % segments
    quads = []
    even = columns[::2]
    # A pole is closed by quads that take two edges of its ring each: that is why `segments` is even.
    quads.append(np.column_stack([np.zeros_like(even), 1 + even, 2 + even, 1 + (even + 2) % segments]))
    for ring in range(rings - 1):
        inner, outer = 1 + ring * segments, 1 + (ring + 1) * segments
        quads.append(np.column_stack([inner + columns, outer + columns, outer + following, inner + following]))
    last, pole = 1 + (rings - 1) * segments, 1 + rings * segments
    back = (np.full_like(even, pole), last + (even + 2) % segments, last + even + 1, last + even)
    quads.append(np.column_stack(back))
    return np.concatenate(quads).astype(np.int32)


def eyeball(centre: NDArray[np.floating], radius: float, segments: int = SEGMENTS) -> PartMesh:
    """The left eyeball, looking along +Z; its twin is `mirrored` of it.

    The labels `pupil`, `iris`, `limbus` and `sclera` are rings: `pupil` up to and including the pupil's edge, `iris` up
    to the iris's edge, `limbus` the last ring of the cornea outside it, `sclera` all that lies on the analytic sphere.

    Args:
        centre: (3,) mm, of the sclera's sphere.
        radius: mm, of the sclera's sphere.
        segments: n, about the axis; even.

    Raises:
        ValueError: segments are odd or fewer than 24 (the texture would fold), or the iris does not fit on the sphere.
    """
    if segments % 2 or segments < 24:
        raise ValueError(f"eyeball: segments must be even and at least 24, not {segments}")
    if radius <= FRONT_RINGS[-1]:
        raise ValueError(f"eyeball: the radius must exceed {FRONT_RINGS[-1]} mm, not {radius}")
    rings = profile(radius)
    turn = 2 * np.pi * np.arange(segments) / segments
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    body = np.concatenate(
        [np.column_stack([distance * circle, np.full(segments, height)]) for distance, height in rings]
    )
    front = [0.0, 0.0, float(surface_height(np.zeros(1), radius)[0])]
    vertices = np.concatenate([[front], body, [[0.0, 0.0, -radius]]])
    quads = _ring_quads(len(rings), segments)

    disc = _disc_radius(np.arctan2(rings[:, 0], rings[:, 1]), radius)
    around = disc[:, None, None] * circle
    # The last ring's odd points step back behind the chord of their neighbours: the pole's quads are convex that way.
    around[-1, 1::2] *= 0.993 * np.cos(2 * np.pi / segments)
    # The back pole opens to the disc's rim: each of its quads has a texture point of its own.
    rim = circle[1::2]
    uv = np.concatenate([[[0.0, 0.0]], around.reshape(-1, 2), rim])
    uv_quads = quads.copy()
    uv_quads[-segments // 2 :, 0] = len(vertices) - 1 + np.arange(segments // 2)

    ring_of = np.concatenate([[-1], np.repeat(np.arange(len(rings)), segments), [len(rings)]])
    pupil, iris, limbus = FRONT_RINGS.index(PUPIL_RADIUS), FRONT_RINGS.index(IRIS_RADIUS), len(FRONT_RINGS) - 1
    labels = {
        "pupil": ring_of <= pupil,
        "iris": (ring_of > pupil) & (ring_of <= iris),
        "limbus": (ring_of > iris) & (ring_of <= limbus),
        "sclera": ring_of > limbus,
    }
    return PartMesh(
        vertices=vertices + np.asarray(centre, np.float64),
        quads=quads,
        uv=uv,
        uv_quads=uv_quads,
        labels=labels,
        mirror=np.arange(len(vertices), dtype=np.int32),
    )


def eyeballs(left_centre: NDArray[np.floating], radius: float) -> tuple[PartMesh, PartMesh]:
    """The left and the right eyeball; vertex i of one is the mirror image of vertex i of the other."""
    left = eyeball(left_centre, radius)
    return left, mirrored(left)


def fit_sphere(points: NDArray[np.floating]) -> tuple[Floats, float]:
    """Centre (3,) and radius of the sphere nearest to the points (N, 3), in the algebraic least-squares sense.

    |p|² = 2 p·c + (r² − |c|²) is linear in c and r² − |c|² (Coope 1993).
    """
    points = np.asarray(points, np.float64)
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
    centre: Floats = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


def _lid_margin(faces: NDArray[np.integer]) -> Indices:
    """Vertices at which ICT-FaceKit's left eye socket meets the face: the inner edge of the left lids."""
    corners = np.where(faces < 0, faces[:, :1], faces)
    first, last = _ICT_LEFT_SOCKET
    socket = corners[((corners >= first) & (corners < last)).any(axis=1)]
    return np.unique(socket[socket < _ICT_FACE]).astype(np.int32)


def measure_eyeball(neutral_mm: NDArray[np.floating], faces: NDArray[np.integer]) -> tuple[Floats, float]:
    """Centre (3,) of the left eyeball and the radius of both, mm, from ICT-FaceKit's mean.

    ICT's eyeball is no sphere (14.5 mm at the sides, 16.5 mm at cornea and back), but the inner edge of its lids lies
    on one within a quarter of a millimetre. That is the sphere on which lids can glide; the radius stays
    `LID_CLEARANCE` below the nearest point of the edge. It is larger than the 12 mm of anatomy because
    ICT's lids are: a ball of 12 mm would leave gaps of 3 mm at both corners.

    Args:
        neutral_mm: (26719, 3), ICT-FaceKit's vertices; +X subject's left, +Y up, +Z out of the face.
        faces: (F, 4), its faces; −1 marks a triangle.
    """
    margin = np.asarray(neutral_mm, np.float64)[_lid_margin(faces)]
    centre, _ = fit_sphere(margin)
    return centre, float(np.linalg.norm(margin - centre, axis=1).min()) - LID_CLEARANCE
