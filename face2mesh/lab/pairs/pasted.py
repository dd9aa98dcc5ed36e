"""Training pictures of the detector: labelled faces pasted into pictures without people, at many sizes and tilts.

A picture is made of layers: scenery; at times a whole photo of a face with its border repeated, which is what a tight
crop looks like; then faces cut out by an oval or a rectangle, soft or hard; photos of faces in shuffled pieces, so that
neither skin, hair nor the edge of a pasting tells of a face; and things. A batch is made at once, in torch.
Letters: B batch, F layers with a face, N faces, S side of the picture in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from face2mesh.lab.base.embeddings import IBUG_68
from face2mesh.lab.pairs.fairface import PHOTO_SIDE, photos, read_labels
from face2mesh.lab.pairs.scenery import Scenery

FACE_SIDE = 96
"""Pixels of a face's photo as it is kept: its box is about 70, the largest that the detector must know."""

# Share of the pictures that are a gradient with noise instead of scenery.
_PLAIN = 0.125
# How many times larger than its scenery a picture is where the scenery's border is repeated.
_LARGER = (1.2, 6.0)
# The largest of small faces, pixels.
_SMALL = 36.0
# Photos that shrink are averaged over so many pixels each way where their scale is below the second number: about the
# width of the filter that a good scaler uses.
_COARSER = ((2, 0.6), (3, 0.4), (4, 0.27))
# The outer corners of the subject's right and left eye, in iBUG's order; the right one is on an upright photo's left.
_EYE_CORNERS = (36, 45)


@dataclass(frozen=True)
class Pieces:
    """What pictures are pasted of, each (…, C, side, side) uint8.

    Attributes:
        faces: (N, 3, 96, 96), photos of one face.
        landmarks: (N, 68, 2), pixels of them.
        tiles: (T, 3, 160, 160), scenery.
        objects: (K, 4, 96, 96), things with their opacity.
    """

    faces: Tensor
    landmarks: Tensor
    tiles: Tensor
    objects: Tensor


@dataclass(frozen=True)
class Composition:
    """What pictures are made of, as probabilities and ranges.

    Attributes:
        whole: that the lowest layer is a whole photo of a face.
        bordered: that the scenery is smaller than the picture and its border is repeated, as that of whole photos is:
            a repeated border must not tell of a face.
        face, shuffled, thing: what each of the other layers is; the rest is nothing.
        layers: how many layers may be pasted.
        smallest, largest: range of a face's √(w·h) in pixels; sizes are even in their logarithm.
        small: that a pasted face is at most 36 pixels large.
        largest_whole: of faces in whole photos; far larger ones teach that a part of a face is none.
        tilt_degrees: deviation of the tilt of two faces in three; the third's is even up to `most_tilted`.
        most_tilted: degrees.
    """

    whole: float = 0.35
    bordered: float = 0.0
    face: float = 0.45
    shuffled: float = 0.15
    thing: float = 0.25
    layers: int = 2
    smallest: float = 12.0
    small: float = 0.0
    largest: float = 90.0
    largest_whole: float = 260.0
    tilt_degrees: float = 15.0
    most_tilted: float = 60.0


@dataclass(frozen=True)
class Pasted:
    """A batch of pictures and what is in them.

    Attributes:
        pictures: (B, 3, S, S) float32, RGB 0 to 1.
        boxes: (B, F, 6) float32: x and y of the middle, width and height of the landmarks' box, pixels; cosine and sine
            of the tilt, by which the line through the eyes' outer corners falls towards the picture's right.
        there: (B, F) bool, whether that layer is a face.
        visible: (B, F) float32, which share of the box no later layer and no edge of the picture hides.
    """

    pictures: Tensor
    boxes: Tensor
    there: Tensor
    visible: Tensor


