"""`face2mesh dataset init|collect` and `face2mesh render`: a user's own sculpts as a data set."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from face2mesh.cli.options import add_debug, needing_laboratory
from face2mesh.cli.progress import Progress


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `dataset` and `render` to the command line."""
    dataset = subparsers.add_parser("dataset", help="gather your own sculpts and photos into a data set")
    steps = dataset.add_subparsers(required=True, metavar="STEP")
    begin = steps.add_parser(
        "init",
        help="begin one",
        description="Writes DIR/head.blend and DIR/head.obj to start sculpting from, DIR/sculpts and DIR/photos; "
        "replaces nothing.",
    )
    begin.add_argument("folder", type=Path, metavar="DIR", help="the data set's folder")
    begin.add_argument("--template", type=Path, metavar="OBJ", help="your own base mesh, in place of ours")
    begin.add_argument(
        "--landmarks", type=Path, metavar="FILE", help="its 68 landmarks, JSON or text: vertex numbers or points"
    )
    begin.set_defaults(run=needing_laboratory("dataset init", _init))
    collect = steps.add_parser(
        "collect",
        help="read sculpts and photos",
        description="Reads DIR/sculpts and DIR/photos, checks them, finds each photo's camera, and writes "
        "DIR/dataset.npz with DIR/dataset.json beside it. Only what is new or has changed is read.",
    )
    collect.add_argument("folder", type=Path, metavar="DIR", help="the data set's folder")
    collect.add_argument(
        "--held-out", metavar="NAMES", help="people whom training may not see, with commas (a quarter, drawn by name)"
    )
    collect.add_argument(
        "--marker", choices=("model", "mediapipe"), default="model", help="what marks the faces in photos (model)"
    )
    collect.add_argument("--model", type=Path, metavar="DIR", help="a packaged model (the one that comes along)")
    collect.set_defaults(run=needing_laboratory("dataset collect", _collect))
    render = subparsers.add_parser("render", help="render photos of a data set's heads, with exact truth")
    render.add_argument("folder", type=Path, metavar="DATASET", help="the data set's folder")
    render.add_argument(
        "--engine",
        choices=("cycles", "raster"),
        default="cycles",
        help="Blender's Cycles (seconds a picture) or our own rasteriser (hundredths of a second)",
    )
    render.add_argument("--pictures", type=int, default=12, metavar="N", help="of each head (12)")
    render.add_argument("--size", type=int, default=256, metavar="PIXELS", help="along a side (256)")
    render.add_argument("--seed", type=int, default=0, help="of poses, skins, light and all else (0)")
    render.add_argument("--time-limit", type=float, metavar="MINUTES", help="stop then; the next run goes on")
    render.set_defaults(run=needing_laboratory("render", _render), misuse=render.error)
    for parser in (begin, collect, render):
        add_debug(parser)


def _init(arguments: argparse.Namespace) -> int:
    from face2mesh.lab.dataset.starting import start_dataset

    for line in start_dataset(arguments.folder, arguments.template, arguments.landmarks):
        print(line)
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.lab.dataset.collect import collect_dataset

    held_out = None if arguments.held_out is None else [name for name in arguments.held_out.split(",") if name]
    with ExitStack() as stack:
        collected = collect_dataset(
            arguments.folder, held_out, arguments.marker, arguments.model, _progress(stack, "files")
        )
    for line in collected.lines():
        print(line)
    return 1 if collected.refused else 0


def _render(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.lab.dataset.render import Making, render_dataset

    if arguments.pictures < 1 or not 64 <= arguments.size <= 2048:
        arguments.misuse("--pictures is at least 1, --size 64 to 2048")
    limit = None if arguments.time_limit is None else arguments.time_limit * 60
    making = Making(arguments.engine, arguments.seed, arguments.size)
    with ExitStack() as stack:
        made, count = render_dataset(arguments.folder, making, arguments.pictures, _progress(stack, "pictures"), limit)
    print(f"{arguments.folder / 'rendered.npz'}: {count} pictures, {made} of them new")
    return 0


def _progress(stack: ExitStack, what: str) -> Callable[[int], Callable[[int], None]]:
    """Opens a progress line once it is known how many there are."""
    return lambda total: stack.enter_context(Progress(total, what)).show
