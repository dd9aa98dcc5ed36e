"""`face2mesh lab train decoders|encoder|all|detector`: one configuration, one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from face2mesh.cli.options import add_time_limit
from face2mesh.lab.data import data_folder


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` to the laboratory's commands."""
    parser = subparsers.add_parser("train")
    parser.add_argument("what", choices=("decoders", "encoder", "all", "detector"), help="which")
    parser.add_argument("--configuration", type=Path, metavar="FILE", help="TOML (default: configurations/<what>.toml)")
    parser.add_argument("--to", type=Path, metavar="RUN", help="folder of the run (default: BUILD/runs/<what>)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--from", dest="start", type=Path, metavar="RUN", help="start with another run's weights")
    parser.add_argument("--encoder", type=Path, metavar="RUN", help="for all (default: BUILD/runs/encoder)")
    parser.add_argument("--decoders", type=Path, metavar="RUN", help="for all (default: BUILD/runs/decoders)")
    add_time_limit(parser, "end with a checkpoint after this time")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train what the arguments say."""
    from face2mesh.lab.train.decoders import train_decoders
    from face2mesh.lab.train.detector import train_detector
    from face2mesh.lab.train.encoder import train_encoder
    from face2mesh.lab.train.together import train_together

    runs: Path = arguments.build / "runs"
    teach: dict[str, Callable[..., int]] = {
        "decoders": partial(train_decoders, start=arguments.start),
        "encoder": partial(train_encoder, start=arguments.start),
        "all": partial(
            train_together,
            encoder_run=arguments.encoder or runs / "encoder",
            decoders_run=arguments.decoders or runs / "decoders",
        ),
        "detector": lambda *paths, **limits: train_detector(
            *paths, start=arguments.start, data=data_folder(arguments), **limits
        ),
    }
    teach[arguments.what](
        arguments.configuration or Path("configurations") / f"{arguments.what}.toml",
        arguments.build,
        arguments.to or runs / arguments.what,
        time_limit=arguments.time_limit,
        resume=arguments.resume,
    )
    return 0
