"""Exported networks say what the originals say, and a packaged model of torch networks works in the runtime."""

import numpy as np
import pytest
from made_up import MODES, made_up_head
from tiny_model import tiny_followers

torch = pytest.importorskip("torch", reason="exporting needs torch, of the extra [train]")
pytest.importorskip("onnxscript", reason="exporting needs onnxscript, of the extra [train]")

import face2mesh  # noqa: E402
from face2mesh.errors import Face2MeshError  # noqa: E402
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration  # noqa: E402
from face2mesh.lab.package import checks  # noqa: E402
from face2mesh.lab.package.command import package  # noqa: E402
from face2mesh.lab.package.export import differences, export_network  # noqa: E402


class _Decoder(torch.nn.Module):
    """A small non-linear decoder about given heads."""

    def __init__(self, sizes, rest):
        super().__init__()
        self.register_buffer("rest", torch.from_numpy(rest))
        self.hidden = torch.nn.Linear(sum(sizes), 8)
        self.out = torch.nn.Linear(8, rest.size)

    def forward(self, *codes):
        flat = self.out(torch.tanh(self.hidden(torch.cat(codes, 1))))
        return self.rest + flat.view(-1, *self.rest.shape)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    head = made_up_head()
    skin = head.vertices[: head.skin_count]
    encoder = Encoder(EncoderConfiguration(identity_size=MODES, widths=(4, 4, 4, 4, 4), features=8))
    return encoder.eval(), _Decoder([MODES], skin).eval(), _Decoder([MODES, 52], np.zeros_like(skin)).eval()


@pytest.fixture(scope="module")
def packaged(networks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packaged")
    made_up_head().save(folder / "base-head.npz", {})
    head = (folder / "base-head.npz").read_bytes()
    package(folder / "model", "tiny", "0.0.1", *networks, head, tiny_followers(), {"command": "tests"})
    return folder / "model"


def test_differences_are_found():
    network = torch.nn.Linear(3, 2)
    content = export_network(network, {"x": torch.rand(2, 3)}, ["y"])
    assert differences(network, content, {"x": torch.rand(5, 3)}, ["y"])["y"][0] < 1e-6
    with torch.no_grad():
        network.bias[1] += 0.5
    assert differences(network, content, {"x": torch.rand(5, 3)}, ["y"])["y"][0] == pytest.approx(0.5, abs=1e-6)
    assert b"site-packages" not in content
    assert b"tests" not in content


def test_packaged_model_is_the_torch_model(packaged, networks):
    encoder, identity_decoder, expression_decoder = networks
    model = face2mesh.load(packaged)
    generator = torch.Generator().manual_seed(5)
    identity = torch.randn(3, MODES, generator=generator)
    expression = torch.rand(3, 52, generator=generator)
    with torch.no_grad():
        skin = identity_decoder(identity) + expression_decoder(identity, expression)
    decoded = model.decode(identity.numpy(), expression.numpy())
    assert np.abs(decoded[:, : skin.shape[1]] - skin.numpy()).max() < 1e-3
    crops = torch.randint(0, 256, (3, 128, 128, 3), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        expected = encoder(crops.permute(0, 3, 1, 2).float() / 255)
    codes = model._networks.encode(crops.numpy())
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(codes, name).reshape(value.shape), value.numpy(), rtol=1e-4, atol=1e-5)


def test_manifest_tells_the_differences(packaged):
    manifest = face2mesh.load(packaged).manifest
    assert manifest.provenance["export_differences"]["neutral"] <= 1e-3
    assert manifest.normalisation["identity_size"] == MODES
    assert manifest.licence == "MIT"


@pytest.mark.parametrize("difference", [2e-3, float("nan")])
@pytest.mark.parametrize("output", ["identity", "neutral", "displacement"])
def test_refuses_an_export_that_differs(networks, monkeypatch, output, difference):
    def found(network, exported, inputs, outputs):
        return {name: (difference, difference) if name == output else (0.0, 0.0) for name in outputs}

    monkeypatch.setattr(checks, "export_network", lambda network, inputs, outputs: b"")
    monkeypatch.setattr(checks, "differences", found)
    with pytest.raises(Face2MeshError, match=f"{output} differs"):
        checks.export_checked(*networks, 3)
