"""All parts of the base head put together: skin, eyeballs, teeth, tongue and lashes, with one texture square.

Letters: V vertices, S of them skin, Q quads, T = 2Q triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.base_head import PARTS, BaseHead
from face2mesh.lab.base import topology
from face2mesh.lab.base.atlas import Textured, head_atlas
from face2mesh.lab.base.dental_arch import measure_arches
from face2mesh.lab.base.embeddings import chosen, dense_embedding
from face2mesh.lab.base.eyes import eyeballs, measure_eyeball
from face2mesh.lab.base.followers import fitted_tongue, lashes_on
from face2mesh.lab.base.lids import EyeSurface, rest_on_eyeball
from face2mesh.lab.base.part_mesh import PartMesh
from face2mesh.lab.base.regions import named_regions
from face2mesh.lab.base.register import Registration, register
from face2mesh.lab.base.sources import MakeHumanBody, ScanMean
from face2mesh.lab.base.teeth import jaw
from face2mesh.lab.base.topology import Anatomy, Submesh

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

# How much a length of each part counts in the texture beside one of the others.
EYES, TEETH, TONGUE, LASHES = 1.6, 0.7, 0.6, 0.5
IMPORTANCE = {
    "left_eye": EYES,
    "right_eye": EYES,
    "upper_teeth": TEETH,
    "lower_teeth": TEETH,
    "tongue": TONGUE,
    "lashes": LASHES,
}


@dataclass(frozen=True)
class Wrapped:
    """The wrapped skin and what else the parts need, all in the head's own frame.

    Attributes:
        skin: the skin's topology.
        anatomy: of the skin.
        registration: in ICT-FaceKit's frame.
        vertices: (S, 3) mm, the skin in the head's frame, on the eyeballs.
        origin: (3,) mm, the head's origin in ICT-FaceKit's frame.
        eye: the left eyeball.
    """

    skin: Submesh
    anatomy: Anatomy
    registration: Registration
    vertices: Floats
    origin: Floats
    eye: EyeSurface


@dataclass(frozen=True)
class Part:
    """One part: `Textured` with its mirror table and labelled vertices."""

    mesh: Textured
    mirror: NDArray[np.integer]
    labels: dict[str, Mask]


def wrap(body: MakeHumanBody, scan: ScanMean) -> Wrapped:
    """Register the skin and set it on the eyeballs."""
    skin = topology.head_skin(body)
    anatomy = topology.anatomy(skin)
    registration = register(skin, anatomy, scan)
    centre, radius = measure_eyeball(scan.vertices, scan.faces)
    origin = centre * (0.0, 1.0, 1.0)
    vertices = rest_on_eyeball(registration, skin, anatomy, EyeSurface(centre, radius)) - origin
    return Wrapped(skin, anatomy, registration, vertices, origin, EyeSurface(centre - origin, radius))


def assemble(body: MakeHumanBody, scan: ScanMean) -> tuple[BaseHead, Wrapped]:
    """Make the base head."""
    wrapped = wrap(body, scan)
    parts = _parts(body, scan, wrapped)
    skin = wrapped.skin
    textured_skin = Textured(wrapped.vertices, skin.quads, skin.uv, skin.uv_quads)
    uv, uv_quads = head_atlas(textured_skin, skin.mirror, [part.mesh for part in parts.values()])

    vertices = [wrapped.vertices]
    quads: list[NDArray[np.integer]] = [skin.quads]
    mirror: list[NDArray[np.integer]] = [skin.mirror]
    vertex_ranges, quad_ranges = {"skin": (0, len(skin.vertices))}, {"skin": (0, len(skin.quads))}
    labels: dict[str, list[tuple[int, Mask]]] = {}
    count, quad_count = len(skin.vertices), len(skin.quads)
    for name, part in parts.items():
        size, quad_size = len(part.mesh.vertices), len(part.mesh.quads)
        vertices.append(part.mesh.vertices)
        quads.append(part.mesh.quads + count)
        # An eyeball's twin is the other one: right behind it, or right before it.
        shift = {"left_eye": size, "right_eye": -size}.get(name, 0)
        mirror.append(part.mirror + count + shift)
        for label, mask in part.labels.items():
            labels.setdefault(label, []).append((count, mask))
        vertex_ranges[name], quad_ranges[name] = (count, count + size), (quad_count, quad_count + quad_size)
        count, quad_count = count + size, quad_count + quad_size

    every_mirror = np.concatenate(mirror).astype(np.int32)
    every_quad = np.concatenate(quads).astype(np.int32)
    places = mirrored_to_the_bit(np.concatenate(vertices), every_mirror)
    dense = dense_embedding(skin)
    points = dense(places[: len(skin.vertices)].astype(np.float64))
    regions = {
        name: _padded(mask, 0, count)
        for name, mask in named_regions(wrapped.vertices, skin.mirror, wrapped.anatomy, points).items()
    }
    for label, pieces in labels.items():
        regions[label] = np.any([_padded(mask, first, count) for first, mask in pieces], axis=0)
    centres = np.array([wrapped.eye.centre, wrapped.eye.centre * (-1.0, 1.0, 1.0)], np.float32)
    head = BaseHead(
        vertices=places,
        quads=every_quad,
        triangles=split(every_quad, every_mirror),
        uv=uv.astype(np.float32),
        uv_quads=np.concatenate(uv_quads).astype(np.int32),
        part_vertices={name: vertex_ranges[name] for name in PARTS},
        part_quads={name: quad_ranges[name] for name in PARTS},
        mirror=every_mirror,
        regions=regions,
        landmarks=chosen(dense),
        dense=dense,
        neck_border=wrapped.anatomy.loops["neck"].astype(np.int32),
        eye_centres=centres,
        eye_radius=wrapped.eye.radius,
    )
    return head, wrapped


def _parts(body: MakeHumanBody, scan: ScanMean, wrapped: Wrapped) -> dict[str, Part]:
    """Eyeballs, teeth, tongue and lashes in the head's frame, in the order of `PARTS`."""
    left, right = eyeballs(wrapped.eye.centre, wrapped.eye.radius)
    upper, lower = measure_arches(scan.vertices - wrapped.origin, scan.faces)
    jaws = {"upper_teeth": jaw(upper, upper=True), "lower_teeth": jaw(lower, upper=False)}
    tongue = topology.groups(body, topology.TONGUE)
    lashes = topology.groups(body, topology.LASHES)
    below, above = topology.lid_halves(wrapped.skin, wrapped.anatomy.loops["lid_margin_front"])
    scale = wrapped.registration.scale
    rest, now = wrapped.skin.vertices, wrapped.vertices
    lash_places = lashes_on(lashes, scale, (rest[above], rest[below]), (now[above], now[below]))
    tongue_places = fitted_tongue(tongue, scale, jaws["lower_teeth"])
    made: dict[str, PartMesh] = {"left_eye": left, "right_eye": right, **jaws}
    parts = {
        name: Part(
            Textured(mesh.vertices, mesh.quads, mesh.uv, mesh.uv_quads, IMPORTANCE[name]),
            mesh.mirror,
            {_REGION_OF_LABEL.get(label, label): mask for label, mask in mesh.labels.items()},
        )
        for name, mesh in made.items()
    }
    for name, mesh, places in (("tongue", tongue, tongue_places), ("lashes", lashes, lash_places)):
        parts[name] = Part(Textured(places, mesh.quads, mesh.uv, mesh.uv_quads, IMPORTANCE[name]), mesh.mirror, {})
    return parts


_REGION_OF_LABEL = {"gum": "gums", "tooth": "teeth"}


def _padded(mask: Mask, first: int, count: int) -> Mask:
    result = np.zeros(count, np.bool_)
    result[first : first + len(mask)] = mask
    return result


def mirrored_to_the_bit(vertices: Floats, mirror: NDArray[np.integer]) -> NDArray[np.float32]:
    """(V, 3) float32: a vertex and its mirror image differ in the sign of x alone, and x is 0 in the middle."""
    result = vertices.astype(np.float32)
    index = np.arange(len(vertices))
    second = index > mirror
    result[second] = result[mirror[second]] * np.array([-1, 1, 1], np.float32)
    result[mirror == index, 0] = 0
    return result


def split(quads: NDArray[np.integer], mirror: NDArray[np.integer]) -> NDArray[np.int32]:
    """(2Q, 3): each quad cut along a diagonal such that mirrored quads are cut along mirrored diagonals.

    The cut starts at the corner whose vertex or mirror image has the lowest number.
    """
    key = np.minimum(quads, mirror[quads])
    start = key.argmin(axis=1)
    turned = np.take_along_axis(quads, (start[:, None] + np.arange(4)) % 4, axis=1)
    return turned[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
