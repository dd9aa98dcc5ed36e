"""The packaged decoders' network on a made-up head: linear part, zeros, mirror, cells, start, ONNX."""

import numpy as np
import pytest
from made_up import made_up_head

torch = pytest.importorskip("torch", reason="networks need torch, of the extra [train]")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript", reason="exporting needs onnxscript, of the extra [train]")

from face2mesh.head.arkit import mirror_names  # noqa: E402
from face2mesh.lab.graph.command import hierarchy_of_head  # noqa: E402
from face2mesh.lab.nets import local_decoder  # noqa: E402
from face2mesh.lab.nets.local_decoder import (  # noqa: E402
    CellRead,
    LocalDecoderConfiguration,
    LocalExpressionDecoder,
    LocalIdentityDecoder,
    cells,
    start_expression,
    start_identity,
)
from face2mesh.lab.package.export import export_network, round_to_fixed_point  # noqa: E402

MODES = 4
SIZES = {"level": 1, "channels": 5, "order": 3, "hidden": (7, 6), "person": 3, "identity_size": MODES}
CONFIGURATION = LocalDecoderConfiguration(**SIZES)
HEAD = made_up_head()
REST = HEAD.vertices[: HEAD.skin_count]
FLIP = np.array([-1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def hierarchy():
    return hierarchy_of_head(HEAD, poolings=2, factor=3.0)


def mirrored(fields, hierarchy):
    return fields[:, hierarchy.levels[0].mirror] * FLIP


def symmetric(count, seed, hierarchy):
    """Fields (count, S, 3) that are their own mirror images."""
    fields = np.random.default_rng(seed).standard_normal((count, *REST.shape)).astype(np.float32)
    return (fields + mirrored(fields, hierarchy)) / 2


def shaken(decoder):
    """The same with weights that are nowhere zero, so that every path counts."""
    with torch.no_grad():
        for parameter in decoder.local.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return decoder.eval()


@pytest.fixture
def expression_decoder(hierarchy):
    """Started from symmetric people and from a world that is linear in the weights, then shaken."""
    torch.manual_seed(2)
    decoder = LocalExpressionDecoder(CONFIGURATION, hierarchy)
    weights, displacements = linear_world(hierarchy)
    start_expression(decoder, hierarchy, symmetric(MODES, 1, hierarchy), weights, displacements)
    return shaken(decoder)


def linear_world(hierarchy, count=150):
    """Weights (N, 52) and displacements (N, S, 3), a linear map of them that knows no side."""
    rng = np.random.default_rng(5)
    shapes = rng.standard_normal((52, *REST.shape)).astype(np.float32)
    shapes = (shapes + mirrored(shapes[list(mirror_names())], hierarchy)) / 2
    weights = rng.random((count, 52)).astype(np.float32)
    return weights, np.tensordot(weights, shapes, 1).astype(np.float32)


def test_the_identity_decoder_starts_as_the_modes(hierarchy):
    modes = np.random.default_rng(0).standard_normal((MODES, *REST.shape)).astype(np.float32)
    decoder = LocalIdentityDecoder(CONFIGURATION, hierarchy, REST)
    start_identity(decoder, hierarchy, modes)
    code = torch.randn(3, MODES)
    with torch.no_grad():
        skins = decoder(code).numpy()
        assert torch.equal(decoder(torch.zeros(1, MODES)), torch.from_numpy(REST)[None])
    np.testing.assert_allclose(skins, REST + np.tensordot(code.numpy(), modes, 1), atol=1e-4)


def test_the_expression_decoder_starts_as_the_regression(hierarchy):
    weights, displacements = linear_world(hierarchy)
    decoder = LocalExpressionDecoder(CONFIGURATION, hierarchy)
    start_expression(decoder, hierarchy, symmetric(MODES, 1, hierarchy), weights, displacements)
    with torch.no_grad():
        made = decoder(torch.randn(3, MODES), torch.from_numpy(weights[:3])).numpy()
    # Damped a little; a world that is linear is left next to nothing to learn.
    assert np.abs(made - displacements[:3]).max() < 0.02 * np.abs(displacements[:3]).max()


def test_no_expression_is_no_displacement_whoever_it_is(expression_decoder):
    displacement = expression_decoder(torch.randn(3, MODES), torch.zeros(3, 52))
    assert displacement.shape == (3, len(REST), 3)
    assert torch.count_nonzero(displacement) == 0


def test_a_mirrored_expression_moves_the_mirrored_head(expression_decoder, hierarchy):
    # These people are their own mirror images, whatever their codes.
    code, weights = torch.randn(2, MODES), torch.rand(2, 52)
    with torch.no_grad():
        made = expression_decoder(code, weights).numpy()
        other = expression_decoder(code, weights[:, list(mirror_names())]).numpy()
    assert np.abs(made - other).max() > 0.1
    np.testing.assert_allclose(mirrored(other, hierarchy), made, atol=1e-4)


def test_the_network_bends_and_sees_the_person(expression_decoder):
    code, smile = torch.randn(1, MODES), torch.rand(1, 52)
    with torch.no_grad():
        once, twice = expression_decoder(code, smile), expression_decoder(code, 2 * smile)
        other = expression_decoder(-code, smile)
    assert (twice - 2 * once).abs().max() > 0.01 * once.abs().max()
    assert (other - once).abs().max() > 0.01 * once.abs().max()


def test_learns_what_is_not_linear_and_leaves_the_linear_part(hierarchy):
    torch.manual_seed(0)
    weights = np.zeros((200, 52), np.float32)
    weights[:, [3, 20]] = np.random.default_rng(5).random((200, 2))
    displacements = symmetric(1, 8, hierarchy) * (weights[:, 3] * weights[:, 20])[:, None, None]
    decoder = LocalExpressionDecoder(CONFIGURATION, hierarchy)
    start_expression(decoder, hierarchy, symmetric(MODES, 1, hierarchy), weights, displacements)
    straight = decoder.straight.weight.detach().clone()
    optimiser = torch.optim.Adam([one for one in decoder.parameters() if one.requires_grad], 3e-2)
    distances = []
    for _ in range(60):
        made = decoder(torch.zeros(len(weights), MODES), torch.from_numpy(weights))
        distance = (made - torch.from_numpy(displacements)).norm(dim=2).mean()
        optimiser.zero_grad()
        distance.backward()
        optimiser.step()
        distances.append(distance.item())
    assert min(distances[-10:]) < 0.65 * distances[0]
    assert torch.equal(decoder.straight.weight, straight)


def test_each_vertex_has_a_place_in_a_cell_of_its_owner():
    owner = np.random.default_rng(3).integers(0, 4, 150)
    cell_owner, place = cells(owner)
    assert len(np.unique(place)) == len(owner)
    np.testing.assert_array_equal(cell_owner[place // local_decoder.CELL], owner)


def test_cells_read_what_each_vertex_would_by_itself():
    rng = np.random.default_rng(4)
    owner = rng.integers(0, 3, 100)
    bases = rng.standard_normal((3, 100, 5)).astype(np.float32)
    read = CellRead(owner, 5)
    read.put(bases)
    features = torch.randn(2, 3, 5)
    expected = np.einsum("bvc,hvc->bvh", features.numpy()[:, owner], bases)
    np.testing.assert_allclose(read(features).detach().numpy(), expected, atol=1e-5)


def test_a_batch_is_its_samples_one_by_one(expression_decoder):
    identity, expression = torch.randn(3, MODES), torch.rand(3, 52)
    single = [expression_decoder(identity[i : i + 1], expression[i : i + 1]) for i in range(3)]
    assert torch.allclose(expression_decoder(identity, expression), torch.cat(single), atol=1e-4)


def test_made_again_from_configuration_and_hierarchy(expression_decoder, hierarchy):
    again = LocalExpressionDecoder(expression_decoder.configuration, hierarchy)
    again.load_state_dict(expression_decoder.state_dict())
    code, smile = torch.randn(2, MODES), torch.rand(2, 52)
    assert torch.equal(again(code, smile), expression_decoder(code, smile))


def test_all_but_the_linear_part_is_taught(expression_decoder):
    expression_decoder(torch.randn(2, MODES), torch.rand(2, 52)).square().sum().backward()
    for name, parameter in expression_decoder.named_parameters():
        if name == "straight.weight":
            assert parameter.grad is None
        else:
            assert torch.count_nonzero(parameter.grad) > 0, name


@pytest.mark.parametrize("which", ["neutral", "displacement"])
def test_onnx_says_the_same_for_any_batch(which, hierarchy, expression_decoder, monkeypatch):
    # So that what is large in the real head is stored as it is there.
    monkeypatch.setattr("face2mesh.lab.package.export.LARGE", 500)
    decoder = expression_decoder
    if which == "neutral":
        decoder = shaken(LocalIdentityDecoder(CONFIGURATION, hierarchy, REST))
        start_identity(decoder, hierarchy, symmetric(MODES, 1, hierarchy))
    round_to_fixed_point(decoder)
    names = ["identity", "expression"][: 1 if which == "neutral" else 2]
    sizes = {"identity": MODES, "expression": 52}
    content = export_network(decoder, {name: torch.zeros(2, sizes[name]) for name in names}, [which], fixed_point=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for count in (1, 3):
        inputs = {name: torch.rand(count, sizes[name]) for name in names}
        (found,) = session.run([which], {name: value.numpy() for name, value in inputs.items()})
        with torch.no_grad():
            expected = decoder(**inputs).numpy()
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-3 * max(np.abs(expected).max(), 1)


def test_rounding_twice_is_rounding_once(hierarchy, monkeypatch):
    monkeypatch.setattr("face2mesh.lab.package.export.LARGE", 500)
    decoder = LocalIdentityDecoder(CONFIGURATION, hierarchy, REST)
    start_identity(decoder, hierarchy, symmetric(MODES, 1, hierarchy))
    before = decoder.straight.weight.detach().clone()
    round_to_fixed_point(decoder)
    once = decoder.straight.weight.detach().clone()
    round_to_fixed_point(decoder)
    assert 0 < (once - before).abs().max() < 1e-3
    assert (decoder.straight.weight - once).abs().max() < 1e-6


def test_what_does_not_fit_the_hierarchy_is_refused(hierarchy):
    with pytest.raises(ValueError, match="level 3 of 3"):
        LocalExpressionDecoder(LocalDecoderConfiguration(identity_size=MODES), hierarchy)
    with pytest.raises(ValueError, match="level 0 has"):
        LocalIdentityDecoder(CONFIGURATION, hierarchy, REST[:-1])
    sideless = hierarchy_of_head(HEAD, poolings=2, factor=3.0)
    for level in sideless.levels:
        level.mirror[:] = np.arange(level.count)
    with pytest.raises(ValueError, match="mirror"):
        LocalExpressionDecoder(CONFIGURATION, sideless)
