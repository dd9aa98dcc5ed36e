"""`face2mesh train`: a data set's people become a packaged model, out of the packaged one.

Shape model, pictures, what the encoder sees in them, its last layers, package: each step's result is kept in the data
set's folder `training`, and a run that was stopped goes on there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from face2mesh.errors import Face2MeshError, InputFileError
from face2mesh.lab.dataset import Dataset
from face2mesh.lab.dataset.dataset import DATASET_FILE, RENDERED_FILE
from face2mesh.lab.dataset.packaged import is_ours
from face2mesh.lab.own.extend import Translation, extended_decoders, extended_encoder
from face2mesh.lab.own.fine_tune import LEARNT, Seen, code_objective, start_identity, with_modes
from face2mesh.lab.own.measure import HeldOut, held_out_rows, measure_held_out
from face2mesh.lab.own.packaged import Packaged
from face2mesh.lab.own.people import corpus_of
from face2mesh.lab.own.pictures import Studio
from face2mesh.lab.own.shapes import ELSEWHERE, MOST_MODES, ShapeModel, aligned_sculpts, learn_shapes
from face2mesh.lab.own.smooth import smooth_modes
from face2mesh.lab.own.trust import Trust, chosen_trust, mixed, speaking
from face2mesh.lab.package.checks import names_of
from face2mesh.lab.package.command import saved
from face2mesh.lab.package.export import LARGEST_DIFFERENCE_OF_CODES, differences, round_to_halves
from face2mesh.lab.package.folder import check_free, make_manifest, write_model_folder
from face2mesh.lab.package.mirror import packaged_mirror
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_average
from face2mesh.lab.train.configuration import EncoderWeights, Optimisation
from face2mesh.lab.train.loop import train
from face2mesh.lab.train.sparse_head import SparseHead, mirror_of
from face2mesh.model import Model
from face2mesh.model.landmarks import LandmarkBasis
from face2mesh.model.manifest import (
    BASE_HEAD_FILE,
    CONTACT_FILE,
    ENCODER_FILE,
    EXPRESSION_DECODER_FILE,
    FOLLOWERS_FILE,
    IDENTITY_DECODER_FILE,
    LANDMARKS_FILE,
    MIRROR_FILE,
    read_model_file,
)
from face2mesh.store import provenance

WORK = "training"
"""The folder within the data set that keeps what a run made."""
PICTURES_PART = 0.8
"""Of a time limit, for pictures; the rest is for learning from them and for the package."""
WEIGHTS = EncoderWeights(prior=0.0, photo_codes=0.3, photo_identity=1.0)
"""As the packaged encoder was taught, but that a photo's sculpt is the truth of its identity."""

OpenLine = Callable[[str], Callable[[int], Callable[[int], None]]]
"""Given what is done, then how many there are, who is told how many are done."""


def silent(_: str) -> Callable[[int], Callable[[int], None]]:
    """No progress."""
    return lambda _: lambda _: None


@dataclass(frozen=True)
class Tuning:
    """How much is done.

    Attributes:
        pictures: of drawn people.
        steps: of the optimiser.
        modes: the most that the shape model may have.
        seed: of all draws.
        workers: processes that draw pictures.
    """

    pictures: int = 3000
    steps: int = 600
    modes: int = MOST_MODES
    seed: int = 0
    workers: int = 1


@dataclass(frozen=True)
class Trained:
    """What a run made.

    Attributes:
        folder: the packaged model.
        size: of its files, bytes.
        shapes: the shape model.
        trust: how far it believes what it was taught; None of a model from scratch, which has nothing else to believe.
        pictures: how many were drawn.
        held_out: how near it comes to people whom it did not see; None where there are none with pictures.
    """

    folder: Path
    size: int
    shapes: ShapeModel
    trust: Trust | None
    pictures: int
    held_out: HeldOut | None

    def lines(self) -> list[str]:
        """What the command line prints."""
        lines = [self.shapes.told()]
        if self.trust is not None:
            lines.append(self.trust.told())
        if self.held_out is not None:
            lines.append(self.held_out.told())
        lines.append(f"{self.folder}: {len(self.shapes.modes)} modes, {self.size / 1e6:.1f} MB")
        return lines


