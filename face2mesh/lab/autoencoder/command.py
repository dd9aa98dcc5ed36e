"""`face2mesh lab autoencoder meshes|train|measure|tables`: the mesh autoencoder, PCA and the classical network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from face2mesh.cli.options import add_seed, add_time_limit, whole_number
from face2mesh.lab.autoencoder.meshes import COUNTS, SETS, UNSEEN, WORLDS
from face2mesh.lab.options import add_makehuman, add_output

FOLDER = "autoencoder"
MEASURED_SO_FAR = "measured.json"
RESULTS = "results/autoencoder.json"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `autoencoder` to the laboratory's commands."""
    parser = subparsers.add_parser("autoencoder")
    steps = parser.add_subparsers(required=True, metavar="STEP")
    meshes = steps.add_parser(
        "meshes",
        help="draw the meshes of both worlds once",
        description=f"Reads the corpora and BUILD/out-of-span.npz; writes BUILD/{FOLDER}/WORLD-SET.npz, and the "
        "principal components of the training sets.",
    )
    meshes.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS, help="default: all")
    meshes.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="default: all")
    meshes.add_argument("--moving-corpus", type=Path, metavar="FILE", help="default: BUILD/moving-corpus.npz")
    add_makehuman(meshes)
    meshes.set_defaults(run=run_meshes)
    train = steps.add_parser(
        "train",
        help="train one network",
        description=f"Reads what `autoencoder meshes` wrote; writes BUILD/{FOLDER}/runs/WORLD-KIND-CODE-SEED/.",
    )
    train.add_argument("--configuration", type=Path, required=True, metavar="FILE", help="TOML")
    train.add_argument("--code", type=whole_number(1), required=True, metavar="Z", help="numbers in the code")
    add_seed(train, "of the first weights and of the batches")
    train.add_argument("--to", type=Path, metavar="RUN", help=f"folder of the run (default: in BUILD/{FOLDER}/runs)")
    train.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    add_time_limit(train, "end with a checkpoint after this time")
    train.set_defaults(run=run_train)
    measure = steps.add_parser(
        "measure",
        help="measure PCA and all runs on every set",
        description=f"Reads BUILD/{FOLDER} and the folders in its runs/; writes a results file.",
    )
    measure.add_argument("--runs", nargs="*", type=Path, metavar="RUN", help="folders (default: all of them)")
    measure.add_argument(
        "--codes",
        nargs="+",
        type=whole_number(1),
        default=(8, 16, 32, 64, 128),
        metavar="Z",
        help="numbers in the codes (default: 8 16 32 64 128)",
    )
    measure.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS, help="default: all")
    measure.add_argument("--moving-corpus", type=Path, metavar="FILE", help="default: BUILD/moving-corpus.npz")
    add_output(measure, RESULTS)
    measure.set_defaults(run=run_measure)
    table = steps.add_parser("tables", help="print the tables of docs/autoencoder.md")
    table.add_argument(
        "results", type=Path, nargs="?", default=Path(RESULTS), metavar="FILE", help=f"default: {RESULTS}"
    )
    table.set_defaults(run=run_tables)


def run_meshes(arguments: argparse.Namespace) -> None:
    """Draw the sets and name the files."""
    from face2mesh.head.base_head import BaseHead
    from face2mesh.lab.autoencoder.meshes import draw_out_of_span, draw_set, draw_unseen
    from face2mesh.lab.autoencoder.principal import principal_components
    from face2mesh.lab.autoencoder.training import PRINCIPAL, mesh_file
    from face2mesh.lab.corpus.corpus import Corpus
    from face2mesh.lab.corpus.moving import FILE, MovingCorpus
    from face2mesh.lab.corpus.out_of_span import FILE as OUT_OF_SPAN
    from face2mesh.lab.corpus.out_of_span import OutOfSpan
    from face2mesh.lab.progress import progress_to
    from face2mesh.store import provenance

    build: Path = arguments.build
    inputs = {name: build / f"{name}.npz" for name in ("base-head", "corpus")}
    for world in arguments.worlds:
        given = dict(inputs)
        if world == "moving":
            given["moving-corpus"] = arguments.moving_corpus or build / FILE
            moving = MovingCorpus.load(given["moving-corpus"], given["corpus"], given["base-head"])
            corpus: Corpus | MovingCorpus = moving
        else:
            corpus = Corpus.load(given["corpus"], given["base-head"])
        for name in arguments.sets:
            show = progress_to(COUNTS.get(name, 1), f"meshes of {world} {name}")
            if name == UNSEEN:
                meshes = draw_unseen(world, corpus, BaseHead.load(given["base-head"]), arguments.makehuman)
            elif name == "out-of-span":
                given["out-of-span"] = build / OUT_OF_SPAN
                meshes = draw_out_of_span(world, COUNTS[name], corpus, OutOfSpan.load(build / OUT_OF_SPAN), show)
            else:
                meshes = draw_set(world, name, COUNTS[name], corpus, show)
            path = mesh_file(build, world, name)
            meshes.save(path, provenance(given, {"count": len(meshes)}))
            print(path)
            if name == "train":
                principal_components(meshes).save(mesh_file(build, world, PRINCIPAL), provenance({"meshes": path}))
                print(mesh_file(build, world, PRINCIPAL))


