"""What stands behind a rendered head, and what a camera does to a picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from face2mesh.lab.pairs.photos import CROP_PIXELS

Generator = np.random.Generator
Picture = NDArray[np.uint8]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Backdrops:
    """What photos show around their faces.

    Attributes:
        pictures: (P, 160, 160, 3), the face and hair filled from around them.
        frames: (P, 4) left, top, right, bottom of the photo in the crop's pixels; outside, its border is repeated.
    """

    pictures: NDArray[np.uint8]
    frames: FloatArray

    def __len__(self) -> int:
        """How many."""
        return len(self.pictures)

    @classmethod
    def none(cls) -> Backdrops:
        """No photos."""
        return cls(np.zeros((0, CROP_PIXELS, CROP_PIXELS, 3), np.uint8), np.zeros((0, 4), np.float32))


def backdrops_of(
    pairs: dict[str, NDArray[Any]],
    frames: dict[int, FloatArray],
    progress: Callable[[int], None] | None = None,
) -> Backdrops:
    """Backdrops from photo pairs.

    Args:
        pairs: see `read_pairs`.
        frames: row of `pairs` to where its photo lies in its crop; these rows are used.
        progress: told how many are done.
    """
    y, x = np.mgrid[:CROP_PIXELS, :CROP_PIXELS] + 0.5
    pictures = np.empty((len(frames), CROP_PIXELS, CROP_PIXELS, 3), np.uint8)
    for done, (row, frame) in enumerate(frames.items()):
        points = pairs["points"][row]
        low, high = np.percentile(points, (2, 98), axis=0)
        centre, half = (low + high) / 2, (high - low) / 2
        # A head is wider and much higher than its face, and there is hair about it.
        head = ((x - centre[0]) / (1.5 * half[0])) ** 2 + ((y - centre[1] + 0.35 * half[1]) / (1.75 * half[1])) ** 2 < 1
        neck = (np.abs(x - centre[0]) < 0.9 * half[0]) & (y > centre[1])
        known = ~(head | neck) & (x > frame[0]) & (x < frame[2]) & (y > frame[1]) & (y < frame[3])
        pictures[done] = filled(pairs["crop"][row], known)
        if progress:
            progress(done + 1)
    return Backdrops(pictures, np.array(list(frames.values()), np.float32).reshape(-1, 4))


def filled(picture: Picture, known: NDArray[np.bool_]) -> Picture:
    """Fill what is not known smoothly from around it (a pyramid of weighted means); all grey if nothing is."""
    colour = picture.astype(np.float32) * known[..., None]
    weight = known[..., None].astype(np.float32)
    levels = [(colour, weight)]
    while min(colour.shape[:2]) > 4 and colour.shape[0] % 2 == 0:
        colour = colour.reshape(colour.shape[0] // 2, 2, -1, 2, 3).sum((1, 3))
        weight = weight.reshape(weight.shape[0] // 2, 2, -1, 2, 1).sum((1, 3))
        scale = 1 / np.maximum(weight, 1)
        colour, weight = colour * scale, weight * scale
        levels.append((colour, weight))
    total = weight.sum()
    result = np.full_like(colour, float(colour.sum() / (3 * total)) if total else 110.0)
    for colour, weight in reversed(levels):
        side = colour.shape[0]
        if result.shape[0] != side:
            grown = [
                np.asarray(Image.fromarray(result[..., i]).resize((side, side), Image.Resampling.BILINEAR))
                for i in range(3)
            ]
            result = np.stack(grown, -1)
        share = np.minimum(weight, 1)
        result = np.where(weight > 0, colour / np.maximum(weight, 1e-6), 0) * share + result * (1 - share)
    complete: Picture = np.clip(result + 0.5, 0, 255).astype(np.uint8)
    return complete


def background(size: int, generator: Generator, backdrop: Picture | None) -> Picture:
    """A picture of `size` × `size`: a backdrop, shifted in tone and often blurred, or a gradient with noise.

    Args:
        size: pixels.
        generator: of every choice.
        backdrop: an RGB picture, or None for a gradient.
    """
    if backdrop is None:
        corners = generator.uniform(0, 255, (1, 1, 3)) + generator.normal(0, 40, (2, 2, 3))
        corners = corners * generator.uniform(0.3, 1)
        grey = generator.random()
        corners = corners * (1 - grey) + corners.mean(2, keepdims=True) * grey
        even = Image.fromarray(np.clip(corners, 0, 255).astype(np.uint8)).resize(
            (size, size), Image.Resampling.BILINEAR
        )
        noise = generator.normal(0, abs(generator.normal(0, 8)), (size, size, 1))
        return np.clip(np.asarray(even) + noise, 0, 255).astype(np.uint8)
    image = Image.fromarray(backdrop)
    if generator.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = int(generator.uniform(0.6, 1.0) * image.size[0])
    left, top = (int(generator.integers(0, length - side + 1)) for length in image.size)
    image = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    if generator.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.5, 4)))
    return np.asarray(image)


def with_repeated_border(picture: FloatArray, frame: FloatArray) -> FloatArray:
    """What a crop (h, h, C) that reaches beyond its photo looks like: outside `frame` the border's pixels again."""
    size = len(picture)
    low, high = np.clip(np.round([frame[:2], frame[2:]]).astype(int), 0, size)
    columns = np.clip(np.arange(size), low[0], max(high[0] - 1, low[0]))
    rows = np.clip(np.arange(size), low[1], max(high[1] - 1, low[1]))
    result: FloatArray = picture[np.minimum(rows, size - 1)[:, None], np.minimum(columns, size - 1)]
    return result


