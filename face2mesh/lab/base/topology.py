"""The head's share of MakeHuman's `hm08`: which quads, in which order, and its named loops.

The loops are an artist's: rings around mouth, eyes, nostrils and ears. Each is named by one of its edges, as `hm08`
numbers its vertices, on the subject's left where there are two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.base.loops import QuadMesh
from face2mesh.lab.base.sources import MakeHumanBody

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NECK = (803, 799)
CROWN = 881  # a vertex of the skull: what is kept lies on its side of the neck's loop
# Rings around the mouth, from the vermilion's border to where the lips touch; each starts at the lower lip's middle.
LIP_RINGS = ((492, 7241), (496, 7245), (495, 7244), (513, 7260), (494, 7243), (493, 7242))
BEHIND_LIPS = (523, 7264)
# Rings around the left eye, from the lid's crease inwards: skin, the margin's front edge, its depth, its inner edge.
LID_RINGS = ((6933, 6930), (6879, 6878), (11515, 11513), (6789, 6788), (6787, 6786), (11465, 11466))
LID_MARGIN_FRONT = (6785, 6784)
LID_MARGIN = ((13352, 13353), (7748, 7747))
LID_MARGIN_BACK = (7774, 7773)
IN_EYE_CAVITY = 7800
NOSTRIL_RIM = (7082, 7087)
NOSTRIL_INSIDE = (7105, 7108)
EAR = (12344, 12346)
IN_EAR = 12036
TONGUE = ("helper-tongue",)
LASHES = ("helper-l-eyelashes-1", "helper-l-eyelashes-2", "helper-r-eyelashes-1", "helper-r-eyelashes-2")


@dataclass(frozen=True)
class Submesh:
    """Some quads of `hm08` with vertices renumbered in ascending order.

    Attributes:
        source: (V,) the vertices' numbers in `hm08`.
        vertices: (V, 3) mm, MakeHuman's own shape, exactly symmetric.
        quads: (Q, 4).
        mirror: (V,).
        uv: (U, 2), MakeHuman's.
        uv_quads: (Q, 4), rows of `uv`.
    """

    source: Indices
    vertices: Floats
    quads: Indices
    mirror: Indices
    uv: Floats
    uv_quads: Indices

    def number(self, source: int | Sequence[int] | Indices) -> Indices:
        """Numbers here of vertices of `hm08` (−1: not here)."""
        place = np.searchsorted(self.source, source)
        found = self.source[np.minimum(place, len(self.source) - 1)] == source
        return np.where(found, place, -1)


@dataclass(frozen=True)
class Anatomy:
    """Masks (S,) and loops of the skin that follow from topology alone.

    Attributes:
        masks: "mouth_cavity", "behind_lips" (the ring behind the contact line), "lip_upper", "lip_lower",
            "lip_corners", and per side "_left", "_right": "eye_cavity", "lid_margin" (its depth), "lid_margin_back",
            "lid_upper", "lid_lower", "nostril", "ear".
        loops: ordered vertices of the left or middle ones: "neck", "lip_contact", "behind_lips", "lid_margin_front",
            "lid_margin_back"; "lid_columns" (4, N): the left margin's four rings, from its front to its back edge,
            column by column.
    """

    masks: Mapping[str, Mask]
    loops: Mapping[str, Indices]


def submesh(body: MakeHumanBody, chosen: Mask) -> Submesh:
    """The quads of a mask (Q,), with their vertices."""
    source, quads = np.unique(body.quads[chosen], return_inverse=True)
    rows, uv_quads = np.unique(body.uv_quads[chosen], return_inverse=True)
    mirror = np.searchsorted(source, body.mirror[source])
    vertices = body.vertices[source]
    vertices = (vertices + vertices[mirror] * (-1.0, 1.0, 1.0)) / 2
    shape = (int(chosen.sum()), 4)
    return Submesh(source, vertices, quads.reshape(shape), mirror, body.uv[rows], uv_quads.reshape(shape))


def head_skin(body: MakeHumanBody) -> Submesh:
    """The skin above the neck's loop, with the cavities of mouth, eyes and nostrils."""
    skin = np.flatnonzero(body.groups == "body")
    mesh = QuadMesh(body.quads[skin])
    chosen = np.zeros(len(body.quads), np.bool_)
    chosen[skin[mesh.inside(mesh.loop(*NECK), CROWN)]] = True
    return submesh(body, chosen)


