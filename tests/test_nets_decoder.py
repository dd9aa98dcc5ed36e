"""The mesh decoders on a made-up head: exact zeros, copies from checkpoints, learning, ONNX."""

import numpy as np
import pytest
from made_up import made_up_head

torch = pytest.importorskip("torch", reason="networks need torch, of the extra [train]")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript", reason="exporting needs onnxscript, of the extra [train]")

from face2mesh.lab.graph.command import hierarchy_of_head  # noqa: E402
from face2mesh.lab.nets.decoder import (  # noqa: E402
    ExpressionDecoder,
    ExpressionDecoderConfiguration,
    IdentityDecoder,
    IdentityDecoderConfiguration,
)
from face2mesh.lab.package.export import export_network  # noqa: E402

MODES = 4
SIZES = {"channels": (4, 5, 6), "added": (0, 3, 6), "identity_size": MODES}
HEAD = made_up_head()
REST = HEAD.vertices[: HEAD.skin_count]


@pytest.fixture(scope="module")
def hierarchy():
    return hierarchy_of_head(HEAD, poolings=2, factor=3.0)


def shaken(decoder):
    """The same with weights that are nowhere zero, so that every path counts."""
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return decoder.eval()


@pytest.fixture
def identity_decoder(hierarchy):
    torch.manual_seed(1)
    return shaken(IdentityDecoder(IdentityDecoderConfiguration(**SIZES), hierarchy, REST))


@pytest.fixture
def expression_decoder(hierarchy):
    torch.manual_seed(2)
    return shaken(ExpressionDecoder(ExpressionDecoderConfiguration(**SIZES), hierarchy))


def test_no_code_is_the_rest_head(identity_decoder):
    assert torch.equal(identity_decoder(torch.zeros(2, MODES)), torch.from_numpy(REST).expand(2, -1, -1))


def test_no_expression_is_no_displacement_whoever_it_is(expression_decoder):
    displacement = expression_decoder(torch.randn(3, MODES), torch.zeros(3, 52))
    assert displacement.shape == (3, len(REST), 3)
    assert torch.count_nonzero(displacement) == 0


def test_the_decoders_bend(identity_decoder, expression_decoder):
    """No fixed basis: twice the code is not twice the displacement, and an expression depends on the person."""
    rest = torch.from_numpy(REST)
    code = torch.randn(1, MODES)
    once, twice = identity_decoder(code) - rest, identity_decoder(2 * code) - rest
    assert (twice - 2 * once).abs().max() > 0.01 * once.abs().max()
    smile = torch.rand(1, 52)
    one, other = expression_decoder(code, smile), expression_decoder(-code, smile)
    assert (one - other).abs().max() > 0.01 * one.abs().max()


def test_a_batch_is_its_samples_one_by_one(expression_decoder):
    identity, expression = torch.randn(3, MODES), torch.rand(3, 52)
    single = [expression_decoder(identity[i : i + 1], expression[i : i + 1]) for i in range(3)]
    assert torch.allclose(expression_decoder(identity, expression), torch.cat(single), atol=1e-4)


def test_made_again_from_configuration_and_hierarchy(identity_decoder, expression_decoder, hierarchy):
    code, smile = torch.randn(2, MODES), torch.rand(2, 52)
    again = IdentityDecoder(identity_decoder.configuration, hierarchy, np.zeros_like(REST))
    again.load_state_dict(identity_decoder.state_dict())
    assert torch.equal(again(code), identity_decoder(code))
    again = ExpressionDecoder(expression_decoder.configuration, hierarchy)
    again.load_state_dict(expression_decoder.state_dict())
    assert torch.equal(again(code, smile), expression_decoder(code, smile))


def test_learns_a_linear_corpus(hierarchy):
    torch.manual_seed(0)
    decoder = IdentityDecoder(IdentityDecoderConfiguration(**SIZES), hierarchy, REST)
    rest = torch.from_numpy(REST)
    waves = torch.stack([torch.sin(rest / 60 + phase).roll(phase, 1) for phase in range(MODES)]) * 4
    optimiser = torch.optim.Adam(decoder.parameters(), 5e-3)
    for _ in range(200):
        code = torch.randn(8, MODES)
        true = rest + torch.einsum("bm,mvc->bvc", code, waves)
        distance = (decoder(code) - true).norm(dim=2).mean()
        optimiser.zero_grad()
        distance.backward()
        optimiser.step()
    assert distance < 0.1 * (true - rest).norm(dim=2).mean()


def test_every_parameter_gets_a_gradient(expression_decoder):
    expression_decoder(torch.randn(2, MODES), torch.rand(2, 52)).square().sum().backward()
    for name, parameter in expression_decoder.named_parameters():
        assert torch.count_nonzero(parameter.grad) > 0, name


def exported(decoder, output):
    """The bytes of its ONNX file."""
    inputs = {"identity": torch.zeros(2, MODES), "expression": torch.zeros(2, 52)}
    if output == "neutral":
        del inputs["expression"]
    return export_network(decoder, inputs, [output])


def answers(content, inputs):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == list(inputs)
    (output,) = session.get_outputs()
    return output.name, session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]


def test_identity_in_onnx_says_the_same_for_any_batch(identity_decoder):
    content = exported(identity_decoder, "neutral")
    for count in (1, 3):
        inputs = {"identity": torch.randn(count, MODES)}
        name, found = answers(content, inputs)
        assert name == "neutral"
        assert np.abs(found - identity_decoder(**inputs).detach().numpy()).max() < 1e-3


def test_expression_in_onnx_says_the_same_without_dense_matrices(hierarchy, monkeypatch):
    monkeypatch.setattr("face2mesh.lab.graph.chebyshev.LARGEST_DENSE", 0)
    torch.manual_seed(3)
    decoder = shaken(ExpressionDecoder(ExpressionDecoderConfiguration(**SIZES), hierarchy))
    content = exported(decoder, "displacement")
    for count in (1, 3):
        inputs = {"identity": torch.randn(count, MODES), "expression": torch.rand(count, 52)}
        name, found = answers(content, inputs)
        assert name == "displacement"
        assert np.abs(found - decoder(**inputs).detach().numpy()).max() < 1e-3
        # ONNX Runtime rounds an ELU of a constant otherwise than one of a variable, so that 0 is not exactly 0.
        inputs["expression"] = torch.zeros(count, 52)
        assert np.abs(answers(content, inputs)[1]).max() < 1e-5


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"channels": (4,), "added": (0,)}, "two levels"),
        ({"channels": (4, 5), "added": (0, 3, 3)}, "same two levels"),
        ({"channels": (4, 5), "added": (2, 3)}, "above 0"),
        ({"channels": (4, 5), "added": (0, 6)}, "no more channels"),
        ({"channels": (4, 5), "added": (0, 0)}, "coarsest"),
    ],
)
def test_configurations_that_make_no_network_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        IdentityDecoderConfiguration(**sizes)


def test_what_does_not_fit_the_hierarchy_is_refused(hierarchy):
    with pytest.raises(ValueError, match="the hierarchy has 3"):
        ExpressionDecoder(ExpressionDecoderConfiguration(), hierarchy)
    with pytest.raises(ValueError, match="level 0 has"):
        IdentityDecoder(IdentityDecoderConfiguration(**SIZES), hierarchy, REST[:-1])
