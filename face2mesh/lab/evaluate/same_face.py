"""Whether a detector's box and the given one mean the same face."""

from __future__ import annotations

from face2mesh.photo import Box

LEAST_OVERLAP = 0.3
"""Two boxes are of the same face from this ratio of intersection to union on."""


def same_face(a: Box, b: Box) -> bool:
    """Whether two boxes overlap enough to mean one face: intersection over union at least 0.3."""
    across = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    down = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared >= LEAST_OVERLAP * (a.w * a.h + b.w * b.h - shared)
