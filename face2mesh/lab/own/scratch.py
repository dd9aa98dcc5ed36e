"""Training from scratch on a data set's template: hierarchy, decoders, encoder and package, begun with nothing.

The people are those of the shape model (`shapes`), whose prior is what the packaged model knows, carried onto the
template where that is another mesh: identities, and the expressions without which a photo cannot be told from a face.
Decoders and encoder are the laboratory's own; with the pictures that a laptop draws in an hour they are a beginning.

Letters: S skin vertices of our head, W of the template, K modes of the shape model.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.head.arkit import ARKIT_NAMES
from face2mesh.head.followers import Followers
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.carrying import Carrying, carrying, laid_over
from face2mesh.lab.dataset.dataset import DATASET_FILE, RENDERED_FILE, TEMPLATE_FILE
from face2mesh.lab.dataset.packaged import is_ours
from face2mesh.lab.dataset.skins import drawn_skins
from face2mesh.lab.graph.command import hierarchy_of_head
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.decoder import (
    ExpressionDecoder,
    ExpressionDecoderConfiguration,
    IdentityDecoder,
    IdentityDecoderConfiguration,
)
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration
from face2mesh.lab.own.measure import held_out_rows, measure_held_out
from face2mesh.lab.own.packaged import Packaged
from face2mesh.lab.own.people import corpus_of, draw_people
from face2mesh.lab.own.pictures import AUGMENTATION, INVENTED, skins_for
from face2mesh.lab.own.shapes import ELSEWHERE, MOST_MODES, ShapeModel, aligned_sculpts, learn_shapes
from face2mesh.lab.own.smooth import smooth_modes
from face2mesh.lab.own.train import WEIGHTS, WORK, OpenLine, Trained, digest_of, silent
from face2mesh.lab.package.command import package
from face2mesh.lab.package.export import round_to_halves
from face2mesh.lab.package.folder import check_free
from face2mesh.lab.package.mirror import packaged_mirror
from face2mesh.lab.pairs.files import read_pairs, write_pairs
from face2mesh.lab.pairs.rendered import World, render_pairs
from face2mesh.lab.pairs.surroundings import Backdrops
from face2mesh.lab.train.augmentation import Batch, Mirror, disturbed, moved
from face2mesh.lab.train.batches import Pairs
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_average
from face2mesh.lab.train.configuration import Augmentation, DecoderTraining, Optimisation
from face2mesh.lab.train.decoders import decoder_objective
from face2mesh.lab.train.encoder import objective_terms
from face2mesh.lab.train.loop import train
from face2mesh.lab.train.sparse_head import SparseHead, mirror_of
from face2mesh.lab.train.workers import draws
from face2mesh.model import Model
from face2mesh.store import provenance

DECODERS_PART, PICTURES_PART, ENCODER_PART = 0.25, 0.3, 0.4
"""Of a time limit."""


@dataclass(frozen=True)
class ScratchTuning:
    """How much is done, and how large the networks are.

    Attributes:
        pictures: of drawn people.
        steps: of the encoder's optimiser.
        decoder_steps: of the decoders'.
        modes: the most that the shape model may have.
        seed: of all draws.
        workers: processes that draw pictures.
        encoder: arguments of `EncoderConfiguration`.
        decoder: arguments of both decoders' configurations.
    """

    pictures: int = 3000
    steps: int = 6000
    decoder_steps: int = 1500
    modes: int = MOST_MODES
    seed: int = 0
    workers: int = 1
    encoder: Mapping[str, Any] = field(default_factory=dict)
    decoder: Mapping[str, Any] = field(default_factory=dict)


def train_from_scratch(
    folder: Path,
    output: Path,
    tuning: ScratchTuning,
    progress: OpenLine = silent,
    time_limit: float | None = None,
) -> Trained:
    """Train a model of a data set's people, begun with nothing; arguments and result as of `fine_tune`.

    Raises:
        InputFileError: no data set, with fewer than three neutral sculpts to learn from, or a template that the
            networks cannot work on.
    """
    torch.set_num_threads(1)
    check_free(output)
    torch.manual_seed(tuning.seed)
    dataset, packaged = Dataset.load(folder), Packaged.load()
    template = dataset.template
    try:
        levels = len(tuning.decoder.get("channels", IdentityDecoderConfiguration().channels))
        hierarchy = hierarchy_of_head(template, max(1, levels - 1))
    except ValueError as error:
        raise InputFileError(f"{folder / TEMPLATE_FILE}: makes no hierarchy ({error}); mend the mesh.") from error
    shapes, head, corpus, followers, carried = _people(dataset, packaged, tuning)
    codes = shapes.codes(
        _aligned(dataset, shapes.mean), np.where(template.regions["face_and_ears"][: template.skin_count], 1, ELSEWHERE)
    )
    learnt = dataset.heads.neutral & ~dataset.head_held_out()
    work, digest = folder / WORK, digest_of(packaged, shapes, tuning.seed)
    made_of = {name: folder / name for name in (TEMPLATE_FILE, DATASET_FILE, RENDERED_FILE)}
    origin = provenance({name: path for name, path in made_of.items() if path.exists()}, asdict(tuning), tuning.seed)
    identity, expression = _decoders(head, corpus, hierarchy, tuning, work, digest, origin, time_limit)
    limit = None if time_limit is None else PICTURES_PART * time_limit
    skins = drawn_skins(packaged.base_head, skins_for(tuning.pictures), tuning.seed, carried)
    draw = (head, corpus, skins, codes[learnt])
    pairs = _pictures(draw, tuning, work / f"rendered-{digest}-{tuning.pictures}.npz", progress, limit, origin)
    encoder = _encoder(head, corpus, pairs, tuning, work, digest, origin, time_limit)
    name, version = folder.resolve().name, f"0+{digest[:8]}"
    mirror = packaged_mirror(head, corpus)
    about = {**origin, "shapes": {"sculpts": shapes.sculpts, "told": shapes.told()}}
    size = package(
        output,
        name,
        version,
        encoder,
        identity,
        expression,
        folder / TEMPLATE_FILE,
        followers,
        about,
        mirror=mirror,
    )
    rows = held_out_rows(dataset)
    after = Model.load(output)
    measured = None
    if is_ours(template, packaged.base_head):
        before = Model.load(packaged.folder)
        tell = progress("held-out pictures")(len(rows))
        measured = measure_held_out(dataset, rows, before, after, shapes.mean, tell)
    return Trained(output, size, shapes, None, len(pairs), measured)


def _aligned(dataset: Dataset, mean: NDArray[Any]) -> NDArray[np.float32]:
    """All sculpts' skins over a mean skin."""
    skin = slice(0, dataset.template.skin_count)
    return aligned_sculpts(dataset.heads.vertices[:, skin], mean, dataset.template.regions["face_and_ears"][skin])


