"""Training encoder and decoders together: what the encoder says goes through the decoders to whole heads.

The runs of the parts come first. Then photos teach the decoders too: the dense points of a decoded head, projected, are
held against those of the photo. Heads drawn from the corpus keep the decoders from forgetting it. Decoding whole heads
is what costs on a CPU, so only a few pictures of each batch are decoded.
Letters: B batch, S skin vertices, N dense points, M identity modes.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from face2mesh.errors import InputFileError
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.graph.hierarchy import Hierarchy
from face2mesh.lab.nets.encoder import Encoder
from face2mesh.lab.train.augmentation import Batch
from face2mesh.lab.train.batches import Batches
from face2mesh.lab.train.checkpoint import CHECKPOINT
from face2mesh.lab.train.configuration import DecoderTraining, TogetherTraining, read_configuration
from face2mesh.lab.train.decoders import decoder_objective
from face2mesh.lab.train.encoder import CANONICAL_SIDE, objective_terms, outputs_of
from face2mesh.lab.train.loop import Objective, train
from face2mesh.lab.train.mesh_distance import MeshDistance
from face2mesh.lab.train.runs import read_decoders, read_encoder
from face2mesh.lab.train.sparse_head import SparseHead, mirror_of, projected, rotation_matrix
from face2mesh.lab.train.workers import begin
from face2mesh.store import provenance


class WholeHeads:
    """The terms of decoded heads."""

    def __init__(
        self,
        identity_decoder: nn.Module,
        expression_decoder: nn.Module,
        base: BaseHead,
        corpus: Corpus,
        training: TogetherTraining,
    ) -> None:
        """Precompute what the base head and the corpus fix."""
        device = torch.device(training.optimisation.device)
        self.training = training
        self.decoders = (identity_decoder, expression_decoder)
        self.distance = MeshDistance.on(base, training.decoder_weights, device)
        skin = base.skin_count
        self.modes, self.motions = (
            torch.from_numpy(np.ascontiguousarray(part[:, :skin].reshape(len(part), -1))).float().to(device)
            for part in (corpus.identity, corpus.expression)
        )
        self.rest = torch.from_numpy(base.vertices[:skin]).to(device)
        # All dense points lie on the skin, so decoded skins are enough.
        self.corners = torch.from_numpy(base.dense.triangle_vertices.astype(np.int64)).to(device)
        self.shares = torch.from_numpy(base.dense.weights).float().to(device)

    def terms(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Weighted terms of some rendered heads' vertices and of some photos' points."""
        count, weight = self.training.whole_heads, self.training.whole_points
        identity_decoder, expression_decoder = self.decoders
        rows = torch.cat([torch.nonzero(batch.rendered == kind).flatten()[:count] for kind in (1.0, 0.0)])
        identity, expression = outputs["identity"][rows], outputs["expression"][rows]
        neutral, displacement = identity_decoder(identity), expression_decoder(identity, expression)
        exact = batch.rendered[rows] == 1
        true_neutral = self.rest + (batch.identity[rows][exact] @ self.modes).view(-1, *self.rest.shape)
        true_displacement = (batch.expression[rows][exact] @ self.motions).view(-1, *self.rest.shape)
        points = torch.einsum("bnkc,nk->bnc", (neutral + displacement)[:, self.corners], self.shares)
        plane = projected(
            points,
            rotation_matrix(outputs["rotation6d"][rows]),
            outputs["offset"][rows],
            outputs["log_scale"][rows, 0],
            batch.distance[rows],
        )
        apart = torch.sqrt((plane - batch.points[rows]).square().sum(-1) + 1e-8)
        inside = batch.inside[rows]
        relative = apart * inside * (CANONICAL_SIDE * batch.side[rows])[:, None]
        scale = self.training.whole_vertices
        vertices = {
            **self.distance.terms("whole_neutral", neutral[exact], true_neutral),
            **self.distance.terms("whole_expression", displacement[exact], true_displacement),
        }
        return {
            **{name: scale * value for name, value in vertices.items()},
            "whole_points": weight * relative.sum() / inside.sum(),
        }


