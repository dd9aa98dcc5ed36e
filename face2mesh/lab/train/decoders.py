"""Training the two decoders on the linear or the moving corpus: codes in, skins out, each term in millimetres.

Letters: B batch, S skin vertices, E edges, M identity modes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.corpus.moving import FILE as MOVING
from face2mesh.lab.corpus.moving import MovingCorpus
from face2mesh.lab.corpus.splits import MOVING_TRAIN, TRAIN
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.local_decoder import (
    LocalDecoderConfiguration,
    LocalExpressionDecoder,
    LocalIdentityDecoder,
    start_expression,
    start_identity,
)
from face2mesh.lab.train.checkpoint import CHECKPOINT, load_average
from face2mesh.lab.train.configuration import DecoderTraining, read_configuration
from face2mesh.lab.train.loop import Objective, train
from face2mesh.lab.train.mesh_distance import MeshDistance
from face2mesh.lab.train.runs import as_tuples
from face2mesh.lab.train.workers import begin
from face2mesh.store import provenance

STARTED_FROM, TOGETHER = 1024, 64
"""Heads whose regression the expression decoder starts as; how many are made at a time."""


def decoder_objective(
    identity_decoder: nn.Module,
    expression_decoder: nn.Module,
    base: BaseHead,
    corpus: Corpus | MovingCorpus,
    training: DecoderTraining,
) -> Objective:
    """Step number and worker to terms: fresh people with fresh expressions from the training split in each step."""
    settings = training.optimisation
    device = torch.device(settings.device)
    distance = MeshDistance.on(base, training.weights, device)
    share = settings.batch // settings.workers
    split = MOVING_TRAIN if isinstance(corpus, MovingCorpus) else TRAIN
    heads = moving_heads(corpus) if isinstance(corpus, MovingCorpus) else linear_heads(corpus, device)

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([split.seed, settings.seed, step, worker])
        codes = corpus.population.sample(rng, share, training.spread)
        identity = torch.from_numpy(codes).float().to(device)
        expression = torch.from_numpy(split.expressions(rng, share)).to(device)
        neutral, displacement = heads(identity, expression)
        wanted = distance.terms("expression", expression_decoder(identity, expression), displacement)
        if training.identity:
            wanted |= distance.terms("identity", identity_decoder(identity), neutral)
        return wanted

    return terms


Heads = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Codes (B, M) and weights (B, 52) to neutral skins and displacements (B, S, 3) mm."""


def linear_heads(corpus: Corpus, device: torch.device) -> Heads:
    """What decoders are taught of the linear corpus: two matrix products."""
    skin = corpus.skin_count
    rest = torch.from_numpy(corpus.mean[:skin]).to(device)
    identities = torch.from_numpy(corpus.identity[:, :skin].reshape(len(corpus.identity), -1).copy()).to(device)
    expressions = torch.from_numpy(corpus.expression[:, :skin].reshape(len(corpus.expression), -1).copy()).to(device)

    def heads(identity: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        neutral = rest + (identity @ identities).view(-1, skin, 3)
        return neutral, (expression @ expressions).view(-1, skin, 3)

    return heads


def moving_heads(corpus: MovingCorpus) -> Heads:
    """What decoders are taught of the moving corpus: its motions, which are smooth; the model settles contact."""
    skin = corpus.base.skin_count

    def heads(identity: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        codes = identity.cpu().numpy()
        neutral = torch.from_numpy(corpus.linear.heads(codes)[:, :skin]).to(identity)
        moved = torch.from_numpy(corpus.before_contact(codes, expression.cpu().numpy())).to(identity)
        return neutral, moved - neutral

    return heads


def train_decoders(
    configuration: Path,
    build: Path,
    run: Path,
    *,
    time_limit: float | None = None,
    resume: bool = False,
    start: Path | None = None,
) -> int:
    """Train both decoders on the corpus in `build`; arguments and result as of `train_encoder`."""
    training = read_configuration(configuration, DecoderTraining)
    begin(training.optimisation.seed, training.optimisation.workers)
    inputs = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")}
    base = BaseHead.load(inputs["base-head"])
    if training.corpus == "moving":
        inputs["moving-corpus"] = build / MOVING
        moving = MovingCorpus.load(inputs["moving-corpus"], inputs["corpus"], inputs["base-head"])
        corpus: Corpus | MovingCorpus = moving
    else:
        corpus = Corpus.load(inputs["corpus"], inputs["base-head"])
    hierarchy = Hierarchy.load(inputs["hierarchy"])
    rest = base.vertices[: base.skin_count]
    size = {"identity_size": corpus.population.modes}
    settings = {
        "identity": LocalDecoderConfiguration(**as_tuples({**size, **training.identity_decoder})),
        "expression": LocalDecoderConfiguration(**as_tuples({**size, **training.expression_decoder})),
    }
    identity_decoder = LocalIdentityDecoder(settings["identity"], hierarchy, rest)
    expression_decoder = LocalExpressionDecoder(settings["expression"], hierarchy)
    networks = nn.ModuleDict({"identity": identity_decoder, "expression": expression_decoder})
    if start is not None:
        load_average(start, networks)
        inputs["start"] = start / CHECKPOINT
    elif not resume:
        _start(identity_decoder, expression_decoder, hierarchy, corpus)
    networks.to(training.optimisation.device)
    objective = decoder_objective(identity_decoder, expression_decoder, base, corpus, training)
    header = {
        "kind": "decoders",
        "configuration": asdict(training),
        "network": {name: asdict(one) for name, one in settings.items()},
        "provenance": provenance(inputs, asdict(training), training.optimisation.seed),
    }
    return train(networks, objective, training.optimisation, run, header, time_limit=time_limit, resume=resume)


def _start(
    identity_decoder: LocalIdentityDecoder,
    expression_decoder: LocalExpressionDecoder,
    hierarchy: Hierarchy,
    corpus: Corpus | MovingCorpus,
) -> None:
    """Linear parts and local bases, from the corpus's modes and from training heads."""
    moving = isinstance(corpus, MovingCorpus)
    linear = corpus.linear if isinstance(corpus, MovingCorpus) else corpus
    modes = linear.identity[:, : linear.skin_count]
    heads = moving_heads(corpus) if isinstance(corpus, MovingCorpus) else linear_heads(corpus, torch.device("cpu"))
    identity, weights = (MOVING_TRAIN if moving else TRAIN).draw(STARTED_FROM, corpus.population)
    displacements = np.empty((STARTED_FROM, linear.skin_count, 3), np.float32)
    for row in range(0, STARTED_FROM, TOGETHER):
        some = slice(row, row + TOGETHER)
        displacements[some] = heads(torch.from_numpy(identity[some]).float(), torch.from_numpy(weights[some]))[1]
    start_identity(identity_decoder, hierarchy, modes)
    start_expression(expression_decoder, hierarchy, modes, weights, displacements)
