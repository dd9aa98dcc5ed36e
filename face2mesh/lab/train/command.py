"""`face2mesh lab train decoders|encoder`: one configuration, one run."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` to the laboratory's commands."""
    parser = subparsers.add_parser("train", help="train the decoders or the encoder")
    parser.add_argument("what", choices=("decoders", "encoder"))
    parser.add_argument("--configuration", type=Path, help="TOML file (default: configurations/<what>.toml)")
    parser.add_argument("--to", type=Path, help="folder of the run (default: <build>/runs/<what>)")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--from", dest="start", type=Path, metavar="RUN", help="start with another run's weights")
    parser.add_argument("--time-limit", type=float, metavar="MINUTES", help="end with a checkpoint after this time")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train what the arguments say."""
    from face2mesh.lab.train.decoders import train_decoders
    from face2mesh.lab.train.encoder import train_encoder

    teach = {"decoders": train_decoders, "encoder": train_encoder}[arguments.what]
    teach(
        arguments.configuration or Path("configurations") / f"{arguments.what}.toml",
        arguments.build,
        arguments.to or arguments.build / "runs" / arguments.what,
        time_limit=60 * arguments.time_limit if arguments.time_limit is not None else None,
        resume=arguments.resume,
        start=arguments.start,
    )
    return 0