def train_together(
    configuration: Path,
    build: Path,
    run: Path,
    *,
    encoder_run: Path,
    decoders_run: Path,
    time_limit: float | None = None,
    resume: bool = False,
) -> int:
    """Train encoder and decoders together, from the weights of their own runs.

    Args:
        configuration: TOML file of a `TogetherTraining`.
        build: folder with `base-head.npz`, `corpus.npz`, `hierarchy.npz`, `photo-pairs.npz`, `rendered-pairs.npz`.
        run: folder for checkpoint and log.
        encoder_run, decoders_run: where the parts' weights come from.
        time_limit: seconds.
        resume: go on from the run's checkpoint.

    Returns:
        The steps done.

    Raises:
        InputFileError: a file or a run is missing or does not fit, or the decoders are of the moving corpus.
    """
    training = read_configuration(configuration, TogetherTraining)
    optimisation = training.optimisation
    begin(optimisation.seed, optimisation.workers)
    made_of = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")}
    base = BaseHead.load(made_of["base-head"])
    corpus = Corpus.load(made_of["corpus"], made_of["base-head"])
    hierarchy = Hierarchy.load(made_of["hierarchy"])
    encoder, encoder_header = read_encoder(encoder_run)
    identity, expression, decoders_header = read_decoders(decoders_run, base, hierarchy, made_of)
    if decoders_header["configuration"].get("corpus") == "moving":
        raise InputFileError(
            f"{decoders_run}: its decoders are of the moving corpus, rendered heads are of the linear one; name the "
            "run of `face2mesh lab train decoders` with --decoders."
        )
    device = torch.device(optimisation.device)
    networks = nn.ModuleDict({"encoder": encoder, "identity": identity, "expression": expression}).to(device)
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = {
        **made_of,
        "photo-pairs": build / "photo-pairs.npz",
        "rendered-pairs": build / "rendered-pairs.npz",
        "encoder": encoder_run / CHECKPOINT,
        "decoders": decoders_run / CHECKPOINT,
    }
    header = {
        "kind": "all",
        "configuration": asdict(training),
        "network": {"encoder": encoder_header["network"], **decoders_header["network"]},
        "provenance": provenance(inputs, asdict(training), optimisation.seed),
    }
    objective = _objective(encoder, identity, expression, base, corpus, build, training)
    return train(networks, objective, optimisation, run, header, time_limit=time_limit, resume=resume)


def _objective(
    encoder: Encoder,
    identity_decoder: nn.Module,
    expression_decoder: nn.Module,
    base: BaseHead,
    corpus: Corpus,
    build: Path,
    training: TogetherTraining,
) -> Objective:
    """Step number and worker to the encoder's terms, those of decoded heads and those of heads of the corpus."""
    optimisation = training.optimisation
    head, mirror = SparseHead(base, corpus), mirror_of(base, corpus)
    batches = Batches(build, head, mirror, optimisation, training.augmentation, training.rendered_share)
    head = head.to(torch.device(optimisation.device))
    whole = WholeHeads(identity_decoder, expression_decoder, base, corpus, training)
    drawn = DecoderTraining(
        optimisation=replace(optimisation, batch=training.corpus_heads * optimisation.workers),
        weights=training.decoder_weights,
    )
    corpus_terms = decoder_objective(identity_decoder, expression_decoder, base, corpus, drawn)

    def terms(step: int, worker: int) -> dict[str, Tensor]:
        batch = batches(step, worker)
        outputs = outputs_of(encoder, batch, optimisation)
        return {
            **objective_terms(outputs, batch, head, training.encoder_weights),
            **whole.terms(outputs, batch),
            **corpus_terms(step, worker),
        }

    return terms
