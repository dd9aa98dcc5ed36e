"""`face2mesh train`: a model of one's own people."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

from face2mesh.cli.options import add_debug, add_model, add_seed, add_time_limit, needing_laboratory, whole_number
from face2mesh.cli.progress import open_line


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="teach a model your own people",
        description="Teach the packaged model the people of a data set (see `face2mesh dataset`), or train one "
        "from scratch on their template. The result is a model for `face2mesh reconstruct --model DIR`. What a run "
        "made lies in DATASET/training; one that was stopped goes on.",
    )
    parser.add_argument("folder", type=Path, metavar="DATASET", help="the data set's folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the model")
    add_model(parser, "a packaged model to begin with (default: the one that is installed)")
    parser.add_argument("--from-scratch", action="store_true", help="begin with nothing; for your own template too")
    parser.add_argument(
        "--pictures", type=whole_number(1), default=3000, metavar="N", help="drawn people to learn from (default: 3000)"
    )
    parser.add_argument(
        "--steps", type=whole_number(1), metavar="N", help="of learning (default: 600; from scratch 6000)"
    )
    parser.add_argument(
        "--workers", type=whole_number(1), default=1, metavar="N", help="processes that draw pictures (default: 1)"
    )
    add_seed(parser, "of all that is drawn")
    add_time_limit(parser, "make do with less; the next run goes on")
    parser.set_defaults(run=needing_laboratory("train", _run), misuse=parser.error)
    add_debug(parser)


def _run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    limit = arguments.time_limit
    with ExitStack() as stack:
        progress = open_line(stack)
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