def _people(
    dataset: Dataset, packaged: Packaged, tuning: ScratchTuning
) -> tuple[ShapeModel, BaseHead, Corpus, Followers, Carrying | None]:
    """The shape model on the template, as head, corpus and followers; and what carries our skins' colours onto it."""
    template, ours = dataset.template, packaged.base_head
    skin = slice(0, template.skin_count)
    region = template.regions["face_and_ears"][skin]
    known, expressions, carried = packaged.modes(), packaged.expressions(), None
    followers = packaged.followers
    mean = np.asarray(template.vertices[skin], np.float32)
    if not is_ours(template, ours):
        laid = laid_over(ours, np.asarray(template.landmarks(template.vertices), np.float64))
        carried = carrying(ours, laid, mean, template.skin_triangles, parts=False)
        known, expressions = (np.stack([carried(one) for one in part]) for part in (known, expressions))
        followers = no_followers()
    learnt = dataset.heads.neutral & ~dataset.head_held_out()
    sculpts = _aligned(dataset, mean)[learnt]
    smooth = smooth_modes(mean, template.mirror[skin])
    shapes = learn_shapes(sculpts, mean, known, smooth, region, tuning.modes)
    shell = replace(packaged, base_head=template, followers=followers)
    head, corpus = corpus_of(shell, shapes, expressions)
    return shapes, head, corpus, followers, carried


def no_followers() -> Followers:
    """Of a template that is skin alone."""
    units = len(ARKIT_NAMES)
    nothing = np.zeros((0, 3), np.float32)
    return Followers(
        rest=nothing,
        controls=np.zeros(0, np.int32),
        control_rest=nothing,
        weights=np.zeros((0, 0), np.float32),
        expression=np.zeros((units, 0, 3), np.float32),
        gaze_degrees=np.zeros((units, 2, 2), np.float32),
        eyes=np.zeros((2, 2), np.int32),
        eye_centres=np.zeros((2, 3), np.float32),
    )


