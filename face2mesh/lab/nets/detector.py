"""The face detector: one small fully convolutional network for two octaves of sizes.

It answers for each cell of 8 × 8 pixels whether a face's middle lies there, and where its box is, without anchors
(as FCOS, Tian et al. 2019, and CenterNet, Zhou et al. 2019). Larger faces are found in the same picture made smaller,
so the network need not learn what a change of size does. What is shipped is a `Pyramid`: the network on a picture and
its smaller copies in one graph, with boxes as its answer. Letters: B batch, H and W height and width in cells, N cells
of all copies together.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CELL = 8
"""Pixels along the side of a cell."""
UNIT = 32.0
"""Pixels of a face box whose logarithm of width or height is 0."""
OUTPUTS = ("score", "dx", "dy", "log_width", "log_height", "cos", "sin")
"""Channels: the score's logit; from the cell's centre to the box's in cells; logarithms of the box in `UNIT`; of the
tilt, by which the line through the eyes falls towards the picture's right."""

LEVELS = ((1, 0), (2, 0), (4, 24), (8, 24))
"""How many times smaller each copy is that a `Pyramid` looks at, and how many pixels of repeated border it gets: in a
small copy a face may fill the picture or be cut off by its edge, and the network knows faces with something around."""


@dataclass(frozen=True)
class DetectorConfiguration:
    """All that the detector sees of a configuration.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the picture's resolution.
        blocks: residual blocks at 1/16, where a cell comes to see the whole face.
        mean, deviation: of RGB in 0 to 1; travel with the weights.
    """

    widths: tuple[int, int, int, int] = (16, 32, 48, 64)
    blocks: int = 3
    mean: tuple[float, float, float] = (0.45, 0.43, 0.41)
    deviation: tuple[float, float, float] = (0.27, 0.27, 0.28)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Block(nn.Module):
    """x + two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class Detector(nn.Module):
    """Picture (B, 3, h, w), RGB in 0 to 1, to `OUTPUTS` of each cell, (B, 7, H, W) with H = ⌈h/8⌉, W = ⌈w/8⌉."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, configuration: DetectorConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        half, quarter, eighth, sixteenth = configuration.widths
        self.register_buffer("mean", torch.tensor(configuration.mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(configuration.deviation).view(1, 3, 1, 1))
        self.fine = nn.Sequential(
            _convolution(3, half, 2), _convolution(half, quarter, 2), _convolution(quarter, eighth, 2), _Block(eighth)
        )
        self.coarse = nn.Sequential(
            _convolution(eighth, sixteenth, 2), *(_Block(sixteenth) for _ in range(configuration.blocks))
        )
        self.lateral = nn.Conv2d(sixteenth, eighth, 1)
        self.mixed = _convolution(eighth, eighth)
        self.outputs = nn.Conv2d(eighth, len(OUTPUTS), 1)
        nn.init.normal_(self.outputs.weight, std=0.01)
        # A fresh detector is sure that there is no face: few cells hold one.
        start = torch.zeros(len(OUTPUTS))
        start[0] = -4.0
        self.outputs.bias = nn.Parameter(start)

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        return self.of_normalised((picture - self.mean) / self.deviation)

    def of_normalised(self, picture: Tensor) -> Tensor:
        """The same of a picture from which the mean is subtracted and which is divided by the deviation."""
        fine = self.fine(picture)
        coarse = nn.functional.interpolate(self.lateral(self.coarse(fine)), scale_factor=2.0, mode="nearest")
        # Of an odd number of cells half a coarse one is left over.
        coarse = coarse[:, :, : fine.shape[2], : fine.shape[3]]
        answer: Tensor = self.outputs(self.mixed(fine + coarse))
        return answer


class Pyramid(nn.Module):
    """Picture (B, 8·h, 8·w, 3) uint8 to boxes (B, N, 5): score from 0 to 1, x and y of the middle, width and height.

    All four are in pixels of the picture. The detector looks at the picture and at copies 2, 4 and 8 times smaller;
    there is one row for each cell of each copy.
    """

    mean: Tensor

    def __init__(self, detector: Detector) -> None:
        """Take over a detector; its first convolution is scaled, so that pixels need not be divided."""
        super().__init__()
        self.detector = copy.deepcopy(detector)
        self.register_buffer("mean", 255 * detector.mean)
        first = next(module for module in self.detector.modules() if isinstance(module, nn.Conv2d))
        with torch.no_grad():
            first.weight /= 255 * detector.deviation

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        level = picture.permute(0, 3, 1, 2).float() - self.mean
        boxes = []
        for factor, margin in LEVELS:
            if factor > 1:
                level = nn.functional.avg_pool2d(level, 2)
            framed = nn.functional.pad(level, (margin,) * 4, mode="replicate") if margin else level
            boxes.append(boxes_of_cells(self.detector.of_normalised(framed), factor, margin))
        return torch.cat(boxes, 1)


def boxes_of_cells(cells: Tensor, factor: float, margin: float) -> Tensor:
    """What cells say, in pixels of the picture.

    Args:
        cells: (B, 7, H, W), see `OUTPUTS`.
        factor: how many times smaller than the picture the detector's was.
        margin: pixels of the detector's picture left of and above the picture's own.

    Returns:
        (B, H·W, 5): score from 0 to 1, x and y of the middle, width and height.
    """
    x = torch.arange(cells.shape[3], dtype=cells.dtype).view(1, 1, -1)
    y = torch.arange(cells.shape[2], dtype=cells.dtype).view(1, -1, 1)
    sizes = UNIT * torch.exp(cells[:, 3:5].clamp(-3.0, 3.0))
    rows = (
        torch.sigmoid(cells[:, 0]),
        factor * ((x + 0.5 + cells[:, 1]) * CELL - margin),
        factor * ((y + 0.5 + cells[:, 2]) * CELL - margin),
        factor * sizes[:, 0],
        factor * sizes[:, 1],
    )
    return torch.stack(rows, -1).flatten(1, 2)
