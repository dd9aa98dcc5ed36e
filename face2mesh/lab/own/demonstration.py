"""`face2mesh lab own-sculpts`: a made-up family from sculpts to a model, and what the model gains; strangers beside it.

The commands that a user has are run one after the other on a family of `made_up_family`: sculpts as OBJ files, collect,
render with the rasteriser, train, reconstruct the people held out. Families 1 and 2 were looked at while the method was
made; the one that is measured by default was not.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from face2mesh.cli.options import whole_number
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.own.family import SHARED, made_up_family
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED
from face2mesh.store import provenance, provenance_of_measures, write_atomically, write_document

FORMAT = "face2mesh/results"
VERSION = 1
MEASURED_SEED = 2026
PEOPLE, HELD_OUT = 20, 5


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `own-sculpts` to the laboratory's commands."""
    parser = subparsers.add_parser("own-sculpts")
    parser.add_argument("folder", type=Path, metavar="DIR", help="new folder for the data set and the model")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="JSON file of the results")
    parser.add_argument(
        "--family",
        type=whole_number(0),
        nargs="+",
        default=[MEASURED_SEED],
        metavar="SEED",
        help=f"whose (default: {MEASURED_SEED})",
    )
    parser.add_argument(
        "--strangers", type=whole_number(0), nargs="*", default=[], metavar="SEED", help="people not related, too"
    )
    parser.add_argument(
        "--views", type=whole_number(1), default=8, metavar="N", help="pictures of each sculpt (default: 8)"
    )
    parser.add_argument(
        "--pictures", type=whole_number(1), default=3000, metavar="N", help="drawn people to learn from (default: 3000)"
    )
    parser.add_argument(
        "--workers", type=whole_number(1), default=1, metavar="N", help="processes that draw pictures (default: 1)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make, train and measure each family."""
    groups: dict[str, dict[str, Any]] = {"families": {}, "strangers": {}}
    for kind, seeds, related in (("families", arguments.family, SHARED), ("strangers", arguments.strangers, 0.0)):
        for seed in seeds:
            folder = arguments.folder / f"{kind}-{seed}"
            found = demonstrated(folder, seed, arguments.views, arguments.pictures, arguments.workers, related)
            groups[kind][str(seed)] = found
            _write(arguments, groups)
    print(arguments.output)
    return 0


def _write(arguments: argparse.Namespace, groups: dict[str, dict[str, Any]]) -> None:
    """Write what is measured so far."""
    configuration = {"views": arguments.views, "pictures": arguments.pictures}
    results = {
        "format": FORMAT,
        "version": VERSION,
        **groups,
        "provenance": provenance_of_measures({"model": PACKAGED / MANIFEST_FILE}, configuration, arguments.family[0]),
    }
    write_document(arguments.output, results)


def demonstrated(
    folder: Path, seed: int, views: int, pictures: int, workers: int, related: float = SHARED
) -> dict[str, Any]:
    """One family: what its model gains, and what it cost."""
    from face2mesh.lab.dataset.collect import collect_dataset
    from face2mesh.lab.dataset.render import Making, render_dataset
    from face2mesh.lab.own.train import Tuning, fine_tune

    began, cpu = time.monotonic(), _cpu()
    names = write_family(folder, seed, PEOPLE, related)
    collect_dataset(folder, names[-HELD_OUT:])
    render_dataset(folder, Making("raster", seed, 256), views)
    before, cpu_before = time.monotonic() - began, _cpu() - cpu
    trained = fine_tune(folder, folder / "model", Tuning(pictures=pictures, workers=workers))
    assert trained.held_out is not None
    assert trained.trust is not None
    left = trained.shapes.left_out
    return {
        "people": PEOPLE,
        "held_out": trained.held_out.to_json(),
        "shares": trained.shapes.shares.__dict__,
        "left_out": None if left is None else left.__dict__,
        "told": trained.shapes.told(),
        "trust": {**trained.trust.__dict__, "told": trained.trust.told()},
        "modes": len(trained.shapes.modes),
        "model_bytes": trained.size,
        "seconds": {
            "sculpts_and_pictures": round(before, 1),
            "training": round(time.monotonic() - began - before, 1),
            "cpu_of_sculpts_and_pictures": round(cpu_before, 1),
            "cpu_of_training": round(_cpu() - cpu - cpu_before, 1),
        },
    }


def _cpu() -> float:
    """Seconds of processor time of this process and of those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def write_family(folder: Path, seed: int, count: int, related: float = SHARED) -> list[str]:
    """Begin a data set of a made-up family: its folder, its template and a sculpt as OBJ of each person.

    Args:
        folder: new, or one of the same family.
        seed: of the family.
        count: how many people.
        related: see `made_up_family`.

    Returns:
        Their names.
    """
    from face2mesh.lab.dataset.dataset import PHOTOS, SCULPTS, TEMPLATE_FILE
    from face2mesh.lab.own.packaged import Packaged
    from face2mesh.write.obj import write_vertices

    packaged = Packaged.load()
    skins = made_up_family(packaged, count, seed, related=related)
    heads = packaged.followers.place(skins, skins, np.zeros((count, len(ARKIT_NAMES))))
    for name in (SCULPTS, PHOTOS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if not (folder / TEMPLATE_FILE).exists():
        packaged.base_head.save(folder / TEMPLATE_FILE, provenance())
    names = [f"person{number:02d}" for number in range(1, count + 1)]
    for name, head in zip(names, heads, strict=True):

        def write(file: Any, name: str = name, head: Any = head) -> None:
            write_vertices(head, packaged.base_head.topology, name, file)

        write_atomically(folder / SCULPTS / f"{name}.obj", write)
    return names