def read_pieces(data: Path, scenery: Scenery, held: bool, held_faces: int) -> Pieces:
    """FairFace's training photos and the scenery, either the part for training or the part held out of it.

    Args:
        data: folder of the training data.
        scenery: pictures without people.
        held: the part that training does not see.
        held_faces: how many photos, the last ones, are held out.

    Raises:
        InputFileError: the photos or their labels are missing or damaged.
    """
    labels = read_labels(data, "train")
    row = {int(number): index for index, number in enumerate(labels.ids)}
    numbers = set(labels.ids[-held_faces:].tolist() if held else labels.ids[:-held_faces].tolist())
    faces, rows = [], []
    for number, photo in photos(data, "train"):
        if number in numbers:
            faces.append(np.asarray(Image.fromarray(photo).resize((FACE_SIDE, FACE_SIDE), Image.Resampling.BOX)))
            rows.append(row[number])
    landmarks = labels.landmarks[rows][:, IBUG_68] * (FACE_SIDE / PHOTO_SIDE)
    return Pieces(
        torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(landmarks),
        torch.from_numpy(scenery.tiles[scenery.held_tile == held]).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(scenery.objects[scenery.held_object == held]).permute(0, 3, 1, 2).contiguous(),
    )


def paste(pieces: Pieces, count: int, side: int, composition: Composition, generator: torch.Generator) -> Pasted:
    """Make B = `count` pictures of `side` × `side` pixels."""
    made = _Draft(pieces, count, side, composition, generator)
    made.paste_whole_photos()
    for _ in range(composition.layers):
        made.paste_layer()
    return made.finished()


