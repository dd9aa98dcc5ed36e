"""`face2mesh lab registration`: how well foreign faces are registered.

The 45 faces of the data's simpop.npz, whose eyes, mouths and nostrils are sealed, and some of them once more, turned at
random, a thousand times as large and without a fifth of their triangles.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.cli.options import whole_number
from face2mesh.errors import InputFileError
from face2mesh.lab.data import data_folder
from face2mesh.lab.options import add_output
from face2mesh.lab.registration.picture import comparison
from face2mesh.lab.registration.register import Registered, Registrar, inverse, weighted
from face2mesh.lab.registration.scan import Scan
from face2mesh.model import load
from face2mesh.model.manifest import MANIFEST_FILE, PACKAGED
from face2mesh.store import provenance_of_measures, write_atomically, write_document

FORMAT, VERSION = "face2mesh/registration-results", 1
FACES = "simpop.npz"
SEED = 11045
HURT, MISSING, LARGER = 5, 0.2, 1000.0

Array = NDArray[np.float64]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `registration` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "registration",
        description=f"Registers the faces of the data's {FACES}; writes FILE.",
    )
    add_output(parser, "results/register.json")
    parser.add_argument("--limit", type=whole_number(1), metavar="N", help="only N of the faces, for a quick look")
    parser.add_argument(
        "--hurt", type=whole_number(0), default=HURT, metavar="N", help=f"how many once more, damaged (default: {HURT})"
    )
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also draw the first face, as `register` does")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Register, measure and write the results.

    Raises:
        InputFileError: the data are not there.
    """
    path = data_folder(arguments) / FACES
    if not path.exists():
        raise InputFileError(f"{path}: not found; docs/data.md says where it comes from.")
    inputs = {"faces": path, "model": PACKAGED / MANIFEST_FILE}
    configuration = {"limit": arguments.limit, "hurt": arguments.hurt, "missing": MISSING, "larger": LARGER}
    origin = provenance_of_measures(inputs, configuration, SEED)
    with np.load(path, allow_pickle=False) as archive:
        vertices, triangles = archive["vertices_mm"].astype(np.float64), archive["faces"].astype(np.int64)
    registrar = Registrar(load())
    faces, damaged = [], []
    for number, places in enumerate(vertices[: arguments.limit]):
        whole, seconds = _timed(registrar, Scan.of(places, triangles, f"face {number}"))
        faces.append({"face": number, **measured(whole), "seconds": round(seconds, 2)})
        print(faces[-1], flush=True)
        if number == 0 and arguments.picture:
            _draw(registrar, whole, arguments.picture)
        if number < arguments.hurt:
            damaged.append({"face": number, **again(registrar, places, triangles, whole, number)})
            print(damaged[-1], flush=True)
        write_document(arguments.output, {**report(faces, damaged), "provenance": origin})
    print(arguments.output)


def report(faces: list[dict[str, Any]], damaged: list[dict[str, Any]]) -> dict[str, Any]:
    """The results of the faces that are done."""
    found = [face for face in damaged if face["found"]]
    return {
        "format": FORMAT,
        "version": VERSION,
        "faces": faces,
        "damaged": damaged,
        "summary": {
            "faces": len(faces),
            "mean_mm": round(float(np.mean([face["mean_mm"] for face in faces])), 4),
            "worst_mean_mm": max(face["mean_mm"] for face in faces),
            "worst_p95_mm": max(face["p95_mm"] for face in faces),
            "flipped": sum(face["flipped"] for face in faces),
            "slowest_seconds": max(face["seconds"] for face in [*faces, *found]),
            "damaged": len(damaged),
            "damaged_not_found": len(damaged) - len(found),
            "damaged_worst_apart_mm": max((face["apart_max_mm"] for face in found), default=None),
        },
    }


def _draw(registrar: Registrar, registered: Registered, path: Path) -> None:
    """Scan, head and distances as a PNG."""
    sheet = comparison(registrar.model.base_head, registered.vertices, registered.scan, registered.distances)
    picture = Image.fromarray(sheet)
    write_atomically(path, lambda file: picture.save(file, "PNG", optimize=True))


def _timed(registrar: Registrar, scan: Scan) -> tuple[Registered, float]:
    """The result, and the processor's seconds that it took (one thread)."""
    began = time.process_time()
    return registrar(scan, "face"), time.process_time() - began


def measured(registered: Registered) -> dict[str, Any]:
    """Distances over all of the scan, sealed eyes and lips and the border too, weighted by area."""
    mean, p95 = weighted(registered.distances, registered.scan.areas)
    return {
        "mean_mm": round(mean, 4),
        "p95_mm": round(p95, 4),
        "max_mm": round(float(registered.distances.max()), 3),
        "covered": round(float(registered.covered.mean()), 4),
        "flipped": registered.flipped,
        "unit": registered.unit.name,
    }


def again(
    registrar: Registrar, places: Array, triangles: NDArray[np.int64], whole: Registered, number: int
) -> dict[str, Any]:
    """The same face turned, enlarged and with triangles missing: how far vertices come out elsewhere, on the scan.

    Compared over the covered skin where both results lie on the undamaged scan, mm.
    """
    rng = np.random.default_rng([SEED, number])
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    shift = rng.standard_normal(3) * 100
    kept = rng.random(len(triangles)) >= MISSING
    scan = Scan.of(LARGER * (places @ turn.T + shift), triangles[kept], "face")
    try:
        hurt, seconds = _timed(registrar, scan)
    except InputFileError:
        return {"found": False}
    back = inverse(hurt.placement)(hurt.vertices)
    there = (back / LARGER - shift) @ turn
    here = inverse(whole.placement)(whole.vertices)
    apart = np.linalg.norm(here - there, axis=1)[: len(whole.covered)][whole.covered]
    return {
        "found": True,
        **measured(hurt),
        "apart_mean_mm": round(float(apart.mean()), 4),
        "apart_p95_mm": round(float(np.quantile(apart, 0.95)), 4),
        "apart_max_mm": round(float(apart.max()), 4),
        "seconds": round(seconds, 2),
    }
