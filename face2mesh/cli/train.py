"""`face2mesh train`: a model of one's own people."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from face2mesh.cli.options import add_debug, needing_laboratory
from face2mesh.cli.progress import Progress


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="teach a model your own people",
        description="Teaches the packaged model the people of a data set (see `face2mesh dataset`), or trains one "
        "from scratch on their template. The result is a model for `face2mesh reconstruct --model DIR`. What a run "
        "made lies in DATASET/training; one that was stopped goes on.",
    )
    parser.add_argument("folder", type=Path, metavar="DATASET", help="the data set's folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the model")
    parser.add_argument("--model", type=Path, metavar="DIR", help="a packaged model to begin with (the one that comes)")
    parser.add_argument("--from-scratch", action="store_true", help="begin with nothing; for your own template too")
    parser.add_argument("--pictures", type=int, default=3000, metavar="N", help="drawn people to learn from (3000)")
    parser.add_argument("--steps", type=int, metavar="N", help="of learning (600; from scratch 6000)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that draw pictures (1)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    parser.add_argument("--time-limit", type=float, metavar="MINUTES", help="make do with less; the next run goes on")
    parser.set_defaults(run=needing_laboratory("train", _run), misuse=parser.error)
    add_debug(parser)


def _run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if arguments.pictures < 1 or (arguments.steps is not None and arguments.steps < 1) or arguments.workers < 1:
        arguments.misuse("--pictures, --steps and --workers are at least 1")
    limit = None if arguments.time_limit is None else arguments.time_limit * 60
    with ExitStack() as stack:
        progress = _progress(stack)
        if arguments.from_scratch:
            if arguments.model is not None:
                arguments.misuse("--from-scratch begins with nothing: leave --model out")
            from face2mesh.lab.own.scratch import ScratchTuning, train_from_scratch

            fresh = ScratchTuning(
                pictures=arguments.pictures,
                steps=arguments.steps or 6000,
                seed=arguments.seed,
                workers=arguments.workers,
            )
            trained = train_from_scratch(arguments.folder, arguments.output, fresh, progress, limit)
        else:
            from face2mesh.lab.own.train import Tuning, fine_tune

            tuning = Tuning(
                pictures=arguments.pictures,
                steps=arguments.steps or 600,
                seed=arguments.seed,
                workers=arguments.workers,
            )
            trained = fine_tune(arguments.folder, arguments.output, tuning, arguments.model, progress, limit)
    for line in trained.lines():
        print(line)
    return 0


def _progress(stack: ExitStack) -> Callable[[str], Callable[[int], Callable[[int], None]]]:
    """Opens a progress line for each step of the work, once it is known what and how many there are."""
    return lambda what: lambda total: stack.enter_context(Progress(total, what)).show
