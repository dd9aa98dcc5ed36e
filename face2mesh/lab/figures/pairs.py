"""Pictures of the training pairs: photos with the heads fitted to them, and rendered heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from face2mesh.draw import contact_sheet, part_colours, render
from face2mesh.face.camera import Camera, Pose
from face2mesh.head import BaseHead
from face2mesh.lab.corpus.corpus import Corpus
from face2mesh.lab.pairs import read_pairs
from face2mesh.lab.pairs.photos import CANONICAL_PIXELS, CROP_PIXELS

FITS, WORST, RENDERED = 24, 12, 40
SIDE = 224
Picture = NDArray[np.uint8]


def draw(build: Path, out: Path, data: Path | None = None, seed: int = 0) -> list[Path]:
    """Draw the sheets of what `build` holds: photo pairs (24 by chance, the 12 worst accepted), rendered heads (40).

    Args:
        build: with `base-head.npz`, `corpus.npz` and one or both files of pairs.
        out: folder for the pictures.
        data: not needed; the pairs hold their pictures.
        seed: of the choice.

    Returns:
        The files written.
    """
    head = BaseHead.load(build / "base-head.npz")
    corpus = Corpus.load(build / "corpus.npz", build / "base-head.npz")
    out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    written = []
    if (build / "photo-pairs.npz").exists():
        pairs = read_pairs(build / "photo-pairs.npz")
        usable = np.flatnonzero(pairs["accepted"])
        chosen = generator.choice(usable, min(FITS, len(usable)), replace=False)
        worst = usable[np.argsort(-pairs["residual"][usable])][:WORST]
        for name, rows in (("pairs-photos", chosen), ("pairs-photos-worst", worst)):
            labels = [f"{pairs['photo_id'][row]}: {100 * pairs['residual'][row]:.2f} %" for row in rows]
            cells = [fitted(head, corpus, pairs, int(row)) for row in rows]
            written.append(_write(out / f"{name}.png", contact_sheet(cells, columns=3, labels=labels)))
    if (build / "rendered-pairs.npz").exists():
        pairs = read_pairs(build / "rendered-pairs.npz")
        rows = generator.choice(len(pairs["crop"]), min(RENDERED, len(pairs["crop"])), replace=False)
        cells = [with_points(pairs["crop"][row], pairs["points"][row], bool(i % 2)) for i, row in enumerate(rows)]
        written.append(_write(out / "pairs-rendered.png", contact_sheet(cells, columns=8)))
    return written


def fitted(head: BaseHead, corpus: Corpus, pairs: dict[str, NDArray[Any]], row: int) -> Picture:
    """A photo pair: the photo with its points, the mesh over it, the head alone in the same view."""
    vertices = corpus.heads(pairs["identity"][row][None], pairs["expression"][row][None])[0]
    camera, pose = view_of(pairs, row)
    photo = np.asarray(Image.fromarray(pairs["crop"][row]).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    colours = part_colours(head)
    over = render(vertices, head.skin_triangles, colours, camera, pose, background=photo, quads=head.skin_quads)
    alone = render(vertices, head.triangles, colours, camera, pose)
    mixed = (0.55 * photo + 0.45 * over).astype(np.uint8)
    return np.concatenate([with_points(pairs["crop"][row], pairs["points"][row], True), mixed, alone], axis=1)


def view_of(pairs: dict[str, NDArray[Any]], row: int) -> tuple[Camera, Pose]:
    """The camera that looks at the head's origin, with the crop as its picture at `SIDE` pixels."""
    to_side = SIDE / CROP_PIXELS
    distance = float(pairs["distance"][row])
    focal = float(np.exp(pairs["log_scale"][row])) * CANONICAL_PIXELS * to_side * distance / 100
    x, y = (pairs["offset"][row] * CANONICAL_PIXELS + CROP_PIXELS / 2) * to_side
    camera = Camera(focal, focal, float(x), float(y), SIDE, SIDE, "default")
    return camera, Pose(pairs["rotation"][row], np.array([0, 0, distance], np.float32))


def with_points(crop: Picture, points: NDArray[np.floating], shown: bool) -> Picture:
    """A crop at `SIDE` pixels, with its points if `shown`."""
    image = Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if shown:
        pen = ImageDraw.Draw(image)
        for x, y in points * (SIDE / CROP_PIXELS):
            pen.point((float(x), float(y)), fill=(60, 255, 60))
    return np.asarray(image)


def _write(path: Path, picture: Picture) -> Path:
    Image.fromarray(picture).save(path)
    return path
