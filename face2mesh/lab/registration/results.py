"""The files of a registered scan: NAME.obj, NAME.npz, NAME.json and NAME.png.

Letters: V vertices, S of them skin.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.lab.dataset.template import read_landmarks
from face2mesh.lab.registration.picture import comparison
from face2mesh.lab.registration.register import OFF_MM, Registered
from face2mesh.model import Model
from face2mesh.store import provenance, sha256, write_arrays, write_atomically
from face2mesh.write.obj import write_vertices

FORMAT, KIND, VERSION = "face2mesh/registration", "registered-head", 1
SUFFIXES = (".obj", ".npz", ".json", ".png")
LANDMARKS = 68
# What is told of a result: a larger mean is no registration; more of the scan off the head is worth a word.
DOUBTFUL_MM, WORTH_TELLING = 1.5, 0.03


def is_done(folder: Path, name: str, sources: list[Path]) -> bool:
    """Whether all results are there and none is older than what it is made of."""
    results = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    if not all(path.exists() for path in results):
        return False
    return min(path.stat().st_mtime_ns for path in results) >= max(path.stat().st_mtime_ns for path in sources)


def read_marks(path: Path, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks of a scan, (68, 3) in its axes and unit, NaN where unknown.

    Args:
        path: what `dataset.template.read_landmarks` reads, or a JSON object of some of iBUG's numbers (0 to 67) with a
            point [x, y, z] each, alone or as "landmarks".
        vertices: of the scan's file.

    Raises:
        InputFileError: cannot be read, or a number is none of a landmark.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        document = document.get("landmarks", document) if isinstance(document, dict) else document
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict):
        return read_landmarks(path, vertices)
    points = np.full((LANDMARKS, 3), np.nan)
    try:
        for number, place in document.items():
            if not 0 <= int(number) < LANDMARKS:
                raise ValueError(f"there is no landmark {number}")
            points[int(number)] = np.array(place, np.float64).reshape(3)
    except (TypeError, ValueError) as error:
        raise InputFileError(
            f"{path}: not landmarks ({error}); give iBUG's numbers, 0 to 67, with a point [x, y, z] each."
        ) from error
    return points


def document_of(registered: Registered, model: Model, scan: Path) -> dict[str, Any]:
    """What is known of a registered scan, ready for JSON."""
    unit, placement = registered.unit, registered.placement
    return {
        "format": FORMAT,
        "version": VERSION,
        "scan": {"file": scan.name, "sha256": sha256(scan)},
        "model": {"name": model.name, "version": model.version},
        "unit": {"name": unit.name, "millimetres": unit.millimetres, "source": unit.source},
        # X_head = scale · rotation · X_scan + translation, mm.
        "placement": {
            "scale": placement.scale,
            "rotation": placement.rotation.tolist(),
            "translation_mm": placement.translation.tolist(),
        },
        "distance_mm": {
            "mean": round(registered.measures["mean_mm"], 4),
            "p95": round(registered.measures["p95_mm"], 4),
        },
        "covered": round(registered.measures["covered"], 4),
        f"farther_than_{OFF_MM:g}_mm": round(registered.measures["off"], 4),
        "flipped_triangles": registered.flipped,
        "identity": [round(float(value), 5) for value in registered.face.identity],
        "expression": {
            name: round(float(weight), 4) for name, weight in zip(ARKIT_NAMES, registered.face.weights, strict=True)
        },
    }


def write_results(registered: Registered, model: Model, scan: Path, folder: Path, name: str) -> None:
    """Write all four files.

    Raises:
        OutputError: one cannot be written.
    """
    base = model.base_head
    text = json.dumps(document_of(registered, model, scan), indent=1) + "\n"
    arrays: dict[str, NDArray[Any]] = {
        "vertices": registered.vertices,
        "quads": base.quads,
        "covered": registered.covered,
        "identity": registered.face.identity,
        "expression": registered.face.weights,
        "document_json": np.array(text),
    }
    sheet = Image.fromarray(comparison(base, registered.vertices, registered.scan, registered.distances))
    made_by = f"{model.name} {model.version}, {scan.name}"
    write_arrays(folder / f"{name}.npz", KIND, VERSION, arrays, provenance({"scan": scan}))
    write_atomically(folder / f"{name}.json", lambda file: file.write(text.encode()))
    write_atomically(folder / f"{name}.png", lambda file: sheet.save(file, "PNG"))
    write_atomically(
        folder / f"{name}.obj", lambda file: write_vertices(registered.vertices, base.topology, made_by, file)
    )


def line_of(registered: Registered, name: str) -> str:
    """One line for the user."""
    measures, unit = registered.measures, registered.unit
    told = [
        f"mean {measures['mean_mm']:.2f} mm, 95 % {measures['p95_mm']:.2f} mm on the face",
        f"covered {measures['covered']:.0%} of the skin",
        f"unit {unit.name} ({unit.source})" if unit.known else "no usual unit: as large as the model expects",
    ]
    if measures["off"] > WORTH_TELLING:
        told.append(f"{measures['off']:.0%} of the scan lies more than {OFF_MM:g} mm off (hair, clothes)")
    if registered.flipped:
        told.append(f"{registered.flipped} triangles are turned over")
    if not measures["mean_mm"] < DOUBTFUL_MM:
        told.append(f"doubtful: look at {name}.png, or give --landmarks")
    return f"{name}: {', '.join(told)}"
