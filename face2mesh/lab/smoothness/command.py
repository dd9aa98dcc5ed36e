"""`face2mesh lab smoothness`: the trade-off between smoothness and detail, on any corpus."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face2mesh.cli.options import add_time_limit, whole_number
from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.options import add_output
from face2mesh.lab.smoothness.comparison import compared
from face2mesh.lab.smoothness.meshes import read_task
from face2mesh.lab.smoothness.remedies import (
    LOCAL,
    LOCAL_RECIPE,
    OUR_RECIPE,
    OURS,
    PLAIN,
    REMEDIES,
    SWEEP,
    TRUNK_SWEEP,
    Recipe,
)
from face2mesh.lab.smoothness.sweep import PREDICTED, SETTLED, Run, measures, packaged, swept, untrained
from face2mesh.lab.smoothness.task import CORPORA, PEOPLE, Task, draw_expressions, draw_people
from face2mesh.store import provenance, provenance_of_measures, write_document

FORMAT, VERSION = "face2mesh/smoothness", 1
FOLDER, TASK = "smoothness", "task.npz"
_DRAW: dict[str, Callable[[Path, str, int, int], Task]] = {
    "people": draw_people,
    "expressions": draw_expressions,
    "motions": partial(draw_expressions, contact=False),
}
_MOVING = ("base-head", "corpus", "moving-corpus")
_INPUTS = {"people": _MOVING[:2], "expressions": _MOVING, "motions": _MOVING}
_MAIN = (PLAIN, OURS, LOCAL)
"""Of which further seeds are trained."""
RECIPES = {recipe.name: recipe for recipe in (*SWEEP, *TRUNK_SWEEP, OUR_RECIPE, LOCAL_RECIPE, *REMEDIES)}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `smoothness` to the laboratory's commands."""
    parser = subparsers.add_parser(
        "smoothness",
        description="Trains the classical decoder with penalties on roughness of five decades, remedies and our "
        "decoder on a corpus; measures detail kept and noise added on held-out heads; writes a results file and "
        "draws the trade-off, the spectra and error maps. What is done is kept in BUILD/smoothness; the same command "
        "goes on.",
    )
    parser.add_argument(
        "corpus",
        metavar="CORPUS",
        help="people or expressions (of BUILD); a data set; a folder of mesh files; an .npz of meshes",
    )
    parser.add_argument(
        "--region", default="face", metavar="NAME", help="of the head's skin; skin is all of it (default: face)"
    )
    parser.add_argument(
        "--train", type=whole_number(1), default=3000, metavar="N", help="heads drawn for training (default: 3000)"
    )
    parser.add_argument(
        "--held-out", type=whole_number(1), default=100, metavar="N", help="heads drawn to measure on (default: 100)"
    )
    parser.add_argument(
        "--code", type=whole_number(1), default=128, metavar="Z", help="numbers in own meshes' codes (default: 128)"
    )
    parser.add_argument(
        "--steps", type=whole_number(1), default=500, metavar="N", help="of each training (default: 500)"
    )
    parser.add_argument(
        "--seeds", type=whole_number(1), default=1, metavar="N", help="trainings of each main point (default: 1)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=sorted(RECIPES),
        metavar="NAME",
        help=f"some of {', '.join(RECIPES)} (default: the sweep and ours)",
    )
    parser.add_argument(
        "--remedies", action="store_true", help="train every remedy, and our decoder with the penalty, too"
    )
    add_time_limit(parser, "begin no training after so long")
    add_output(parser, "results/smoothness.json")
    parser.add_argument(
        "--pictures", type=Path, default=Path("docs/pictures"), metavar="DIR", help="default: %(default)s"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train what is not trained yet, measure, write, draw.

    Raises:
        Face2MeshError: the corpus is missing or no corpus, the results file is another one, or there was no time.
    """
    results = _earlier(arguments.output)
    task, inputs = task_of(arguments)
    name = task.name if arguments.region == "face" or arguments.corpus not in CORPORA else _named(arguments)
    folder = arguments.build / FOLDER / _named(arguments)
    origin = provenance_of_measures(inputs, task.configuration, 0)
    levels = task.hierarchy.counts
    print(f"{name}: {len(task.codes)} heads for training, {len(task.held)} held out, levels {levels}", file=sys.stderr)
    done = []
    runs = chosen_runs(arguments)
    began = time.monotonic()
    for number, one in enumerate(runs):
        if arguments.time_limit is not None and time.monotonic() - began > arguments.time_limit:
            left = len(runs) - number
            print(f"time is over; {left} trainings are left, which the same command goes on with.", file=sys.stderr)
            break
        ((_, measured),) = swept([one], task, folder, origin)
        done.append(measured)
        print(f"{number + 1}/{len(runs)} {line_of(one.name, measured)}", flush=True)
    if not done:
        raise Face2MeshError("no training was begun in that time; give a larger --time-limit, or none.")
    made = packaged(task)
    baselines = {kind: measures(predicted, task) for kind, predicted in {**untrained(task), **made}.items()}
    for kind, measured in baselines.items():
        print(line_of(kind, measured))
    found = summary(task, done, baselines)
    found["provenance"] = origin
    results["tasks"][name] = found
    write_document(arguments.output, results)
    print(arguments.output)
    for file in pictures(name, found, task, folder, made, arguments.pictures):
        print(file)
    return 0


def task_of(arguments: argparse.Namespace) -> tuple[Task, dict[str, Path]]:
    """The task that the command line names, drawn once, and the files that it depends on."""
    corpus, build = arguments.corpus, arguments.build
    if corpus not in CORPORA:
        path = Path(corpus)
        return read_task(path, arguments.region, arguments.code, 0), {"meshes": path} if path.is_file() else {}
    inputs = {name: build / f"{name}.npz" for name in _INPUTS[corpus]}
    for name, path in inputs.items():
        if not path.exists():
            raise InputFileError(f"{path}: not found; make it with `face2mesh lab {name}`.")
    kept = build / FOLDER / _named(arguments) / TASK
    wanted = {
        "corpus": corpus,
        "region": arguments.region,
        "train": arguments.train,
        "held_out": arguments.held_out,
    }
    earlier = Task.load(kept, inputs) if kept.exists() else None
    if earlier is not None and earlier.configuration == wanted:
        return earlier, inputs
    print(f"drawing {arguments.train + arguments.held_out} heads", file=sys.stderr)
    task = _DRAW[corpus](build, arguments.region, arguments.train, arguments.held_out)
    task.save(kept, provenance(inputs, task.configuration, 0))
    return task, inputs


def _named(arguments: argparse.Namespace) -> str:
    corpus = arguments.corpus if arguments.corpus in CORPORA else Path(arguments.corpus).stem
    return f"{corpus}-{arguments.region}"


def chosen_runs(arguments: argparse.Namespace) -> list[Run]:
    """What is to be trained, the most telling first."""
    recipes: Sequence[Recipe]
    if arguments.only:
        recipes = [RECIPES[name] for name in RECIPES if name in arguments.only]
    else:
        moving = arguments.corpus in CORPORA and arguments.corpus != PEOPLE
        ours = (OUR_RECIPE, LOCAL_RECIPE) if moving else (OUR_RECIPE,)
        recipes = [*SWEEP[:1], *ours, *SWEEP[1:], *((*TRUNK_SWEEP, *REMEDIES) if arguments.remedies else ())]
    runs = [Run(recipe, 0, arguments.steps * recipe.longer) for recipe in recipes]
    further = [recipe for recipe in recipes if recipe.name in _MAIN]
    return runs + [Run(recipe, seed, arguments.steps) for seed in range(1, arguments.seeds) for recipe in further]


def summary(task: Task, done: list[dict[str, Any]], baselines: dict[str, Any]) -> dict[str, Any]:
    """What the results file tells of a task."""
    first = {measured["run"]["recipe"]["name"]: measured for measured in done if measured["run"]["seed"] == 0}
    curves = {
        kind: [first[recipe.name] for recipe in recipes if recipe.name in first]
        for kind, recipes in (("classical", SWEEP), ("trunk", TRUNK_SWEEP))
    }
    best = _best(first, baselines)
    return {
        "configuration": task.configuration,
        "vertices": len(task.rest),
        "levels": list(task.hierarchy.counts),
        "code_size": int(task.codes.shape[1]),
        "runs": done,
        "untrained": baselines,
        "spread": spreads(done),
        "ours_against": {kind: compared(best, curve) for kind, curve in curves.items() if curve and best},
    }


def _best(first: dict[str, Any], baselines: dict[str, Any]) -> dict[str, Any] | None:
    """Ours: the packaged model where it answers for all of the task, else its network, else the one for people."""
    return baselines.get(SETTLED) or first.get(LOCAL) or first.get(OURS)


def spreads(done: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Mean and standard deviation over seeds of the recipes trained more than once."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in dict.fromkeys(measured["run"]["recipe"]["name"] for measured in done):
        same = [measured for measured in done if measured["run"]["recipe"]["name"] == name]
        if len(same) > 1:
            table = {kind: [one[kind]["value"] for one in same] for kind in _KINDS}
            found[name] = {
                kind: [round(float(np.mean(v)), 5), round(float(np.std(v, ddof=1)), 5)] for kind, v in table.items()
            }
    return found


_KINDS = ("gain", "noise", "normal_degrees", "vertex_mm")


def line_of(name: str, measured: dict[str, Any]) -> str:
    """One line for the terminal."""
    gain, noise, normal, vertex = (measured[kind]["value"] for kind in _KINDS)
    return f"{name}: gain {gain:.3f}, noise {noise:.3f}, normals {normal:.2f} degrees, vertices {vertex:.3f} mm"


def pictures(
    name: str, found: dict[str, Any], task: Task, folder: Path, made: dict[str, NDArray[np.float32]], out: Path
) -> list[Path]:
    """Draw the trade-off, the spectra and the error maps; `made` is what the packaged model makes."""
    from PIL import Image

    from face2mesh.lab.figures import smoothness

    predicted = {
        measured["run"]["recipe"]["name"]: np.load(
            folder / f"{measured['run']['recipe']['name']}-seed0" / PREDICTED, allow_pickle=False
        )
        for measured in found["runs"]
        if measured["run"]["seed"] == 0
    }
    predicted |= smoothness.shipped(made)
    drawn = {
        f"smoothness-{name}.png": smoothness.trade_off(found),
        f"smoothness-{name}-spectra.png": smoothness.spectra(found),
        f"smoothness-{name}-errors.jpg": smoothness.error_maps(task, predicted),
    }
    out.mkdir(parents=True, exist_ok=True)
    for file, picture in drawn.items():
        Image.fromarray(picture).save(out / file, **({"quality": 90} if file.endswith("jpg") else {"optimize": True}))
    return [out / file for file in drawn]


def _earlier(path: Path) -> dict[str, Any]:
    """The results file as it is, to which a task is added.

    Raises:
        Face2MeshError: it holds something else.
    """
    if not path.exists():
        return {"format": FORMAT, "version": VERSION, "tasks": {}}
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (results["format"], results["version"]) == (FORMAT, VERSION) and isinstance(results["tasks"], dict):
            return results
    except (ValueError, KeyError, TypeError):
        pass
    raise Face2MeshError(f"{path}: holds other results; name another file with -o.")