def photographed(picture: FloatArray, generator: Generator) -> bytes:
    """What a camera and a file do to a picture: low resolution, blur, tone curve, cast, grey, noise, JPEG.

    Nothing moves: every step keeps the picture's frame.

    Args:
        picture: (h, h, 3) sRGB, 0 to 1.
        generator: of every choice.

    Returns:
        The JPEG file.
    """
    size = len(picture)
    image = Image.fromarray((picture * 255 + 0.5).astype(np.uint8))
    if generator.random() < 0.55:
        # A face of 40 to 400 pixels; the crop shows faces of 75.
        small = int(size * min(1.0, np.exp(generator.uniform(np.log(0.4), np.log(1.15)))))
        image = image.resize((small, small), Image.Resampling.BOX)
        kernel = Image.Resampling.BICUBIC if generator.random() < 0.7 else Image.Resampling.BILINEAR
        image = image.resize((size, size), kernel)
    if generator.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.2, 0.9)))
    elif generator.random() < 0.2:
        image = image.filter(ImageFilter.UnsharpMask(1.0, int(generator.integers(40, 160)), 0))
    values = np.asarray(image, np.float32) / 255
    values = values ** np.float32(np.exp(generator.normal(0, 0.18)))
    gain = np.exp(generator.normal(0, 0.04, 3) + generator.normal(0, 0.1))
    if generator.random() < 0.07:
        gain = gain * generator.uniform(0.25, 0.6)  # low light
    contrast = np.exp(generator.normal(0.1, 0.12))
    values = (values * gain.astype(np.float32) - 0.42) * np.float32(contrast) + 0.42
    if generator.random() < 0.04:
        values = np.repeat(values @ np.array([0.299, 0.587, 0.114], np.float32)[:, None], 3, axis=2)
    if generator.random() < 0.6:
        deviation = abs(generator.normal(0, 0.009))
        coarse = generator.random() < 0.5
        grain = generator.normal(0, 1, (size // 2, size // 2) if coarse else (size, size)).astype(np.float32)
        if coarse:
            grown = np.asarray(Image.fromarray(grain).resize((size, size), Image.Resampling.BICUBIC))
            grain = grown * np.float32(1.3)
        values = values + np.float32(deviation) * grain[..., None]
    image = Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(generator.integers(55, 96)))
    return file.getvalue()
