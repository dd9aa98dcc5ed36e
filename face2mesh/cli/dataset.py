"""`face2mesh dataset init|collect` and `face2mesh render`: a user's own sculpts as a data set."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

from face2mesh.cli.options import add_debug, add_model, add_seed, add_time_limit, needing_laboratory, whole_number
from face2mesh.cli.progress import open_line


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `dataset` and `render` to the command line."""
    dataset = subparsers.add_parser(
        "dataset",
        help="gather your own sculpts and photos into a data set",
        description="Gather your own sculpts, and photos of the same people, into a data set: `init` once, `collect` "
        "whenever something is new. See docs/datasets.md.",
    )
    steps = dataset.add_subparsers(required=True, metavar="STEP")
    begin = steps.add_parser(
        "init",
        help="begin a data set",
        description="Write DIR/head.blend and DIR/head.obj to start sculpting from, DIR/sculpts and DIR/photos; "
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
        help="read its sculpts and photos",
        description="Read DIR/sculpts and DIR/photos, check them, find each photo's camera, and write "
        "DIR/dataset.npz with DIR/dataset.json beside it. Only what is new or has changed is read.",
    )
    collect.add_argument("folder", type=Path, metavar="DIR", help="the data set's folder")
    collect.add_argument(
        "--held-out",
        metavar="NAMES",
        help="people whom training may not see, separated by commas (default: a quarter, drawn by name)",
    )
    collect.add_argument(
        "--marker",
        choices=("model", "mediapipe"),
        default="model",
        help="what marks the faces in photos (default: model)",
    )
    add_model(collect)
    collect.set_defaults(run=needing_laboratory("dataset collect", _collect))
    render = subparsers.add_parser(
        "render",
        help="render photos of a data set's heads, with exact truth",
        description="Render pictures of each head of a data set, as photos whose camera, light and points are known "
        "exactly: DATASET/rendered and DATASET/rendered.npz.",
    )
    render.add_argument("folder", type=Path, metavar="DATASET", help="the data set's folder")
    render.add_argument(
        "--engine",
        choices=("cycles", "raster"),
        default="cycles",
        help="Blender's Cycles (the default; seconds a picture) or our own rasteriser (hundredths of a second)",
    )
    render.add_argument("--pictures", type=whole_number(1), default=12, metavar="N", help="of each head (default: 12)")
    render.add_argument(
        "--size", type=whole_number(64, 2048), default=256, metavar="PIXELS", help="along a side (default: 256)"
    )
    add_seed(render, "of poses, skins, light and all else")
    add_time_limit(render, "stop then; the next run goes on")
    render.set_defaults(run=needing_laboratory("render", _render))
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
            arguments.folder, held_out, arguments.marker, arguments.model, open_line(stack)("files")
        )
    for line in collected.lines():
        print(line)
    return 1 if collected.refused else 0


def _render(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from face2mesh.lab.dataset.render import Making, render_dataset

    making = Making(arguments.engine, arguments.seed, arguments.size)
    with ExitStack() as stack:
        progress = open_line(stack)("pictures")
        made, count = render_dataset(arguments.folder, making, arguments.pictures, progress, arguments.time_limit)
    print(f"{arguments.folder / 'rendered.npz'}: {count} pictures, {made} of them new")
    return 0