def fine_tune(
    folder: Path,
    output: Path,
    tuning: Tuning,
    start: Path | None = None,
    progress: OpenLine = silent,
    time_limit: float | None = None,
) -> Trained:
    """Teach the packaged model a data set's people.

    Args:
        folder: the data set's.
        output: folder of the model; a model there is replaced.
        tuning: how much.
        start: the packaged model to begin with; None is the one that comes with Face2Mesh.
        progress: given what is done, then how many there are, who is told how many are done.
        time_limit: seconds; with less time there are fewer pictures and steps, and a later run goes on.

    Raises:
        InputFileError: no data set, on another template, or with fewer than three neutral sculpts to learn from.
        ModelError: no model to begin with.
        OutputError: the output folder holds something else.
    """
    began = time.monotonic()
    torch.set_num_threads(1)
    check_free(output)
    dataset, packaged = Dataset.load(folder), Packaged.load(start)
    if not is_ours(dataset.template, packaged.base_head):
        raise InputFileError(
            f"{folder}: its template is not the model's base head; the packaged model cannot be fine-tuned on it: "
            "add --from-scratch."
        )
    base, skin = packaged.base_head, slice(0, packaged.base_head.skin_count)
    region = base.regions["face_and_ears"][skin]
    weight = np.where(region, 1.0, ELSEWHERE)
    mean, known = packaged.neutral(np.zeros((1, packaged.identity_size)))[0], packaged.modes()
    learnt = dataset.heads.neutral & ~dataset.head_held_out()
    aligned = aligned_sculpts(dataset.heads.vertices[:, skin], mean, region)
    smooth = smooth_modes(mean, base.mirror[skin])
    shapes = learn_shapes(aligned[learnt], mean, known, smooth, region, tuning.modes)
    translation = Translation.between(known, mean, shapes, weight)
    head, corpus = corpus_of(packaged, shapes, packaged.expressions(translation.middle))
    encoder = packaged.encoder()
    studio = Studio(encoder, head, corpus, base, SparseHead(head, corpus), mirror_of(head, corpus), tuning.seed)
    codes = shapes.codes(aligned, weight)
    digest = digest_of(packaged, shapes, tuning.seed)
    work = folder / WORK
    limit = None if time_limit is None else began + PICTURES_PART * time_limit
    tell = progress("pictures")(tuning.pictures)
    pictures = studio.drawn(codes[learnt], tuning.pictures, work, digest, tell, limit, tuning.workers)
    drawn = len(pictures)
    seen_heads = np.flatnonzero(learnt[dataset.views.head])
    own = studio.of_dataset(dataset, seen_heads, codes, np.flatnonzero(learnt), among=drawn)
    if own is not None:
        pictures = Seen.joined([pictures, own])
    made_of = {DATASET_FILE: folder / DATASET_FILE, RENDERED_FILE: folder / RENDERED_FILE}
    origin = provenance({name: path for name, path in made_of.items() if path.exists()}, asdict(tuning), tuning.seed)
    left = None if time_limit is None else max(1.0, time_limit - (time.monotonic() - began))
    spoken = shapes.codes(np.concatenate([mean[None], mean + known]), weight)
    as_packaged = speaking(encoder, spoken[0], spoken[1:] - spoken[0])
    trust = chosen_trust(pictures, as_packaged, shapes, codes[learnt], region)
    grown = _taught(with_modes(encoder, len(shapes.modes)), pictures, studio, tuning, work, digest, origin, left)
    grown = mixed(as_packaged, grown, trust.share)
    round_to_halves(torch.nn.ModuleList([getattr(grown, name) for name in LEARNT]))
    told = {
        **origin,
        "encoder": packaged.manifest.provenance["encoder"],
        "begun_with": {"name": packaged.manifest.name, "version": packaged.manifest.version},
        "shapes": {"sculpts": shapes.sculpts, "shares": asdict(shapes.shares), "told": shapes.told()},
        "trust": {**asdict(trust), "told": trust.told()},
    }
    size = _package(output, folder.resolve().name, packaged, shapes, translation, grown, corpus, told, digest)
    rows = held_out_rows(dataset)
    tell = progress("held-out pictures")(len(rows))
    held_out = measure_held_out(dataset, rows, Model.load(packaged.folder), Model.load(output), shapes.mean, tell)
    return Trained(output, size, shapes, trust, drawn, held_out)


