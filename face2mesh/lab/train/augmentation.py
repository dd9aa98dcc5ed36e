"""Crops and their labels, disturbed together: shift, size, turn, mirror; and colours, blur, noise, covers.

Plane coordinates are in units of the crop's side, relative to its centre, x right and y down; stored labels are
relative to the canonical crop. Letters: B batch, N dense points, M identity modes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from face2mesh.lab.nets.encoder import CROP_SIZE
from face2mesh.lab.train.configuration import Augmentation
from face2mesh.lab.train.pictures import STEPS, cut_crops, unchanged

STORED_SIDE = 1.25  # of the canonical side: what the pairs' pictures show


@dataclass(frozen=True)
class Batch:
    """Crops with what is true of them.

    Attributes:
        crop: (B, 3, size, size) in 0 to 1; before `placed` the stored bytes (B, H, W, 3).
        points: (B, N, 2) dense points in the plane.
        inside: (B, N) 1 where the point counts.
        identity: (B, M).
        expression: (B, 52).
        rotation: (B, 3, 3) R_net.
        offset: (B, 2).
        log_scale: (B,).
        light: (B, 9, 3).
        distance: (B,) mm from the camera to the head's origin.
        rendered: (B,) 1 where the truth is exact, 0 where it is a fit.
        side: (B,) of the crop, in canonical sides.
    """

    crop: Tensor
    points: Tensor
    inside: Tensor
    identity: Tensor
    expression: Tensor
    rotation: Tensor
    offset: Tensor
    log_scale: Tensor
    light: Tensor
    distance: Tensor
    rendered: Tensor
    side: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """Several batches as one."""
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__})

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Mirror:
    """What a picture's mirror does to its labels.

    Attributes:
        points: (N,) the dense point on the other side.
        identity: (M, M), codes times this are the mirrored head's codes.
        expression: (52,) the name of the other side.
    """

    points: Tensor
    identity: Tensor
    expression: Tensor


def mirrored(batch: Batch, which: Tensor, mirror: Mirror) -> Batch:
    """The batch with the pictures where `which` (B,) is true turned left to right.

    A sphere's harmonics in x change their sign (`_LIGHT_SIGNS`); a rotation becomes F·R·F with F = diag(−1, 1, 1).
    """
    flip = torch.tensor([-1.0, 1.0])
    signs = torch.tensor([[1.0, -1, -1], [-1, 1, 1], [-1, 1, 1]])
    turned = Batch(
        crop=batch.crop.flip(2),
        points=batch.points[:, mirror.points] * flip,
        inside=batch.inside[:, mirror.points],
        identity=batch.identity @ mirror.identity,
        expression=batch.expression[:, mirror.expression],
        rotation=batch.rotation * signs,
        offset=batch.offset * flip,
        log_scale=batch.log_scale,
        light=batch.light * _LIGHT_SIGNS[:, None],
        distance=batch.distance,
        rendered=batch.rendered,
        side=batch.side,
    )

    def chosen(name: str) -> Tensor:
        new, old = getattr(turned, name), getattr(batch, name)
        return torch.where(which.view(-1, *[1] * (old.dim() - 1)), new, old)

    return Batch(**{name: chosen(name) for name in Batch.__dataclass_fields__})


# Order of face2mesh.draw.light.harmonics: 1, x, y, z, xy, yz, 3z² − 1, xz, x² − y².
_LIGHT_SIGNS = torch.tensor([1.0, -1, 1, 1, -1, 1, 1, -1, 1])


def placed(
    batch: Batch, shift: Tensor, scale: Tensor, turn: Tensor, size: int = CROP_SIZE, colours: Tensor | None = None
) -> Batch:
    """Cut crops out of the stored pictures and say what is true of these.

    Args:
        batch: with stored pictures, which show `STORED_SIDE` canonical sides.
        shift: (B, 2) of the new crop's centre, in canonical sides.
        scale: (B,) new side over canonical side.
        turn: (B,) radians, of the new crop's axes, clockwise in the picture.
        size: pixels of the new crops.
        colours: (B, 3, STEPS) tables of `pictures`; None leaves the colours as they are.
    """
    cosine, sine = torch.cos(turn), torch.sin(turn)
    rotation = torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)  # new axes seen in the old plane
    transform = torch.cat([rotation * scale.view(-1, 1, 1), shift[:, :, None]], 2) / STORED_SIDE
    tables = unchanged(len(turn)) if colours is None else colours.numpy()
    cut = torch.from_numpy(cut_crops(batch.crop.numpy(), transform.numpy(), tables, size))
    about_axis = torch.eye(3).repeat(len(turn), 1, 1)
    about_axis[:, :2, :2] = rotation.mT
    return replace(
        batch,
        crop=cut.permute(0, 3, 1, 2),  # channels last in memory
        points=((batch.points - shift[:, None]) @ rotation) / scale.view(-1, 1, 1),
        rotation=about_axis @ batch.rotation,
        offset=((batch.offset - shift)[:, None] @ rotation)[:, 0] / scale[:, None],
        log_scale=batch.log_scale - torch.log(scale),
        side=batch.side * scale,
    )


def moved(
    batch: Batch,
    settings: Augmentation,
    mirror: Mirror,
    generator: torch.Generator,
    size: int = CROP_SIZE,
    colours: Tensor | None = None,
) -> Batch:
    """Other crops of stored pairs, half of them mirrored; every random number comes from `generator`."""
    count = len(batch.crop)
    return placed(
        mirrored(batch, torch.rand(count, generator=generator) < 0.5, mirror),
        _normal(generator, count, 2) * settings.shift,
        torch.exp(_normal(generator, count) * settings.scale),
        _normal(generator, count) * math.radians(settings.turn_degrees),
        size,
        colours,
    )


def disturbed(batch: Batch, settings: Augmentation, mirror: Mirror, generator: torch.Generator) -> Batch:
    """A training batch from stored pairs; every random number comes from `generator`."""
    count = len(batch.crop)

    def happens(probability: float) -> Tensor:
        return torch.rand(count, generator=generator) < probability

    gamma = torch.exp(_normal(generator, count, 1, 1) * settings.colour * 1.5)
    gain = torch.exp(_normal(generator, count, 3, 1) * settings.colour)
    lift = _normal(generator, count, 1, 1) * settings.colour * 0.4
    brightness = torch.linspace(1e-4, 1, STEPS)
    batch = moved(batch, settings, mirror, generator, CROP_SIZE, brightness**gamma * gain + lift)
    crop = batch.crop
    coarse = happens(settings.blur)
    if coarse.any():
        small = 2 ** (-1.6 * float(torch.rand((), generator=generator)))
        rough = functional.interpolate(crop[coarse], scale_factor=small, mode="area")
        crop[coarse] = functional.interpolate(rough, crop.shape[-2:], mode="bilinear", align_corners=False)
    grey = happens(settings.grey)
    if grey.any():
        crop[grey] = crop[grey].mean(1, keepdim=True)
    strength = torch.rand(count, generator=generator) ** 2 * settings.noise
    starts = torch.randint(len(_NOISE) - crop[0].numel(), (count,), generator=generator)
    for picture, sigma, start in zip(crop, strength.tolist(), starts.tolist(), strict=True):
        picture.add_(_NOISE[start : start + picture.numel()].view(*picture.shape[1:], 3).permute(2, 0, 1), alpha=sigma)
    for index in torch.nonzero(happens(settings.cover)).flatten().tolist():
        size = crop.shape[-1]
        width, height = (torch.rand(2, generator=generator) * 0.3 + 0.1).mul(size).int().tolist()
        left, top = (torch.rand(2, generator=generator) * torch.tensor([size - width, size - height])).int().tolist()
        crop[index, :, top : top + height, left : left + width] = torch.rand((3, 1, 1), generator=generator)
    return replace(batch, crop=crop.clamp_(0, 1))


# Drawn once: fresh normal numbers for each pixel would cost as much as cutting the crop.
_NOISE = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator).clamp(-2.5, 2.5)
