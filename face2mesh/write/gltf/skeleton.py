"""A rig as glTF's skin: joints as nodes, inverse bind matrices, and each vertex's influences.

Letters: N vertices, J joints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.write.gltf.buffer import Buffer
from face2mesh.write.rig import Rig

_METRES = 0.001
_WHOLE = 0xFFFF
"""What the four weights of a vertex, as 16-bit numbers, must sum to."""


def skeleton(rig: Rig, nodes: list[dict[str, Any]], scene: dict[str, Any], buffer: Buffer) -> dict[str, Any]:
    """Give the document bones.

    Args:
        rig: of the head.
        nodes: the document's; the first one shows the mesh. Gets the joints and the skin.
        scene: gets the root joint. The mesh stays a root too: a skinned mesh follows its joints alone.
        buffer: gets the inverse bind matrices.

    Returns:
        The document's entry "skins".
    """
    first = len(nodes)
    nodes[0]["skin"] = 0
    for joint in rig.joints:
        parent = rig.joints[joint.parent].place if joint.parent >= 0 else np.zeros(3)
        node: dict[str, Any] = {"name": joint.name, "translation": ((joint.place - parent) * _METRES).tolist()}
        children = [first + i for i, other in enumerate(rig.joints) if other.parent == len(nodes) - first]
        nodes.append(node | ({"children": children} if children else {}))
        if joint.parent < 0:
            scene["nodes"].append(len(nodes) - 1)
        if joint.name == "jaw":
            nodes[-1]["extras"] = {"jawOpen_degrees_about_x": round(rig.jaw_open_degrees, 3)}
    inverse = np.tile(np.eye(4, dtype=np.float32), (len(rig.joints), 1, 1))
    inverse[:, :3, 3] = [-joint.place * _METRES for joint in rig.joints]
    skin = {
        "name": "bones",
        "skeleton": first,
        "joints": list(range(first, first + len(rig.joints))),
        "inverseBindMatrices": buffer.add_matrices(inverse),
    }
    return {"skins": [skin]}


def add_influences(weights: NDArray[np.float32], buffer: Buffer) -> dict[str, int]:
    """Accessors "JOINTS_0" and "WEIGHTS_0" of weights (N, J ≤ 4), each row summing to 1."""
    whole = np.rint(weights.astype(np.float64) * _WHOLE).astype(np.int64)
    # Rounding leaves a little over or short: the heaviest joint takes it.
    heaviest = whole.argmax(1)
    whole[np.arange(len(whole)), heaviest] += _WHOLE - whole.sum(1)
    joints = np.where(whole > 0, np.arange(whole.shape[1]), 0)
    spare = ((0, 0), (0, 4 - whole.shape[1]))
    return {
        "JOINTS_0": buffer.add_attribute(np.pad(joints, spare).astype(np.uint8)),
        "WEIGHTS_0": buffer.add_attribute(np.pad(whole, spare).astype(np.uint16), normalised=True),
    }
