"""The photo encoder: a crop of a face becomes dense points, and these become codes, pose, light and uncertainty.

A slim residual network (He et al. 2016) of plain 3×3 convolutions, which a CPU runs faster than depthwise ones, says
where the dense points are; features sampled at them move them twice more, each point by itself, and all together at
last (a cascade, as in Dollár et al. 2010). Their shape, centred and scaled, gives codes and pose by a linear map, which
starts as the ridge regression on exact pairs; a hidden layer adds what the outline does not show. Dense points tell
nearly all of a head's shape (Wood et al. 2022), and are far easier to learn than codes whose effect on the picture
hangs on a pose.
Letters: B batch, N dense points, M identity modes, K numbers of a shape.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

CROP_SIZE = 128
EXPRESSIONS = 52
LANDMARKS = 68

# What follows from the points' shape, in the order of the last layers: name to size; None stands for M.
_SHAPE_OUTPUTS: dict[str, int | None] = {
    "identity": None,
    "expression": EXPRESSIONS,
    "rotation6d": 6,
    "offset": 2,
    "log_scale": 1,
}
# What follows from the features alone.
_OTHER_OUTPUTS: dict[str, int] = {"light": 27, "landmark_log_sigma": LANDMARKS}

# What an output of 1 of the last layers means. Adam moves all weights alike, so a layer of hundreds of inputs moves
# its outputs by a hundred learning rates a step: too much for a length of which a hundredth matters.
_GAIN = {"identity": 0.3, "expression": 1.0, "rotation6d": 0.1, "offset": 0.05, "log_scale": 0.05}
_PLACE_GAIN = 0.05
_MOVE_GAIN = 0.05

_POINT_NOISE = 0.01
"""What a predicted point is taken to be off by when the linear map starts, relative to the size of the shape."""

_LEAST_WEIGHT = 0.02
"""Expression weights are kept this far from 0 and 1 where their logits are regressed."""


@dataclass(frozen=True)
class EncoderConfiguration:
    """All that the encoder sees of a configuration.

    Attributes:
        identity_size: M, modes of the corpus.
        points: N, dense points.
        widths: channels of the stem and of the four stages, which halve the picture each.
        blocks: residual blocks of each stage.
        features: width of the hidden layers.
        descriptor: numbers that each point's surroundings give to the hidden layer at the first look.
        fine_descriptor: the same at the second look, which sees the finest features and the coarsest.
        context: channels that the second look takes of the two coarsest stages.
        shape_size: K, principal components of the points' shape that the linear map sees.
        mean: of RGB in 0 to 1; travels with the weights.
        deviation: of RGB.
    """

    identity_size: int = 100
    points: int = 468
    widths: tuple[int, ...] = (16, 24, 48, 96, 192)
    blocks: tuple[int, ...] = (1, 1, 2, 2)
    features: int = 320
    descriptor: int = 8
    fine_descriptor: int = 4
    context: int = 32
    shape_size: int = 160
    mean: tuple[float, float, float] = (0.48, 0.40, 0.36)
    deviation: tuple[float, float, float] = (0.25, 0.24, 0.24)


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Block(nn.Module):
    """A residual block, which starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.normalisation: nn.Module = nn.BatchNorm2d(width)
        nn.init.zeros_(self.normalisation.weight)

    def forward(self, picture: Tensor) -> Tensor:
        return torch.relu(picture + self.normalisation(self.second(self.first(picture))))


class _Stage(nn.Sequential):
    """Halve the picture, then residual blocks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__(_convolution(inputs, outputs, 2), *(_Block(outputs) for _ in range(blocks)))


class _Look(nn.Module):
    """Features at the points, each through a linear map of its own: a move of the point and a descriptor."""

    def __init__(self, points: int, channels: int, descriptor: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(points, channels, 2 + descriptor))
        self.bias = nn.Parameter(torch.zeros(points, 2 + descriptor))
        nn.init.normal_(self.weight[..., 2:], std=0.1)

    def forward(self, maps: list[Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, ·, h, w) at the points (B, N, 2): moves (B, N, 2) in the plane, descriptors (B, N · descriptor)."""
        grid = 2 * points[:, :, None]
        sampled = torch.cat(
            [functional.grid_sample(m.float(), grid, padding_mode="border", align_corners=False) for m in maps], 1
        )[..., 0]
        by_point = sampled.permute(2, 0, 1).contiguous()  # or the product copies matrix by matrix
        seen = torch.matmul(by_point, self.weight).transpose(0, 1) + self.bias
        return _MOVE_GAIN * seen[..., :2], torch.relu(seen[..., 2:]).flatten(1)


