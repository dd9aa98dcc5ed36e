"""STL, binary or as text. It repeats a vertex in every triangle around it: equal places become one vertex again."""

from __future__ import annotations

import numpy as np

from face2mesh.read.mesh_file import MeshFile, NotReadableError

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(content: bytes) -> MeshFile:
    """An STL file; vertices in the order in which they first appear.

    Raises:
        NotReadableError: it is cut short or damaged.
    """
    count = int.from_bytes(content[80:84], "little")
    if len(content) >= 84 and len(content) == 84 + count * _TRIANGLE.itemsize:
        corners = np.frombuffer(content, _TRIANGLE, count, 84)["corners"].astype(np.float64)
    elif content.lstrip()[:5].lower() == b"solid":
        try:
            words = content.split()
            starts = [place for place, word in enumerate(words) if word == b"vertex"]
            numbers = [float(word) for place in starts for word in words[place + 1 : place + 4]]
            corners = np.array(numbers).reshape(-1, 3, 3)
        except ValueError as error:
            raise NotReadableError("damaged, a vertex is not made of three numbers; export it again.") from error
    else:
        raise NotReadableError("cut short or no STL file; export it again.")
    places = corners.reshape(-1, 3)
    _, first, which = np.unique(places, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    return MeshFile(places[first[order]], rank[which.reshape(-1)].reshape(-1, 3))
