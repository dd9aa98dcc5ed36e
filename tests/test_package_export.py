"""Exported networks say what the originals say, or are refused."""

import numpy as np
import pytest
from made_up import MODES, made_up_head

torch = pytest.importorskip("torch", reason="exporting needs torch, of the extra [train]")
pytest.importorskip("onnxscript", reason="exporting needs onnxscript, of the extra [train]")

from face2mesh.errors import Face2MeshError  # noqa: E402
from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration  # noqa: E402
from face2mesh.lab.package import checks  # noqa: E402
from face2mesh.lab.package.export import differences, export_network, round_to_halves  # noqa: E402


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


def test_differences_are_found():
    network = torch.nn.Linear(3, 2)
    content = export_network(network, {"x": torch.rand(2, 3)}, ["y"])
    assert differences(network, content, {"x": torch.rand(5, 3)}, ["y"])["y"][0] < 1e-6
    with torch.no_grad():
        network.bias[1] += 0.5
    assert differences(network, content, {"x": torch.rand(5, 3)}, ["y"])["y"][0] == pytest.approx(0.5, abs=1e-6)
    assert b"site-packages" not in content
    assert b"tests" not in content


def test_large_matrices_are_stored_in_halves_and_stay_exact():
    network = torch.nn.Linear(400, 300)
    inputs = {"x": torch.rand(2, 400)}
    whole = export_network(network, inputs, ["y"])
    round_to_halves(network)
    halves = export_network(network, inputs, ["y"])
    assert len(halves) < 0.6 * len(whole)
    assert differences(network, halves, {"x": torch.rand(5, 400)}, ["y"])["y"][1] < 1e-6


def test_other_large_matrices_are_stored_in_fixed_point_and_stay_close():
    network = torch.nn.Linear(400, 300)
    inputs = {"x": torch.rand(2, 400)}
    whole, short = (export_network(network, inputs, ["y"], fixed_point=wanted) for wanted in (False, True))
    assert len(short) < 0.6 * len(whole)
    assert 0 < differences(network, short, {"x": torch.rand(5, 400)}, ["y"])["y"][1] < 1e-4
    # A whole number of steps in each block is exact.
    with torch.no_grad():
        network.weight.copy_(torch.randint(-32766, 32767, network.weight.shape) / 1024)
        network.weight[:, ::50] = 32767 / 1024
    short = export_network(network, inputs, ["y"], fixed_point=True)
    assert differences(network, short, {"x": torch.rand(5, 400)}, ["y"])["y"][1] < 1e-6


class _Repeating(torch.nn.Module):
    """Adds the same table twice, and a table whose columns are all alike."""

    def __init__(self):
        super().__init__()
        self.register_buffer("one", torch.rand(90, 60))
        self.register_buffer("other", self.one.clone())
        self.register_buffer("columns", torch.rand(90, 1).repeat(1, 60))

    def forward(self, x):
        return (x[:, None] * self.columns + self.one) * x[:, None] - self.other


def test_equal_constants_are_stored_once():
    network, inputs = _Repeating(), {"x": torch.rand(2, 60)}
    content = export_network(network, inputs, ["y"])
    assert len(content) < 1.5 * 4 * 90 * 60
    assert differences(network, content, {"x": torch.rand(3, 60)}, ["y"])["y"][0] < 1e-6


@pytest.mark.parametrize("difference", [2e-3, float("nan")])
@pytest.mark.parametrize("output", ["identity", "neutral", "displacement"])
def test_refuses_an_export_that_differs(networks, monkeypatch, output, difference):
    def found(network, exported, inputs, outputs):
        return {name: (difference, difference) if name == output else (0.0, 0.0) for name in outputs}

    monkeypatch.setattr(checks, "export_network", lambda network, inputs, outputs, fixed_point: b"")
    monkeypatch.setattr(checks, "differences", found)
    with pytest.raises(Face2MeshError, match=f"{output} differs"):
        checks.export_checked(*networks, 3)
