"""`face2mesh lab`: the laboratory's commands, opened only when one is called."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from face2mesh.cli.options import add_debug, laboratory_needed

COMMANDS = {
    "base-head": ("base", "make the base head of MakeHuman's topology and the scans' mean"),
    "base-points": ("base", "mark MediaPipe's points on the base head anew (needs mediapipe)"),
    "corpus": ("corpus", "carry the scans' identities and expressions onto the base head"),
    "moving-corpus": ("corpus", "give the corpus a jaw that turns, lids that roll and lips that meet"),
    "hierarchy": ("graph", "thin the base head's skin to the levels of the graph networks"),
    "label": ("label", "mark the faces of a folder of photos, for `pairs photos` (needs mediapipe)"),
    "skin": ("texture", "learn the statistical skin of textures from photos"),
    "pairs": ("pairs", "make training pairs of labelled photos and of rendered heads"),
    "autoencoder": ("autoencoder", "train mesh autoencoders and measure them against PCA"),
    "train": ("train", "train the decoders, the encoder or the face detector"),
    "package": ("package", "make a packaged model of two training runs"),
    "package-detector": ("package", "make the packaged face detector of a training run"),
    "evaluate": ("evaluate", "measure a packaged model"),
    "morphable-model": ("morphable", "measure generalisation and specificity of a packaged model"),
    "own-sculpts": ("own", "measure what a made-up family of sculpts gains"),
    "registration": ("registration", "measure `face2mesh register`"),
    "contact": ("evaluate", "count lids in eyeballs and lips in lips, teeth and tongue"),
    "tables": ("evaluate", "write the page of the measures from a results file"),
    "smoothness": ("smoothness", "sweep the smoothness penalty and its remedies on any corpus"),
    "figures": ("figures", "draw the pictures of the documentation"),
}
"""Command to the room that holds it and what it does: listed here so that `--help` needs no torch."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `lab` to the command line."""
    listed = "\n".join(f"  {name:<18}{what}" for name, (_, what) in COMMANDS.items())
    parser = subparsers.add_parser(
        "lab",
        help="make a model: the laboratory",
        description="Everything that makes a model, from its sources to the package.",
        epilog=f"commands, as the data flows:\n{listed}\n\n`face2mesh lab COMMAND --help` tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser, Path("build"), None)
    add_debug(parser)
    parser.add_argument("command", metavar="COMMAND", choices=list(COMMANDS), help="one of those below")
    parser.add_argument("arguments", metavar="…", nargs=argparse.REMAINDER, help="the command's own arguments")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Open one room and run its command.

    Raises:
        Face2MeshError: what the laboratory needs is not installed.
    """
    with laboratory_needed(f"lab {arguments.command}"):
        parser = _parser_of(arguments)
        chosen = parser.parse_args([arguments.command, *arguments.arguments])
        arguments.debug = chosen.debug  # `main` reads it when the command fails
        code: int | None = chosen.run(chosen)
    return code or 0


def _parser_of(arguments: argparse.Namespace) -> argparse.ArgumentParser:
    """The grammar of one room's command."""
    room, what = COMMANDS[arguments.command]
    parser = argparse.ArgumentParser(prog="face2mesh lab")
    parser.set_defaults(build=arguments.build, data=arguments.data, debug=arguments.debug)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    import_module(f"face2mesh.lab.{room}.command").add_parser(commands)
    named = commands.choices[arguments.command]
    named.description = f"{what[0].upper()}{what[1:]}. {named.description or ''}"
    for command in _last_of(commands):
        _add_common(command, argparse.SUPPRESS, argparse.SUPPRESS)
        add_debug(command, default=argparse.SUPPRESS)
    return parser


def _last_of(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """The parsers below which there are no further commands."""
    last = []
    for parser in commands.choices.values():
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        last += [leaf for action in inner for leaf in _last_of(action)] or [parser]
    return last


def _add_common(parser: argparse.ArgumentParser, build: Any, data: Any) -> None:
    """The options that all the laboratory's commands share, before or after the command's name."""
    parser.add_argument("--build", type=Path, default=build, metavar="DIR", help="the laboratory's files (build)")
    parser.add_argument("--data", type=Path, default=data, metavar="DIR", help="training data (FACE2MESH_DATA)")