class _Draft:
    """Pictures while they are made; every layer is drawn for the whole batch and used where its kind was drawn."""

    def __init__(
        self, pieces: Pieces, count: int, side: int, composition: Composition, generator: torch.Generator
    ) -> None:
        self.pieces, self.count, self.side = pieces, count, side
        self.composition, self.generator = composition, generator
        self.pictures = self._scenery()
        self.boxes: list[Tensor] = []
        self.there: list[Tensor] = []
        self.visible: list[Tensor] = []

    def _even(self, low: float, high: float, count: int | None = None) -> Tensor:
        """Random numbers, evenly spread."""
        return low + (high - low) * torch.rand(count or self.count, generator=self.generator)

    def _drawn(self, total: int, count: int) -> Tensor:
        return torch.randint(total, (count,), generator=self.generator)

    def _scenery(self) -> Tensor:
        """Pieces of tiles at many scales, mirrored and turned a little; some are a gradient with noise."""
        count, generator = self.count, self.generator
        tiles = self.pieces.tiles[self._drawn(len(self.pieces.tiles), count)].float() / 255
        bordered = self._even(0, 1) < self.composition.bordered
        scale = torch.exp(self._even(math.log(0.3), math.log(1.0)))
        scale = torch.where(bordered, torch.exp(self._even(math.log(_LARGER[0]), math.log(_LARGER[1]))), scale)
        angle = 0.2 * torch.randn(count, generator=generator)
        flip = torch.where(self._even(0, 1) < 0.5, -1.0, 1.0)
        cos, sin = scale * angle.cos(), scale * angle.sin()
        shift = (1 - scale)[:, None] * (2 * torch.rand(count, 2, generator=generator) - 1)
        matrix = torch.stack([cos * flip, -sin, shift[:, 0], sin * flip, cos, shift[:, 1]], 1).view(count, 2, 3)
        grid = affine_grid(matrix, [count, 3, self.side, self.side], align_corners=False)
        # Beyond its edges a tile is reflected or its border is repeated.
        grid = torch.where(bordered.view(-1, 1, 1, 1), grid.clamp(-1, 1), grid)
        for factor, low, high in ((2, 0.0, 2.0), (4, 2.0, 4.0), (8, 4.0, math.inf)):
            averaged = bordered & (scale >= low) & (scale < high)
            coarse = avg_pool2d(tiles[averaged], factor)
            tiles[averaged] = interpolate(coarse, tiles.shape[-2:], mode="bilinear", align_corners=False)
        pictures = grid_sample(tiles, grid, padding_mode="reflection", align_corners=False)
        plain = torch.rand(count, 3, 3, 3, generator=generator)
        plain = interpolate(plain, (self.side, self.side), mode="bilinear", align_corners=True)
        noise = torch.randn(pictures.shape, generator=generator) * self._even(0, 0.2).view(-1, 1, 1, 1)
        return torch.where((self._even(0, 1) < _PLAIN).view(-1, 1, 1, 1), (plain + noise).clamp(0, 1), pictures)

    def _placed(self, chosen: Tensor, size: Tensor, inside: float) -> tuple[Tensor, Tensor, Tensor]:
        """Where photos of faces lie in the pictures.

        Args:
            chosen: (n,) which faces.
            size: (n,) √(w·h) of the upright face's box in the picture, pixels.
            inside: how far from the picture's middle faces may be, 1 being its edge.

        Returns:
            Coordinates (n, S, S, 2) of the picture's pixels in the photo, −1 to 1 as `grid_sample` has them; the boxes
            (n, 6) in the picture; and the scale (n,), pixels of the picture for one of the photo.
        """
        composition, generator, n = self.composition, self.generator, len(chosen)
        points = self.pieces.landmarks[chosen]
        low, high = points.amin(1), points.amax(1)
        scale = size / (high - low).prod(1).clamp_min(1).sqrt()
        angle = math.radians(composition.tilt_degrees) * torch.randn(n, generator=generator)
        most = math.radians(composition.most_tilted)
        angle = torch.where(self._even(0, 1, n) < 1 / 3, self._even(-most, most, n), angle)
        flip = torch.where(self._even(0, 1, n) < 0.5, -1.0, 1.0)
        stretch = torch.exp(0.05 * torch.randn(n, generator=generator))
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(n, 2, 2)
        to_picture = turn * torch.stack([scale * stretch * flip, scale / stretch], 1)[:, None]
        middle = self.side / 2 * (1 + inside * (2 * torch.rand(n, 2, generator=generator) - 1))
        centred = points - ((low + high) / 2)[:, None]
        moved = torch.einsum("nij,npj->npi", to_picture, centred)
        first, last = moved.amin(1), moved.amax(1)
        # The eye on the picture's left comes first; in a mirrored photo that is the other one.
        eyes = (moved[:, _EYE_CORNERS[1]] - moved[:, _EYE_CORNERS[0]]) * flip[:, None]
        eyes = eyes / eyes.norm(dim=1, keepdim=True).clamp_min(1e-6)
        boxes = torch.cat([middle + (first + last) / 2, last - first, eyes], 1)
        back = torch.linalg.inv(to_picture)
        pixels = torch.arange(self.side) + 0.5
        across = torch.stack(torch.meshgrid(pixels, pixels, indexing="xy"), -1)  # (S, S, 2)
        in_photo = (
            torch.einsum("nij,nyxj->nyxi", back, across - middle[:, None, None]) + ((low + high) / 2)[:, None, None]
        )
        return in_photo * (2 / FACE_SIDE) - 1, boxes, scale

    def _sampled(self, photos: Tensor, grid: Tensor, scale: Tensor) -> Tensor:
        """Photos (n, C, 96, 96) in 0 to 1 at a grid, first made coarser where they shrink."""
        averaged = photos
        for factor, below in _COARSER:
            fewer = scale < below
            if fewer.any():
                coarse = avg_pool2d(photos[fewer], factor)
                averaged = averaged.clone()
                averaged[fewer] = interpolate(coarse, photos.shape[-2:], mode="bilinear", align_corners=False)
        return grid_sample(averaged, grid, padding_mode="border", align_corners=False)

    def _sizes(self, n: int, largest: float) -> Tensor:
        smallest = self.composition.smallest
        sizes = torch.exp(self._even(math.log(smallest), math.log(largest), n))
        small = torch.exp(self._even(math.log(smallest), math.log(_SMALL), n))
        return torch.where(self._even(0, 1, n) < self.composition.small, small, sizes)

    def _recoloured(self, photos: Tensor) -> Tensor:
        """Gamma, gain and a colour cast of each photo's own."""
        n = len(photos)
        gamma = torch.exp(0.25 * torch.randn(n, 1, 1, 1, generator=self.generator))
        gain = torch.exp(0.15 * torch.randn(n, 1, 1, 1, generator=self.generator))
        cast = torch.exp(0.06 * torch.randn(n, 3, 1, 1, generator=self.generator))
        return (photos.clamp_min(1e-4) ** gamma * gain * cast).clamp(0, 1)

    def paste_whole_photos(self) -> None:
        """A share of the pictures becomes a photo of a face with its border repeated."""
        where = torch.nonzero(self._even(0, 1) < self.composition.whole)[:, 0]
        if len(where) == 0:
            return self._note(where, torch.zeros(0, 6))
        chosen = self._drawn(len(self.pieces.faces), len(where))
        grid, boxes, scale = self._placed(chosen, self._sizes(len(where), self.composition.largest_whole), 0.5)
        photos = self._recoloured(self.pieces.faces[chosen].float() / 255)
        # Half of them lie on the scenery as a picture with an edge, half repeat their border.
        opacity = torch.where(
            (self._even(0, 1, len(where)) < 0.5).view(-1, 1, 1), 1.0, (grid.abs().amax(-1) < 1).float()
        )
        self._lay(where, self._sampled(photos, grid, scale), opacity, boxes, face=True)

    def paste_layer(self) -> None:
        """One more layer: a face, shuffled pieces of one, a thing, or nothing."""
        kind = self._even(0, 1)
        composition = self.composition
        first, second = composition.face, composition.face + composition.shuffled
        self._paste_faces(torch.nonzero(kind < first)[:, 0], shuffled=False)
        self._paste_faces(torch.nonzero((kind >= first) & (kind < second))[:, 0], shuffled=True)
        self._paste_things(torch.nonzero((kind >= second) & (kind < second + composition.thing))[:, 0])

    def _paste_faces(self, where: Tensor, shuffled: bool) -> None:
        n = len(where)
        if n == 0:
            return None if shuffled else self._note(where, torch.zeros(0, 6))
        chosen = self._drawn(len(self.pieces.faces), n)
        grid, boxes, scale = self._placed(chosen, self._sizes(n, self.composition.largest), 0.95)
        photos = self._recoloured(self.pieces.faces[chosen].float() / 255)
        if shuffled:
            photos = self._shuffled(photos)
        opacity = self._outline(grid, self.pieces.landmarks[chosen])
        self._lay(where, self._sampled(photos, grid, scale), opacity, boxes, face=not shuffled)

    def _outline(self, grid: Tensor, landmarks: Tensor) -> Tensor:
        """Opacity (n, S, S): an oval about the head or the photo's rectangle, with an edge of random softness."""
        n = len(grid)
        soft = torch.exp(self._even(math.log(0.02), math.log(0.4), n)).view(-1, 1, 1)
        rectangle = ((1 - grid.abs().amax(-1)) / soft).clamp(0, 1)
        low, high = (f(1) * (2 / FACE_SIDE) - 1 for f in (landmarks.amin, landmarks.amax))
        middle, reach = (low + high) / 2, (high - low) / 2
        middle = middle - torch.stack([torch.zeros(n), 0.25 * reach[:, 1]], 1)  # up, towards the hair
        reach = reach * torch.stack([self._even(1.0, 1.5, n), self._even(1.2, 1.7, n)], 1)
        distance = ((grid - middle[:, None, None]) / reach[:, None, None]).norm(dim=-1)
        oval = ((1 + soft - distance) / soft).clamp(0, 1) * (grid.abs().amax(-1) < 1)
        return torch.where((self._even(0, 1, n) < 0.5).view(-1, 1, 1), rectangle, oval)

    def _shuffled(self, photos: Tensor) -> Tensor:
        """Photos whose 2 × 2 or 3 × 3 pieces have changed places, or of which one such piece is shown large."""
        n = len(photos)
        parts = 2 + int(self._drawn(2, 1))
        cell = FACE_SIDE // parts
        pieces = photos.unfold(2, cell, cell).unfold(3, cell, cell).flatten(2, 3)  # (n, 3, parts², cell, cell)
        order = torch.argsort(torch.rand(n, parts * parts, generator=self.generator), 1)
        pieces = pieces.gather(2, order[:, None, :, None, None].expand(-1, 3, -1, cell, cell))
        mixed = (
            pieces.view(n, 3, parts, parts, cell, cell).permute(0, 1, 2, 4, 3, 5).reshape(n, 3, FACE_SIDE, FACE_SIDE)
        )
        single = interpolate(pieces[:, :, 0], (FACE_SIDE, FACE_SIDE), mode="bilinear", align_corners=False)
        return torch.where((self._even(0, 1, n) < 0.3).view(-1, 1, 1, 1), single, mixed)

    def _paste_things(self, where: Tensor) -> None:
        n = len(where)
        if n == 0:
            return
        things = self.pieces.objects[self._drawn(len(self.pieces.objects), n)].float() / 255
        size = torch.exp(self._even(math.log(14), math.log(150), n)) / FACE_SIDE
        angle = 0.5 * torch.randn(n, generator=self.generator)
        flip = torch.where(self._even(0, 1, n) < 0.5, -1.0, 1.0)
        middle = self.side * torch.rand(n, 2, generator=self.generator)
        pixels = torch.arange(self.side) + 0.5
        from_middle = torch.stack(torch.meshgrid(pixels, pixels, indexing="xy"), -1) - middle[:, None, None]
        turn = torch.stack([angle.cos() * flip, angle.sin() * flip, -angle.sin(), angle.cos()], 1).view(n, 2, 2)
        grid = torch.einsum("nij,nyxj->nyxi", turn, from_middle) / (size * FACE_SIDE / 2).view(-1, 1, 1, 1)
        sampled = self._sampled(things, grid, size)
        opacity = sampled[:, 3] * (grid.abs().amax(-1) < 1)
        self._lay(where, sampled[:, :3], opacity, torch.zeros(n, 6), face=False)

    def _lay(self, where: Tensor, colours: Tensor, opacity: Tensor, boxes: Tensor, face: bool) -> None:
        """Put a layer over some of the pictures and note what it hides of the faces below."""
        self.pictures[where] += opacity[:, None] * (colours - self.pictures[where])
        for index, below in enumerate(self.boxes):
            hidden = _mean_in(opacity, below[where])
            self.visible[index][where] *= 1 - hidden
        if face:
            self._note(where, boxes)

    def _note(self, where: Tensor, boxes: Tensor) -> None:
        """Remember a layer's faces (n, 6) of the pictures `where`."""
        everywhere = torch.ones(self.count, 6)
        everywhere[where] = boxes
        there = torch.zeros(self.count, dtype=torch.bool)
        there[where] = True
        shown = torch.zeros(self.count)
        shown[where] = _share_inside(boxes, self.side)
        self.boxes.append(everywhere)
        self.there.append(there)
        self.visible.append(shown)

    def finished(self) -> Pasted:
        """The pictures as a camera might have given them: coarse, dark, noisy or grey."""
        n, generator = self.count, self.generator
        pictures = self.pictures
        for factor in (2, 3):
            coarse = torch.nonzero(self._even(0, 1) < 0.1)[:, 0]
            if len(coarse):
                small = interpolate(pictures[coarse], scale_factor=1 / factor, mode="area")
                pictures[coarse] = interpolate(small, (self.side, self.side), mode="bilinear", align_corners=False)
        gain = torch.exp(0.2 * torch.randn(n, 1, 1, 1, generator=generator))
        contrast = torch.exp(0.2 * torch.randn(n, 1, 1, 1, generator=generator))
        pictures = ((pictures - 0.45) * contrast + 0.45) * gain
        grey = (self._even(0, 1) < 0.15).view(-1, 1, 1, 1)
        pictures = torch.where(grey, pictures.mean(1, keepdim=True), pictures)
        strength = (self._even(-0.06, 0.06)).clamp_min(0).view(-1, 1, 1, 1)
        pictures = (pictures + strength * torch.randn(pictures.shape, generator=generator)).clamp(0, 1)
        return Pasted(pictures, torch.stack(self.boxes, 1), torch.stack(self.there, 1), torch.stack(self.visible, 1))


def _share_inside(boxes: Tensor, side: int) -> Tensor:
    """(n,) how much of boxes (n, 6) lies in the picture."""
    low, high = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2
    inside = (high.clamp(0, side) - low.clamp(0, side)).prod(1)
    return inside / boxes[:, 2:4].prod(1).clamp_min(1e-6)


def _mean_in(opacity: Tensor, boxes: Tensor) -> Tensor:
    """(n,) mean opacity (n, S, S) in boxes (n, 6), sampled at 8 × 8 places; outside the picture 0."""
    n, side = len(boxes), opacity.shape[-1]
    steps = (torch.arange(8) + 0.5) / 8 - 0.5
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1) * boxes[:, None, None, 2:4]
    grid = (grid + boxes[:, None, None, :2]) * (2 / side) - 1
    found = grid_sample(opacity[:, None], grid, align_corners=False)
    mean: Tensor = found.view(n, -1).mean(1)
    return mean
