"""What stands behind a rendered head, and what a camera does to a picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Generator = np.random.Generator
Picture = NDArray[np.uint8]


def background(size: int, generator: Generator, photo: Picture | None) -> Picture:
    """A picture of `size` × `size`: a blurred and stretched piece of a photo, or a gradient with noise.

    Args:
        size: pixels.
        generator: of every choice.
        photo: any RGB picture, or None for a gradient.
    """
    if photo is None:
        corners = generator.uniform(0, 255, (2, 2, 3)) * generator.uniform(0.3, 1)
        even = Image.fromarray(corners.astype(np.uint8)).resize((size, size), Image.Resampling.BILINEAR)
        noise = generator.normal(0, generator.uniform(0, 20), (size, size, 1))
        return np.clip(np.asarray(even) + noise, 0, 255).astype(np.uint8)
    image = Image.fromarray(photo)
    side = int(generator.uniform(0.3, 1.0) * min(image.size))
    left, top = (int(generator.integers(0, length - side + 1)) for length in image.size)
    if generator.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    # What is blurred anyway is blurred at a third of the size.
    small = size // 3
    piece = image.resize((small, small), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    piece = piece.filter(ImageFilter.GaussianBlur(generator.uniform(0.7, 4.5)))
    return np.asarray(piece.resize((size, size), Image.Resampling.BILINEAR))


def with_shoulders(picture: Picture, neck: NDArray[np.floating], scale: float, generator: Generator) -> Picture:
    """Draw a plain garment below the neck.

    Args:
        picture: (H, W, 3).
        neck: (N, 2) pixels of the neck's border.
        scale: pixels of one mm.
        generator: of colour and cut.
    """
    image = Image.fromarray(picture)
    colour = tuple(int(v) for v in generator.uniform(5, 245, 3) * generator.uniform(0.3, 1))
    left, right = neck[neck[:, 0].argmin()], neck[neck[:, 0].argmax()]
    low = float(neck[:, 1].max())
    rise = generator.uniform(0, 25) * scale
    width = generator.uniform(90, 150) * scale
    bottom = picture.shape[0] + 5
    outline = [
        (left[0] - 4 * scale, left[1] - rise),
        (float(neck[:, 0].mean()), low + generator.uniform(-15, 5) * scale),
        (right[0] + 4 * scale, right[1] - rise),
        (right[0] + width, low + 35 * scale),
        (right[0] + width, bottom),
        (left[0] - width, bottom),
        (left[0] - width, low + 35 * scale),
    ]
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in outline], fill=colour)
    return np.asarray(image)


def photographed(picture: Picture, size: int, generator: Generator) -> Picture:
    """Scale to `size` × `size` and add blur, low resolution, colour cast, noise and JPEG's traces at random.

    Nothing moves: every step keeps the picture's frame.
    """
    image = Image.fromarray(picture)
    if generator.random() < 0.35:
        small = int(size * generator.uniform(0.45, 1))
        image = image.resize((small, small), Image.Resampling.BOX)
    image = image.resize((size, size), Image.Resampling.BICUBIC)
    if generator.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.2, 1.0)))
    values = np.asarray(image, np.float32) / 255
    values = values ** np.float32(np.exp(generator.normal(0, 0.15)))
    values *= np.exp(generator.normal(0, 0.035, 3) + generator.normal(0, 0.08)).astype(np.float32)
    contrast = np.float32(np.exp(generator.normal(0, 0.1)))
    values = (values - 0.45) * contrast + 0.45
    if generator.random() < 0.08:
        values[:] = values.mean(2, keepdims=True)
    values += generator.normal(0, generator.uniform(0, 0.03), values.shape).astype(np.float32)
    image = Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(generator.integers(40, 96)))
    with Image.open(file) as compressed:
        return np.array(compressed.convert("RGB"))
