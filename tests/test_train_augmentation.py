"""Crops and labels change together: a marked pixel stays where its point is."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from face2mesh.lab.train.augmentation import STORED_SIDE, Batch, Mirror, disturbed, mirrored, placed  # noqa: E402
from face2mesh.lab.train.configuration import Augmentation  # noqa: E402
from face2mesh.lab.train.pictures import STEPS, cut_crops, unchanged  # noqa: E402
from face2mesh.lab.train.sparse_head import projected, rotation_matrix  # noqa: E402

SIZE = 160
SHIFT = torch.tensor([[0.05, -0.04], [-0.03, 0.06]])
HEAD = torch.tensor([[[30.0, 20, 10], [-30, 20, 10], [0, -40, 20]]]).repeat(2, 1, 1)
MIRROR = Mirror(torch.tensor([1, 0, 2]), torch.eye(4), torch.arange(52))


def made_up_batch() -> Batch:
    """Two pictures with a bright spot at point 0; the points are the projection of three head points."""
    rotation = rotation_matrix(torch.tensor([[1.0, 0.1, 0, 0, 1, 0.1], [1, 0, 0.2, 0.1, 1, 0]]))
    offset, log_scale = torch.tensor([[0.05, -0.03], [0.0, 0.02]]), torch.tensor([-0.9, -1.0])
    distance = torch.tensor([900.0, 500.0])
    points = projected(HEAD, rotation, offset, log_scale, distance)
    crop = torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8)
    pixel = ((points[:, 0] / STORED_SIDE + 0.5) * SIZE).long()
    for index, (x, y) in enumerate(pixel.tolist()):
        crop[index, y - 1 : y + 2, x - 1 : x + 2] = 255
    return Batch(
        crop,
        points,
        torch.ones(2, 3),
        torch.randn(2, 4),
        torch.rand(2, 52),
        rotation,
        offset,
        log_scale,
        torch.randn(2, 9, 3),
        distance,
        torch.ones(2),
        torch.ones(2),
    )


def spot(crop: torch.Tensor) -> torch.Tensor:
    """(B, 2) the bright spot's centre of mass, in the plane of pictures or of stored bytes."""
    weight = crop.float().mean(3 if crop.dtype == torch.uint8 else 1)
    axis = (torch.arange(weight.shape[-1]) + 0.5) / weight.shape[-1] - 0.5
    total = weight.sum((1, 2))
    return torch.stack([(weight.sum(1) * axis).sum(1) / total, (weight.sum(2) * axis).sum(1) / total], 1)


def test_a_placed_crop_shows_the_point_where_its_label_says() -> None:
    batch = made_up_batch()
    new = placed(
        batch, torch.tensor([[0.05, -0.04], [-0.03, 0.06]]), torch.tensor([1.1, 0.9]), torch.tensor([0.3, -0.2])
    )
    assert torch.allclose(spot(new.crop), new.points[:, 0], atol=1.2 / 128)


def test_a_cut_crop_equals_torchs_own_sampling() -> None:
    stored = torch.randint(0, 256, (2, 40, 40, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    transform = torch.tensor([[[0.8, 0.1, 0.05], [-0.1, 0.8, 0.1]], [[-0.7, 0.0, 0.0], [0.2, 0.9, -0.2]]])
    cut = cut_crops(stored.numpy(), transform.numpy(), unchanged(2), 16)
    axis = (torch.arange(16) + 0.5) / 16 - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    plane = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3)
    grid = (2 * plane @ transform.mT).view(2, 16, 16, 2)
    picture = stored.permute(0, 3, 1, 2).float() / 255
    expected = torch.nn.functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    assert torch.allclose(torch.from_numpy(cut).permute(0, 3, 1, 2), expected, atol=1 / STEPS)


def test_colours_go_through_their_tables() -> None:
    stored = torch.full((1, 8, 8, 3), 51, dtype=torch.uint8)
    tables = unchanged(1) ** np.float32(2) + np.array([0, 0.1, 0.2], np.float32)[None, :, None]
    cut = cut_crops(stored.numpy(), np.eye(2, 3, dtype=np.float32)[None], tables, 4)
    assert np.allclose(cut, [0.04, 0.14, 0.24], atol=2 / STEPS)


def test_a_placed_crops_pose_still_projects_onto_its_points() -> None:
    batch = made_up_batch()
    new = placed(
        batch, torch.tensor([[0.05, -0.04], [-0.03, 0.06]]), torch.tensor([1.1, 0.9]), torch.tensor([0.3, -0.2])
    )
    again = projected(HEAD, new.rotation, new.offset, new.log_scale, new.distance)
    assert torch.allclose(again, new.points, atol=1e-5)


def test_a_mirrored_picture_shows_the_mirrored_head() -> None:
    batch = made_up_batch()
    new = mirrored(batch, torch.tensor([True, False]), MIRROR)
    again = projected(HEAD, new.rotation, new.offset, new.log_scale, new.distance)
    assert torch.allclose(again, new.points, atol=1e-5)
    assert torch.allclose(spot(new.crop)[0] * STORED_SIDE, new.points[0, 1], atol=1.2 / SIZE * STORED_SIDE)
    assert torch.equal(new.crop[1], batch.crop[1])
    assert torch.allclose(torch.linalg.det(new.rotation), torch.ones(2), atol=1e-5)


def test_mirroring_twice_changes_nothing() -> None:
    batch = made_up_batch()
    both = torch.tensor([True, True])
    again = mirrored(mirrored(batch, both, MIRROR), both, MIRROR)
    for name in Batch.__dataclass_fields__:
        assert torch.allclose(getattr(again, name), getattr(batch, name), atol=1e-6), name


def test_the_same_generator_gives_the_same_batch() -> None:
    one, other = (
        disturbed(made_up_batch(), Augmentation(), MIRROR, torch.Generator().manual_seed(4)).crop for _ in range(2)
    )
    assert torch.equal(one, other)
    assert float(one.min()) >= 0
    assert float(one.max()) <= 1


def test_a_frontal_head_is_upright_in_the_picture() -> None:
    rotation = rotation_matrix(torch.tensor([[1.0, 0, 0, 0, 1, 0]]))
    up_and_left = projected(
        torch.tensor([[[10.0, 10, 0]]]), rotation, torch.zeros(1, 2), torch.zeros(1), torch.tensor([1000.0])
    )
    assert torch.allclose(up_and_left, torch.tensor([[[0.1, -0.1]]]))
    nearer = projected(
        torch.tensor([[[10.0, 10, 100]]]), rotation, torch.zeros(1, 2), torch.zeros(1), torch.tensor([1000.0])
    )
    assert math.isclose(nearer[0, 0, 0].item(), 0.1 / 0.9, rel_tol=1e-5)