def digest_of(packaged: Packaged, shapes: ShapeModel, seed: int) -> str:
    """Of what pictures are made of."""
    hashed = hashlib.sha256(packaged.graphs[ENCODER_FILE])
    for values in (shapes.mean, shapes.modes):
        hashed.update(np.ascontiguousarray(values, "<f4").tobytes())
    hashed.update(str(seed).encode())
    return hashed.hexdigest()[:16]


def _taught(
    encoder: Any,
    pictures: Seen,
    studio: Studio,
    tuning: Tuning,
    work: Path,
    digest: str,
    origin: dict[str, Any],
    time_limit: float | None,
) -> Any:
    """The encoder with last layers learnt from pictures."""
    start_identity(encoder, pictures)
    optimisation = Optimisation(
        steps=tuning.steps,
        batch=64,
        learning_rate=5e-4,
        warmup=20,
        average=0.99,
        seed=tuning.seed,
        checkpoint_every=200,
        log_every=100,
    )
    configuration = {"optimisation": asdict(optimisation), "pictures": len(pictures)}
    header = {"kind": "own-encoder", "configuration": configuration, "network": {}, "provenance": origin}
    run = work / f"run-{digest}-{len(pictures)}-{tuning.steps}"
    objective = code_objective(encoder, pictures, studio.points, WEIGHTS, optimisation.batch, optimisation.seed)
    train(encoder, objective, optimisation, run, header, time_limit=time_limit, resume=(run / CHECKPOINT).exists())
    load_average(run, encoder)
    return encoder.eval()


def _package(
    output: Path,
    name: str,
    packaged: Packaged,
    shapes: ShapeModel,
    translation: Translation,
    encoder: Any,
    corpus: Any,
    origin: dict[str, Any],
    digest: str,
) -> int:
    """Write the model; its size in bytes."""
    from face2mesh import __version__

    graph = extended_encoder(packaged, encoder)
    generator = torch.Generator().manual_seed(0)
    crops = {"crop": torch.rand(3, 3, 128, 128, generator=generator)}
    for output_name, (_, relative) in differences(encoder, graph, crops, names_of(encoder, crops)).items():
        if not relative <= 10 * LARGEST_DIFFERENCE_OF_CODES:
            raise Face2MeshError(
                f"{ENCODER_FILE}: the written network's {output_name} differs by {relative:.2g} from the one taught; "
                "nothing was written. Report the versions of torch and onnxruntime."
            )
    identity, expression = extended_decoders(packaged, shapes, translation)
    size = len(shapes.modes)
    at_landmarks = packaged.base_head.landmarks
    # Exact for the shape model; the heads themselves bend a little, as the packaged decoders do.
    landmarks = LandmarkBasis(
        *(
            np.asarray(at_landmarks(part), np.float32)
            for part in (shapes.mean, shapes.modes, packaged.expressions(translation.middle))
        )
    )
    contents = {
        ENCODER_FILE: graph,
        IDENTITY_DECODER_FILE: identity,
        EXPRESSION_DECODER_FILE: expression,
        LANDMARKS_FILE: saved(landmarks, {}),
    }
    if MIRROR_FILE in packaged.manifest.files:
        contents[MIRROR_FILE] = saved(packaged_mirror(packaged.base_head, corpus), {})
    for file in (BASE_HEAD_FILE, FOLLOWERS_FILE, CONTACT_FILE):
        if file in packaged.manifest.files:
            contents[file] = read_model_file(packaged.folder, packaged.manifest, file)
    normalisation = {
        **packaged.manifest.normalisation,
        "identity_size": size,
        "identity": "whitened: one standard deviation of the shape model's people is 1",
    }
    manifest = make_manifest(name, f"{__version__}+{digest[:8]}", contents, normalisation, origin)
    return write_model_folder(output, manifest, contents, largest=None)
