"""`face2mesh lab package`: two training runs and the base head become a packaged model."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face2mesh.lab.package.detector_command import add_detector
from face2mesh.lab.package.folder import make_manifest, write_model_folder
from face2mesh.model.manifest import (
    BASE_HEAD_FILE,
    CONTACT_FILE,
    ENCODER_FILE,
    EXPRESSION_DECODER_FILE,
    FOLLOWERS_FILE,
    IDENTITY_DECODER_FILE,
    LANDMARKS_FILE,
    MIRROR_FILE,
    PEOPLE_FILE,
)
from face2mesh.store import provenance

if TYPE_CHECKING:
    from torch import nn

    from face2mesh.contact import Contact
    from face2mesh.head.followers import Followers
    from face2mesh.lab.nets.encoder import Encoder
    from face2mesh.model.landmarks import LandmarkBasis
    from face2mesh.model.mirror import Mirror
    from face2mesh.model.people import PeopleTable

DEFAULT_NAME = "face2mesh"
CHECK_BATCH = 4


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `package` and `package-detector` to the laboratory's commands."""
    parser = subparsers.add_parser("package")
    parser.add_argument("--encoder", type=Path, metavar="RUN", help="default: BUILD/runs/encoder")
    parser.add_argument("--decoders", type=Path, metavar="RUN", help="default: BUILD/runs/decoders")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the packaged model")
    parser.add_argument("--name", default=DEFAULT_NAME, help="of the model (default: %(default)s)")
    parser.add_argument("--model-version", metavar="VERSION", help="of the model (default: this program's)")
    parser.set_defaults(run=run)
    add_detector(subparsers)


def run(arguments: argparse.Namespace) -> int:
    """Package what the arguments name."""
    from face2mesh import __version__
    from face2mesh.head import BaseHead
    from face2mesh.lab.corpus.corpus import Corpus
    from face2mesh.lab.corpus.moving import FILE as MOVING
    from face2mesh.lab.corpus.moving import MovingCorpus
    from face2mesh.lab.graph.hierarchy import Hierarchy
    from face2mesh.lab.package.export import round_to_fixed_point, round_to_halves
    from face2mesh.lab.package.mirror import packaged_mirror
    from face2mesh.lab.package.people import packaged_people
    from face2mesh.lab.train.checkpoint import CHECKPOINT
    from face2mesh.lab.train.runs import read_decoders, read_encoder

    build: Path = arguments.build
    encoder_run = arguments.encoder or build / "runs" / "encoder"
    decoders_run = arguments.decoders or build / "runs" / "decoders"
    made_of = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")}
    base_head = BaseHead.load(made_of["base-head"])
    hierarchy = Hierarchy.load(made_of["hierarchy"])
    encoder, encoder_header = read_encoder(encoder_run)
    # Exported as they are, the convolutions would take the normalisations in and lose their roundness.
    encoder.fold_normalisation()
    round_to_halves(encoder)
    identity_decoder, expression_decoder, decoders_header = read_decoders(decoders_run, base_head, hierarchy, made_of)
    for decoder in (identity_decoder, expression_decoder):
        round_to_fixed_point(decoder)
    if "moving-corpus" in decoders_header["provenance"]["inputs"]:
        made_of["moving-corpus"] = build / MOVING
        moving = MovingCorpus.load(made_of["moving-corpus"], made_of["corpus"], made_of["base-head"])
        corpus, followers, contact = moving.linear, moving.followers(), moving.contact
    else:
        corpus, contact = Corpus.load(made_of["corpus"], made_of["base-head"]), None
        followers = corpus.followers()
    origin = provenance({"encoder": encoder_run / CHECKPOINT, "decoders": decoders_run / CHECKPOINT, **made_of})
    origin["encoder"] = encoder_header
    origin["decoders"] = decoders_header
    size = package(
        arguments.output,
        arguments.name,
        arguments.model_version or __version__,
        encoder,
        identity_decoder,
        expression_decoder,
        made_of["base-head"],
        followers,
        origin,
        contact,
        packaged_mirror(base_head, corpus),
        packaged_people(corpus.population),
    )
    print(f"{arguments.output}: {size / 1e6:.1f} MB", file=sys.stderr)
    return 0


def package(
    folder: Path,
    name: str,
    version: str,
    encoder: Encoder,
    identity_decoder: nn.Module,
    expression_decoder: nn.Module,
    base_head: Path,
    followers: Followers,
    origin: Mapping[str, Any],
    contact: Contact | None = None,
    mirror: Mirror | None = None,
    people: PeopleTable | None = None,
) -> int:
    """Export, check and write a model.

    Args:
        folder: where it goes; a model there is replaced.
        name, version: of the model.
        encoder: an `Encoder`.
        identity_decoder: (B, M) to skins (B, S, 3) mm.
        expression_decoder: (B, M) and (B, 52) to displacements (B, S, 3) mm.
        base_head: the file.
        followers: of the same head.
        origin: what the manifest tells of the model's making.
        contact: what touches what on heads of decoders that were taught contact.
        mirror: what a mirror does to codes; a photo's mirror image is then looked at too.
        people: whose codes random heads have.

    Returns:
        The size of all files in bytes.

    Raises:
        Face2MeshError: an exported network says something else than the original, or the model is too large.
        OutputError: the folder cannot be written.
    """
    from face2mesh.head import BaseHead
    from face2mesh.lab.package.checks import export_checked
    from face2mesh.lab.package.landmark_basis import fit_landmark_basis

    head = BaseHead.load(base_head)
    landmarks, missed_mm = fit_landmark_basis(
        identity_decoder, expression_decoder, head.landmarks, encoder.configuration.identity_size
    )
    inputs = {"inputs": origin.get("inputs", {})}
    contents = {
        BASE_HEAD_FILE: base_head.read_bytes(),
        FOLLOWERS_FILE: saved(followers, inputs),
        LANDMARKS_FILE: saved(landmarks, inputs),
    }
    if contact is not None:
        contents[CONTACT_FILE] = saved(contact, inputs)
    if mirror is not None:
        contents[MIRROR_FILE] = saved(mirror, inputs)
    if people is not None:
        contents[PEOPLE_FILE] = saved(people, inputs)
    exported, normalisation, differences = export_checked(encoder, identity_decoder, expression_decoder, CHECK_BATCH)
    contents |= dict(zip((ENCODER_FILE, IDENTITY_DECODER_FILE, EXPRESSION_DECODER_FILE), exported, strict=True))
    checks = {"export_differences": differences, "landmark_basis_misses_mm": missed_mm}
    manifest = make_manifest(name, version, contents, normalisation, {**origin, **checks})
    return write_model_folder(folder, manifest, contents)


def saved(part: Followers | LandmarkBasis | Contact | Mirror | PeopleTable, origin: Mapping[str, Any]) -> bytes:
    """The bytes of the file that a part of the model writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.npz"
        part.save(path, origin)
        return path.read_bytes()
