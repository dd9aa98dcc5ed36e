"""Soft shadows from a table: which vertices of the mean head a light from each of many directions reaches.

Computed once on the mean head at rest; a lamp of some size looks up the directions around its own. People differ
little in what their noses and brows shade, and the lookup costs a hundredth of a shadow map.
Letters: D directions, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head.normals import vertex_normals
from face2mesh.lab.render.rasteriser import rasterise

FloatArray = NDArray[np.float32]

_SIDE = 220
_BIAS_MM = 3.0


@dataclass(frozen=True)
class Shadows:
    """What light reaches each vertex, head axes.

    Attributes:
        directions: (D, 3) unit vectors towards the light, evenly over the sphere.
        reached: (D, V) 0 or 1.
        openness: (V,) 0 to 1, how much of an even sky's light arrives (ambient occlusion, cosine-weighted).
    """

    directions: FloatArray
    reached: FloatArray
    openness: FloatArray

    @classmethod
    def of(cls, vertices: FloatArray, triangles: NDArray[np.int32], count: int = 192) -> Shadows:
        """Draw the head (V, 3), with its triangles (T, 3), from `count` directions and see what is in front."""
        step = np.arange(count) + 0.5
        height, turn = 1 - 2 * step / count, step * np.pi * (1 + np.sqrt(5))
        flat = np.sqrt(1 - height**2)
        directions = np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], 1)
        normals = vertex_normals(vertices, triangles)
        reached = np.stack([_reached(vertices, triangles, direction) for direction in directions]).astype(np.float32)
        cosine = np.clip(directions @ normals.T, 0, None)
        openness = (reached * cosine).sum(0) / np.maximum(cosine.sum(0), 1e-6)
        return cls(directions.astype(np.float32), reached, openness.astype(np.float32))

    def of_lamp(self, direction: FloatArray, sharpness: float) -> FloatArray:
        """How much of a lamp's light arrives at each vertex, (V,) 0 to 1.

        Args:
            direction: (3,) towards the lamp, head axes, length 1.
            sharpness: of the lamp's edge; 30 is a wide soft box, 200 a bare bulb.
        """
        weight = np.exp(sharpness * (self.directions @ direction - 1))
        some = np.flatnonzero(weight > 0.01 * weight.max())
        result: FloatArray = (weight[some] / weight[some].sum()).astype(np.float32) @ self.reached[some]
        return result


def _reached(vertices: FloatArray, triangles: NDArray[np.int32], towards: NDArray[np.float64]) -> NDArray[np.bool_]:
    helper = np.array([1.0, 0, 0]) if abs(towards[0]) < 0.9 else np.array([0, 1.0, 0])
    right = np.cross(towards, helper)
    right /= np.linalg.norm(right)
    placed = vertices @ np.stack([right, np.cross(towards, right), -towards]).T
    placed[:, :2] -= placed[:, :2].min(0)
    placed[:, :2] *= (_SIDE - 2) / placed[:, :2].max()
    depth = rasterise(placed, triangles, _SIDE, _SIDE, perspective=False).depth
    column, row = placed[:, :2].astype(np.intp).T
    reached: NDArray[np.bool_] = placed[:, 2] < depth[row, column] + _BIAS_MM
    return reached