def run_train(arguments: argparse.Namespace) -> None:
    """Train one network."""
    from face2mesh.lab.autoencoder.training import AutoencoderTraining, train_autoencoder
    from face2mesh.lab.train.configuration import read_configuration

    training = read_configuration(arguments.configuration, AutoencoderTraining)
    name = f"{training.world}-{training.kind}-{arguments.code}-{arguments.seed}"
    train_autoencoder(
        training,
        arguments.code,
        arguments.seed,
        arguments.build,
        arguments.to or arguments.build / FOLDER / "runs" / name,
        time_limit=arguments.time_limit,
        resume=arguments.resume,
    )


def run_measure(arguments: argparse.Namespace) -> None:
    """Measure and write the results file."""
    import json

    from face2mesh.lab.autoencoder.measure import bounds, linear_bound, measure
    from face2mesh.lab.autoencoder.meshes import Meshes
    from face2mesh.lab.autoencoder.training import PRINCIPAL, mesh_file
    from face2mesh.lab.corpus.corpus import Corpus
    from face2mesh.lab.corpus.moving import FILE, MovingCorpus
    from face2mesh.store import provenance_of_measures, write_document

    build: Path = arguments.build
    runs = arguments.runs or sorted(path.parent for path in (build / FOLDER / "runs").glob("*/checkpoint.json"))
    so_far = build / FOLDER / MEASURED_SO_FAR
    known = json.loads(so_far.read_text()) if so_far.exists() else {}

    def keep(results: dict[str, Any]) -> None:
        """So that a measuring that was stopped goes on where it was."""
        write_document(so_far, {**known, **results})

    result = measure(build, runs, tuple(arguments.codes), tuple(arguments.worlds), known, keep)
    inputs = {f"{world}-principal": mesh_file(build, world, PRINCIPAL) for world in arguments.worlds}
    if "moving" in arguments.worlds:
        inputs |= {"moving-corpus": arguments.moving_corpus or build / FILE, "corpus": build / "corpus.npz"}
        corpus = MovingCorpus.load(inputs["moving-corpus"], inputs["corpus"], build / "base-head.npz")
        held = Meshes.load(mesh_file(build, "moving", "held-out-people"))
        result["moving"]["bounds"] = {str(size): bounds(corpus, held, size) for size in arguments.codes if size < 52}
    if "linear" in arguments.worlds:
        heads = Corpus.load(build / "corpus.npz", build / "base-head.npz")
        result["linear"]["bounds_rms_mm"] = linear_bound(heads, tuple(arguments.codes))
    for world in arguments.worlds:
        result[world]["provenance"] = provenance_of_measures(inputs)
    # A world that is not measured now keeps what was measured before.
    old = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    write_document(arguments.output, {**old, **result})
    print(arguments.output)


def run_tables(arguments: argparse.Namespace) -> None:
    """Print the tables of a results file.

    Raises:
        InputFileError: it is not there, or holds something else.
    """
    import json

    from face2mesh.errors import InputFileError
    from face2mesh.lab.autoencoder.tables import tables

    path: Path = arguments.results
    try:
        print(tables(json.loads(path.read_text())))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputFileError(
            f"{path}: no results of `face2mesh lab autoencoder measure` ({error}); run it first."
        ) from error
