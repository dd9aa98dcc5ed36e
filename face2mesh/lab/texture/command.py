"""`face2mesh lab skin`: the statistical skin of the texture room."""

from __future__ import annotations

import argparse
from pathlib import Path

from face2mesh.cli.options import add_model, add_seed, whole_number
from face2mesh.lab.data import data_folder

NAME = "skin.npz"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `skin` to the laboratory's commands."""
    parser = subparsers.add_parser("skin")
    parser.add_argument(
        "--photos", type=whole_number(1), default=1000, metavar="N", help="how many (default: %(default)s)"
    )
    parser.add_argument(
        "--modes", type=whole_number(1), default=24, metavar="K", help="ways to differ (default: %(default)s)"
    )
    add_seed(parser, "of the choice of photos")
    add_model(parser, "that fits heads to the photos (default: the one that is installed)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"default: BUILD/{NAME}")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look at the photos, learn, and write one file.

    Raises:
        Face2MeshError: the data are missing, fewer photos than modes were asked for, or the file cannot be written.
    """
    from face2mesh.errors import Face2MeshError
    from face2mesh.lab.progress import progress_to
    from face2mesh.lab.texture.gather import modelled_places, photos_on_skin
    from face2mesh.lab.texture.learn import learn_skin, under_hair
    from face2mesh.model import load
    from face2mesh.store import provenance

    data = data_folder(arguments)
    if not 0 < arguments.modes < arguments.photos:
        raise Face2MeshError(f"`lab skin`: {arguments.modes} modes of {arguments.photos} photos; take more photos.")
    model = load(arguments.model)
    head = model.base_head
    places = modelled_places(head)
    seen = photos_on_skin(
        model, data, places, arguments.photos, arguments.seed, progress_to(arguments.photos, "photos on the skin")
    )
    skin = learn_skin(seen, places, under_hair(head, places), arguments.modes, lambda line: print(line, flush=True))
    target = arguments.output or arguments.build / NAME
    origin = provenance(
        {"labels": data / "fairface-train.npz"},
        {
            "photos": len(seen.colours),
            "modes": arguments.modes,
            "model": f"{model.name} {model.version}",
            "pictures": "FairFace (Kärkkäinen and Joo 2021), training photos, CC BY 4.0",
        },
        arguments.seed,
    )
    skin.save(target, head, origin)
    print(f"{target}: {target.stat().st_size:,} bytes, {len(skin.places)} texels")
