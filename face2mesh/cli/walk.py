"""`face2mesh walk`: a film or a strip of the way between heads."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face2mesh.cli.options import add_debug, add_model, add_seed, whole_number

if TYPE_CHECKING:
    from face2mesh.face import Face
    from face2mesh.model import Model

VIEWS = ("front", "three_quarter", "side")
_SECONDS_A_LEG = 1.4


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `walk` to the command line."""
    parser = subparsers.add_parser(
        "walk",
        help="a film or a strip of the way between heads",
        description="Walk from head to head through the model's space and draw the way: a GIF that loops, or a strip.",
    )
    parser.add_argument(
        "heads", nargs="*", type=Path, metavar="HEAD", help="JSON files of heads, and photos (default: random heads)"
    )
    parser.add_argument(
        "-o", "--output", type=_picture, required=True, metavar="FILE", help=".gif for a film, .png for a strip"
    )
    add_seed(parser, "of the first random head")
    parser.add_argument(
        "--stops", type=whole_number(2, 100), default=4, metavar="N", help="how many random heads (default: 4)"
    )
    parser.add_argument(
        "--steps", type=whole_number(1, 200), metavar="N", help="pictures from stop to stop (default: 14; of a strip 3)"
    )
    parser.add_argument(
        "--size", type=whole_number(64, 1024), default=256, metavar="PIXELS", help="a picture's width (default: 256)"
    )
    parser.add_argument("--view", choices=VIEWS, default="three_quarter", help="where from (default: three_quarter)")
    parser.add_argument("--neutral", action="store_true", help="heads without expression")
    add_model(parser)
    add_debug(parser)
    parser.set_defaults(run=run, misuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Walk, draw, write the picture and print its path.

    Raises:
        Face2MeshError: a head cannot be read, or the picture cannot be written.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    from face2mesh.cli.progress import Progress
    from face2mesh.draw import VIEWS as NAMED
    from face2mesh.draw import contact_sheet, portrait
    from face2mesh.model import load
    from face2mesh.model.walk import walk

    if len(arguments.heads) == 1:
        arguments.misuse("a walk needs two heads or more; name none for random ones")
    model = load(arguments.model)
    stops = _stops(model, arguments)
    film = arguments.output.suffix.lower() == ".gif"
    steps = arguments.steps or (14 if film else 3)
    count = steps * len(stops) if film else steps * (len(stops) - 1) + 1
    # One frame for all, so that sizes can be compared.
    framed = np.concatenate([face.vertices for face in stops])
    pictures = []
    with Progress(count, "pictures") as progress:
        for done, face in enumerate(walk(stops, steps, closed=film), 1):
            size = arguments.size, arguments.size * 5 // 4
            view = NAMED[arguments.view]
            pictures.append(portrait(face.head, face.vertices, view, *size, framed=framed))
            progress.show(done)
    if film:
        _write_film(pictures, arguments.output, _SECONDS_A_LEG / steps)
    else:
        from face2mesh.cli.heads import write_picture

        write_picture(contact_sheet(pictures, len(pictures)), arguments.output)
    print(arguments.output)
    return 0


def _stops(model: Model, arguments: argparse.Namespace) -> list[Face]:
    """The heads to walk between.

    Raises:
        Face2MeshError: one cannot be read.
    """
    from face2mesh.face import Face

    if not arguments.heads:
        seeds = range(arguments.seed, arguments.seed + arguments.stops)
        return [model.sample(seed, expression=not arguments.neutral) for seed in seeds]
    read = [
        Face.load(path, model) if path.suffix.lower() == ".json" else model.reconstruct(path)
        for path in arguments.heads
    ]
    return [face.neutral() for face in read] if arguments.neutral else read


def _write_film(pictures: list[Any], path: Path, seconds: float) -> None:
    """Write a GIF that loops, all pictures in one palette, so that nothing flickers."""
    from PIL import Image

    from face2mesh.store import write_atomically

    frames = [Image.fromarray(picture) for picture in pictures]
    # Colours of pictures from all along the way, in one column.
    chosen = frames[:: max(len(frames) // 6, 1)]
    column = Image.new("RGB", (chosen[0].width, sum(frame.height for frame in chosen)))
    for place, frame in enumerate(chosen):
        column.paste(frame, (0, place * frame.height))
    palette = column.quantize(256, Image.Quantize.MAXCOVERAGE)
    drawn = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    milliseconds = max(round(seconds * 100) * 10, 20)
    write_atomically(
        path,
        lambda file: drawn[0].save(
            file, "GIF", save_all=True, append_images=drawn[1:], duration=milliseconds, loop=0, optimize=False
        ),
    )


def _picture(text: str) -> Path:
    if not text.lower().endswith((".gif", ".png")):
        raise argparse.ArgumentTypeError(f"{text!r} ends neither in .gif nor in .png")
    return Path(text)
