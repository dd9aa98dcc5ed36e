"""ICT-FaceKit's expressions under ARKit's names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face2mesh.lab.corpus.scans import Scans

# ICT-FaceKit splits these into sides; ARKit's is both together.
SUMS = ("browInnerUp", "cheekPuff")
# ARKit has it, ICT-FaceKit does not.
MISSING = ("tongueOut",)


def scanned_expression(scans: Scans, name: str) -> NDArray[np.float32] | None:
    """(N, 3) displacement of an ARKit name on the scans at weight 1, or None where they have no such shape.

    `mouthClose` is a correction: it closes the lips over the jaw that `jawOpen` opened as far.
    """
    if name in MISSING:
        return None
    if name in SUMS:
        total: NDArray[np.float32] = scans.shape(f"{name}_L") + scans.shape(f"{name}_R")
        return total
    if name in scans.names:
        return scans.shape(name)
    return scans.shape(name.removesuffix("Left").removesuffix("Right") + ("_L" if name.endswith("Left") else "_R"))
