"""From two runs' checkpoints to a packaged model that the runtime loads; stale and foreign runs are refused."""

import argparse
import copy
import json

import numpy as np
import pytest
from made_up import MODES, made_up_corpus, made_up_head
from tiny_model import tiny_followers

torch = pytest.importorskip("torch", reason="packaging needs torch, of the extra [train]")
pytest.importorskip("onnxscript", reason="packaging needs onnxscript, of the extra [train]")

import face2mesh  # noqa: E402
from face2mesh.errors import InputFileError  # noqa: E402
from face2mesh.lab.corpus.corpus import Corpus  # noqa: E402
from face2mesh.lab.graph.command import hierarchy_of_head  # noqa: E402
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration  # noqa: E402
from face2mesh.lab.nets.local_decoder import (  # noqa: E402
    LocalDecoderConfiguration,
    LocalExpressionDecoder,
    LocalIdentityDecoder,
)
from face2mesh.lab.package import command  # noqa: E402
from face2mesh.lab.train.checkpoint import CHECKPOINT, write_checkpoint  # noqa: E402
from face2mesh.lab.train.runs import read_decoders, read_encoder  # noqa: E402
from face2mesh.model.mirror import Mirror  # noqa: E402
from face2mesh.store import provenance  # noqa: E402

DECODER = {"level": 2, "channels": 3, "order": 2, "hidden": (5, 6), "person": 2, "identity_size": MODES}
ENCODER = {"identity_size": MODES, "widths": (4, 4, 4, 4, 4), "features": 8}


def _write_run(folder, network, settings, inputs):
    # The average is what is packaged: the weights themselves are spoilt, so that a mix-up shows.
    spoilt = copy.deepcopy(network)
    for parameter in spoilt.parameters():
        parameter.data.zero_()
    optimiser = torch.optim.AdamW(spoilt.parameters())
    header = {"kind": "test", "configuration": {}, "network": settings, "step": 1, "provenance": provenance(inputs)}
    write_checkpoint(folder / CHECKPOINT, spoilt, network, optimiser, header)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    build = tmp_path_factory.mktemp("build")
    torch.manual_seed(1)
    head, followers = made_up_head(), tiny_followers()
    head.save(build / "base-head.npz", {})
    people, actions = (array.astype(np.float32) for array in made_up_corpus())
    corpus = Corpus.on(head, people, actions, followers.gaze_degrees, followers.controls, followers.weights)
    corpus.save(build / "corpus.npz", provenance({"base_head": build / "base-head.npz"}))
    hierarchy = hierarchy_of_head(head, poolings=2)
    hierarchy.save(build / "hierarchy.npz", {})
    inputs = {name: build / f"{name}.npz" for name in ("base-head", "corpus", "hierarchy")}
    decoders = torch.nn.ModuleDict(
        {
            "identity": LocalIdentityDecoder(
                LocalDecoderConfiguration(**DECODER), hierarchy, head.vertices[: head.skin_count]
            ),
            "expression": LocalExpressionDecoder(LocalDecoderConfiguration(**DECODER), hierarchy),
        }
    )
    # Fresh decoders give nothing: make every weight count.
    for parameter in decoders.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    _write_run(build / "runs" / "decoders", decoders, {"identity": DECODER, "expression": DECODER}, inputs)
    encoder = Encoder(EncoderConfiguration(**ENCODER))
    _write_run(build / "runs" / "encoder", encoder, ENCODER, {name: inputs[name] for name in ("base-head", "corpus")})
    return build, encoder.eval(), decoders.eval()


def _arguments(build, *extra):
    parent = argparse.ArgumentParser()
    command.add_parser(parent.add_subparsers())
    arguments = parent.parse_args(["package", *extra])
    arguments.build, arguments.data = build, None
    return arguments


def test_a_packaged_run_is_the_torch_model(build, tmp_path):
    folder, encoder, decoders = build
    arguments = _arguments(folder, "-o", str(tmp_path / "model"), "--name", "tiny", "--model-version", "7")
    assert arguments.run(arguments) == 0
    model = face2mesh.load(tmp_path / "model")
    assert (model.name, model.version) == ("tiny", "7")
    generator = torch.Generator().manual_seed(2)
    identity, expression = torch.randn(3, MODES, generator=generator), torch.rand(3, 52, generator=generator)
    with torch.no_grad():
        neutral = decoders["identity"](identity)
        skin = (neutral + decoders["expression"](identity, expression)).numpy()
        codes = encoder(torch.full((1, 3, 128, 128), 128 / 255))
    assert np.abs(neutral.numpy() - made_up_head().vertices[: skin.shape[1]]).max() > 0.1
    assert np.abs(model.decode(identity.numpy(), expression.numpy())[:, : skin.shape[1]] - skin).max() < 1e-3
    face = model.reconstruct(np.full((90, 80, 3), 128, np.uint8), box=(20, 20, 40, 40))
    # A grey picture is its own mirror image; what is seen in it is the mean of the codes and the mirrored ones.
    seen = codes["identity"][0].numpy()
    turned = seen @ Mirror.load(tmp_path / "model" / "mirror.npz").identity
    np.testing.assert_allclose(face.identity, (seen + turned) / 2, rtol=1e-4, atol=1e-6)
    assert np.isfinite(face.vertices).all()
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    made_of = manifest["provenance"]["inputs"]
    assert set(made_of) == {"encoder", "decoders", "base-head", "corpus", "hierarchy"}
    assert manifest["provenance"]["decoders"]["step"] == 1
    assert manifest["provenance"]["export_differences"]["neutral"] <= 1e-3
    assert manifest["normalisation"]["identity_size"] == MODES


def test_decoders_of_other_files_are_refused(build, tmp_path):
    folder, _, _ = build
    other = tmp_path / "base-head.npz"
    made_up_head(10).save(other, {})
    head, hierarchy = made_up_head(), hierarchy_of_head(made_up_head(), poolings=2)
    with pytest.raises(InputFileError, match="was trained on another base-head"):
        read_decoders(folder / "runs" / "decoders", head, hierarchy, {"base-head": other})


def test_runs_of_the_other_kind_are_refused(build):
    folder, _, _ = build
    head, hierarchy = made_up_head(), hierarchy_of_head(made_up_head(), poolings=2)
    with pytest.raises(InputFileError, match="holds no encoder"):
        read_encoder(folder / "runs" / "decoders")
    with pytest.raises(InputFileError, match="holds no decoders"):
        read_decoders(folder / "runs" / "encoder", head, hierarchy, {})
    with pytest.raises(InputFileError, match="no checkpoint"):
        read_encoder(folder / "runs" / "nothing")