def groups(body: MakeHumanBody, names: Sequence[str]) -> Submesh:
    """The quads of some groups."""
    return submesh(body, np.isin(body.groups, names))


def anatomy(skin: Submesh) -> Anatomy:
    """Name what the topology tells apart."""
    mesh = QuadMesh(skin.quads)

    def loop(edge: tuple[int, int]) -> Indices:
        first, second = skin.number(edge).tolist()
        return mesh.loop(first, second)

    def mask(vertices: Indices) -> Mask:
        chosen = np.zeros(len(skin.vertices), np.bool_)
        chosen[vertices] = True
        return chosen

    def beyond(ring: Indices, vertex: int) -> Mask:
        """Vertices on one side of a loop, without the loop."""
        chosen = mask(np.unique(skin.quads[mesh.inside(ring, int(skin.number(vertex)))]))
        chosen[ring] = False
        return chosen

    behind = loop(BEHIND_LIPS)
    contact = loop(LIP_RINGS[-1])
    masks: dict[str, Mask] = {
        "mouth_cavity": beyond(contact, BEHIND_LIPS[0]),
        "behind_lips": mask(behind),
    }
    upper, lower, corners = (np.zeros(len(skin.vertices), np.bool_) for _ in range(3))
    for number, edge in enumerate(LIP_RINGS):
        below, corner, above = lip_halves(skin, loop(edge))
        lower[below], corners[corner] = True, True
        if number:  # the first ring's upper half lies outside the red of the scans' upper lip
            upper[above] = True
    masks |= {name: half | half[skin.mirror] for name, half in (("lip_upper", upper), ("lip_lower", lower))}
    masks["lip_corners"] = corners | corners[skin.mirror]

    back = loop(LID_MARGIN_BACK)
    upper, lower = np.zeros_like(upper), np.zeros_like(upper)
    for edge in (*LID_RINGS, LID_MARGIN_FRONT, *LID_MARGIN, LID_MARGIN_BACK):
        below, above = lid_halves(skin, loop(edge))
        lower[below], upper[above] = True, True
    nostril = loop(NOSTRIL_RIM)
    ear = loop(EAR)
    inside_nostril = beyond(nostril, NOSTRIL_INSIDE[0])
    left = {
        "eye_cavity": beyond(back, IN_EYE_CAVITY),
        "lid_margin": mask(np.concatenate([loop(edge) for edge in LID_MARGIN])),
        "lid_margin_back": mask(back),
        "lid_upper": upper,
        "lid_lower": lower,
        "nostril": inside_nostril,
        "ear": beyond(ear, IN_EAR) | mask(ear),
    }
    for name, chosen in left.items():
        masks[f"{name}_left"] = chosen
        masks[f"{name}_right"] = chosen[skin.mirror]
    columns = [loop(LID_MARGIN_FRONT)]
    for edge in (*LID_MARGIN, LID_MARGIN_BACK):
        ring = set(loop(edge).tolist())
        columns.append(np.array([(mesh.neighbours(vertex) & ring).pop() for vertex in columns[-1].tolist()]))
    loops = {
        "lid_columns": np.array(columns),
        "neck": mesh.border(),
        "lip_contact": contact,
        "behind_lips": behind,
        "lid_margin_front": loop(LID_MARGIN_FRONT),
        "lid_margin_back": back,
    }
    return Anatomy(masks, loops)


def lip_halves(skin: Submesh, ring: Indices) -> tuple[Indices, int, Indices]:
    """Left half of a ring around the mouth: lower lip from the middle to the corner, the corner, upper lip from there.

    The ring starts at the lower lip's middle. Both halves are without the corner.
    """
    x = skin.vertices[ring, 0]
    if x[1] < 0:
        ring = np.roll(ring[::-1], 1)
        x = skin.vertices[ring, 0]
    middle = int(np.flatnonzero(x == 0)[1])
    corner = int(x.argmax())
    return ring[:corner], int(ring[corner]), ring[corner + 1 : middle + 1]


def lid_halves(skin: Submesh, ring: Indices) -> tuple[Indices, Indices]:
    """A ring around the left eye: lower and upper lid, each from inner to outer corner, both corners in both."""
    x, y = skin.vertices[ring, 0], skin.vertices[ring, 1]
    ring = np.roll(ring, -int(x.argmin()))
    outer = int(skin.vertices[ring, 0].argmax())
    first, second = ring[: outer + 1], np.append(ring[outer:], ring[0])[::-1]
    if skin.vertices[first, 1].mean() > y.mean():
        first, second = second, first
    return first, second
