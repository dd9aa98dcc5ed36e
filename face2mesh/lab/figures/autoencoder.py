"""PCA, the classical mesh autoencoder and ours: vertex error over code size, and heads with their errors in mm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face2mesh.errors import InputFileError
from face2mesh.lab.autoencoder.measure import of_network, of_principal
from face2mesh.lab.autoencoder.meshes import Meshes
from face2mesh.lab.autoencoder.principal import Principal
from face2mesh.lab.autoencoder.training import FOLDER, PRINCIPAL, mesh_file, read_autoencoder
from face2mesh.lab.corpus.moving import FILE, MovingCorpus
from face2mesh.lab.figures.error_maps import error_sheet
from face2mesh.lab.figures.lines import Line, lines_panel
from face2mesh.lab.figures.plot import Colour
from face2mesh.lab.graph.hierarchy import Hierarchy

SHOWN_CODE, SHOWN_AMOUNTS = 16, (0.5, 0.9)
"""Numbers in the code of the heads with errors, and where they stand among all by how much moves."""

_COLOURS: dict[str, Colour] = {
    "ours, fitted": (20, 130, 75),
    "ours": (20, 90, 170),
    "classical": (200, 96, 40),
    "PCA": (110, 110, 114),
}
_PANELS = (
    ("moving", "held-out-people", "moving: held-out people"),
    ("moving", "held-out-pairs", "moving: held-out combinations"),
    ("linear", "held-out-people", "linear, whole heads: held-out people"),
)

Picture = NDArray[np.uint8]
Points = dict[str, list[tuple[int, float]]]


def draw(results: Path, folder: Path, build: Path | None = None) -> list[Path]:
    """Draw `autoencoder.png`; with the runs that were measured in `build`, `autoencoder-errors.jpg` too.

    Raises:
        InputFileError: no results of `face2mesh lab autoencoder measure`, or a run is missing.
    """
    try:
        measured = json.loads(results.read_text())
        panels = [
            lines_panel(title, "numbers in the code", _lines(points_of(measured[world], name)))
            for world, name, title in _PANELS
        ]
        kinds = ("classical", "local") if build is not None else ()
        runs = [best_run(measured["moving"], kind, SHOWN_CODE) for kind in kinds]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputFileError(
            f"{results}: no results of `face2mesh lab autoencoder measure` ({error}); run it first."
        ) from error
    files = [folder / "autoencoder.png"]
    Image.fromarray(np.concatenate(panels, 1)).save(files[0], optimize=True)
    if build is not None:
        files.append(folder / "autoencoder-errors.jpg")
        Image.fromarray(error_maps(build, *runs)).save(files[1], quality=88)
    return files


def points_of(entry: dict[str, Any], name: str) -> Points:
    """Code size and mean error in mm of each method on one set.

    Of a method's runs those with most samples count: their mean where several seeds had as many.
    """
    points: Points = {"PCA": sorted((int(size), one[name]["mean_mm"]) for size, one in entry["principal"].items())}
    for label, kinds in (("classical", ("classical",)), ("ours", ("local", "skip"))):
        runs = [one for one in entry["networks"] if one["kind"] in kinds]
        for size in sorted({one["code"] for one in runs}):
            own = [one for one in runs if one["code"] == size]
            most = max(one["samples"] for one in own)
            longest = [one for one in own if one["samples"] == most]
            points.setdefault(label, []).append((size, float(np.mean([one[name]["mean_mm"] for one in longest]))))
            fitted = [one["fitted"][name]["mean_mm"] for one in longest if "fitted" in one]
            if fitted:
                points.setdefault("ours, fitted", []).append((size, float(np.mean(fitted))))
    return points


def best_run(entry: dict[str, Any], kind: str, code_size: int) -> str:
    """The name of the run with most samples, the lowest seed among them.

    Raises:
        ValueError: there is none.
    """
    own = [one for one in entry["networks"] if (one["kind"], one["code"]) == (kind, code_size)]
    return str(min(own, key=lambda one: (-one["samples"], one["seed"])).get("run"))


def error_maps(build: Path, classical: str, ours: str) -> Picture:
    """Two held-out combinations, one of middling and one of large movement, as a code of 16 numbers keeps them."""
    hierarchy = Hierarchy.load(build / "hierarchy.npz")
    corpus = MovingCorpus.load(build / FILE, build / "corpus.npz", build / "base-head.npz")
    held = Meshes.load(mesh_file(build, "moving", "held-out-pairs"))
    amount = np.abs(held.steps).mean((1, 2))
    rows = np.argsort(amount)[[int(share * (len(amount) - 1)) for share in SHOWN_AMOUNTS]]
    moved = held.take(rows)
    rebuilds = {"PCA": of_principal(Principal.load(mesh_file(build, "moving", PRINCIPAL)), SHOWN_CODE)}
    for name, run in (("classical", classical), ("ours", ours)):
        rebuilds[name] = of_network(read_autoencoder(build / FOLDER / "runs" / run, hierarchy)[0])
    neutral = corpus.skin(held.codes[rows])
    triangles = corpus.base.triangles
    triangles = triangles[(triangles < neutral.shape[1]).all(1)]
    made = {name: neutral + rebuild(moved) for name, rebuild in rebuilds.items()}
    return error_sheet(neutral + moved, made, triangles, "front")


def _lines(points: Points) -> dict[str, Line]:
    """The methods' curves, ours on top."""
    return {
        label: Line([size for size, _ in points[label]], [error for _, error in points[label]], colour=colour)
        for label, colour in _COLOURS.items()
        if label in points
    }
