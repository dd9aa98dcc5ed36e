"""The photo encoder: a crop of a face becomes codes, pose, light and an uncertainty for each landmark.

A slim residual network (He et al. 2016) of plain 3×3 convolutions, which a CPU runs faster than depthwise ones.
Letters: B batch, M identity modes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CROP_SIZE = 128
EXPRESSIONS = 52
LANDMARKS = 68

# Outputs of the two heads in the order of their last layers: name to shape of one sample; None stands for M.
# A pixel of pose outweighs a deviation of shape in every loss of points, so the codes have a head of their own.
_CODES: dict[str, tuple[int | None, ...]] = {"identity": (None,), "expression": (EXPRESSIONS,)}
_POSE: dict[str, tuple[int | None, ...]] = {
    "rotation6d": (6,),
    "offset": (2,),
    "log_scale": (1,),
    "light": (9, 3),
    "landmark_log_sigma": (LANDMARKS,),
}


@dataclass(frozen=True)
class EncoderConfiguration:
    """All that the encoder sees of a configuration.

    Attributes:
        identity_size: M, modes of the corpus.
        widths: channels of the stem and of the four stages, which halve the picture each.
        features: width of the hidden layer of each head.
        mean: of RGB in 0 to 1; travels with the weights.
        deviation: of RGB.
        log_scale: where the output of that name starts: the typical value in the pairs.
    """

    identity_size: int = 100
    widths: tuple[int, ...] = (16, 24, 48, 96, 192)
    features: int = 320
    mean: tuple[float, float, float] = (0.48, 0.40, 0.36)
    deviation: tuple[float, float, float] = (0.25, 0.24, 0.24)
    log_scale: float = -0.8


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Stage(nn.Module):
    """Halve the picture, then one residual block."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = _convolution(inputs, outputs, 2)
        self.first = _convolution(outputs, outputs, 1)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, picture: Tensor) -> Tensor:
        picture = self.down(picture)
        return torch.relu(picture + self.second(self.first(picture)))


class _Head(nn.Module):
    """Features (B, F) through a hidden layer to named outputs, which start near 0."""

    def __init__(
        self, features: int, configuration: EncoderConfiguration, outputs: dict[str, tuple[int | None, ...]]
    ) -> None:
        super().__init__()
        self.shapes = {
            name: tuple(configuration.identity_size if size is None else size for size in shape)
            for name, shape in outputs.items()
        }
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.hidden = nn.Sequential(nn.Linear(features, configuration.features), nn.ReLU(inplace=True))
        self.outputs = nn.Linear(configuration.features, sum(self.sizes))
        nn.init.normal_(self.outputs.weight, std=0.01)
        nn.init.zeros_(self.outputs.bias)

    def start(self, name: str) -> Tensor:
        """The bias of one output, a view."""
        return torch.split(self.outputs.bias, self.sizes)[list(self.shapes).index(name)]

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """(B, F) to the outputs by name."""
        parts = torch.split(self.outputs(self.hidden(features).float()), self.sizes, dim=1)
        return {name: part.reshape(-1, *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)}


class Encoder(nn.Module):
    """Crop (B, 3, 128, 128), RGB in 0 to 1, to the named outputs of `docs/architecture.md`."""

    mean: Tensor
    deviation: Tensor
    shapes: dict[str, tuple[int, ...]]

    def __init__(self, configuration: EncoderConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        widths = configuration.widths
        self.register_buffer("mean", torch.tensor(configuration.mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(configuration.deviation).view(1, 3, 1, 1))
        self.stem = _convolution(3, widths[0], 2)
        self.stages = nn.Sequential(*(_Stage(a, b) for a, b in itertools.pairwise(widths)))
        # The grid is kept, not averaged: where a lip corner is, is what the outputs need.
        grid = CROP_SIZE // 2 ** len(widths)
        flat = widths[-1] * grid * grid
        self.pose = _Head(flat, configuration, _POSE)
        self.codes = _Head(flat, configuration, _CODES)
        self.shapes = {**self.codes.shapes, **self.pose.shapes}
        self._start_from_the_mean_head()

    def _start_from_the_mean_head(self) -> None:
        """A fresh encoder says: mean head, frontal, centred, relaxed."""
        with torch.no_grad():
            self.codes.start("expression").fill_(-3.0)
            self.pose.start("rotation6d")[[0, 4]] = 1.0
            self.pose.start("log_scale").fill_(self.configuration.log_scale)
            self.pose.start("landmark_log_sigma").fill_(-3.5)

    def forward(self, crop: Tensor) -> dict[str, Tensor]:
        """Named outputs; expression weights in 0 to 1, landmark sigmas in units of the crop's side."""
        features = self.stages(self.stem((crop - self.mean) / self.deviation)).flatten(1)
        named = {**self.codes(features), **self.pose(features)}
        named["expression"] = torch.sigmoid(named["expression"])
        return named
