"""`face2mesh lab hierarchy`: the levels of the base head's skin."""

from __future__ import annotations

import argparse

import numpy as np

from face2mesh.cli.options import whole_number
from face2mesh.errors import InputFileError
from face2mesh.head.base_head import BaseHead
from face2mesh.head.topology import with_area
from face2mesh.lab.graph.hierarchy import Hierarchy, build_hierarchy
from face2mesh.store import provenance


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("hierarchy")
    parser.add_argument(
        "--poolings", type=whole_number(1), default=4, metavar="N", help="how often the mesh is thinned (default: 4)"
    )
    parser.add_argument("--factor", type=float, default=4.0, metavar="X", help="by how much each time (default: 4)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read `base-head.npz`, write `hierarchy.npz`.

    Raises:
        InputFileError: the base head is missing, stale, or its skin cannot be thinned that far.
    """
    source = arguments.build / "base-head.npz"
    head = BaseHead.load(source)
    try:
        hierarchy = hierarchy_of_head(head, arguments.poolings, arguments.factor)
    except ValueError as error:
        raise InputFileError(
            f"{source}: its skin makes no hierarchy ({error}); ask for fewer or smaller poolings."
        ) from error
    configuration = {"poolings": arguments.poolings, "factor": arguments.factor}
    target = arguments.build / "hierarchy.npz"
    hierarchy.save(target, provenance({"base-head": source}, configuration))
    print(f"{target}: {', '.join(str(count) for count in hierarchy.counts)} vertices")


def hierarchy_of_head(head: BaseHead, poolings: int = 4, factor: float = 4.0) -> Hierarchy:
    """Levels of a head's skin, symmetric by its mirror table; the quads' sides are the finest graph.

    Of a quad whose last two corners are one, a triangle, the half without area is left out.

    Raises:
        ValueError: the skin is no manifold, not symmetric, or has too few vertices.
    """
    skin = head.skin_count
    triangles = head.skin_triangles[with_area(head.skin_triangles)]
    mirror = head.mirror[:skin]
    symmetric = not np.array_equal(mirror, np.arange(skin))
    return build_hierarchy(
        np.asarray(head.vertices[:skin]), triangles, head.skin_quads, mirror if symmetric else None, poolings, factor
    )
