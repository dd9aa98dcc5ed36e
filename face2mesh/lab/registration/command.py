"""`face2mesh lab registration`: how well foreign faces are registered.

The 45 faces of the data's simpop.npz, whose eyes, mouths and nostrils are sealed, and some of them once more, turned at
random, a thousand times as large and without a fifth of their triangles.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
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
    parser.add_argument(
        "--workers", type=whole_number(1), default=1, metavar="N", help="processes that register (default: 1)"
    )
    parser.add_argument("--resume", action="store_true", help="keep the faces that FILE has; the code must be the same")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Register, measure and write the results, after each face.

    Raises:
        InputFileError: the data are not there.
    """
    path = data_folder(arguments) / FACES
    if not path.exists():
        raise InputFileError(f"{path}: not found; docs/data.md says where it comes from.")
    inputs = {"faces": path, "model": PACKAGED / MANIFEST_FILE}
    configuration = {"limit": arguments.limit, "hurt": arguments.hurt, "missing": MISSING, "larger": LARGER}
    origin = provenance_of_measures(inputs, configuration, SEED)
    faces, damaged = earlier(arguments.output) if arguments.resume else ([], [])
    twins = {face["face"] for face in damaged}
    faces = [face for face in faces if face["face"] >= arguments.hurt or face["face"] in twins]
    done = {face["face"] for face in faces}
    with np.load(path, allow_pickle=False) as archive:
        count = len(archive["vertices_mm"][: arguments.limit])
    numbers = [number for number in range(count) if number not in done]
    with ProcessPoolExecutor(arguments.workers, get_context("spawn"), _enter, (path,)) as pool:
        running = [pool.submit(_one, number, number < arguments.hurt, arguments.picture) for number in numbers]
        for future in as_completed(running):
            face, again = future.result()
            print(face, *([again] if again else []), flush=True)
            faces = sorted([*faces, face], key=lambda one: one["face"])
            damaged = sorted([*damaged, *([again] if again else [])], key=lambda one: one["face"])
            write_document(arguments.output, {**report(faces, damaged), "provenance": origin})
    print(arguments.output)


def earlier(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The faces of a results file that an earlier run left, whole and damaged; none where there is no file.

    Raises:
        InputFileError: it is no such file.
    """
    if not path.exists():
        return [], []
    try:
        document = json.loads(path.read_text())
        known = (document["format"], document["version"]) == (FORMAT, VERSION)
        faces, damaged = list(document["faces"]), list(document["damaged"])
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise InputFileError(f"{path}: not results of this command; leave --resume out to replace the file.")
    return faces, damaged


_shared: dict[str, Any] = {}
"""What all faces of a process share."""


def _enter(path: Path) -> None:
    """Read the faces and measure the model's head, once a process."""
    with np.load(path, allow_pickle=False) as archive:
        _shared["vertices"] = archive["vertices_mm"].astype(np.float64)
        _shared["triangles"] = archive["faces"].astype(np.int64)
    _shared["registrar"] = Registrar(load())


def _one(number: int, hurt: bool, picture: Path | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """One face, and once more if it is to be hurt."""
    registrar, places, triangles = _shared["registrar"], _shared["vertices"][number], _shared["triangles"]
    whole, seconds = _timed(registrar, Scan.of(places, triangles, f"face {number}"))
    if number == 0 and picture:
        _draw(registrar, whole, picture)
    twin = {"face": number, **again(registrar, places, triangles, whole, number)} if hurt else None
    return {"face": number, **measured(whole), "seconds": round(seconds, 2)}, twin


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
