"""The photo encoder: a crop of a face becomes codes, pose, light and an uncertainty for each landmark.

A slim residual network (He et al. 2016) of plain 3×3 convolutions, which a CPU runs faster than depthwise ones.
Letters: B batch, M identity modes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CROP_SIZE = 128
EXPRESSIONS = 52
LANDMARKS = 68

# Outputs in the order of the last layer: name to shape of one sample; None stands for M.
_OUTPUTS: dict[str, tuple[int | None, ...]] = {
    "identity": (None,),
    "expression": (EXPRESSIONS,),
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
        features: width of the hidden layer before the outputs.
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


class Encoder(nn.Module):
    """Crop (B, 3, 128, 128), RGB in 0 to 1, to the named outputs of `docs/architecture.md`."""

    mean: Tensor
    deviation: Tensor

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
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(widths[-1] * grid * grid, configuration.features), nn.ReLU(inplace=True)
        )
        self.shapes = {
            name: tuple(configuration.identity_size if size is None else size for size in shape)
            for name, shape in _OUTPUTS.items()
        }
        self.outputs = nn.Linear(configuration.features, sum(_sizes(self.shapes)))
        self._start_from_the_mean_head()

    def _start_from_the_mean_head(self) -> None:
        """A fresh encoder says: mean head, frontal, centred, relaxed."""
        nn.init.normal_(self.outputs.weight, std=0.01)
        start = {name: torch.zeros(size) for name, size in zip(self.shapes, _sizes(self.shapes), strict=True)}
        start["expression"].fill_(-3.0)
        start["rotation6d"][[0, 4]] = 1.0
        start["log_scale"].fill_(self.configuration.log_scale)
        start["landmark_log_sigma"].fill_(-3.5)
        with torch.no_grad():
            self.outputs.bias.copy_(torch.cat(list(start.values())))

    def forward(self, crop: Tensor) -> dict[str, Tensor]:
        """Named outputs; expression weights in 0 to 1, landmark sigmas in units of the crop's side."""
        features = self.stages(self.stem((crop - self.mean) / self.deviation))
        flat = self.outputs(self.hidden(features).float())
        parts = torch.split(flat, _sizes(self.shapes), dim=1)
        named = {name: part.reshape(-1, *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)}
        named["expression"] = torch.sigmoid(named["expression"])
        return named


def _sizes(shapes: dict[str, tuple[int, ...]]) -> list[int]:
    return [int(torch.Size(shape).numel()) for shape in shapes.values()]
