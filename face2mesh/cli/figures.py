"""`face2mesh figures`: the sheets of a user's own project."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.cli.options import add_debug, needing_laboratory, whole_number
from face2mesh.errors import InputFileError

SHEETS = ("people", "pooling", "results", "modes")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `figures` to the command line."""
    parser = subparsers.add_parser(
        "figures",
        help="draw the sheets of your own data set or model",
        description="Draw of a data set its people, the template's levels and, with --model, photo, head, sculpt and "
        "error of held-out people; of a model its mean and modes, and the levels.",
    )
    parser.add_argument("what", type=Path, metavar="DATASET|MODEL", help="folder of a data set or of a model")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="for pictures (default: DATASET/figures, MODEL-figures)"
    )
    parser.add_argument("--model", type=Path, metavar="DIR", help="whose heads are shown beside a data set's sculpts")
    parser.add_argument(
        "--only", nargs="+", choices=SHEETS, default=(), metavar="SHEET", help=f"some of {', '.join(SHEETS)}"
    )
    parser.add_argument(
        "--smoothness",
        type=whole_number(1),
        metavar="STEPS",
        help="train small decoders on the sculpts too, so many steps each, and draw what smoothness costs in detail",
    )
    parser.set_defaults(run=needing_laboratory("figures", _run))
    add_debug(parser)


def _run(arguments: argparse.Namespace) -> int:
    from face2mesh.lab.dataset.dataset import DATASET_FILE
    from face2mesh.lab.figures.own import draw_dataset, draw_model, draw_trade_off
    from face2mesh.model.manifest import MANIFEST_FILE

    folder: Path = arguments.what
    if (folder / DATASET_FILE).exists():
        out: Path = arguments.output or folder / "figures"
        files = draw_dataset(folder, arguments.model, out, arguments.only)
        if arguments.smoothness:
            draw_trade_off(folder, arguments.smoothness, out)
    elif (folder / MANIFEST_FILE).exists():
        files = draw_model(folder, arguments.output or folder.with_name(f"{folder.name}-figures"), arguments.only)
    else:
        raise InputFileError(
            f"{folder}: neither a data set (made by `face2mesh dataset collect`) nor a model (by `face2mesh train`)."
        )
    for file in files:
        print(file)
    return 0
