"""Eyes for pictures of heads whose template has none.

Letters: V vertices of the template, E of our two eyeballs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face2mesh.head import BaseHead
from face2mesh.lab.pairs.colours import gloss_of_parts, paint_parts
from face2mesh.lab.render.picture import Piece

Floats = NDArray[np.float32]

LEAST_SCLERA = 20
"""Vertices; a template with fewer that lie where our eyes' white is has no eyeballs of its own."""
OPEN = 0.75
"""What arrives of the even light between the lids."""
# iBUG's points of the subject's left and right eye.
_POINTS = (slice(42, 48), slice(36, 42))


@dataclass(frozen=True)
class Eyes:
    """Our eyeballs between a template's lids.

    Attributes:
        ours: the packaged base head.
        template: has its eyes' middles and radius.
    """

    ours: BaseHead
    template: BaseHead

    @classmethod
    def missing_from(cls, template: BaseHead, ours: BaseHead) -> Eyes | None:
        """Eyes for a template; None for one that has its own."""
        first, last = template.part_vertices["left_eye"]
        own = last > first or int(template.regions.get("sclera", np.zeros(0, bool)).sum()) >= LEAST_SCLERA
        return None if own else cls(ours, template)

    def placed(self, vertices: Floats) -> tuple[Floats, NDArray[np.int32]]:
        """The eyeballs of a head (V, 3): vertices (E, 3) mm and triangles, moved as the points of the lids are."""
        rest, now = (self.template.landmarks(points) for points in (self.template.vertices, vertices))
        points, triangles, count = [], [], 0
        for side, part in enumerate(("left_eye", "right_eye")):
            first, last = self.ours.part_vertices[part]
            ball = self.ours.vertices[first:last] - self.ours.eye_centres[side]
            size = self.template.eye_radius / float(np.linalg.norm(ball - ball.mean(0), axis=1).mean())
            moved = (now[_POINTS[side]] - rest[_POINTS[side]]).mean(0)
            points.append((ball - ball.mean(0)) * size + self.template.eye_centres[side] + moved)
            quads = slice(*(2 * np.array(self.ours.part_quads[part])))
            triangles.append(self.ours.triangles[quads] - first + count)
            count += last - first
        return np.concatenate(points).astype(np.float32), np.concatenate(triangles).astype(np.int32)

    def colours(self, look: np.random.Generator) -> Floats:
        """(E, 3) linear RGB."""
        whole = np.zeros((len(self.ours.vertices), 3), np.float32)
        paint_parts(self.ours, whole, look)
        return whole[self._rows()]

    def __call__(self, vertices: Floats, look: np.random.Generator) -> list[Piece]:
        """As a piece of a picture."""
        points, triangles = self.placed(vertices)
        gloss = gloss_of_parts(self.ours, look)[self._rows()]
        return [Piece(points, triangles, self.colours(look), gloss=gloss, openness=OPEN, two_sided=False)]

    def _rows(self) -> NDArray[np.intp]:
        parts = (self.ours.part_vertices[part] for part in ("left_eye", "right_eye"))
        return np.concatenate([np.arange(first, last) for first, last in parts])