class Encoder(nn.Module):
    """Crop (B, 3, 128, 128), RGB in 0 to 1, to the named outputs of `docs/architecture.md`."""

    mean: Tensor
    deviation: Tensor
    places_mean: Tensor
    shape_mean: Tensor
    shape_basis: Tensor

    def __init__(self, configuration: EncoderConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        widths, features = configuration.widths, configuration.features
        count, size = configuration.points, configuration.shape_size
        self.register_buffer("mean", torch.tensor(configuration.mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(configuration.deviation).view(1, 3, 1, 1))
        self.register_buffer("places_mean", torch.zeros(count, 2))
        self.register_buffer("shape_mean", torch.zeros(2 * count))
        self.register_buffer("shape_basis", torch.zeros(2 * count, size))
        self.stem = _convolution(3, widths[0], 2)
        self.stages = nn.ModuleList(
            _Stage(a, b, blocks)
            for (a, b), blocks in zip(itertools.pairwise(widths), configuration.blocks, strict=True)
        )
        # The grid is kept, not averaged: where a lip corner is, is what the points need.
        grid = CROP_SIZE // 2 ** len(widths)
        flat = widths[-1] * grid * grid
        self.places_hidden = nn.Sequential(nn.Linear(flat, features), nn.ReLU(inplace=True))
        self.places = nn.Linear(features, 2 * count)
        self.look = _Look(count, widths[1] + widths[2], configuration.descriptor)
        self.context = nn.ModuleList(nn.Conv2d(width, configuration.context, 1) for width in widths[3:])
        self.second_look = _Look(count, widths[0] + widths[1] + configuration.context, configuration.fine_descriptor)
        described = (configuration.descriptor + configuration.fine_descriptor) * count
        self.hidden = nn.Sequential(nn.Linear(flat + described + size, features), nn.ReLU(inplace=True))
        self.together = nn.Linear(features, size)
        self.gains = dict(_GAIN)
        self.sizes = {name: value or configuration.identity_size for name, value in _SHAPE_OUTPUTS.items()}
        self.from_shape = nn.Linear(size, sum(self.sizes.values()))
        self.from_features = nn.Linear(features, sum(self.sizes.values()) + sum(_OTHER_OUTPUTS.values()))
        nn.init.normal_(self.places.weight, std=0.01)
        nn.init.zeros_(self.places.bias)
        nn.init.zeros_(self.together.weight)
        nn.init.zeros_(self.together.bias)
        nn.init.zeros_(self.from_shape.weight)
        nn.init.zeros_(self.from_features.weight)
        nn.init.zeros_(self.from_features.bias)
        nn.init.constant_(self.from_features.bias[-LANDMARKS:], -3.5)  # landmarks uncertain by 3 % of the crop

    @torch.no_grad()
    def start_from(self, truth: Mapping[str, Tensor]) -> None:
        """Set what exact pairs tell in closed form and no other run has set already.

        The mean points and their shape's principal components; the ridge regression from these to codes and pose.

        Args:
            truth: `points` (n, N, 2) in the crop's plane, `identity` (n, M), `expression` (n, 52), `rotation` (n, 3, 3)
                R_net, `offset` (n, 2), `log_scale` (n,) of many crops.
        """
        shape, centre, size = normalised(truth["points"])
        if not self.shape_basis.any():
            self.places_mean.copy_(truth["points"].mean(0))
            self.shape_mean.copy_(shape.mean(0))
            centred = (shape - self.shape_mean).double()
            values, vectors = torch.linalg.eigh(centred.T @ centred / len(shape))
            kept = slice(-self.configuration.shape_size, None)
            self.shape_basis.copy_(vectors[:, kept] / torch.sqrt(values[kept].clamp_min(0) + _POINT_NOISE**2))
        if not self.from_shape.weight.any():
            components = ((shape - self.shape_mean) @ self.shape_basis).double()
            targets = torch.cat(
                [
                    truth["identity"],
                    torch.logit(truth["expression"], _LEAST_WEIGHT),
                    (truth["rotation"] * torch.tensor([1.0, -1.0, -1.0]).view(3, 1))[:, :, :2].mT.flatten(1),
                    (truth["offset"] - centre) / size[:, None],
                    (truth["log_scale"] - torch.log(size))[:, None],
                ],
                1,
            ).double()
            targets = targets / torch.cat([torch.full((size,), self.gains[name]) for name, size in self.sizes.items()])
            middle, mean = targets.mean(0), components.mean(0)
            centred = components - mean
            # What noise of the points adds to the components' covariance; it keeps the regression from trusting them.
            noise = _POINT_NOISE**2 * self.shape_basis.double().T @ self.shape_basis.double() * len(shape)
            weight = torch.linalg.solve(centred.T @ centred + noise, centred.T @ (targets - middle))
            self.from_shape.weight.copy_(weight.T)
            self.from_shape.bias.copy_(middle - mean @ weight)

    def forward(self, crop: Tensor) -> dict[str, Tensor]:
        """Named outputs.

        Returns:
            `points` (B, N, 2) in the crop's plane (units of its side, relative to its centre), `coarse_points` likewise
            before the features at them were looked at, `identity` (B, M), `expression` (B, 52) in 0 to 1, `rotation6d`
            (B, 6), `offset` (B, 2), `log_scale` (B, 1), `light` (B, 9, 3), `landmark_log_sigma` (B, 68) in units of the
            crop's side.
        """
        return self.told(self.seen(crop))

    def seen(self, crop: Tensor) -> dict[str, Tensor]:
        """What the network sees in crops; the last layers, `told`, say what that means.

        Returns:
            `coarse_points` and `points` (B, N, 2) as `forward` gives them, `hidden` (B, H) of the hidden layer.
        """
        picture = self.stem((crop - self.mean) / self.deviation)
        maps = [picture]
        for stage in self.stages:
            picture = stage(picture)
            maps.append(picture)
        flat = picture.flatten(1).float()
        places = self.places(self.places_hidden(flat)).view(-1, self.configuration.points, 2)
        coarse = self.places_mean + _PLACE_GAIN * places
        move, near = self.look(maps[1:3], coarse.detach())
        points = coarse + move
        coarser, coarsest = (layer(m) for layer, m in zip(self.context, maps[3:], strict=True))
        context = coarser + functional.interpolate(coarsest, scale_factor=2.0)
        move, fine = self.second_look([*maps[:2], context], points.detach())
        points = points + move
        # The points have a loss of their own; what follows from them must not bend them.
        components, _, size = self.components(points.detach())
        hidden = self.hidden(torch.cat([flat, near, components, fine], 1))
        shapes = self.shape_basis / self.shape_basis.square().sum(0).clamp_min(1e-9)  # what a component of 1 looks like
        together = (_MOVE_GAIN * self.together(hidden)) @ shapes.T
        points = points + (size[:, None] * together).view_as(points)
        return {"coarse_points": coarse, "points": points, "hidden": hidden}

    def told(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What follows from `seen`, as `forward` gives it."""
        points, hidden = seen["points"], seen["hidden"]
        components, centre, size = self.components(points.detach())
        sizes = [*self.sizes.values(), *_OTHER_OUTPUTS.values()]
        *parts, light, sigma = torch.split(self.from_features(hidden), sizes, 1)
        linear = torch.split(self.from_shape(components), list(self.sizes.values()), 1)
        named = {
            name: self.gains[name] * (shown + learnt)
            for name, shown, learnt in zip(self.sizes, linear, parts, strict=True)
        }
        return {
            "points": points,
            "coarse_points": seen["coarse_points"],
            "identity": named["identity"],
            "expression": torch.sigmoid(named["expression"]),
            "rotation6d": named["rotation6d"],
            "offset": centre + size[:, None] * named["offset"],
            "log_scale": torch.log(size)[:, None] + named["log_scale"],
            "light": light.view(-1, 9, 3),
            "landmark_log_sigma": sigma,
        }

    @torch.no_grad()
    def fold_normalisation(self) -> None:
        """Put each batch normalisation into the convolution before it, for good: the same outputs in evaluation."""
        for module in list(self.modules()):
            if isinstance(module, _Block) and isinstance(module.normalisation, nn.BatchNorm2d):
                module.second = fuse_conv_bn_eval(module.second, module.normalisation)
                module.normalisation = nn.Identity()
            elif isinstance(module, nn.Sequential) and len(module) == 3:
                convolution, normalisation, _ = module
                if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                    module[0] = fuse_conv_bn_eval(convolution, normalisation)
                    module[1] = nn.Identity()

    def components(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Principal components (B, K) of the points' shape, its centre (B, 2) and its size (B,)."""
        shape, centre, size = normalised(points)
        return (shape - self.shape_mean) @ self.shape_basis, centre, size


def normalised(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points (B, N, 2) to their shape (B, 2N), centre (B, 2) and size (B,), the root mean square distance to it."""
    centre = points.mean(1)
    centred = points - centre[:, None]
    size = torch.sqrt(centred.square().sum((1, 2)) / points.shape[1])
    return centred.flatten(1) / size[:, None], centre, size