def _decoders(
    head: BaseHead,
    corpus: Corpus,
    hierarchy: Hierarchy,
    tuning: ScratchTuning,
    work: Path,
    digest: str,
    origin: dict[str, Any],
    time_limit: float | None,
) -> tuple[IdentityDecoder, ExpressionDecoder]:
    """Both decoders, taught the corpus."""
    size = {"identity_size": len(corpus.identity), **tuning.decoder}
    rest = np.asarray(head.vertices[: head.skin_count])
    identity = IdentityDecoder(IdentityDecoderConfiguration(**size), hierarchy, rest)
    expression = ExpressionDecoder(ExpressionDecoderConfiguration(**size), hierarchy)
    optimisation = Optimisation(
        steps=tuning.decoder_steps, batch=16, learning_rate=3e-3, warmup=30, average=0.99, seed=tuning.seed
    )
    objective = decoder_objective(identity, expression, head, corpus, DecoderTraining(optimisation=optimisation))
    networks = nn.ModuleDict({"identity": identity, "expression": expression})
    limit = None if time_limit is None else DECODERS_PART * time_limit
    _run(networks, objective, optimisation, work / f"decoders-{digest}-{tuning.decoder_steps}", size, origin, limit)
    return identity.eval(), expression.eval()


def _pictures(
    draw: tuple[BaseHead, Corpus, Any, NDArray[np.float32]],
    tuning: ScratchTuning,
    path: Path,
    progress: OpenLine,
    time_limit: float | None,
    origin: dict[str, Any],
) -> Pairs:
    """Pictures of drawn people, kept in a file, with what is true of them."""
    head, corpus, skins, sculpts = draw
    if path.exists():
        return Pairs(read_pairs(path), rendered=True)
    codes, weights, _ = draw_people(np.random.default_rng(tuning.seed), tuning.pictures, sculpts)
    world = World(head, corpus, skins, Backdrops.none(), codes, weights, tuning.seed, INVENTED)
    drawn = render_pairs(world, tuning.workers, progress("pictures")(tuning.pictures), time_limit)
    jpegs = drawn.pop("jpeg")
    if len(jpegs) == tuning.pictures:
        write_pairs(path, "rendered-pairs", drawn, jpegs, origin)
    drawn["crop"] = np.stack([np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs])
    return Pairs(drawn, rendered=True)


def _encoder(
    head: BaseHead,
    corpus: Corpus,
    pairs: Pairs,
    tuning: ScratchTuning,
    work: Path,
    digest: str,
    origin: dict[str, Any],
    time_limit: float | None,
) -> Encoder:
    """The encoder, taught the pictures; its normalisation folded, ready for export."""
    points, mirror = SparseHead(head, corpus), mirror_of(head, corpus)
    pairs.labels["points"] = points.seen(pairs.labels)
    size = {"identity_size": len(corpus.identity), "points": len(mirror.points), **tuning.encoder}
    encoder = Encoder(EncoderConfiguration(**size))
    encoder.start_from(_exact(pairs, mirror, tuning.seed))
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = min(64, len(pairs))
    optimisation = Optimisation(steps=tuning.steps, batch=batch, learning_rate=1.5e-3, seed=tuning.seed)
    augmentation = Augmentation()

    def objective(step: int, worker: int) -> dict[str, Tensor]:
        generator = draws(optimisation.seed, step, worker)
        chosen = torch.randint(len(pairs), (batch,), generator=generator)
        drawn = disturbed(pairs.batch(chosen), augmentation, mirror, generator)
        return objective_terms(encoder(drawn.crop), drawn, points, WEIGHTS)

    limit = None if time_limit is None else ENCODER_PART * time_limit
    run = work / f"encoder-{digest}-{len(pairs)}-{tuning.steps}"
    _run(encoder, objective, optimisation, run, size, origin, limit)
    encoder.eval()
    encoder.fold_normalisation()
    round_to_halves(encoder)
    return encoder


def _exact(pairs: Pairs, mirror: Mirror, seed: int) -> dict[str, Tensor]:
    """The pictures' labels, disturbed as training will disturb them; what `Encoder.start_from` takes."""
    blank = torch.zeros(len(pairs), 2, 2, 3, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(seed)
    batch = moved(Batch(crop=blank, **pairs.labels), AUGMENTATION, mirror, generator, size=2)
    return {
        name: getattr(batch, name) for name in ("points", "identity", "expression", "rotation", "offset", "log_scale")
    }


def _run(
    network: nn.Module,
    objective: Any,
    optimisation: Optimisation,
    run: Path,
    size: Mapping[str, Any],
    origin: dict[str, Any],
    time_limit: float | None,
) -> None:
    """Train, or go on, or take what is there; the network then has the averaged weights."""
    header = {
        "kind": "own",
        "configuration": {"optimisation": asdict(optimisation), "network": str(sorted(size.items()))},
        "network": {},
        "provenance": origin,
    }
    resume = (run / CHECKPOINT).exists()
    train(network, objective, optimisation, run, header, time_limit=time_limit, resume=resume)
    load_average(run, network)
