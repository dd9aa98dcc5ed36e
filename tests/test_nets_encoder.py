"""The photo encoder: the same for one crop as for many, with normalisation folded, and its closed-form start."""

import pytest

torch = pytest.importorskip("torch")

from face2mesh.lab.nets.encoder import Encoder, EncoderConfiguration, normalised  # noqa: E402
from face2mesh.lab.train.sparse_head import projected, rotation_matrix  # noqa: E402

CONFIGURATION = EncoderConfiguration(identity_size=4, points=30, widths=(4, 4, 8, 8, 8), features=16, shape_size=20)


def used_encoder() -> Encoder:
    """An encoder whose normalisations and last layers have left their start."""
    torch.manual_seed(0)
    encoder = Encoder(CONFIGURATION)
    with torch.no_grad():
        for tensor in (*encoder.parameters(), *encoder.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    return encoder.eval()


@torch.no_grad()
def test_a_batch_equals_single_crops() -> None:
    encoder, crops = used_encoder(), torch.rand(3, 3, 128, 128)
    together = encoder(crops)
    for index in range(3):
        alone = encoder(crops[index : index + 1])
        assert all(torch.allclose(alone[name][0], together[name][index], atol=1e-4) for name in together)


@torch.no_grad()
def test_folded_normalisation_changes_nothing() -> None:
    encoder, crops = used_encoder(), torch.rand(2, 3, 128, 128)
    before = encoder(crops)
    encoder.fold_normalisation()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in encoder.modules())
    after = encoder(crops)
    assert all(torch.allclose(after[name], before[name], rtol=1e-3, atol=1e-4) for name in before)


@torch.no_grad()
def test_exact_points_give_the_codes_at_the_start() -> None:
    generator = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    count = 600
    identity, modes, mean = normal(count, 4), 6 * normal(4, 90), 40 * normal(30, 3)
    rotation = rotation_matrix(torch.tensor([[1.0, 0, 0, 0, 1, 0]]) + 0.1 * normal(count, 6))
    offset, log_scale = 0.05 * normal(count, 2), -0.8 + 0.1 * normal(count)
    head = mean + (identity @ modes).view(count, 30, 3)
    truth = {
        "points": projected(head, rotation, offset, log_scale, torch.full((count,), 900.0)),
        "identity": identity,
        "expression": torch.rand(count, 52, generator=generator),
        "rotation": rotation,
        "offset": offset,
        "log_scale": log_scale,
    }
    encoder = Encoder(CONFIGURATION).eval()
    encoder.start_from(truth)
    places = encoder.places
    # The network's own places are put out of action: it is to see the exact ones.
    places.weight.zero_()
    seen = []
    for index in range(40):
        places.bias.copy_(((truth["points"][index] - encoder.places_mean) / 0.05).flatten())
        encoder.look.bias.zero_()
        encoder.look.weight.zero_()
        encoder.second_look.bias.zero_()
        encoder.second_look.weight.zero_()
        seen.append(encoder(torch.rand(1, 3, 128, 128, generator=generator)))
    got = {name: torch.cat([output[name] for output in seen]) for name in seen[0]}
    assert torch.allclose(got["points"], truth["points"][:40], atol=1e-5)
    assert (got["identity"] - identity[:40]).square().mean() < 0.2
    assert (got["offset"] - offset[:40]).abs().mean() < 0.01
    assert (got["log_scale"][:, 0] - log_scale[:40]).abs().mean() < 0.05
    assert (rotation_matrix(got["rotation6d"]) - rotation[:40]).abs().mean() < 0.05


def test_a_shape_knows_neither_place_nor_size() -> None:
    points = torch.randn(2, 30, 2, generator=torch.Generator().manual_seed(3))
    shape, centre, size = normalised(points)
    again, other_centre, other_size = normalised(3 * points + 0.5)
    assert torch.allclose(again, shape, atol=1e-5)
    assert torch.allclose(other_centre, 3 * centre + 0.5, atol=1e-5)
    assert torch.allclose(other_size, 3 * size, atol=1e-5)
