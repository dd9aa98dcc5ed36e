"""A walk through the space of heads: from one to the next by small steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from face2mesh.face import Face
from face2mesh.model.mixing import between


def walk(stops: Sequence[Face], steps: int, closed: bool = True) -> Iterator[Face]:
    """The heads on the way from stop to stop, on arcs around the average head.

    Args:
        stops: heads of one model, 1 or more.
        steps: heads for each leg of the way, its first stop among them; 1 or more.
        closed: go on from the last stop to the first, so that a film can begin anew; else end with the last stop.

    Raises:
        Face2MeshError: the stops are of different models.
    """
    legs = zip(stops, [*stops[1:], stops[0]], strict=True)
    for number, (here, there) in enumerate(legs, 1):
        if number == len(stops) and not closed:
            yield here
            return
        for step in range(steps):
            yield between(here, there, step / steps, arc=True)
